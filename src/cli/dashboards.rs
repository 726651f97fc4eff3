//! `rampd generate dashboards`

use std::{fs, path::PathBuf};

use clap::Args as ClapArgs;

use crate::{
    cli::console::{print, refuse},
    exit::Exit,
    generate::dashboards,
};

/// Options of `generate dashboards`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Directory for the files, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "grafana/dashboards")]
    pub out: PathBuf,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    if let Err(error) = fs::create_dir_all(&args.out) {
        return refuse(Exit::Failed, &format!("cannot make the directory {}: {error}", args.out.display()));
    }
    for (name, dashboard) in dashboards::all() {
        let path = args.out.join(name);
        if let Err(error) = fs::write(&path, dashboards::text(&dashboard)) {
            return refuse(Exit::Failed, &format!("cannot write {}: {error}", path.display()));
        }
        print(&format!("{}\n", path.display()));
    }
    Exit::Passed
}

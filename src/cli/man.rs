//! `rampd man`

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args as ClapArgs, Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::{
    cli::{
        Cli,
        console::{print, refuse},
    },
    exit::Exit,
};

/// Options of the command.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Example:\n  rampd man | man -l -")]
pub struct Args {
    /// Write the pages of all commands (rampd.1, rampd-run.1, …) into this directory, made if it is not there
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot make the manual page {page}: {source}")]
    Page { page: String, source: io::Error },
    #[error("cannot make the directory {path}: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let mut command = Cli::command().disable_help_subcommand(true);
    // Gives each command its full name and the global options.
    command.build();
    let written = match &args.dir {
        None => page(&command).map(|(_, text)| print(&String::from_utf8_lossy(&text))),
        Some(dir) => fs::create_dir_all(dir)
            .map_err(|source| Error::Directory { path: dir.clone(), source })
            .and_then(|()| write_all(&command, dir)),
    };
    match written {
        Ok(()) => Exit::Passed,
        Err(error) => refuse(Exit::Failed, &error),
    }
}

/// The page of each command, each on a line of standard output.
fn write_all(command: &Command, dir: &Path) -> Result<(), Error> {
    let (name, text) = page(command)?;
    let path = dir.join(name);
    fs::write(&path, text).map_err(|source| Error::Write { path: path.clone(), source })?;
    print(&format!("{}\n", path.display()));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| write_all(below, dir))
}

/// File name and roff of a command's page.
fn page(command: &Command) -> Result<(String, Vec<u8>), Error> {
    let man = Man::new(command.clone()).source(concat!("rampd ", env!("CARGO_PKG_VERSION")));
    let name = man.get_filename();
    let mut text = Vec::new();
    render(&man, command, &mut text).map_err(|source| Error::Page { page: name.clone(), source })?;
    Ok((name, text))
}

/// What [`Man::render`] does, but for the text after the help: that is one filled section EXTRA there, tables and all.
fn render(man: &Man, command: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(text)?;
    }
    let after = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    after.split("\n\n").filter(|paragraph| !paragraph.is_empty()).try_for_each(|paragraph| section(paragraph, text))
}

/// A paragraph, its lines as they are; a first line that ends with a colon is its title.
fn section(paragraph: &str, text: &mut Vec<u8>) -> io::Result<()> {
    let (title, body) = match paragraph.split_once('\n') {
        Some((title, body)) if title.ends_with(':') => (title.trim_end_matches(':').to_uppercase(), body),
        _ => ("NOTES".to_owned(), paragraph),
    };
    let mut roff = Roff::new();
    roff.control("SH", [title.as_str()]).control("nf", []);
    for line in body.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).to_writer(text)
}

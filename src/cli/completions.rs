//! `rampd completions`

use clap::{Args as ClapArgs, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::{
    cli::{Cli, console::print},
    exit::Exit,
};

/// Options of the command.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Where shells look for it:\n  \
    rampd completions bash > ~/.local/share/bash-completion/completions/rampd\n  \
    rampd completions zsh  > DIR/_rampd, with DIR in fpath before compinit\n  \
    rampd completions fish > ~/.config/fish/completions/rampd.fish\n\n\
    The Debian package has those of bash, zsh and fish.")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "rampd", &mut script);
    print(&String::from_utf8_lossy(&script));
    Exit::Passed
}

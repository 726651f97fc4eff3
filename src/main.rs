//! The `rampd` command.

use std::process::ExitCode;

use clap::Parser;
use rampd::{cli, exit::Exit};

/// musl's own allocator has one lock for all threads; see docs/image.md for what it costs.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => cli::main(&cli).into(),
        Err(error) => {
            // Help and version are errors to clap. If nobody reads them, the exit code still tells.
            let _unread = error.print();
            if error.use_stderr() { Exit::BadConfiguration.into() } else { ExitCode::SUCCESS }
        }
    }
}

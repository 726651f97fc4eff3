//! `rampd echo`

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use clap::Args as ClapArgs;

use crate::{
    agent::signals::Signals,
    cli::{
        Cli,
        console::{self, print, refuse},
    },
    echo::{
        Echo, Options,
        faults::{CloseAfter, Faults, Freeze},
    },
    exit::Exit,
    outputs::progress::{Mode, Progress},
    units::duration,
};

/// Options of the target.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Where to listen; port 0 takes a free one and says which
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6465")]
    pub listen: SocketAddr,
    /// Threads
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: NonZeroUsize,
    /// Answer each message so much later
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "0", help_heading = "Faults")]
    pub delay: Duration,
    /// Answer every upgrade with this status instead of 101
    #[arg(long, value_name = "STATUS", help_heading = "Faults", value_parser = clap::value_parser!(u16).range(300..600))]
    pub refuse_status: Option<u16>,
    /// Never answer an upgrade
    #[arg(long, help_heading = "Faults")]
    pub stall_upgrade: bool,
    /// Reset every connection at once
    #[arg(long, help_heading = "Faults")]
    pub reset_on_accept: bool,
    /// Reset a connection after so many messages
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub reset_after: Option<u64>,
    /// Close a connection after so many messages
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub close_after: Option<u64>,
    /// The code of such a close
    #[arg(long, value_name = "CODE", default_value_t = 1011, help_heading = "Faults")]
    pub close_code: u16,
    /// Stop answering for FREEZE_LENGTH, once, so long after the start
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Faults", requires = "freeze_length")]
    pub freeze_at: Option<Duration>,
    /// See --freeze-at
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Faults", requires = "freeze_at")]
    pub freeze_length: Option<Duration>,
    /// Never answer a message
    #[arg(long, help_heading = "Faults")]
    pub silent: bool,
    /// Never answer a close frame
    #[arg(long, help_heading = "Faults")]
    pub drop_close: bool,
}

/// Runs the command until a signal; then prints the target's own counts as one line of JSON.
#[must_use]
pub fn run(args: &Args, cli: &Cli) -> Exit {
    let writer = Progress::new(Mode::Quiet).log_writer();
    if let Err(message) = console::start_logging(cli.log_format, &cli.log, writer) {
        return refuse(Exit::BadConfiguration, &message);
    }
    let freeze = args.freeze_at.zip(args.freeze_length).map(|(from, length)| Freeze { from, length });
    let faults = Faults {
        delay: args.delay,
        refuse_status: args.refuse_status,
        stall_upgrade: args.stall_upgrade,
        reset_on_accept: args.reset_on_accept,
        reset_after: args.reset_after,
        close_after: args.close_after.map(|messages| CloseAfter { messages, code: args.close_code }),
        freeze,
        silent: args.silent,
        drop_close: args.drop_close,
    };
    let echo = match Echo::bind(args.listen, &Options { threads: args.threads, faults }) {
        Ok(echo) => echo,
        Err(error) => return refuse(Exit::CannotListen, &format!("cannot listen on {}: {error}", args.listen)),
    };
    tracing::info!(target_url = %format!("ws://{}", echo.addr()), "Listening.");
    let waited = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        runtime.block_on(async {
            Signals::new()?.next().await;
            Ok(())
        })
    });
    if let Err(error) = waited {
        return refuse(Exit::Failed, &error);
    }
    let counts = echo.stop();
    let line = serde_json::json!({
        "accepted": counts.accepted,
        "opened": counts.opened,
        "not_opened": counts.not_opened,
        "messages_in": counts.messages_in,
        "messages_out": counts.messages_out,
        "closes": counts.closes,
        "aborted": counts.aborted,
    });
    print(&format!("{line}\n"));
    Exit::Passed
}

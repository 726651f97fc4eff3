//! What a run says while it goes on: a bar with one status line on a terminal, plain lines
//! elsewhere, nothing with `--quiet`.
//!
//! Progress goes to standard output, as in k6, and logs to standard error; `rampd run … > file`
//! therefore gives a file of plain lines. On a terminal both end up on the same screen, so logs are
//! written through [`LogWriter`], which lifts the bar for the time of a line.

pub mod line;

use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use line::Tick;

/// Plain lines come at each tick in runs up to this long, and every [`SPARSE`] in longer ones.
const SHORT_RUN: Duration = Duration::from_secs(60);
const SPARSE: Duration = Duration::from_secs(5);
/// The bar's length in steps: a tenth of a percent each.
const STEPS: u64 = 1000;
const TEMPLATE: &str = "{prefix} [{bar:25}] {wide_msg}";

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A bar on a terminal.
    Bar,
    /// Lines.
    Plain,
    /// Nowhere.
    Quiet,
}

impl Mode {
    /// A bar if standard output is a terminal, lines otherwise.
    #[must_use]
    pub fn detect(quiet: bool) -> Self {
        match (quiet, io::stdout().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bar,
            (false, false) => Self::Plain,
        }
    }
}

/// Shows ticks; made before logging starts, drawn with the first tick.
pub struct Progress {
    view: View,
    last: Option<Tick>,
    shown_at: Option<Duration>,
}

enum View {
    /// With the stream whose line the bar occupies.
    Bar(ProgressBar, Box<dyn Write + Send>),
    Plain(Box<dyn Write + Send>),
    Quiet,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let view = match &self.view {
            View::Bar(..) => "bar",
            View::Plain(_) => "plain",
            View::Quiet => "quiet",
        };
        formatter.debug_struct("Progress").field("view", &view).field("last", &self.last).finish_non_exhaustive()
    }
}

impl Progress {
    /// On standard output.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let view = match mode {
            Mode::Bar => View::Bar(bar(ProgressDrawTarget::stdout()), Box::new(io::stdout())),
            Mode::Plain => View::Plain(Box::new(io::stdout())),
            Mode::Quiet => View::Quiet,
        };
        Self { view, last: None, shown_at: None }
    }

    /// Plain lines to `target`.
    #[must_use]
    pub fn plain(target: Box<dyn Write + Send>) -> Self {
        Self { view: View::Plain(target), last: None, shown_at: None }
    }

    /// A writer for logs that does not tear the bar.
    #[must_use]
    pub fn log_writer(&self) -> LogWriter {
        LogWriter {
            bar: match &self.view {
                View::Bar(bar, _) => Some(bar.clone()),
                View::Plain(_) | View::Quiet => None,
            },
        }
    }

    /// Shows the present state; call it about once a second and at changes of state.
    pub fn tick(&mut self, tick: Tick) {
        match &mut self.view {
            View::Bar(bar, _) => {
                bar.set_position((tick.share() * STEPS as f64) as u64);
                bar.set_prefix(tick.state.clone());
                bar.set_message(line::beside_bar(&tick));
            }
            View::Plain(target) => {
                if is_due(self.shown_at, self.last.as_ref(), &tick) {
                    self.shown_at = Some(tick.elapsed);
                    show(target, &tick);
                }
            }
            View::Quiet => {}
        }
        self.last = Some(tick);
    }

    /// Leaves the last state where it stands, so that the summary comes below it.
    pub fn finish(&mut self) {
        match (&mut self.view, &self.last) {
            (View::Bar(bar, target), Some(_)) => {
                bar.abandon();
                // The bar leaves the cursor at its end.
                let _unread = writeln!(target).and_then(|()| target.flush());
            }
            (View::Plain(target), Some(last)) if self.shown_at != Some(last.elapsed) => show(target, last),
            (View::Bar(..) | View::Plain(_) | View::Quiet, _) => {}
        }
    }
}

/// A reader that went away (`rampd run … | head`) must not end the run.
fn show(target: &mut Box<dyn Write + Send>, tick: &Tick) {
    let _unread = writeln!(target, "{}", line::plain(tick)).and_then(|()| target.flush());
}

fn is_due(shown_at: Option<Duration>, last: Option<&Tick>, tick: &Tick) -> bool {
    let (Some(shown_at), Some(last)) = (shown_at, last) else { return true };
    let changed = last.state != tick.state || last.crossed != tick.crossed;
    // Ticks jitter by a few milliseconds around the second.
    let interval =
        if tick.total <= SHORT_RUN { Duration::from_millis(900) } else { SPARSE - Duration::from_millis(100) };
    changed || tick.elapsed.saturating_sub(shown_at) >= interval
}

fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(STEPS), target).with_style(style.progress_chars("=>-"))
}

/// Standard error, with the bar lifted while something is written.
#[derive(Debug, Clone)]
pub struct LogWriter {
    bar: Option<ProgressBar>,
}

impl LogWriter {
    /// Does `write` while no bar is on the screen. A finished one has been left above and is not drawn again.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if !bar.is_finished() => bar.suspend(write),
            Some(_) | None => write(),
        }
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.suspend(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.suspend(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests;

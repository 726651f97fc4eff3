use std::sync::{Arc, Mutex};

use indicatif::TermLike;

use super::*;

/// A terminal of one line.
#[derive(Debug, Clone, Default)]
struct Screen(Arc<Mutex<String>>);

impl Screen {
    fn contents(&self) -> String {
        self.0.lock().unwrap().trim_end().to_owned()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        120
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.0.lock().unwrap().clear();
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

fn tick(seconds: u64, total: u64) -> Tick {
    Tick {
        elapsed: Duration::from_secs(seconds),
        total: Duration::from_secs(total),
        state: "running".to_owned(),
        max_vus: 9,
        ..Tick::default()
    }
}

fn run(total: u64, ticks: impl IntoIterator<Item = Tick>) -> Vec<String> {
    let shared = Shared::default();
    let mut progress = Progress::plain(Box::new(shared.clone()));
    ticks.into_iter().for_each(|one| progress.tick(Tick { total: Duration::from_secs(total), ..one }));
    progress.finish();
    shared.lines()
}

#[test]
fn short_runs_have_a_line_at_each_tick_and_long_ones_every_five_seconds() {
    assert_eq!(run(15, (1..=15).map(|second| tick(second, 15))).len(), 15);
    let long = run(150, (1..=30).map(|second| tick(second, 150)));
    // 1, 6, 11, 16, 21, 26, and the last one.
    assert_eq!(long.len(), 7);
    assert!(long[6].contains("0m30.0s"), "{}", long[6]);
}

#[test]
fn changes_are_told_at_once() {
    let draining = Tick { state: "draining".to_owned(), ..tick(3, 0) };
    let crossed = Tick { crossed: vec!["checks".to_owned()], ..draining.clone() };
    let lines = run(150, [tick(1, 0), tick(2, 0), draining, Tick { elapsed: Duration::from_secs(4), ..crossed }]);
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("draining") && lines[2].ends_with("✗ checks"), "{lines:?}");
}

#[test]
fn nothing_is_written_without_a_tick() {
    assert!(run(15, []).is_empty());
}

#[test]
fn a_reader_that_went_away_does_not_matter() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut progress = Progress::plain(Box::new(Gone));
    progress.tick(tick(1, 15));
    progress.finish();
    assert_eq!(progress.shown_at, Some(Duration::from_secs(1)));
}

#[test]
fn the_bar_stays_below_what_is_logged() {
    let screen = Screen::default();
    let bar = bar(ProgressDrawTarget::term_like(Box::new(screen.clone())));
    let after = Shared::default();
    let mut progress = Progress { view: View::Bar(bar, Box::new(after.clone())), last: None, shown_at: None };
    progress.tick(tick(5, 10));
    assert!(screen.contents().starts_with("running [============>"), "{}", screen.contents());
    let log = progress.log_writer();
    log.suspend(|| assert_eq!(screen.contents(), "", "the bar is lifted"));
    assert!(screen.contents().contains("(05.0s/10.0s), 0/9 VUs"), "{}", screen.contents());
    progress.finish();
    assert!(screen.contents().contains("(05.0s/10.0s)"), "the last state stays");
    assert_eq!(after.lines(), [""], "its line is ended");
    let left = screen.contents();
    log.suspend(|| assert_eq!(screen.contents(), left, "a finished bar is not lifted"));
    assert_eq!(screen.contents(), left, "nor drawn again");
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(Mode::detect(true), Mode::Quiet);
    let progress = Progress::new(Mode::Quiet);
    assert!(progress.log_writer().bar.is_none());
}

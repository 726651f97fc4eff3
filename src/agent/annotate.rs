//! `--annotate`: marks a run and its stages in Grafana while it goes on, on a thread of its own, so that neither a slow
//! Grafana nor none delays the load. What waits to be sent is the plan's own list of stages, and nothing else. What Grafana does not take is told once in the log and noted in the summary.

mod grafana;

use std::{collections::VecDeque, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::LocalSet,
    time::{Instant as TimerInstant, sleep_until, timeout},
};

pub use grafana::{ConfigError, Grafana};

use crate::{
    agent::annotate::grafana::{Client, Error},
    clock::Instant,
    outputs::{
        annotation::{self, Annotation, Ending},
        report::RunReport,
    },
};

/// Longest wait at the end: two requests that are not answered, and a pause.
const PATIENCE: Duration = Duration::from_secs(8);

/// A mark, and when it is due.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Never sent before.
    pub at: Instant,
    /// What is sent.
    pub annotation: Annotation,
}

/// What is to be marked of a run.
#[derive(Debug, Clone)]
pub struct Marks {
    /// Start of the load in nanoseconds since 1970.
    pub start: i128,
    /// Its own, from its beginning to its planned end.
    pub run: Mark,
    /// Those of its stages, in any order.
    pub stages: Vec<Mark>,
}

/// What has become of the marks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Book {
    taken: usize,
    lost: usize,
    /// Why the first of them was lost.
    why: Option<Error>,
}

impl Book {
    fn note<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.taken += 1;
                Some(value)
            }
            Err(error) => {
                self.lost += 1;
                if self.why.is_none() {
                    tracing::warn!("Grafana has not taken an annotation: {error}. Further ones are only counted.");
                    self.why = Some(error);
                }
                None
            }
        }
    }

    /// Whether nothing more will be taken.
    fn is_closed(&self) -> bool {
        self.why.as_ref().is_some_and(Error::is_final)
    }

    /// For the summary; none if all were taken.
    fn told(&self) -> Option<String> {
        let why = self.why.as_ref()?;
        Some(format!("annotations: Grafana has not taken {} of {}: {why}", self.lost, self.taken + self.lost))
    }
}

/// Marks a run; what is under way is given up when it is dropped.
#[derive(Debug)]
pub struct Annotator {
    start: i128,
    end: oneshot::Sender<Ending>,
    book: oneshot::Receiver<Book>,
}

impl Annotator {
    /// Begins to mark. A thread that the system refuses is told as a lost mark: it is no reason not to run.
    #[must_use]
    pub fn start(grafana: Grafana, marks: Marks) -> Self {
        let (end, ending) = oneshot::channel();
        let (told, book) = oneshot::channel();
        let start = marks.start;
        let spawned = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let work = move || annotate(&runtime, grafana, marks, ending, told);
            std::thread::Builder::new().name("rampd-annotate".to_owned()).spawn(work)
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "The system refuses a thread: this run is not marked in Grafana.");
        }
        Self { start, end, book }
    }

    /// Marks the end of the run. Waits for that until `stop`, and at most 8 s. Returns what people should know.
    pub async fn finish(self, report: &RunReport, stop: impl Future<Output = ()>) -> Option<String> {
        // An error means that the thread has ended, which its empty book tells.
        drop(self.end.send(annotation::ending(report, self.start)));
        let book = tokio::select! {
            book = timeout(PATIENCE, self.book) => book,
            () = stop => return Some("annotations: interrupted, the run's end may not be marked in Grafana".to_owned()),
        };
        match book {
            Ok(Ok(book)) => book.told(),
            Ok(Err(_)) => Some("annotations: the run is not marked in Grafana".to_owned()),
            Err(_) => Some(format!("annotations: Grafana has not taken the run's end within {PATIENCE:?}")),
        }
    }
}

fn annotate(
    runtime: &Runtime,
    grafana: Grafana,
    marks: Marks,
    ending: oneshot::Receiver<Ending>,
    told: oneshot::Sender<Book>,
) {
    LocalSet::new().block_on(runtime, async {
        if let Some(book) = follow(Client::new(grafana), marks, ending).await {
            // Whoever has lost patience has told that already.
            drop(told.send(book));
        }
    });
}

/// Sends each mark when it is due, and the end; none if there will be no end.
async fn follow(mut client: Client, marks: Marks, mut ending: oneshot::Receiver<Ending>) -> Option<Book> {
    let mut book = Book::default();
    let mut stages = marks.stages;
    // Scenarios follow each other in the plan, not in time.
    stages.sort_by_key(|mark| mark.at);
    let mut stages = VecDeque::from(stages);
    let mut run = None;
    let mut run_is_marked = false;
    let ending = loop {
        let due = match stages.front() {
            _ if book.is_closed() => None,
            _ if !run_is_marked => Some(marks.run.at),
            mark => mark.map(|mark| mark.at),
        };
        tokio::select! {
            biased;
            ending = &mut ending => break ending.ok()?,
            () = until(due) => {}
        }
        if !std::mem::replace(&mut run_is_marked, true) {
            run = book.note(client.add(&marks.run.annotation).await);
        } else if let Some(mark) = stages.pop_front() {
            book.note(client.add(&mark.annotation).await);
        }
    };
    if book.is_closed() {
        return Some(book);
    }
    match run {
        Some(id) => {
            book.note(client.change(id, &ending).await);
        }
        // Grafana may be there by now.
        None => {
            let Ending { time_end, text } = ending;
            let whole = Annotation { time_end: Some(time_end), text, ..marks.run.annotation };
            book.note(client.add(&whole).await);
        }
    }
    // Stages whose turn a slow Grafana has delayed; others of an aborted run have not begun.
    let now = Instant::now();
    while let Some(mark) = stages.pop_front().filter(|mark| mark.at <= now && !book.is_closed()) {
        book.note(client.add(&mark.annotation).await);
    }
    Some(book)
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(TimerInstant::from_std(due.to_std())).await,
        None => std::future::pending().await,
    }
}

//! `observe:`: reads what targets say of themselves, on a thread of its own, so that neither a large
//! page nor a slow target delays the run.

mod page;
mod scrape;

use std::{cell::RefCell, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    task::LocalSet,
    time::{Instant as TimerInstant, sleep_until},
};

use crate::{
    agent::{error::Error, observe::scrape::Scraper},
    clock::Instant,
    config::profile::{Profile, network::Network, observe::Observed},
    metrics::observed::{Ledger, ObservedMetricValue, Phase, TargetValues},
    protocol::tls::{self, ClientConfigs},
};

/// After the load pages are read at least so often, to see soon that a target has settled.
const SETTLING_INTERVAL: Duration = Duration::from_secs(1);

/// Reads all targets of a profile; ends when dropped.
#[derive(Debug)]
pub struct Observer {
    phase: Option<watch::Sender<Phase>>,
    values: watch::Receiver<Vec<TargetValues>>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    /// Begins to read; none without targets.
    ///
    /// # Errors
    /// No thread, or a certificate file has gone.
    pub fn start(profile: &Profile) -> Result<Option<Self>, Error> {
        if profile.observe.is_empty() {
            return Ok(None);
        }
        let tls = tls::client_configs(&profile.tls)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let targets = profile.observe.clone();
        let network = Arc::new(profile.network.clone());
        let ledgers: Vec<_> = targets.iter().map(ledger).collect();
        let (phase, phases) = watch::channel(Phase::Before);
        let (publish, values) = watch::channel(ledgers.iter().map(|ledger| ledger.values.clone()).collect());
        let thread = std::thread::Builder::new().name("rampd-observe".to_owned()).spawn(move || {
            observe(&runtime, targets, (&tls, &network), &phases, &Rc::new(Book::new(ledgers, publish)));
        })?;
        Ok(Some(Self { phase: Some(phase), values, thread: Some(thread) }))
    }

    /// What has been read so far.
    #[must_use]
    pub fn values(&self) -> Vec<TargetValues> {
        self.values.borrow().clone()
    }

    /// Waits until every target has been tried once, within its `timeout`.
    pub async fn baseline(&mut self) {
        // An error means that the thread has ended, which its own message has told.
        let tried = self.values.wait_for(|targets| targets.iter().all(|target| target.scrapes > 0)).await;
        drop(tried);
    }

    /// The load begins: what targets said last is what it is measured from, however long it was waited for.
    pub fn load_begins(&self) {
        self.enter(Phase::During);
    }

    /// The load is over: every target is read again at once, and then until its `settle` is over.
    pub fn load_is_over(&self) {
        self.enter(Phase::After);
    }

    /// Waits for news; false once there will be none.
    pub async fn changed(&mut self) -> bool {
        self.values.changed().await.is_ok()
    }

    fn enter(&self, phase: Phase) {
        if let Some(sender) = &self.phase {
            sender.send_replace(phase);
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.phase = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the observer of targets panicked; please report this as a bug");
        }
    }
}

fn ledger(target: &Observed) -> Ledger {
    let metrics = target.metrics.iter();
    let metrics =
        metrics.map(|metric| ObservedMetricValue::new(&metric.name, metric.kind.metric_kind(), metric.contains()));
    Ledger::new(TargetValues::new(&target.name, metrics.collect()))
}

/// What all targets have said, and who wants to know.
struct Book {
    ledgers: RefCell<Vec<Ledger>>,
    publish: watch::Sender<Vec<TargetValues>>,
}

impl Book {
    fn new(ledgers: Vec<Ledger>, publish: watch::Sender<Vec<TargetValues>>) -> Self {
        Self { ledgers: RefCell::new(ledgers), publish }
    }

    fn note(&self, index: usize, change: impl FnOnce(&mut Ledger)) {
        let mut ledgers = self.ledgers.borrow_mut();
        if let Some(ledger) = ledgers.get_mut(index) {
            change(ledger);
        }
        self.publish.send_replace(ledgers.iter().map(|ledger| ledger.values.clone()).collect());
    }
}

fn observe(
    runtime: &Runtime,
    targets: Vec<Observed>,
    (tls, network): (&ClientConfigs, &Arc<Network>),
    phases: &watch::Receiver<Phase>,
    book: &Rc<Book>,
) {
    let tasks = LocalSet::new();
    for (index, target) in targets.into_iter().enumerate() {
        let name = target.name.clone();
        match Scraper::new(target, tls.clone(), network.clone()) {
            Ok(scraper) => {
                tasks.spawn_local(follow(index, scraper, phases.clone(), book.clone()));
            }
            Err(error) => {
                tracing::error!(target = name, %error, "The target cannot be observed.");
                book.note(index, |ledger| {
                    ledger.fail(error.reason, Phase::Before);
                    ledger.values.settled = true;
                });
            }
        }
    }
    runtime.block_on(tasks);
}

/// Reads one target until the run is over.
async fn follow(index: usize, mut scraper: Scraper, mut phases: watch::Receiver<Phase>, book: Rc<Book>) {
    let mut settles_until = None;
    let mut failing = false;
    loop {
        let phase = *phases.borrow_and_update();
        let begun = Instant::now();
        if phase == Phase::After {
            settles_until.get_or_insert(begun + scraper.target().settle);
        }
        let outcome = tokio::select! {
            outcome = scraper.scrape() => outcome,
            () = closed(&phases) => return,
        };
        // A page that came when the load had begun may tell of it: no baseline.
        let phase = if phase == Phase::Before && *phases.borrow() != phase { Phase::During } else { phase };
        let name = scraper.target().name.clone();
        match outcome {
            Ok(reading) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(target = name, "The target can be observed again.");
                }
                book.note(index, |ledger| ledger.read(reading, phase, begun));
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let url = &scraper.target().url.display;
                    tracing::warn!(target = name, url, %error, "The target cannot be observed; it is counted.");
                }
                book.note(index, |ledger| ledger.fail(error.reason, phase));
            }
        }
        let mut interval = scraper.target().interval;
        if phase == Phase::After {
            interval = interval.min(SETTLING_INTERVAL);
            if settles_until.is_some_and(|until| Instant::now() >= until) {
                book.note(index, |ledger| ledger.values.settled = true);
                return;
            }
        }
        if !pause(begun + interval, phase, &mut phases).await {
            return;
        }
    }
}

/// Waits for the time, or for the end of the load; false at the end of the run.
async fn pause(until: Instant, phase: Phase, phases: &mut watch::Receiver<Phase>) -> bool {
    loop {
        tokio::select! {
            () = sleep_until(TimerInstant::from_std(until.to_std())) => return true,
            changed = phases.changed() => match changed {
                Err(_) => return false,
                Ok(()) if phase != Phase::After && *phases.borrow() == Phase::After => return true,
                Ok(()) => {}
            }
        }
    }
}

async fn closed(phases: &watch::Receiver<Phase>) {
    let mut phases = phases.clone();
    while phases.changed().await.is_ok() {}
}

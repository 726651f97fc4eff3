//! After the load: what observed targets say then, and whether they come back to what they were.

use crate::{
    agent::{
        admin::pages::Requests,
        control::{Control, End},
        fleet::Fleet,
        signals::Signals,
        steering::Orders,
    },
    clock::Instant,
    fleet::message::Cause,
    metrics::exposition::run::RunState,
    outputs::report::Ended,
};

impl Control {
    /// Waits until what observed targets say after the load holds its thresholds, for as long as their `settle`
    /// allows; the thresholds are judged anew. A load that was ended early is followed by one look only.
    pub async fn settle(
        &mut self,
        (mut ended, mut notes): End,
        fleet: &Fleet,
        requests: &mut Requests,
        orders: &mut Orders,
        signals: &mut Signals,
    ) -> End {
        let Some(mut observer) = self.observer.take() else { return (ended, notes) };
        observer.load_is_over();
        self.live.state = RunState::Stopping;
        let mut told = false;
        loop {
            self.live.observed = observer.values();
            self.live.judge(Instant::now());
            let looked = self.live.observed.iter().all(|target| target.scrapes_after > 0 || target.settled);
            let settled = self.live.observed.iter().all(|target| target.settled);
            if looked && (settled || ended != Ended::Completed || !self.live.is_unsettled()) {
                break;
            }
            if looked && !std::mem::replace(&mut told, true) {
                tracing::info!("The load is over; waiting for the observed targets to settle.");
            }
            self.publish(false);
            tokio::select! {
                biased;
                name = signals.next() => {
                    tracing::warn!("{name}: the observed targets are taken as they are.");
                    notes.push(format!("interrupted by {name} while the observed targets were to settle"));
                    ended = Ended::Interrupted;
                    fleet.stop(Cause::Interrupted);
                    break;
                }
                Some(order) = orders.next() => {
                    if order.answer_after_load() {
                        notes.push("stopped by an order while the observed targets were to settle".to_owned());
                        if ended == Ended::Completed {
                            ended = Ended::Stopped;
                        }
                        fleet.stop(Cause::Stopped);
                        break;
                    }
                }
                more = observer.changed() => if !more { break },
                Some(request) = requests.recv() => {
                    let page = self.page(false);
                    request.respond(page);
                }
            }
        }
        (ended, notes)
    }
}

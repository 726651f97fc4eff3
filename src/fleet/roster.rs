//! The leader's list of its fleet: who has joined, when the load starts, who has been silent for too long, who has
//! handed in. Pure: every call comes with its time.

mod refusal;

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use bytes::Bytes;

pub use refusal::Refusal;

use crate::{
    clock::Instant,
    config::profile::fleet::{FleetPolicy, OnMissing},
    fleet::message::{Answer, Cause, Hello, Order, RunIdentity},
};

/// Followers ask as often as 500 requests a second allow, but not more often than this and not less often than [`SLOWEST`].
const QUICKEST: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(2);
const PER_FOLLOWER: Duration = Duration::from_millis(2);
/// Reports come once a second up to 200 agents, and 200 a second beyond, but three within `lostAfter` in any case.
const REPORT: Duration = Duration::from_secs(1);
const REPORT_PER_FOLLOWER: Duration = Duration::from_millis(5);
/// From the decision to the start: two questions of each follower, and this for a slow one.
const MARGIN: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub struct Roster {
    run: RunIdentity,
    policy: FleetPolicy,
    opened: Instant,
    /// Not before this instant, if one was asked for.
    earliest: Option<Instant>,
    phase: Phase,
    members: BTreeMap<u32, Member>,
    /// Whether the results that are there have been taken.
    judged: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Gathering,
    Starting { at: Instant },
    Stopped { at: Instant, cause: Cause },
    GivenUp { why: String },
}

#[derive(Debug)]
struct Member {
    instance: u64,
    address: IpAddr,
    heard: Instant,
    /// Whether it has heard of the present phase.
    told: bool,
    sequence: u64,
    counts: Option<Bytes>,
    result: Option<Bytes>,
}

/// Where the fleet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Waiting for agents.
    Gathering {
        /// How many are there, the leader included.
        present: u32,
    },
    /// The load begins, or has begun.
    Starting {
        /// When.
        at: Instant,
        /// Agents that it begins without.
        without: Vec<u32>,
    },
    /// There will be no load.
    GivenUp {
        /// For people.
        why: String,
    },
}

impl Roster {
    /// An empty one, open from `now` on.
    #[must_use]
    pub fn new(run: RunIdentity, policy: FleetPolicy, earliest: Option<Instant>, now: Instant) -> Self {
        Self { run, policy, opened: now, earliest, phase: Phase::Gathering, members: BTreeMap::new(), judged: false }
    }

    /// An agent joins, or asks again when to start.
    ///
    /// # Errors
    /// It is no agent of this run.
    pub fn join(&mut self, hello: &Hello, address: IpAddr, now: Instant) -> Result<Order, Refusal> {
        self.check(hello)?;
        let silent = self.policy.lost_after;
        match self.members.get_mut(&hello.index) {
            Some(member) if member.instance == hello.instance => {
                member.heard = now;
                member.told = true;
            }
            // A process that was started again before the load began.
            Some(member) if self.phase != Phase::Gathering || now.since(member.heard) <= silent => {
                return Err(Refusal::Taken { index: hello.index, address: member.address });
            }
            _ if self.phase == Phase::Gathering => {
                let instance = hello.instance;
                let member =
                    Member { instance, address, heard: now, told: true, sequence: 0, counts: None, result: None };
                self.members.insert(hello.index, member);
            }
            _ => {
                if let Phase::GivenUp { why } = &self.phase {
                    return Ok(Order::GiveUp { why: why.clone() });
                }
                return Err(Refusal::Late { index: hello.index });
            }
        }
        self.tick(now);
        Ok(self.order())
    }

    /// An agent goes away. Before the start is decided it is missing at once; afterwards it is waited for.
    ///
    /// # Errors
    /// It has not joined.
    pub fn leave(&mut self, hello: &Hello) -> Result<Order, Refusal> {
        self.member(hello.index, hello.instance)?;
        if self.phase == Phase::Gathering {
            self.members.remove(&hello.index);
        }
        Ok(self.order())
    }

    fn check(&self, hello: &Hello) -> Result<(), Refusal> {
        let (index, ours, theirs) = (hello.index, &self.run, &hello.run);
        let differs = |what, ours: &str, theirs: &str, hint| {
            if ours == theirs {
                return Ok(());
            }
            let short = |text: &str| text.chars().take(16).collect();
            let (ours, theirs) =
                if what == "profile" { (short(ours), short(theirs)) } else { (ours.into(), theirs.into()) };
            Err(Refusal::Different { index, what, ours, theirs, hint })
        };
        differs("version of rampd", &ours.version, &theirs.version, "run the same image everywhere")?;
        if ours.of != theirs.of {
            return Err(Refusal::Size { index, ours: ours.of, theirs: theirs.of });
        }
        if index == 0 || index >= ours.of {
            return Err(Refusal::Number { index, last: ours.of.saturating_sub(1) });
        }
        differs("testid", &ours.testid, &theirs.testid, "give all of them the same --testid")?;
        differs("profile", &ours.digest, &theirs.digest, "give all of them the same profile, environment and flags")
    }

    /// Time passes: the start is decided, or given up.
    pub fn tick(&mut self, now: Instant) {
        if self.phase != Phase::Gathering {
            return;
        }
        let silent = self.policy.lost_after;
        self.members.retain(|_, member| now.since(member.heard) <= silent);
        let missing = self.missing();
        let waited = now.since(self.opened) >= self.policy.start_timeout;
        if missing.is_empty() || waited && self.policy.on_missing == OnMissing::Go {
            let soonest = now + self.poll() * 2 + MARGIN;
            self.enter(Phase::Starting { at: self.earliest.map_or(soonest, |earliest| earliest.max(soonest)) });
        } else if waited {
            let why = format!(
                "the fleet did not come together within {:?}: {} missing of {}; see their logs, or allow more time with \
                 `fleet: {{ startTimeout: … }}`, or go without them with `fleet: {{ onMissing: go }}`",
                self.policy.start_timeout,
                agents(&missing),
                self.run.of,
            );
            self.enter(Phase::GivenUp { why });
        }
    }

    /// Agents that are not there, ascending.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        (1..self.run.of).filter(|index| !self.members.contains_key(index)).collect()
    }

    /// Where the fleet is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match &self.phase {
            Phase::Gathering => Progress::Gathering { present: self.present() },
            Phase::Starting { at } | Phase::Stopped { at, .. } => {
                Progress::Starting { at: *at, without: self.missing() }
            }
            Phase::GivenUp { why } => Progress::GivenUp { why: why.clone() },
        }
    }

    /// Whether every member has heard of the present phase, or has been silent for too long to hear of it.
    #[must_use]
    pub fn all_told(&self, now: Instant) -> bool {
        self.members.values().all(|member| member.told || now.since(member.heard) > self.policy.lost_after)
    }

    /// Counts of a load that goes on. Late ones are dropped: each is the whole since the start.
    ///
    /// # Errors
    /// Nobody has joined as that.
    pub fn report(
        &mut self,
        (index, instance): (u32, u64),
        sequence: u64,
        counts: Bytes,
        now: Instant,
    ) -> Result<Order, Refusal> {
        let member = self.member(index, instance)?;
        member.heard = now;
        member.told = true;
        if sequence > member.sequence {
            member.sequence = sequence;
            member.counts = Some(counts);
        }
        Ok(self.order())
    }

    /// An agent has begun to say something; a long result takes a while to come.
    pub fn hear(&mut self, (index, instance): (u32, u64), now: Instant) {
        if let Ok(member) = self.member(index, instance) {
            member.heard = now;
        }
    }

    /// An agent hands in; the same result again changes nothing.
    ///
    /// # Errors
    /// Nobody has joined as that.
    pub fn hand_in(&mut self, (index, instance): (u32, u64), result: Bytes, now: Instant) -> Result<Order, Refusal> {
        let member = self.member(index, instance)?;
        member.heard = now;
        member.told = true;
        member.result.get_or_insert(result);
        Ok(self.order())
    }

    fn member(&mut self, index: u32, instance: u64) -> Result<&mut Member, Refusal> {
        let judged = self.judged;
        let member = self.members.get_mut(&index).filter(|member| member.instance == instance);
        let member = member.ok_or(Refusal::Unknown { index })?;
        if judged && member.result.is_none() { Err(Refusal::Judged { index }) } else { Ok(member) }
    }

    /// Takes the results; who has none is lost, and is told so when it comes.
    #[must_use]
    pub fn close(&mut self) -> (Vec<(u32, Bytes)>, Vec<u32>) {
        self.judged = true;
        let lost = self.members.iter().filter(|(_, member)| member.result.is_none()).map(|(index, _)| *index).collect();
        (self.results().map(|(index, result)| (index, result.clone())).collect(), lost)
    }

    /// Every member is to end its load now. The first cause stays.
    pub fn stop(&mut self, cause: Cause) {
        match &self.phase {
            Phase::Starting { at } => self.enter(Phase::Stopped { at: *at, cause }),
            Phase::Gathering => {
                self.enter(Phase::GivenUp { why: "the leader was stopped before the start".to_owned() });
            }
            Phase::Stopped { .. } | Phase::GivenUp { .. } => {}
        }
    }

    /// Members that have neither handed in nor been heard of for too long, ascending.
    #[must_use]
    pub fn lost(&self, now: Instant) -> Vec<u32> {
        let lost = |member: &Member| member.result.is_none() && now.since(member.heard) > self.policy.lost_after;
        self.members.iter().filter(|(_, member)| lost(member)).map(|(index, _)| *index).collect()
    }

    /// Whether every member has handed in or is lost.
    #[must_use]
    pub fn is_complete(&self, now: Instant) -> bool {
        let handed_in = self.members.values().filter(|member| member.result.is_some()).count();
        handed_in + self.lost(now).len() == self.members.len()
    }

    /// Members that have handed in, the leader not among them.
    #[must_use]
    pub fn handed_in(&self) -> u32 {
        self.members.values().filter(|member| member.result.is_some()).count() as u32
    }

    /// The latest counts of each member.
    pub fn counts(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.members.iter().filter_map(|(index, member)| Some((*index, member.counts.as_ref()?)))
    }

    /// Results by agent.
    pub fn results(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.members.iter().filter_map(|(index, member)| Some((*index, member.result.as_ref()?)))
    }

    /// See the policy.
    #[must_use]
    pub fn lost_after(&self) -> Duration {
        self.policy.lost_after
    }

    /// How many agents there should be.
    #[must_use]
    pub fn of(&self) -> u32 {
        self.run.of
    }

    /// Agents that are there, the leader included.
    #[must_use]
    pub fn present(&self) -> u32 {
        self.members.len() as u32 + 1
    }

    /// What to say at `now`; the leader's clock began when the roster was opened.
    #[must_use]
    pub fn answer(&self, order: Order, now: Instant) -> Answer {
        let again = match &self.phase {
            Phase::Gathering | Phase::GivenUp { .. } => self.poll(),
            // Some more questions before the start make sure of the clock's offset.
            Phase::Starting { at } if now < *at => self.poll(),
            Phase::Starting { .. } | Phase::Stopped { .. } => reports_every(self.run.of, self.policy),
        };
        Answer { now: now.nanos_since(self.opened), again_ms: again.as_millis() as u64, order }
    }

    fn order(&self) -> Order {
        match &self.phase {
            Phase::Gathering => Order::Wait { present: self.present() },
            Phase::Starting { at } => Order::Start { at: at.nanos_since(self.opened) },
            Phase::Stopped { cause, .. } => Order::Stop(*cause),
            Phase::GivenUp { why } => Order::GiveUp { why: why.clone() },
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.members.values_mut().for_each(|member| member.told = false);
    }

    fn poll(&self) -> Duration {
        (PER_FOLLOWER * self.run.of).clamp(QUICKEST, SLOWEST)
    }
}

/// Between two reports of one agent in a fleet of `of`.
#[must_use]
pub fn reports_every(of: u32, policy: FleetPolicy) -> Duration {
    REPORT.max(REPORT_PER_FOLLOWER * of).min(policy.lost_after / 3)
}

/// `agent 3 is`, `agents 3, 5 and 7 more are`.
#[must_use]
pub fn agents(indexes: &[u32]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<_> = indexes.iter().take(SHOWN).map(ToString::to_string).collect();
    match indexes.len() {
        1 => format!("agent {} is", shown.join(", ")),
        count if count > SHOWN => format!("agents {} and {} more are", shown.join(", "), count - SHOWN),
        _ => format!("agents {} are", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests;

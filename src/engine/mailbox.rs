//! What an `expect` that looks into messages listens to. Messages are looked into when they come; those that come
//! while no such step is waiting are kept for the next one, the newest of them.

use std::{cell::RefCell, collections::VecDeque};

use crate::{
    config::{
        matcher::Room,
        profile::Expect,
        template::{Values, variables::Slot},
    },
    engine::instruments::ScenarioSlots,
    metrics::recorder::Recorder,
};

/// Messages kept for one connection, and their bytes. More is no reply that a flow is about to wait for.
const MOST: usize = 64;
const MOST_BYTES: usize = 64 * 1024;

/// A waiting `expect`.
#[derive(Debug)]
pub struct Hearing<'h> {
    expect: &'h Expect,
    values: &'h mut Values,
    text: &'h RefCell<String>,
    recorder: &'h Recorder,
    slots: &'h ScenarioSlots,
    missing: u64,
}

impl<'h> Hearing<'h> {
    /// Waits for what `expect` says; `text` is room for the matchers' placeholders.
    #[must_use]
    pub fn new(
        expect: &'h Expect,
        values: &'h mut Values,
        text: &'h RefCell<String>,
        recorder: &'h Recorder,
        slots: &'h ScenarioSlots,
    ) -> Self {
        Self { expect, values, text, recorder, slots, missing: expect.count }
    }

    /// Whether enough messages have come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.missing == 0
    }

    fn hear(&mut self, message: &[u8]) {
        let mut text = self.text.borrow_mut();
        if !self.expect.matchers.hold(message, &mut Room { values: self.values, text: &mut text }) {
            return;
        }
        self.missing -= 1;
        let failed = |slot: Slot| self.recorder.add(self.slots.capture_failed(slot), 1);
        self.expect.capture.take(message, |_| None, &mut self.values.variables, failed);
    }
}

/// The messages of one connection that no `expect` has seen.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Those of `lengths`, one behind the other, after `read` bytes that are done with.
    bytes: Vec<u8>,
    read: usize,
    lengths: VecDeque<usize>,
}

impl Mailbox {
    /// A message has come.
    pub fn receive(&mut self, message: &[u8], hearing: Option<&mut Hearing<'_>>) {
        if let Some(hearing) = hearing.filter(|hearing| !hearing.is_over()) {
            return hearing.hear(message);
        }
        if message.len() > MOST_BYTES {
            return;
        }
        while self.lengths.len() == MOST || self.bytes.len() - self.read + message.len() > MOST_BYTES {
            self.drop_first();
        }
        if self.read > MOST_BYTES {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(message);
        self.lengths.push_back(message.len());
    }

    /// Lets `hearing` have what has come before; what it does not need stays.
    pub fn deliver(&mut self, hearing: &mut Hearing<'_>) {
        while let Some(length) = self.lengths.front().filter(|_| !hearing.is_over()) {
            hearing.hear(&self.bytes[self.read..self.read + length]);
            self.drop_first();
        }
    }

    /// Keeps the newest `count` messages only.
    pub fn keep_newest(&mut self, count: u64) {
        while self.lengths.len() as u64 > count {
            self.drop_first();
        }
    }

    /// Messages that are kept.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.lengths.len() as u64
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    fn drop_first(&mut self) {
        self.read += self.lengths.pop_front().unwrap_or_default();
        if self.lengths.is_empty() {
            self.read = 0;
            self.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{
            capture::{Capture, Captures, From},
            matcher::{Matcher, Matchers, Pattern},
            template::variables::Variables,
        },
        engine::instruments::test_slots,
    };
    use proptest::prelude::*;
    use regex::bytes::Regex;
    use std::time::Duration;

    fn expect(regex: &str, count: u64) -> Expect {
        let regex = Pattern(Regex::new(regex).unwrap());
        let mut matchers = Matchers::default();
        matchers.add("regex".into(), Matcher::Regex(regex.clone()));
        let mut capture = Captures::default();
        capture.add(Capture { name: "all".into(), slot: Slot::new(0), from: From::Regex(regex) });
        Expect { count, timeout: Duration::from_secs(1), matchers, capture }
    }

    /// Whether the step is over, and what it captured last.
    fn heard(mailbox: &mut Mailbox, expect: &Expect, later: &[&str]) -> (bool, Option<String>) {
        let mut values = Values { variables: Variables::new(1), ..Values::default() };
        let (recorder, slots) = test_slots();
        let text = RefCell::default();
        let mut hearing = Hearing::new(expect, &mut values, &text, &recorder, &slots);
        mailbox.deliver(&mut hearing);
        later.iter().for_each(|message| mailbox.receive(message.as_bytes(), Some(&mut hearing)));
        let over = hearing.is_over();
        (over, values.variables.get(Slot::new(0)).map(|(text, _)| text.to_owned()))
    }

    fn mailbox(messages: &[&str]) -> Mailbox {
        let mut mailbox = Mailbox::default();
        messages.iter().for_each(|message| mailbox.receive(message.as_bytes(), None));
        mailbox
    }

    #[test]
    fn what_came_before_the_step_is_seen_and_the_rest_stays_for_the_next() {
        let mut mailbox = mailbox(&["x1", "a1", "x2", "a2", "a3"]);
        assert_eq!(heard(&mut mailbox, &expect("a.", 2), &[]), (true, Some("a2".into())));
        assert_eq!(mailbox.len(), 1);
        assert_eq!(heard(&mut mailbox, &expect("a.", 2), &["x", "a4", "a5"]), (true, Some("a4".into())));
        assert_eq!(heard(&mut mailbox, &expect("a.", 1), &[]), (true, Some("a5".into())));
        assert_eq!(heard(&mut mailbox, &expect("a.", 1), &["x"]), (false, None));
    }

    proptest! {
        /// The oracle keeps every message and looks at the newest.
        #[test]
        fn the_newest_messages_are_kept_within_the_bounds(lengths in prop::collection::vec(0usize..9000, 0..200)) {
            let messages: Vec<String> = lengths.iter().map(|length| "m".repeat(*length)).collect();
            let mut mailbox = mailbox(&messages.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert!(mailbox.bytes.len() <= 3 * MOST_BYTES);
            let mut bytes = 0;
            let newest = messages.iter().rev().take(MOST).take_while(|message| {
                bytes += message.len();
                bytes <= MOST_BYTES
            });
            let mut kept: Vec<&String> = newest.collect();
            kept.reverse();
            prop_assert_eq!(mailbox.len(), kept.len() as u64);
            if let Some(last) = kept.last() {
                let all = expect("^m*$", kept.len() as u64);
                prop_assert_eq!(heard(&mut mailbox, &all, &[]), (true, Some((*last).clone())));
            }
        }
    }
}

//! What an iteration has captured and set, by slot. The texts keep their room from one iteration to the next.

use regex::bytes::CaptureLocations;

/// Most bytes of one value: it bounds what a server can make each VU hold.
pub const LARGEST_VALUE: usize = 64 * 1024;
/// Room that a text keeps for the next value.
const KEPT: usize = 1024;

/// A name's number within its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    /// The slot of the name with that number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Place in lists by slot.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// What a value's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// JSON other than a string: a number, `true`, `null`, a list, a map.
    Json,
}

#[derive(Default)]
struct Variable {
    text: String,
    /// None without a value.
    form: Option<Form>,
    /// Where the groups of its regular expression are; kept, because making one allocates.
    locations: Option<CaptureLocations>,
}

/// Values by slot. They may be secrets: none is in a `Debug` text.
#[derive(Default)]
pub struct Variables(Vec<Variable>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Variables({})", self.0.len())
    }
}

impl Variables {
    /// No values, with `slots` slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self((0..slots).map(|_| Variable::default()).collect())
    }

    /// Forgets every value.
    pub fn clear(&mut self) {
        for variable in &mut self.0 {
            variable.form = None;
            variable.text.clear();
            variable.text.shrink_to(KEPT);
        }
    }

    /// Forgets one value.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(variable) = self.0.get_mut(slot.index()) {
            variable.form = None;
        }
    }

    /// A value, if there is one.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<(&str, Form)> {
        let variable = self.0.get(slot.index())?;
        Some((&variable.text, variable.form?))
    }

    /// Replaces a value by what `write` appends to an empty text; without its form there is no value. One above
    /// [`LARGEST_VALUE`] is none either. Returns whether there is one.
    pub fn set(&mut self, slot: Slot, write: impl FnOnce(&mut String) -> Option<Form>) -> bool {
        let Some(variable) = self.0.get_mut(slot.index()) else { return false };
        variable.text.clear();
        variable.form = write(&mut variable.text).filter(|_| variable.text.len() <= LARGEST_VALUE);
        variable.form.is_some()
    }

    /// Room for the groups of the regular expression that fills a slot.
    pub(crate) fn locations(&mut self, slot: Slot) -> Option<&mut Option<CaptureLocations>> {
        self.0.get_mut(slot.index()).map(|variable| &mut variable.locations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_and_go_and_are_bounded() {
        let mut variables = Variables::new(2);
        let (first, second) = (Slot::new(0), Slot::new(1));
        let put = |text: &'static str| {
            move |out: &mut String| {
                out.push_str(text);
                Some(Form::Text)
            }
        };
        assert!(variables.set(first, put("s3cret")) && variables.set(second, put("b")));
        assert!(!format!("{variables:?}").contains("s3cret"));
        assert_eq!(variables.get(first), Some(("s3cret", Form::Text)));
        assert!(!variables.set(first, |_| None) && variables.get(first).is_none());
        let huge = |out: &mut String| {
            out.extend(std::iter::repeat_n('x', LARGEST_VALUE + 1));
            Some(Form::Text)
        };
        assert!(!variables.set(first, huge) && variables.get(first).is_none());
        variables.clear();
        assert!(variables.get(second).is_none() && variables.0[0].text.capacity() <= KEPT);
        assert!(!variables.set(Slot::new(2), put("none")));
    }
}

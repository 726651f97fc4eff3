//! What a message, a body or a header should be, as pure functions of its bytes.

use std::fmt;

use memchr::memmem;
use regex::bytes::Regex;

use crate::config::{
    pointer::{self, Pointers, Raw},
    template::{RenderError, Template, Values},
};

/// Most matchers of one step: their verdicts are bits of one word.
pub const MOST: usize = pointer::MOST;

/// A text that may have placeholders, ready to be looked for. It may hold a secret: it is in no `Debug` text.
#[derive(Clone)]
pub struct Sought {
    text: Template,
    /// Of a text without placeholders.
    finder: Option<Box<memmem::Finder<'static>>>,
}

impl fmt::Debug for Sought {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sought(<redacted>)")
    }
}

impl Sought {
    /// Prepares a text.
    #[must_use]
    pub fn new(text: Template) -> Self {
        let finder = text.constant().map(|text| Box::new(memmem::Finder::new(text.as_bytes()).into_owned()));
        Self { text, finder }
    }

    fn is_in(&self, bytes: &[u8], room: &mut Room<'_>) -> bool {
        match &self.finder {
            Some(finder) => finder.find(bytes).is_some(),
            None => room.render(&self.text).is_some_and(|text| memmem::find(bytes, text.as_bytes()).is_some()),
        }
    }

    fn is(&self, text: &str, room: &mut Room<'_>) -> bool {
        match self.text.constant() {
            Some(constant) => constant == text,
            None => room.render(&self.text) == Some(text),
        }
    }

    fn has_placeholders(&self) -> bool {
        self.finder.is_none()
    }
}

/// A regular expression. It may hold a secret: it is in no `Debug` text.
#[derive(Clone)]
pub struct Pattern(pub Regex);

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pattern(<redacted>)")
    }
}

/// What placeholders in matchers stand for, with room to write them.
#[derive(Debug)]
pub struct Room<'v> {
    /// The values of this moment.
    pub values: &'v Values,
    /// Overwritten.
    pub text: &'v mut String,
}

impl Room<'_> {
    /// None without a value.
    fn render(&mut self, template: &Template) -> Option<&str> {
        self.text.clear();
        template.render(self.values, self.text).ok()?;
        Some(self.text)
    }
}

/// A test of one text: a header's value, or what a pointer leads to.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is there.
    Exists,
    /// It is not there.
    Absent,
    /// It is this text; with placeholders also the JSON that they make.
    Is(Sought),
    /// It is this JSON other than a text, to the letter.
    IsJson(String),
    /// It is this number, written with a fraction or an exponent.
    IsNumber(f64),
    /// It is this whole number: ids of 64 bits are not told apart as floats.
    IsWhole(i128),
    /// It has this text in it.
    Contains(Sought),
    /// The expression matches within it.
    Matches(Pattern),
    /// It is a number within these bounds.
    Within {
        /// Lowest.
        min: f64,
        /// Highest.
        max: f64,
    },
}

impl Test {
    fn of_nothing(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether a text passes: a header's value, or one that is checked; none is one that is not there.
    #[must_use]
    pub fn of_text(&self, value: Option<&[u8]>, room: &mut Room<'_>) -> bool {
        let Some(value) = value else { return self.of_nothing() };
        let number = || str::from_utf8(value).ok().and_then(|text| text.trim().parse::<f64>().ok());
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::Is(sought) => str::from_utf8(value).is_ok_and(|text| sought.is(text, room)),
            Self::IsJson(json) => value == json.as_bytes(),
            Self::IsNumber(expected) => number() == Some(*expected),
            Self::IsWhole(expected) => str::from_utf8(value).is_ok_and(|text| is_whole(text, *expected)),
            Self::Contains(sought) => sought.is_in(value, room),
            Self::Matches(regex) => regex.0.is_match(value),
            Self::Within { min, max } => number().is_some_and(|number| (*min..=*max).contains(&number)),
        }
    }

    fn of_json(&self, raw: Raw<'_>, room: &mut Room<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::Is(sought) if raw.is_text() => raw.with_text(|text| sought.is(text, room)).unwrap_or(false),
            Self::Is(sought) => {
                sought.has_placeholders() && room.render(&sought.text).is_some_and(|json| raw.is_json(json))
            }
            Self::IsJson(json) => raw.is_json(json),
            Self::IsNumber(number) => raw.number() == Some(*number),
            Self::IsWhole(expected) => {
                !raw.is_text() && raw.with_any(|text, _| is_whole(text, *expected)).unwrap_or(false)
            }
            Self::Contains(sought) => raw.with_any(|text, _| sought.is_in(text.as_bytes(), room)).unwrap_or(false),
            Self::Matches(regex) => raw.with_any(|text, _| regex.0.is_match(text.as_bytes())).unwrap_or(false),
            Self::Within { min, max } => raw.number().is_some_and(|number| (*min..=*max).contains(&number)),
        }
    }

    fn template(&self) -> Option<&Template> {
        match self {
            Self::Is(sought) | Self::Contains(sought) => Some(&sought.text),
            _ => None,
        }
    }
}

/// One thing that should hold.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The text is in it.
    Contains(Sought),
    /// The expression matches within it.
    Regex(Pattern),
    /// What the next of the pointers leads to passes.
    Json(Test),
}

/// A matcher with its name in counts and messages.
#[derive(Debug, Clone)]
pub struct Named {
    /// As typed, variables not filled in.
    pub name: String,
    /// What should hold.
    pub matcher: Matcher,
}

/// What should hold of one message, all of it.
#[derive(Debug, Clone, Default)]
pub struct Matchers {
    list: Vec<Named>,
    pointers: Pointers,
    /// Place in `list` by pointer.
    pointed: Vec<usize>,
}

impl Matchers {
    /// Adds a matcher; at most [`MOST`], which the decoder sees to.
    pub fn add(&mut self, name: String, matcher: Matcher) {
        self.list.push(Named { name, matcher });
    }

    /// Adds a test of what `pointer` leads to.
    ///
    /// # Errors
    /// It is no pointer.
    pub fn add_pointer(&mut self, pointer: &str, name: String, test: Test) -> Result<(), pointer::Error> {
        self.pointers.add(pointer)?;
        self.pointed.push(self.list.len());
        self.add(name, Matcher::Json(test));
        Ok(())
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order of [`Self::verdicts`].
    #[must_use]
    pub fn list(&self) -> &[Named] {
        &self.list
    }

    /// Every verdict on `bytes` as a bit, the first matcher's the lowest.
    #[must_use]
    pub fn verdicts(&self, bytes: &[u8], room: &mut Room<'_>) -> u128 {
        let mut verdicts = 0;
        for (place, Named { matcher, .. }) in self.list.iter().enumerate() {
            let holds = match matcher {
                Matcher::Contains(sought) => sought.is_in(bytes, room),
                Matcher::Regex(regex) => regex.0.is_match(bytes),
                // Until the pointer has led somewhere.
                Matcher::Json(test) => test.of_nothing(),
            };
            verdicts |= u128::from(holds) << place;
        }
        self.pointers.scan(bytes, &mut |pointer, raw| {
            let place = self.pointed[pointer];
            if let Some(Named { matcher: Matcher::Json(test), .. }) = self.list.get(place) {
                verdicts = verdicts & !(1 << place) | u128::from(test.of_json(raw, room)) << place;
            }
        });
        verdicts
    }

    /// Whether every matcher holds of `bytes`.
    #[must_use]
    pub fn hold(&self, bytes: &[u8], room: &mut Room<'_>) -> bool {
        // Most messages of a busy connection fail by their text, and need no look at their JSON then.
        let texts = self.list.iter().all(|Named { matcher, .. }| match matcher {
            Matcher::Contains(sought) => sought.is_in(bytes, room),
            Matcher::Regex(regex) => regex.0.is_match(bytes),
            Matcher::Json(_) => true,
        });
        texts && (self.pointers.is_empty() || self.verdicts(bytes, room).count_ones() as usize == self.list.len())
    }

    /// Whether every placeholder has a value now; without one a matcher does not hold.
    ///
    /// # Errors
    /// The first that has none.
    pub fn is_complete(&self, values: &Values) -> Result<(), RenderError<'_>> {
        let templates = self.list.iter().filter_map(|named| match &named.matcher {
            Matcher::Contains(sought) => Some(&sought.text),
            Matcher::Json(test) => test.template(),
            Matcher::Regex(_) => None,
        });
        templates.into_iter().try_for_each(|template| template.is_complete(values))
    }
}

/// Whether a text is a whole number; one with a fraction or an exponent may be it too.
fn is_whole(text: &str, expected: i128) -> bool {
    let text = text.trim();
    match text.parse::<i128>() {
        Ok(found) => found == expected,
        Err(_) => text.parse::<f64>().is_ok_and(|found| found == expected as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::Placeholder;
    use proptest::prelude::*;

    fn sought(text: &str) -> Sought {
        Sought::new(Template::parse(text).unwrap())
    }

    fn matchers(tests: Vec<(&str, Test)>) -> Matchers {
        let mut matchers = Matchers::default();
        tests.into_iter().for_each(|(pointer, test)| matchers.add_pointer(pointer, pointer.into(), test).unwrap());
        matchers
    }

    fn verdicts(matchers: &Matchers, message: &str) -> String {
        let values = Values { index: 5, ..Values::default() };
        let mut text = String::new();
        let bits = matchers.verdicts(message.as_bytes(), &mut Room { values: &values, text: &mut text });
        let holds = matchers.hold(message.as_bytes(), &mut Room { values: &values, text: &mut text });
        let shown: String =
            (0..matchers.list().len()).map(|place| if bits >> place & 1 == 1 { '+' } else { '-' }).collect();
        assert_eq!(holds, !shown.contains('-'), "{shown}");
        shown
    }

    #[test]
    fn every_test_says_what_it_is_named_for() {
        let regex = Regex::new("^o.$").unwrap();
        let all = || {
            vec![
                ("/status", Test::Is(sought("ok"))),
                ("/status", Test::Exists),
                ("/none", Test::Absent),
                ("/n", Test::IsNumber(5.0)),
                ("/n", Test::IsWhole(5)),
                ("/n", Test::Within { min: 5.0, max: 6.0 }),
                ("/n", Test::Is(sought("{{ index }}"))),
                ("/b", Test::IsJson("true".into())),
                ("/status", Test::Contains(sought("k"))),
                ("/status", Test::Matches(Pattern(regex.clone()))),
            ]
        };
        assert_eq!(verdicts(&matchers(all()), r#"{"status":"ok","n":5,"b":true}"#), "++++++++++");
        assert_eq!(verdicts(&matchers(all()), r#"{"status":"no","none":null,"n":"5","b":false}"#), "-+----+---");
        assert_eq!(verdicts(&matchers(all()), "not JSON"), "--+-------");
    }

    #[test]
    fn a_number_is_no_text_unless_a_placeholder_stands_for_either() {
        assert_eq!(verdicts(&matchers(vec![("/n", Test::Is(sought("5")))]), r#"{"n":5}"#), "-");
        assert_eq!(verdicts(&matchers(vec![("/n", Test::Is(sought("5")))]), r#"{"n":"5"}"#), "+");
    }

    #[test]
    fn texts_and_pointers_must_hold_together() {
        let mut both = matchers(vec![("/a", Test::IsNumber(1.0))]);
        both.add("contains".into(), Matcher::Contains(sought("\"a\"")));
        both.add("regex".into(), Matcher::Regex(Pattern(Regex::new(r"\d}").unwrap())));
        assert_eq!(verdicts(&both, r#"{"a":1}"#), "+++");
        assert_eq!(verdicts(&both, r#"{"b":1}"#), "--+");
    }

    #[test]
    fn headers_are_tested_like_values() {
        let values = Values::default();
        let of = |test: &Test, value: Option<&str>| {
            test.of_text(value.map(str::as_bytes), &mut Room { values: &values, text: &mut String::new() })
        };
        assert!(of(&Test::Is(sought("a")), Some("a")) && !of(&Test::Is(sought("a")), None));
        assert!(of(&Test::Absent, None) && !of(&Test::Absent, Some("a")));
        assert!(of(&Test::Within { min: 1.0, max: 2.0 }, Some("1.5")) && of(&Test::IsNumber(5.0), Some("5")));
        assert!(of(&Test::Contains(sought("b")), Some("abc")) && of(&Test::Exists, Some("")));
    }

    #[test]
    fn a_matcher_whose_placeholder_has_no_value_does_not_hold_and_says_so() {
        let slot = Placeholder::Variable(crate::config::template::variables::Slot::new(0));
        let text = Template::compile("{{ token }}", &mut |_| Ok(Some(slot))).unwrap();
        let mut matchers = Matchers::default();
        matchers.add("contains".into(), Matcher::Contains(Sought::new(text)));
        assert_eq!(verdicts(&matchers, "anything"), "-");
        assert_eq!(matchers.is_complete(&Values::default()), Err(RenderError::Missing("token")));
    }

    proptest! {
        #[test]
        fn no_message_panics(message in "([\\[\\]{}\",:a01]|ok){0,30}") {
            let all = matchers(vec![("/a", Test::Is(sought("ok"))), ("/0", Test::IsNumber(1.0)), ("", Test::Exists)]);
            let _verdicts = verdicts(&all, &message);
        }
    }

    #[test]
    fn whole_numbers_are_told_apart_to_the_unit() {
        let expected = 1_234_567_890_123_456_789;
        for (text, is) in [
            ("1234567890123456789", true),
            ("1234567890123456788", false),
            (" 1234567890123456789 ", true),
            ("1234567890123456790", false),
            ("1234567890123456789x", false),
            ("", false),
        ] {
            assert_eq!(is_whole(text, expected), is, "{text:?}");
        }
        assert!(is_whole("5.0", 5) && is_whole("5e0", 5) && is_whole("-7", -7) && !is_whole("5.5", 5));
    }
}

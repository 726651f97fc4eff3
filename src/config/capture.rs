//! What is taken out of a message or a response under a name.

use std::fmt;

use memchr::memmem;
use regex::bytes::Regex;

use crate::config::{
    matcher::Pattern,
    pointer::{self, Pointers},
    template::variables::{Form, Slot, Variables},
};

/// Most captures of one step.
pub const MOST: usize = pointer::MOST;

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum From {
    /// What the next of the pointers leads to.
    Json,
    /// The expression's first group, or all of it without one.
    Regex(Pattern),
    /// A header's value.
    Header(String),
    /// What stands between two texts.
    Between(Box<Between>),
}

/// The text behind the first `start` and before the `end` that follows.
#[derive(Clone)]
pub struct Between {
    start: memmem::Finder<'static>,
    end: memmem::Finder<'static>,
}

impl fmt::Debug for Between {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Between(<redacted>)")
    }
}

impl Between {
    /// Neither should be empty.
    #[must_use]
    pub fn new(start: &str, end: &str) -> Self {
        let finder = |text: &str| memmem::Finder::new(text.as_bytes()).into_owned();
        Self { start: finder(start), end: finder(end) }
    }

    fn find<'m>(&self, bytes: &'m [u8]) -> Option<&'m [u8]> {
        let rest = &bytes[self.start.find(bytes)? + self.start.needle().len()..];
        Some(&rest[..self.end.find(rest)?])
    }
}

/// A value to take.
#[derive(Debug, Clone)]
pub struct Capture {
    /// As typed.
    pub name: String,
    /// Where the value goes.
    pub slot: Slot,
    /// Where it comes from.
    pub from: From,
}

/// The captures of one step.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    list: Vec<Capture>,
    pointers: Pointers,
    /// Slot by pointer.
    pointed: Vec<Slot>,
}

impl Captures {
    /// Adds a capture; at most [`MOST`], which the decoder sees to.
    pub fn add(&mut self, capture: Capture) {
        self.list.push(capture);
    }

    /// Adds a capture of what `pointer` leads to.
    ///
    /// # Errors
    /// It is no pointer.
    pub fn add_pointer(&mut self, pointer: &str, name: String, slot: Slot) -> Result<(), pointer::Error> {
        self.pointers.add(pointer)?;
        self.pointed.push(slot);
        self.add(Capture { name, slot, from: From::Json });
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order typed.
    #[must_use]
    pub fn list(&self) -> &[Capture] {
        &self.list
    }

    /// Whether a value comes from the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.list.iter().any(|capture| !matches!(capture.from, From::Header(_)))
    }

    /// Whether a value comes from a header.
    #[must_use]
    pub fn needs_headers(&self) -> bool {
        self.list.iter().any(|capture| matches!(capture.from, From::Header(_)))
    }

    /// Takes every value; a name whose value is not there has none afterwards, and `failed` is told. A value is text in
    /// UTF-8 of at most [`LARGEST_VALUE`](crate::config::template::variables::LARGEST_VALUE) bytes.
    pub fn take<'m>(
        &self,
        body: &'m [u8],
        header: impl Fn(&str) -> Option<&'m [u8]>,
        variables: &mut Variables,
        mut failed: impl FnMut(Slot),
    ) {
        for capture in &self.list {
            let found = match &capture.from {
                From::Json => {
                    variables.forget(capture.slot);
                    continue;
                }
                From::Regex(regex) => group(&regex.0, body, capture.slot, variables),
                From::Header(name) => header(name),
                From::Between(between) => between.find(body),
            };
            variables.set(capture.slot, |text| {
                text.push_str(str::from_utf8(found?).ok()?);
                Some(Form::Text)
            });
        }
        self.pointers.scan(body, &mut |pointer, raw| {
            variables.set(self.pointed[pointer], |text| {
                raw.with_any(|value, form| {
                    text.push_str(value);
                    form
                })
            });
        });
        self.list
            .iter()
            .filter(|capture| variables.get(capture.slot).is_none())
            .for_each(|capture| failed(capture.slot));
    }
}

fn group<'m>(regex: &Regex, body: &'m [u8], slot: Slot, variables: &mut Variables) -> Option<&'m [u8]> {
    if regex.captures_len() == 1 {
        return regex.find(body).map(|found| found.as_bytes());
    }
    let room = variables.locations(slot)?;
    // Another expression may fill the same name: its room has another shape, which a search must not be given.
    if room.as_ref().is_some_and(|room| room.len() != regex.captures_len()) {
        *room = None;
    }
    let locations = room.get_or_insert_with(|| regex.capture_locations());
    regex.captures_read(locations, body)?;
    let (start, end) = locations.get(1)?;
    body.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Slots are places in the list.
    fn captures(from: &[(&str, &str)]) -> Captures {
        let mut captures = Captures::default();
        for (place, (kind, typed)) in from.iter().enumerate() {
            let (name, slot) = (typed.to_string(), Slot::new(place as u16));
            let from = match *kind {
                "json" => {
                    captures.add_pointer(typed, name, slot).unwrap();
                    continue;
                }
                "regex" => From::Regex(Pattern(Regex::new(typed).unwrap())),
                "header" => From::Header(name.clone()),
                _ => From::Between(Box::new(Between::new(&typed[..1], &typed[1..]))),
            };
            captures.add(Capture { name, slot, from });
        }
        captures
    }

    fn taken(captures: &Captures, body: &[u8], variables: &mut Variables) -> (Vec<Option<(String, Form)>>, Vec<usize>) {
        let mut failed = Vec::new();
        let header = |name: &str| (name == "etag").then_some(&b"\"e1\""[..]);
        captures.take(body, header, variables, |slot| failed.push(slot.index()));
        let get = |capture: &Capture| variables.get(capture.slot).map(|(text, form)| (text.to_owned(), form));
        (captures.list().iter().map(get).collect(), failed)
    }

    #[test]
    fn every_source_yields_its_value() {
        let captures = captures(&[
            ("json", "/token"),
            ("json", "/n"),
            ("regex", r"id=(\d+)"),
            ("regex", r"id=\d+"),
            ("header", "etag"),
            ("between", "<>"),
            ("json", "/list"),
        ]);
        let body = br#"{"token":"a\"b","n":1.50,"list":[1,{"a":2}],"x":"id=42 <b>"}"#;
        let (values, failed) = taken(&captures, body, &mut Variables::new(7));
        let values: Vec<_> =
            values.iter().map(|value| value.as_ref().map(|(text, form)| (text.as_str(), *form))).collect();
        let text = |text| Some((text, Form::Text));
        let json = |text| Some((text, Form::Json));
        assert_eq!(
            values,
            [text("a\"b"), json("1.50"), text("42"), text("id=42"), text("\"e1\""), text("b"), json(r#"[1,{"a":2}]"#)]
        );
        assert!(failed.is_empty());
    }

    #[test]
    fn what_does_not_match_is_said_and_leaves_no_older_value() {
        let captures =
            captures(&[("json", "/a"), ("regex", "x(.)"), ("header", "none"), ("between", "<>"), ("header", "etag")]);
        let mut variables = Variables::new(5);
        assert_eq!(taken(&captures, br#"{"a":1} xy <b>"#, &mut variables).1, [2]);
        let (values, failed) = taken(&captures, b"nothing", &mut variables);
        assert_eq!(failed, [0, 1, 2, 3]);
        assert!(values[..4].iter().all(Option::is_none));
    }

    #[test]
    fn bytes_that_are_no_text_are_no_value() {
        let captures = captures(&[("regex", "(?-u)x(.)"), ("json", "/a")]);
        assert_eq!(taken(&captures, b"x\xff", &mut Variables::new(2)).1, [0, 1]);
        assert_eq!(taken(&captures, b"{\"a\":\"\xff\"}", &mut Variables::new(2)).1, [0, 1]);
    }

    #[test]
    fn an_optional_group_that_took_no_part_is_no_value() {
        let captures = captures(&[("regex", "a(b)?")]);
        assert_eq!(taken(&captures, b"ac", &mut Variables::new(1)).1, [0]);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let captures = captures(&[("json", "/a/0"), ("json", ""), ("regex", "(?-u)(.)[\"{]"), ("between", "{}")]);
            let _taken = taken(&captures, &body, &mut Variables::new(4));
        }
    }
}

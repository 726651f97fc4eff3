//! Path → line and column. The tree has no positions; when there is a problem, the text is read
//! once more by a seed that walks to the path and fails there, and the YAML library's error then
//! carries the position of the node it was reading.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::config::{at::Segment, problem::Position};

/// Position of the value at `path`, or of the closest value around it.
pub(crate) fn value(text: &str, path: &[Segment]) -> Option<Position> {
    find(text, path, false)
}

/// Position of the key that ends `path`, or of the closest value around it.
pub(crate) fn key(text: &str, path: &[Segment]) -> Option<Position> {
    find(text, path, true)
}

fn find(text: &str, path: &[Segment], at_key: bool) -> Option<Position> {
    let error = Walk { path, at_key }.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    error.location().map(|location| Position { line: location.line(), column: location.column() })
}

/// Always fails: at the place looked for, or where the way to it ends.
struct Walk<'p> {
    path: &'p [Segment],
    at_key: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the place looked for")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Segment::Index(index), rest)) = self.path.split_first() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*index {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Err(A::Error::custom("here"));
            }
        }
        list.next_element_seed(Walk { path: rest, at_key: self.at_key })?;
        Err(A::Error::custom("here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Segment::Key(wanted), rest)) = self.path.split_first() else {
            return Err(A::Error::custom("here"));
        };
        let fail_at_key = self.at_key && rest.is_empty();
        while let Some(found) = map.next_key_seed(Key { wanted, fail: fail_at_key })? {
            if found {
                map.next_value_seed(Walk { path: rest, at_key: self.at_key })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("here"))
    }
}

/// Compares a key; fails at it if asked to.
struct Key<'p> {
    wanted: &'p str,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text as key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        let found = key == self.wanted;
        if found && self.fail { Err(E::custom("here")) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Segment> {
        let segment = |part: &str| part.parse().map_or_else(|_| Segment::Key(part.to_owned()), Segment::Index);
        text.split_whitespace().map(segment).collect()
    }

    fn place(position: Option<Position>) -> (usize, usize) {
        position.map_or((0, 0), |position| (position.line, position.column))
    }

    const TEXT: &str = "\
name: test
stages:
  - { duration: 30s, target: 100 }
  - duration: 1m
    targte: 5
base: &base
  vus: many
copy: *base
text: |
  two
  lines
empty:
";

    #[test]
    fn values_and_keys_are_found() {
        for (wanted, at_value, at_key) in [
            ("name", (1, 7), (1, 1)),
            ("stages 0 target", (3, 30), (3, 22)),
            ("stages 1", (4, 5), (4, 5)),
            ("stages 1 targte", (5, 13), (5, 5)),
            ("copy vus", (7, 8), (7, 3)),
            // An alias is reported where the text stands.
            ("copy", (6, 7), (8, 1)),
            ("text", (9, 7), (9, 1)),
        ] {
            assert_eq!(place(value(TEXT, &path(wanted))), at_value, "{wanted}");
            assert_eq!(place(key(TEXT, &path(wanted))), at_key, "{wanted}");
        }
        assert_eq!(place(value(TEXT, &[])), (1, 1));
    }

    #[test]
    fn what_is_not_there_is_placed_at_what_is_around_it() {
        assert_eq!(place(value(TEXT, &path("stages 7"))), place(value(TEXT, &path("stages"))));
        assert_eq!(place(value(TEXT, &path("stages 0 none"))), (3, 5));
        assert_eq!(place(value(TEXT, &path("name 3"))), (1, 7));
    }

    #[test]
    fn the_place_of_an_empty_value_is_on_its_line() {
        assert_eq!(value(TEXT, &path("empty")).map(|position| position.line), Some(12));
    }
}

//! Where in a profile something stands, as the keys and indexes that lead to it.

use std::{fmt, rc::Rc};

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// A path from the root; a child shares its parent, so that walking allocates once per node.
#[derive(Clone, Default)]
pub(crate) struct Path(Option<Rc<Link>>);

struct Link {
    parent: Path,
    segment: Segment,
}

impl Path {
    /// Path of a map's value.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.child(Segment::Key(key.to_owned()))
    }

    /// Path of a list's element.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    fn child(&self, segment: Segment) -> Self {
        Self(Some(Rc::new(Link { parent: self.clone(), segment })))
    }

    /// From the root down.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut path = self;
        while let Some(link) = &path.0 {
            segments.push(link.segment.clone());
            path = &link.parent;
        }
        segments.reverse();
        segments
    }
}

impl fmt::Display for Path {
    /// `scenarios.ramp.stages[1].duration`; keys that are no plain words are quoted.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, segment) in self.segments().iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(formatter, "[{index}]")?,
                Segment::Key(key) => {
                    let dot = if depth == 0 { "" } else { "." };
                    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
                    if !key.is_empty() && key.chars().all(plain) {
                        write!(formatter, "{dot}{key}")?;
                    } else {
                        write!(formatter, "{dot}\"{}\"", crate::config::problem::shown(key))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a problem points at.
#[derive(Clone)]
pub(crate) enum Place {
    /// A value in the file.
    Value(Path),
    /// A map's key in the file.
    Key(Path),
    /// An option on the command line.
    Flag(&'static str),
}

/// Something typed, with its place. Without a value it was wrong, and that is reported already.
#[derive(Clone)]
pub(crate) struct Typed<T> {
    pub(crate) value: Option<T>,
    pub(crate) place: Place,
}

impl<T> Typed<T> {
    /// From the command line.
    pub(crate) fn flag(value: T, flag: &'static str) -> Self {
        Self { value: Some(value), place: Place::Flag(flag) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_one_would_type_it() {
        let path = Path::default().key("scenarios").key("ramp").key("stages").index(1).key("duration");
        assert_eq!(path.to_string(), "scenarios.ramp.stages[1].duration");
        assert_eq!(Path::default().key("thresholds").key("a{b:c}").to_string(), "thresholds.\"a{b:c}\"");
        assert_eq!(Path::default().to_string(), "");
    }
}

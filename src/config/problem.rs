//! What is wrong with a profile, for people.

use std::fmt;

/// A place in a text, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as given, or `command line`.
    pub origin: String,
    /// Where in the file; nowhere for the command line and for a file that cannot be read.
    pub position: Option<Position>,
    /// The keys that lead there, as in `scenarios.ramp.stages[1].duration`, or an option; may be empty.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}\n  --> {}", self.message, self.origin)?;
        if let Some(Position { line, column }) = self.position {
            write!(formatter, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(formatter, " at {}", self.path)?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a profile, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// At least one in a `Report` that is an error.
    pub problems: Vec<Problem>,
    /// Further problems, counted only: no one reads them, and a hostile file could have a million.
    pub omitted: usize,
}

impl Report {
    /// A report of one problem without a position.
    pub(crate) fn of_file(origin: &str, message: String, hint: Option<String>) -> Self {
        let problem = Problem { origin: origin.to_owned(), position: None, path: String::new(), message, hint };
        Self { problems: vec![problem], omitted: 0 }
    }
}

impl fmt::Display for Report {
    /// One block per problem, an empty line between two; plain text without a final line break.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            problem.fmt(formatter)?;
        }
        let all = self.problems.len() + self.omitted;
        if self.omitted > 0 {
            write!(formatter, "\n\n{all} problems, the first {} are shown", self.problems.len())?;
        } else if all > 1 {
            write!(formatter, "\n\n{all} problems")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// A typed text for a message: on one line, without control characters (a terminal obeys them), not endless.
pub(crate) fn shown(text: &str) -> String {
    clean(text, 60)
}

/// As [`shown`], with at most `longest` characters of the text.
pub(crate) fn clean(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for (count, char) in text.chars().enumerate() {
        if count == longest {
            out.push('…');
            break;
        }
        if is_hostile(char) { out.extend(char.escape_default()) } else { out.push(char) }
    }
    out
}

/// Control characters, and those that reorder or hide what stands around them.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// "did you mean", if one of `known` is close to `typed`.
pub(crate) fn did_you_mean<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(typed, known).map(|name| format!("did you mean `{name}`?"))
}

/// The one of `known` that is close to `typed`.
pub(crate) fn nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // 64 characters bound the quadratic distance; no name we know is that long.
    if typed.len() > 64 {
        return None;
    }
    let folded = typed.to_ascii_lowercase();
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(&folded, &name.to_ascii_lowercase()), name));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= 0.8).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_drive_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }

    #[test]
    fn only_close_names_are_suggested() {
        let known = ["duration", "target"];
        assert_eq!(did_you_mean("duraton", known), Some("did you mean `duration`?".into()));
        assert_eq!(did_you_mean("DURATION", known), Some("did you mean `duration`?".into()));
        assert_eq!(did_you_mean("zzz", known), None);
    }
}

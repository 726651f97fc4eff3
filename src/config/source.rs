//! The text of a profile, and where it came from.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::config::{
    access::Access,
    problem::{Position, Problem, Report},
};

/// Largest profile. The seed's has 600 bytes.
pub const LARGEST: usize = 1 << 20;

/// A profile's text with the name that messages give it.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    access: Access,
}

impl Source {
    /// Reads a file; `-` is the standard input.
    ///
    /// # Errors
    /// One problem: missing, a directory, unreadable, too large, or not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Report> {
        let name = path.display().to_string();
        if name == "-" {
            return Self::drain(io::stdin().lock(), "<stdin>");
        }
        let failed = |error: &io::Error| {
            let (message, hint) = match error.kind() {
                io::ErrorKind::NotFound => ("there is no such file".to_owned(), "check the path"),
                io::ErrorKind::IsADirectory => ("this is a directory".to_owned(), "name the profile in it"),
                io::ErrorKind::PermissionDenied => {
                    ("no permission to read this file".to_owned(), "check its owner and mode")
                }
                _ => (format!("cannot read this file: {error}"), "check the path"),
            };
            Report::of_file(&name, message, Some(hint.to_owned()))
        };
        let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
        if metadata.is_dir() {
            return Err(failed(&io::ErrorKind::IsADirectory.into()));
        }
        let file = File::open(path).map_err(|error| failed(&error))?;
        let mut source = Self::drain(file, &name)?;
        source.access = Access::Files(path.parent().map(Path::to_owned).unwrap_or_default());
        Ok(source)
    }

    fn drain(reader: impl io::Read, name: &str) -> Result<Self, Report> {
        let mut bytes = Vec::new();
        let read = reader.take(LARGEST as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Report::of_file(name, format!("cannot read this file: {error}"), None))?;
        Self::from_bytes(name, bytes)
    }

    /// A text that somebody has sent, who has no business with this machine: it reads no files and sees none of the
    /// process's variables. It is called `<sent>`, and a test without a name `rampd`.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn sent(bytes: Vec<u8>) -> Result<Self, Report> {
        Ok(Self { access: Access::Sent, ..Self::from_bytes("<sent>", bytes)? })
    }

    /// A text that the caller has read. Relative paths in it start at the current directory.
    ///
    /// # Errors
    /// One problem: too large, or not UTF-8.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Report> {
        let refused = |message: &str, hint: &str| Report::of_file(name, message.to_owned(), Some(hint.to_owned()));
        if bytes.len() > LARGEST {
            return Err(refused("larger than 1 MiB, which no profile needs", "check that this is a profile"));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(refused("this is UTF-16", "save the file as UTF-8"));
        }
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let line = before.matches('\n').count() + 1;
            let column = before[line_start..].chars().count() + 1;
            let problem = Problem {
                origin: name.to_owned(),
                position: Some(Position { line, column }),
                path: String::new(),
                message: "this is not UTF-8".to_owned(),
                hint: Some("save the file as UTF-8".to_owned()),
            };
            Report { problems: vec![problem], omitted: 0 }
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(Self { name: name.to_owned(), text, access: Access::Files(PathBuf::new()) })
    }

    /// For messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Without byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where relative paths in the profile start; empty is the current directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.access.directory()
    }

    /// What the text may read besides itself.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The name of a test whose profile gives none.
    #[must_use]
    pub fn stem(&self) -> &str {
        let stem = Path::new(&self.name).file_stem().and_then(|stem| stem.to_str());
        stem.filter(|_| !self.name.starts_with('<')).unwrap_or("rampd")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        Source::from_bytes("p.yaml", bytes.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = Source::read(&directory.path().join("none.yaml")).unwrap_err().to_string();
        assert!(missing.contains("there is no such file") && missing.contains("none.yaml"), "{missing}");
        let is_directory = Source::read(directory.path()).unwrap_err().to_string();
        assert!(is_directory.contains("this is a directory"), "{is_directory}");
    }

    #[test]
    fn other_encodings_are_refused_with_their_place() {
        assert!(refusal(&[0xff, 0xfe, b'a', 0]).contains("UTF-16"));
        assert!(refusal(b"a: 1\nb: \xc4rger").contains("p.yaml:2:4"));
        assert!(refusal(&vec![b'a'; LARGEST + 1]).contains("larger than 1 MiB"));
    }

    #[test]
    fn a_file_larger_than_the_limit_is_not_read_to_its_end() {
        let report = Source::drain(io::repeat(b'#'), "endless").unwrap_err();
        assert!(report.to_string().contains("larger than 1 MiB"));
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        assert_eq!(Source::from_bytes("p", b"\xef\xbb\xbfa: 1".to_vec()).unwrap().text(), "a: 1");
    }

    #[test]
    fn the_stem_names_the_test() {
        assert_eq!(Source::from_bytes("config/quantum-ws.yaml", vec![]).unwrap().stem(), "quantum-ws");
        assert_eq!(Source::from_bytes("<stdin>", vec![]).unwrap().stem(), "rampd");
    }
}

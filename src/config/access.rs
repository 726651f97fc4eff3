//! What a profile may read besides itself. A profile of the operator's names files of this machine; one that somebody
//! has sent names none, and sees none of the process's variables: otherwise whoever may start a load could send this
//! machine's secrets wherever he likes. Nothing else in `config` opens a file, which tests/it/architecture.rs enforces.

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
};

use crate::config::{context::Context, node::Node, tree::Text};

/// Of a profile's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Files; relative paths start here.
    Files(PathBuf),
    /// Nothing.
    Sent,
}

/// A file that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readable(PathBuf);

/// Why a file may not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// The profile was sent.
    #[error("a profile that is sent reads no files of this machine")]
    Sent,
    /// The profile is the operator's, the path is not.
    #[error("a variable of a request names no file")]
    Requested,
}

impl Closed {
    /// What to do about it.
    pub(crate) fn hint(self) -> String {
        match self {
            Self::Sent => "write its content here, or let the operator name this profile in the daemon's configuration",
            Self::Requested => "leave the variable out: only the operator says which files are read",
        }
        .to_owned()
    }
}

impl Readable {
    /// For a file that is not the profile's own choice.
    #[cfg(test)]
    pub(crate) fn of_test(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Without opening it: that would wait for the writer of a pipe.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        std::fs::metadata(&self.0)
    }

    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.0)
    }

    /// For what is read again when the run starts.
    pub(crate) fn into_path(self) -> PathBuf {
        self.0
    }
}

impl Access {
    /// Where relative paths start; empty is the current directory.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Files(directory) => directory,
            Self::Sent => Path::new(""),
        }
    }

    fn file(&self, typed: &str) -> Result<Readable, Closed> {
        match self {
            Self::Files(directory) => Ok(Readable(directory.join(typed))),
            Self::Sent => Err(Closed::Sent),
        }
    }
}

impl Context<'_> {
    /// The file of `${file:PATH}`, whose path has no variables.
    pub(crate) fn file(&self, typed: &str) -> Result<Readable, Closed> {
        self.source().access().file(typed)
    }
}

impl Node<'_> {
    /// The file that this node's text names; none, with a problem, if it may not be read.
    pub(crate) fn file(&self, text: &Text) -> Option<Readable> {
        let access = if text.requested { Err(Closed::Requested) } else { self.context.file(&text.value) };
        access.map_err(|closed| self.problem(closed.to_string(), closed.hint())).ok()
    }
}

#[cfg(test)]
mod tests;

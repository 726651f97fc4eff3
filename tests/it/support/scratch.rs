//! A directory of a test's own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Path of a file that may not exist yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("write into the temporary directory");
        path
    }
}

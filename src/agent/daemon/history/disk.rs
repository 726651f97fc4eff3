//! Files of the history: written whole or not at all.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::agent::daemon::history::{FORMAT, Stored};

/// A profile that waits is in its entry, of at most 1 MiB; JSON may write a byte as six.
const LARGEST_ENTRY: u64 = 8 << 20;
const TEMPORARY: &str = ".tmp";

/// What is in the folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Stored>,
    /// Names of the runs that have one.
    pub(super) records: BTreeSet<String>,
    /// Under their names before.
    pub(super) set_aside: Vec<PathBuf>,
}

/// Requests that wait may have secrets, and nobody else has any business here.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// None if another process has it. The system gives it back however a process ends.
pub(super) fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Reads all entries, removes what a killed daemon was writing, and sets aside what cannot be read.
pub(super) fn scan(dir: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        // Other programs' files in a folder that is not ours alone are let be.
        if !is_own(name) {
            continue;
        }
        if name.ends_with(TEMPORARY) {
            fs::remove_file(&path)?;
        } else if let Some(id) = name.strip_suffix(".record.json") {
            found.records.insert(id.to_owned());
        } else if let Some(id) = name.strip_suffix(".json") {
            match entry(&path, id)? {
                Some(stored) => found.entries.push(stored),
                None => {
                    fs::rename(&path, dir.join(format!("{name}.corrupt")))?;
                    found.set_aside.push(path);
                }
            }
        }
    }
    Ok(found)
}

/// Of an entry, whatever else is in it.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Whether a name begins as those of runs do: `20261124T182730.374Z-`.
fn is_own(name: &str) -> bool {
    let stamp = name.as_bytes().get(..21);
    stamp.is_some_and(|stamp| {
        stamp.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'.',
            19 => *byte == b'Z',
            20 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    })
}

/// None of a file that is damaged; one that cannot be read at present is an error, and stays where it is.
fn entry(path: &Path, id: &str) -> io::Result<Option<Stored>> {
    let bytes = match read(path, LARGEST_ENTRY) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
        read => read?,
    };
    let newer = serde_json::from_slice(&bytes).is_ok_and(|Format { format }| format > FORMAT);
    if newer {
        let why = format!("{} was written by a newer rampd; run that, or another `history.dir`", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let stored = serde_json::from_slice(&bytes).ok();
    Ok(stored.filter(|stored: &Stored| stored.format == FORMAT && stored.entry.id == id))
}

/// Writes beside the file's place, and moves it there when it is on the disk.
pub(super) fn write(dir: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let temporary = dir.join(format!("{name}{TEMPORARY}"));
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        let mut bytes = serde_json::to_vec(value)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, dir.join(name))
    })();
    if written.is_err() {
        // On a full disk it would take room from the next one.
        let _gone = fs::remove_file(&temporary);
    }
    written.and_then(|()| File::open(dir)?.sync_all())
}

/// Removes a file; that it is not there is no error.
pub(super) fn remove(dir: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a file of at most `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

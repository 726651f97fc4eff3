//! The daemon's configuration with the profiles it names, as they were when it was read. All of it is right, or it is not
//! taken.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use jiff::Timestamp;

use crate::{
    agent::{
        api::access::{self, Access},
        daemon::prepare,
    },
    config::{
        daemon::{self, DaemonConfig, ProfileEntry},
        environment::Environment,
        source::Source,
    },
};

/// See the module.
#[derive(Debug)]
pub struct Settings {
    /// What the file says.
    pub config: DaemonConfig,
    /// The profiles' texts by their names in the configuration: what is on disk may be half of the next one.
    pub sources: BTreeMap<String, Source>,
    /// Who may ask the API.
    pub access: Arc<Access>,
    /// The files' states when they were read.
    pub stamps: Stamps,
    /// When.
    pub loaded_at: Timestamp,
}

/// A configuration that is not taken.
#[derive(Debug)]
pub struct Rejected {
    /// Everything that is wrong, for people.
    pub problem: String,
    /// The files that were looked at: when one of them changes it may be right.
    pub stamps: Stamps,
}

impl Settings {
    /// Reads the configuration and every profile it names. `listen` is the address in force, if it is not the configuration's.
    ///
    /// # Errors
    /// Something is wrong.
    pub fn read(path: &Path, listen: Option<SocketAddr>, now: Timestamp) -> Result<Self, Rejected> {
        // Before they are read: a change in between is seen at the next look.
        let mut stamps = Stamps::default();
        stamps.add(path);
        match Self::read_with(path, listen, now, &mut stamps) {
            Ok(settings) => Ok(Self { stamps, ..settings }),
            Err(problem) => Err(Rejected { problem, stamps }),
        }
    }

    fn read_with(path: &Path, listen: Option<SocketAddr>, now: Timestamp, stamps: &mut Stamps) -> Result<Self, String> {
        let source = Source::read(path).map_err(|report| report.to_string())?;
        let config = daemon::load(&source, &Environment::of_process()).map_err(|report| report.to_string())?;
        let mut sources = BTreeMap::new();
        let mut problems = Vec::new();
        if let Some(file) = &config.token_file {
            stamps.add(file);
        }
        let access = access(&config, listen).unwrap_or_else(|error| {
            problems.push(error.to_string());
            Access::default()
        });
        for entry in &config.profiles {
            stamps.add(&entry.file);
            let read = Source::read(&entry.file).map_err(|report| report.to_string());
            let checked = read.and_then(|source| {
                prepare::configured(entry, &source, &config.policy, None).map_err(|refusal| refusal.to_string())?;
                Ok(source)
            });
            match checked {
                Ok(source) => drop(sources.insert(entry.name.clone(), source)),
                Err(problem) => problems.push(format!("profile `{}`: {problem}", entry.name)),
            }
        }
        if problems.is_empty() {
            Ok(Self { config, sources, access: access.into(), stamps: Stamps::default(), loaded_at: now })
        } else {
            Err(problems.join("\n\n"))
        }
    }

    /// A profile of the configuration with its text.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<(&ProfileEntry, &Source)> {
        let entry = self.config.profiles.iter().find(|entry| entry.name == name)?;
        Some((entry, self.sources.get(name)?))
    }
}

/// Whoever listens where others can reach it needs a token.
fn access(config: &DaemonConfig, listen: Option<SocketAddr>) -> Result<Access, access::Error> {
    let token = config.token_file.as_deref().map(access::read_token).transpose()?;
    let access = Access::new(token, config.allowed_hosts.clone());
    access.permits_listening(listen.unwrap_or(config.listen))?;
    Ok(access)
}

/// By what a file is seen to have changed: also when it is replaced by an older one, or a link to it is (as Kubernetes does
/// with a ConfigMap).
type Stamp = Option<(SystemTime, u64, u64)>;

/// The states of files. They are asked for instead of watched: it works for every file system and for links, needs no
/// descriptor, and costs microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<PathBuf, Stamp>);

impl Stamps {
    fn add(&mut self, path: &Path) {
        self.0.insert(path.to_owned(), stamp(path));
    }

    /// The same files now.
    #[must_use]
    pub fn now(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), stamp(path))).collect())
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

/// Tells when files have changed and are whole again: their states must be the same twice.
#[derive(Debug)]
pub struct Watch {
    known: Stamps,
    seen: Stamps,
}

impl Watch {
    /// Compares with these states.
    #[must_use]
    pub fn new(known: Stamps) -> Self {
        Self { seen: known.clone(), known }
    }

    /// Compares with other states from now on.
    pub fn reset(&mut self, known: Stamps) {
        *self = Self::new(known);
    }

    /// Looks at the files. True once for each change, however it is received.
    pub fn changed(&mut self) -> bool {
        let now = self.known.now();
        let is_whole = now == self.seen;
        let is_other = now != self.known;
        self.seen = now.clone();
        if is_whole && is_other {
            self.known = now;
        }
        is_whole && is_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_when_the_file_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rampd.yaml");
        fs::write(&path, "a").unwrap();
        let mut stamps = Stamps::default();
        stamps.add(&path);
        let mut watch = Watch::new(stamps);
        assert!(!watch.changed());
        fs::write(&path, "half of").unwrap();
        assert!(!watch.changed(), "somebody may still be writing");
        fs::write(&path, "half of it").unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
        assert!(!watch.changed() && !watch.changed());
        fs::remove_file(&path).unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("good.yaml", "duration: 1s\nflow: [{ sleep: 1s }]");
        write("bad.yaml", "duraton: 1s\nflow: [{ sleep: 1s }]");
        write("rampd.yaml", "profiles: { a: { file: good.yaml }, b: { file: bad.yaml }, c: { file: none.yaml } }");
        let path = folder.path().join("rampd.yaml");
        let problems = Settings::read(&path, None, Timestamp::UNIX_EPOCH).unwrap_err().problem;
        assert!(problems.contains("profile `b`") && problems.contains("did you mean `duration`?"), "{problems}");
        assert!(problems.contains("profile `c`") && problems.contains("there is no such file"), "{problems}");
        write("rampd.yaml", "profiles: { a: { file: good.yaml } }");
        assert_eq!(Settings::read(&path, None, Timestamp::UNIX_EPOCH).unwrap().profile("a").unwrap().0.name, "a");
    }
}

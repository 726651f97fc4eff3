//! Where the steps of loading put their problems.

use std::cell::{Cell, RefCell};

use crate::catalogue::Metric;
#[cfg(test)]
use crate::config::at::Path;
use crate::config::{
    at::Place,
    data::Data,
    locate,
    problem::{Problem, Report},
    scope::Scope,
    sockets::Sockets,
    source::Source,
};

/// Most problems shown. Each is located by reading the text again, so large texts show fewer.
const SHOWN: usize = 50;
/// Bytes read in all to locate problems; about a second.
const LOCATING: usize = 16 << 20;

struct Found {
    place: Place,
    message: String,
    hint: Option<String>,
}

/// A map that was read: where, the keys that are known there, and those that must be there.
#[cfg(test)]
pub(crate) type ReadMap = (Path, Vec<&'static str>, Vec<&'static str>);

/// A load's source and what is wrong with it so far.
pub(crate) struct Context<'s> {
    source: &'s Source,
    found: RefCell<(Vec<Found>, usize)>,
    /// The names of the flow that is being read.
    pub(crate) scope: RefCell<Scope>,
    /// The connections around the step that is being read.
    pub(crate) sockets: RefCell<Sockets>,
    /// The data files; none if they could not be read.
    pub(crate) data: RefCell<Option<Vec<Data>>>,
    /// The profile's own metrics.
    pub(crate) metrics: RefCell<Vec<&'static Metric>>,
    /// Whether something is wrong with them.
    pub(crate) metrics_unsound: Cell<bool>,
    /// For the schema's tests.
    #[cfg(test)]
    pub(crate) maps: RefCell<Vec<ReadMap>>,
}

impl<'s> Context<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self {
            source,
            found: RefCell::default(),
            scope: RefCell::default(),
            sockets: RefCell::default(),
            data: RefCell::new(Some(Vec::new())),
            metrics: RefCell::default(),
            metrics_unsound: Cell::new(false),
            #[cfg(test)]
            maps: RefCell::default(),
        }
    }

    pub(crate) fn source(&self) -> &'s Source {
        self.source
    }

    pub(crate) fn problem(&self, place: &Place, message: impl Into<String>, hint: Option<String>) {
        let (found, omitted) = &mut *self.found.borrow_mut();
        let most = (LOCATING / self.source.text().len().max(1)).clamp(8, SHOWN);
        if found.len() < most {
            found.push(Found { place: place.clone(), message: message.into(), hint });
        } else {
            *omitted += 1;
        }
    }

    /// Whether there is anything to report; reporting it takes longer.
    #[cfg(test)]
    pub(crate) fn has_problems(&self) -> bool {
        !self.found.borrow().0.is_empty()
    }

    pub(crate) fn into_report(self) -> Report {
        let (found, omitted) = self.found.into_inner();
        let mut problems: Vec<Problem> = found
            .into_iter()
            .map(|Found { place, message, hint }| {
                let origin = self.source.name().to_owned();
                match place {
                    Place::Flag(flag) => {
                        let origin = "command line".to_owned();
                        Problem { origin, position: None, path: flag.to_owned(), message, hint }
                    }
                    Place::Value(path) => {
                        let position = locate::value(self.source.text(), &path.segments());
                        Problem { origin, position, path: path.to_string(), message, hint }
                    }
                    Place::Key(path) => {
                        let position = locate::key(self.source.text(), &path.segments());
                        Problem { origin, position, path: path.to_string(), message, hint }
                    }
                }
            })
            .collect();
        problems.sort_by_key(|problem| problem.position);
        problems.dedup();
        Report { problems, omitted }
    }
}

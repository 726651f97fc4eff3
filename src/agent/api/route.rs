//! What there is below `/api/v1`: one table, which the OpenAPI document is held against.

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::agent::api::problem::Problem;

/// What a request asks for; its name with a small first letter is its `operationId` in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    GetStatus,
    WatchEvents,
    ListProfiles,
    GetProfile,
    ValidateProfile,
    ListRuns,
    StartRun,
    GetRun,
    GetTimeline,
    GetCharts,
    GetReport,
    CompareRuns,
    StopRun,
    PauseRun,
    ResumeRun,
    ScaleRun,
    GetDocument,
}

impl Operation {
    /// Whether it needs a daemon that takes orders.
    pub(super) const fn changes(self) -> bool {
        matches!(
            self,
            Self::ValidateProfile | Self::StartRun | Self::StopRun | Self::PauseRun | Self::ResumeRun | Self::ScaleRun
        )
    }
}

/// `HEAD` is answered wherever `GET` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
}

use Operation as O;
use Verb::{Get, Post};

/// A segment in braces stands for any one.
pub(super) const ROUTES: [(Verb, &str, Operation); 17] = [
    (Get, "/status", O::GetStatus),
    (Get, "/events", O::WatchEvents),
    (Get, "/profiles", O::ListProfiles),
    (Post, "/profiles/validate", O::ValidateProfile),
    (Get, "/profiles/{name}", O::GetProfile),
    (Get, "/runs", O::ListRuns),
    (Post, "/runs", O::StartRun),
    (Get, "/runs/{id}", O::GetRun),
    (Get, "/runs/{id}/timeline", O::GetTimeline),
    (Get, "/runs/{id}/charts", O::GetCharts),
    (Get, "/runs/{id}/report", O::GetReport),
    (Get, "/compare", O::CompareRuns),
    (Post, "/runs/{id}/stop", O::StopRun),
    (Post, "/runs/{id}/pause", O::PauseRun),
    (Post, "/runs/{id}/resume", O::ResumeRun),
    (Post, "/runs/{id}/scale", O::ScaleRun),
    (Get, "/openapi.json", O::GetDocument),
];

/// What a request asks for, of which profile or run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) operation: Operation,
    pub(super) parameter: Option<String>,
}

/// `path` is what follows the prefix.
pub(super) fn find(method: &Method, path: &str) -> Result<Found, Problem> {
    let here: Vec<_> = ROUTES
        .iter()
        .filter_map(|(verb, template, operation)| Some((*verb, *operation, parameter(template, path)?)))
        .collect();
    // `/profiles/validate` is no profile.
    let words = here.iter().any(|(.., parameter)| parameter.is_none());
    let here: Vec<_> = here.into_iter().filter(|(.., parameter)| !words || parameter.is_none()).collect();
    let wanted = if *method == Method::GET || *method == Method::HEAD {
        Some(Get)
    } else {
        (*method == Method::POST).then_some(Post)
    };
    let there = |verb| here.iter().any(|(other, ..)| *other == verb);
    let allowed = match (there(Get), there(Post)) {
        (false, false) => return Err(Problem::not_found("there is nothing here; /openapi.json says what there is")),
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, true) => "POST",
    };
    let found = here.into_iter().find(|(verb, ..)| Some(*verb) == wanted);
    let (_, operation, parameter) = found.ok_or_else(|| Problem::method_not_allowed(allowed))?;
    let parameter = match parameter {
        None => None,
        Some(text) => match percent_decode_str(text).decode_utf8() {
            Ok(text) if !text.is_empty() => Some(text.into_owned()),
            _ => return Err(Problem::not_found("a name in the path is empty or no UTF-8")),
        },
    };
    Ok(Found { operation, parameter })
}

/// Some if `path` is of this template, with what stands in the place of the braces.
fn parameter<'p>(template: &str, path: &'p str) -> Option<Option<&'p str>> {
    let (mut expected, mut segments) = (template.split('/'), path.split('/'));
    let mut parameter = None;
    loop {
        match (expected.next(), segments.next()) {
            (None, None) => return Some(parameter),
            (Some(expected), Some(segment)) if expected.starts_with('{') => parameter = Some(segment),
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
        find(method, path).ok().map(|found| (found.operation, found.parameter))
    }

    #[test]
    fn names_are_decoded_and_words_win_over_names() {
        let named = |name: &str| Some(name.to_owned());
        for (method, path, expected) in [
            (Method::GET, "/status", Some((O::GetStatus, None))),
            (Method::HEAD, "/status", Some((O::GetStatus, None))),
            (Method::GET, "/runs/2026-11-24T12%3A00%3A00Z", Some((O::GetRun, named("2026-11-24T12:00:00Z")))),
            (Method::GET, "/profiles/a%2Fb%20c", Some((O::GetProfile, named("a/b c")))),
            (Method::POST, "/profiles/validate", Some((O::ValidateProfile, None))),
            (Method::GET, "/profiles/validate", None),
            (Method::POST, "/runs/current/stop", Some((O::StopRun, named("current")))),
            (Method::GET, "/status/", None),
            (Method::GET, "/runs/", None),
            (Method::GET, "/runs/%ff", None),
            (Method::GET, "", None),
            (Method::GET, "/runs/a/b/c", None),
        ] {
            assert_eq!(found(&method, path), expected, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        for (method, path, allowed) in [
            (Method::DELETE, "/runs", "GET, HEAD, POST"),
            (Method::POST, "/status", "GET, HEAD"),
            (Method::GET, "/runs/x/stop", "POST"),
            (Method::OPTIONS, "/runs/x/stop", "POST"),
        ] {
            assert_eq!(find(&method, path), Err(Problem::method_not_allowed(allowed)), "{path}");
        }
    }
}

//! Pages that stand alone: a run's report, a comparison. One file each, nothing from elsewhere; read without scripts,
//! printed, in the dark and on a phone. Whatever comes from a run is text and never markup: `maud` escapes it.

mod document;
mod report;
mod values;

pub use document::content_security_policy;
pub use report::report;

/// The look of the page and of reports.
pub const STYLE: &str = include_str!("html/style.css");

/// The cross-hair of charts, a script without globals that finds every chart of its document.
pub const CROSSHAIR: &str = include_str!("html/crosshair.js");

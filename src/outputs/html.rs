//! Pages that stand alone: a run's report, a comparison. One file each, nothing from elsewhere; read without scripts,
//! printed, in the dark and on a phone.

/// The look of the page and of reports.
pub const STYLE: &str = include_str!("html/style.css");

/// The cross-hair of charts, a script without globals that finds every chart of its document.
pub const CROSSHAIR: &str = include_str!("html/crosshair.js");

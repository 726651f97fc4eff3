//! The page at `/`: HTML, styles and scripts that are in the program, so that it works without any other host. What
//! it shows and changes goes through the API alone.

use crate::outputs::html;

/// What a browser may do with the page: its own files, its own API, nothing inline, no frame around it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// For `content-type`.
    pub content_type: &'static str,
    /// As it is sent.
    pub body: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The file at a path of the listener: `/` or one below `/assets/`.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let name = if path == "/" { "index.html" } else { path.strip_prefix("/assets/")? };
    let (content_type, body) = match name {
        "index.html" if path == "/" => (HTML, include_str!("page/index.html")),
        "icon.svg" => (SVG, include_str!("page/icon.svg")),
        "controls.css" => (CSS, include_str!("page/controls.css")),
        // What the page and reports have in common.
        "style.css" => (CSS, html::STYLE),
        "crosshair.js" => (SCRIPT, html::CROSSHAIR),
        "layout.css" => (CSS, include_str!("page/layout.css")),
        "app.js" => (SCRIPT, include_str!("page/app.js")),
        "charts.js" => (SCRIPT, include_str!("page/charts.js")),
        "client.js" => (SCRIPT, include_str!("page/client.js")),
        "elements.js" => (SCRIPT, include_str!("page/elements.js")),
        "format.js" => (SCRIPT, include_str!("page/format.js")),
        "history.js" => (SCRIPT, include_str!("page/history.js")),
        "now.js" => (SCRIPT, include_str!("page/now.js")),
        "profiles.js" => (SCRIPT, include_str!("page/profiles.js")),
        "start.js" => (SCRIPT, include_str!("page/start.js")),
        "steering.js" => (SCRIPT, include_str!("page/steering.js")),
        "stream.js" => (SCRIPT, include_str!("page/stream.js")),
        "theme.js" => (SCRIPT, include_str!("page/theme.js")),
        "thresholds.js" => (SCRIPT, include_str!("page/thresholds.js")),
        "token.js" => (SCRIPT, include_str!("page/token.js")),
        _ => return None,
    };
    Some(Asset { content_type, body })
}

#[cfg(test)]
mod tests;

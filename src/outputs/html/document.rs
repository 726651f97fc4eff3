//! The frame of a page: its head with the style and the policy, its foot with the script.

use std::sync::LazyLock;

use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

use crate::outputs::{
    chart::Chart,
    html::{CROSSHAIR, STYLE},
};

/// Nothing from anywhere but what is in the page, named by its hash: should something of a run ever become markup, the
/// browser does not run it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(CROSSHAIR)
    )
});

/// The policy of reports and comparisons; they carry it themselves, a server may send it too.
#[must_use]
pub fn content_security_policy() -> &'static str {
    &POLICY
}

/// A whole page.
pub(in crate::outputs::html) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(content_security_policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "rampd " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                script { (PreEscaped(CROSSHAIR)) }
            }
        }
    };
    page.into_string()
}

/// Charts side by side as far as there is room.
pub(in crate::outputs::html) fn figures(charts: &[Chart]) -> Markup {
    html! {
        div class="charts" {
            @for chart in charts {
                figure {
                    figcaption { (chart.title) }
                    // Made by `outputs::chart`, which escapes names.
                    (PreEscaped(&chart.svg))
                }
            }
        }
    }
}

/// Names with their values.
pub(in crate::outputs::html) fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, value) in facts {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

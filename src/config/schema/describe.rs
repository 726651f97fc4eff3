//! Descriptions of keys: the rows of docs/profile.md, so that an editor says what the page says.

use super::shape::{Key, Map, Rows};

const PAGE: &str = include_str!("../../../docs/profile.md");

/// What the page says about a key; none if it has no row for it.
pub(super) fn description(map: &Map, key: &Key) -> Option<String> {
    key.about.map(str::to_owned).or_else(|| row(key.rows.unwrap_or(map.rows), key.name))
}

/// The last cell of the key's row, and its default.
fn row(rows: Rows, key: &str) -> Option<String> {
    let code = format!("`{key}`");
    let mut header: Option<Vec<&str>> = None;
    for line in section(rows.heading)? {
        let Some(cells) = cells(line) else {
            header = None;
            continue;
        };
        let head = &*header.get_or_insert_with(|| cells.clone());
        if head.first().map(|first| first.trim_matches('`')) != Some(rows.column.trim_matches('`')) {
            continue;
        }
        if cells.first().is_some_and(|first| first.split(", ").any(|name| name == code)) {
            let default = head.iter().position(|name| *name == "default").and_then(|at| cells.get(at));
            let default = default.filter(|default| !default.is_empty() && **default != "required");
            let meaning = plain(cells.last()?);
            return Some(match default {
                Some(default) => format!("{meaning}\n\nDefault: {}", plain(default)),
                None => meaning,
            });
        }
    }
    None
}

/// Lines below a heading, up to the next one.
fn section(heading: &str) -> Option<impl Iterator<Item = &'static str>> {
    let is_heading = |line: &str| line.starts_with("##");
    let mut lines = PAGE.lines();
    lines.find(|line| is_heading(line) && line.trim_start_matches('#').trim().trim_matches('`') == heading)?;
    Some(lines.take_while(move |line| !is_heading(line)))
}

fn cells(line: &'static str) -> Option<Vec<&'static str>> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split(" |").map(|cell| cell.trim_start_matches('|').trim()).collect())
}

/// Without links: an editor has no page to lead to.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        out.push_str(before);
        match link.split_once("](").and_then(|(name, after)| Some((name, after.split_once(')')?.1))) {
            Some((name, after)) if !name.contains('`') => {
                out.push_str(name);
                rest = after;
            }
            _ => {
                out.push('[');
                rest = link;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_out_and_lists_stay() {
        assert_eq!(
            plain("see [the `x`](a.md#b), `[a, b]` and [tags](#tags)"),
            "see [the `x`](a.md#b), `[a, b]` and tags"
        );
    }

    #[test]
    fn a_row_is_found_below_its_heading_in_its_table() {
        let connect = |column| row(Rows { heading: "websocket", column }, "connect");
        assert_eq!(connect("timeouts").as_deref(), Some("name look-up, TCP and TLS\n\nDefault: 10s"));
        assert_eq!(connect("key"), None);
    }
}

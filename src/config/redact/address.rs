//! Credentials in addresses: users, and values of queries. References are masked.

use super::{
    REDACTED,
    reference::{bare, hidden, is_reference},
};

/// Takes `user:password@` out of every URL in the text.
pub(super) fn without_user(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|char: char| char == '/' || char == '?' || char == '#' || char.is_whitespace());
        let (authority, next) = after.split_at(end.unwrap_or(after.len()));
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                out.push_str(bare(user, |char| char == ':').as_deref().unwrap_or(REDACTED));
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// Takes the values out of the queries of URLs and paths; names stay.
pub(super) fn without_query_values(text: &str) -> String {
    // A reference may stand for the scheme and the host.
    let is_address = text.contains("://") || text.starts_with('/') || text.starts_with(is_reference);
    let Some((address, query)) =
        text.split_once('?').filter(|(address, _)| is_address && !address.contains(char::is_whitespace))
    else {
        return text.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((_, "")) => pair.to_owned(),
        Some((name, value)) => format!("{name}={}", hidden(value)),
        None => hidden(pair),
    });
    format!("{address}?{}", pairs.collect::<Vec<_>>().join("&"))
}

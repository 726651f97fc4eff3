//! `${…}` and `{{ … }}` as single characters, so that what is typed inside of them (spaces, quotes, `?`, `@`) is not taken
//! for the syntax of the text around them.

use super::REDACTED;

/// First words of the header `Authorization`.
const SCHEMES: [&str; 3] = ["Bearer", "Basic", "Token"];
/// Unicode's planes 15 and 16 are for private use: no text of a profile means anything by their characters. The one is for
/// references that are shown as they were typed, the other for those whose defaults are credentials.
const TYPED: u32 = 0xF_0000;
const BARE: u32 = 0x10_0000;
/// Characters of such a plane; the last two are none.
const MOST: u32 = 0xFFFE;

/// The text with a character for each reference, and the references. Those past the first 65,534 stay literal.
pub(super) fn mask(text: &str) -> (String, Vec<&str>) {
    let (mut masked, mut references) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, escape, open, close)) = next(rest) {
        let (literal, from) = rest.split_at(before);
        masked.push_str(literal);
        let index = u32::try_from(references.len()).ok().filter(|index| *index < MOST);
        let end = from[open.len()..].find(close).map(|at| open.len() + at + close.len());
        match (index.and_then(|index| char::from_u32(TYPED + index)), end) {
            (Some(char), Some(end)) if !literal.ends_with(escape) => {
                masked.push(char);
                references.push(&from[..end]);
                rest = &from[end..];
            }
            _ => {
                masked.push_str(open);
                rest = &from[open.len()..];
            }
        }
    }
    masked.push_str(rest);
    (masked, references)
}

/// Where the next reference begins, what would make it a literal, and its brackets.
fn next(text: &str) -> Option<(usize, char, &'static str, &'static str)> {
    let all = [('$', "${", "}"), ('\\', "{{", "}}")];
    all.into_iter().filter_map(|(escape, open, close)| Some((text.find(open)?, escape, open, close))).min()
}

/// Puts the references back: `shown` has the reference and whether it is bare.
pub(super) fn unmask(masked: &str, references: &[&str], shown: impl Fn(&str, bool) -> String) -> String {
    let mut out = String::new();
    for char in masked.chars() {
        let index = u32::from(char).checked_sub(TYPED).map(|index| index % (BARE - TYPED));
        let reference = index.and_then(|index| references.get(usize::try_from(index).ok()?));
        match reference {
            Some(reference) => out.push_str(&shown(reference, u32::from(char) >= BARE)),
            None => out.push(char),
        }
    }
    out
}

pub(super) fn is_reference(char: char) -> bool {
    u32::from(char) >= TYPED
}

/// What is shown of a credential: references without their defaults and a scheme's name, if nothing else is literal.
pub(super) fn hidden(masked: &str) -> String {
    let rest = masked.trim_start();
    let scheme = rest.split_once(' ').filter(|(first, _)| SCHEMES.contains(first));
    let (scheme, rest) = scheme.map_or(("", rest), |(scheme, _)| rest.split_at(scheme.len()));
    bare(rest, char::is_whitespace).map_or_else(|| REDACTED.to_owned(), |rest| format!("{scheme}{rest}"))
}

/// References without their defaults, if nothing else is there but what `is_between` them.
pub(super) fn bare(masked: &str, is_between: impl Fn(char) -> bool) -> Option<String> {
    let is_all = masked.chars().all(|char| is_reference(char) || is_between(char));
    (is_all && masked.contains(is_reference)).then(|| {
        let bare = |char: char| {
            let index = u32::from(char).checked_sub(TYPED).map(|index| index % (BARE - TYPED));
            index.and_then(|index| char::from_u32(BARE + index)).unwrap_or(char)
        };
        masked.chars().map(bare).collect()
    })
}

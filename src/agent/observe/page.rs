//! A page of metrics: Prometheus's text format 0.0.4 and OpenMetrics's, read line by line.
//!
//! Strict where a mistake would change a value (names, quotes, numbers, a page that was cut), and
//! indifferent to what is not looked at: help texts, types, time stamps and exemplars. Nothing of a
//! line is kept.

use std::borrow::Cow;

/// What is wrong with a page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {fault}")]
pub(super) struct Error {
    /// From 1.
    pub(super) line: usize,
    pub(super) fault: Fault,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Fault {
    #[error("no sample on the whole page")]
    Empty,
    #[error("the page is cut within this line")]
    Cut,
    #[error("no name of a metric")]
    Name,
    #[error("malformed labels")]
    Labels,
    #[error("no number")]
    Value,
    #[error("something after the value that is neither a time nor an exemplar")]
    Rest,
    #[error("something after the end of an OpenMetrics page")]
    AfterEnd,
}

/// What a line is about.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'p> {
    /// `# TYPE name …` or `# HELP name …`: the name is known, with or without samples.
    Family(&'p str),
    Sample(Sample<'p>),
}

/// `name{label="value"} 1`
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'p> {
    pub(super) name: Cow<'p, str>,
    pub(super) labels: Vec<(Cow<'p, str>, Cow<'p, str>)>,
    pub(super) value: f64,
    /// Name and labels as they stand there: the same from page to page.
    pub(super) series: &'p str,
}

impl Sample<'_> {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }
}

/// Hands every line that says something to `each`.
///
/// # Errors
/// The first line that is wrong; nothing that was handed over before should be used then.
pub(super) fn read<'p>(text: &'p str, mut each: impl FnMut(Line<'p>)) -> Result<(), Error> {
    let (mut samples, mut ended, mut last) = (0_usize, false, 0);
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        last = number;
        let at = |fault| Error { line: number, fault };
        let content = line.strip_suffix('\n').ok_or_else(|| at(Fault::Cut))?.trim_matches([' ', '\t']);
        if ended && !content.is_empty() {
            return Err(at(Fault::AfterEnd));
        }
        if let Some(comment) = content.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some("TYPE" | "HELP"), Some(name)) => each(Line::Family(name)),
                (Some("EOF"), None) => ended = true,
                _ => {}
            }
        } else if !content.is_empty() {
            each(Line::Sample(sample(content).map_err(at)?));
            samples += 1;
        }
    }
    if samples == 0 { Err(Error { line: last, fault: Fault::Empty }) } else { Ok(()) }
}

fn sample(line: &str) -> Result<Sample<'_>, Fault> {
    let end = line.find(|char| !is_name_char(char)).unwrap_or(line.len());
    let (name, after) = line.split_at(end);
    if name.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(Fault::Name);
    }
    let mut sample = Sample { name: Cow::Borrowed(name), labels: Vec::new(), value: 0.0, series: name };
    let after = after.trim_start_matches([' ', '\t']);
    let rest = match after.strip_prefix('{') {
        Some(inside) => {
            let rest = labels(inside, &mut sample)?;
            sample.series = &line[..line.len() - rest.len()];
            rest
        }
        None => after,
    };
    if sample.name.is_empty() {
        return Err(Fault::Name);
    }
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    sample.value = words.next().and_then(number).ok_or(Fault::Value)?;
    match (words.next(), words.next()) {
        (None, _) => Ok(sample),
        (Some(time), None) if number(time).is_some() => Ok(sample),
        (Some("#"), Some(exemplar)) if exemplar.starts_with('{') => Ok(sample),
        (Some(time), Some("#")) if number(time).is_some() => Ok(sample),
        _ => Err(Fault::Rest),
    }
}

/// Reads up to the closing brace; returns what follows it.
fn labels<'p>(mut rest: &'p str, sample: &mut Sample<'p>) -> Result<&'p str, Fault> {
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (label, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix('=') {
            Some(value) => {
                let (value, after) = quoted(value.trim_start_matches([' ', '\t']))?;
                let digit = label.starts_with(|char: char| char.is_ascii_digit());
                if label.is_empty() || digit || sample.label(&label).is_some() {
                    return Err(Fault::Labels);
                }
                sample.labels.push((label, value));
                after
            }
            // Prometheus 3: a name in quotes stands between the braces.
            None if sample.name.is_empty() && sample.labels.is_empty() && !label.is_empty() => {
                sample.name = label;
                after
            }
            None => return Err(Fault::Labels),
        }
        .trim_start_matches([' ', '\t']);
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.starts_with('}') => rest,
            None => return Err(Fault::Labels),
        };
    }
}

/// A text in double quotes without them, and what follows it; `\\`, `\"` and `\n` are escapes.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), Fault> {
    let inside = text.strip_prefix('"').ok_or(Fault::Labels)?;
    let end = inside.find(['"', '\\']).ok_or(Fault::Labels)?;
    if inside[end..].starts_with('"') {
        return Ok((Cow::Borrowed(&inside[..end]), &inside[end + 1..]));
    }
    let mut value = inside[..end].to_owned();
    let mut characters = inside[end..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((Cow::Owned(value), &inside[end + at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err(Fault::Labels),
            },
            _ => value.push(character),
        }
    }
    Err(Fault::Labels)
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == ':'
}

/// As Go reads it; Rust's `infinity` and `nan` are the same words.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;

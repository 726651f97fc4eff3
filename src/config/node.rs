//! A tree's value with its place, and the typed reads: each returns what it read or reports why not.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use crate::{
    config::{
        at::{Path, Place, Typed},
        context::Context,
        problem::{clean, nearest, shown},
        scenario_env::COPIED_FLOW,
        tree::{Number, Text, Tree},
    },
    units::{bytes, duration},
};

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Node<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) path: Path,
    pub(crate) context: &'t Context<'t>,
}

/// Names that a later version knows, for "not supported yet" instead of "unknown".
pub(crate) type Later = &'static [&'static str];

const DURATION_HINT: &str = "for example `30s`, `1m30s` or `250ms`; a bare number is milliseconds";

impl<'t> Node<'t> {
    pub(crate) fn place(&self) -> Place {
        Place::Value(self.path.clone())
    }

    /// Reports a problem with this value.
    pub(crate) fn problem(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.context.problem(&self.place(), message, hint.into());
    }

    /// Reports "expected …, found …".
    pub(crate) fn expected<T>(&self, what: &str, hint: &str) -> Option<T> {
        if *self.tree != Tree::Unresolved {
            self.problem(format!("expected {what}, found {}", self.tree.describe()), Some(hint.to_owned()));
        }
        None
    }

    /// Reports why a text is wrong; `why` may quote it, so that a text with a secret gets a plainer message.
    pub(crate) fn bad_text<T>(&self, text: &Text, what: &str, why: &str, hint: impl Into<Option<String>>) -> Option<T> {
        match &text.typed {
            Some(typed) => self.problem(format!("the value of `{}` is not {what}", shown(typed)), hint),
            // Messages of other modules quote what was typed.
            None => self.problem(clean(why, 300), hint),
        }
        None
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.tree, Tree::List(_))
    }

    /// With `read`'s result, for what may be checked further later.
    pub(crate) fn typed<T>(&self, read: impl FnOnce(&Self) -> Option<T>) -> Typed<T> {
        Typed { value: read(self), place: self.place() }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.tree, Tree::Map(_))
    }

    /// A map with known keys.
    pub(crate) fn fields(&self, hint: &str) -> Option<Fields<'t>> {
        match self.tree {
            Tree::Map(entries) => Some(Fields {
                node: self.clone(),
                entries,
                known: Vec::new(),
                missing: Vec::new(),
                #[cfg(test)]
                required: Vec::new(),
            }),
            _ => self.expected("a map", hint),
        }
    }

    /// A map with any keys.
    pub(crate) fn entries(&self, hint: &str) -> Option<Vec<(&'t str, Node<'t>)>> {
        match self.tree {
            Tree::Map(entries) => {
                Some(entries.iter().map(|(key, tree)| (key.as_str(), self.child(key, tree))).collect())
            }
            _ => self.expected("a map", hint),
        }
    }

    fn child(&self, key: &str, tree: &'t Tree) -> Node<'t> {
        Node { tree, path: self.path.key(key), context: self.context }
    }

    /// A list.
    pub(crate) fn list(&self, hint: &str) -> Option<Vec<Node<'t>>> {
        match self.tree {
            Tree::List(elements) => {
                let element = |(index, tree)| Node { tree, path: self.path.index(index), context: self.context };
                Some(elements.iter().enumerate().map(element).collect())
            }
            _ => self.expected("a list", hint),
        }
    }

    /// A text; a number must be quoted to be one.
    pub(crate) fn text(&self) -> Option<&'t Text> {
        match self.tree {
            Tree::Text(text) => Some(text),
            Tree::Number(_) | Tree::Bool(_) => self.expected("a text", "put it in quotes"),
            _ => self.expected("a text", "for example `name: my-test`"),
        }
    }

    /// A text, a number or a boolean, as text.
    pub(crate) fn scalar(&self) -> Option<Text> {
        match self.tree {
            Tree::Text(text) => Some(text.clone()),
            Tree::Number(number) => Some(Text::literal(number.to_string())),
            Tree::Bool(flag) => Some(Text::literal(flag.to_string())),
            _ => self.expected("a text, a number or a boolean", "remove the list or map around it"),
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.tree {
            Tree::Bool(flag) => Some(*flag),
            Tree::Text(text @ Text { value, typed: Some(_), .. }) => match value.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => self.bad_text(text, "`true` or `false`", "", None),
            },
            _ => self.expected("`true` or `false`", "without quotes"),
        }
    }

    /// A number; a variable's value may be one.
    pub(crate) fn number(&self, what: &str, hint: &str) -> Option<f64> {
        match self.tree {
            Tree::Number(number) if !number.as_f64().is_nan() => Some(number.as_f64()),
            Tree::Text(text @ Text { value, typed: Some(_), .. }) => match value.trim().parse::<f64>() {
                Ok(number) if !number.is_nan() => Some(number),
                _ => self.bad_text(text, what, "", hint.to_owned()),
            },
            _ => self.expected(what, hint),
        }
    }

    /// A whole number in a range.
    pub(crate) fn whole(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let number = match self.tree {
            Tree::Number(number) => *number,
            Tree::Text(text @ Text { value, typed: Some(_), .. }) => match value.trim().parse::<u64>() {
                Ok(number) => Number::Unsigned(number),
                Err(_) => return self.bad_text(text, "a whole number", "", None),
            },
            Tree::Text(text) if text.value.trim().parse::<f64>().is_ok() => {
                return self.expected("a whole number", "remove the quotes");
            }
            _ => return self.expected("a whole number", "for example `100`"),
        };
        let whole = match number {
            Number::Unsigned(whole) => Some(whole),
            // 2^53: every whole float below is exact.
            Number::Float(float) if float.fract() == 0.0 && (0.0..9e15).contains(&float) => Some(float as u64),
            Number::Negative(_) | Number::Float(_) => None,
        };
        match whole.filter(|whole| range.contains(whole)) {
            Some(whole) => Some(whole),
            None => {
                let (least, most) = (range.start(), range.end());
                if let Tree::Text(text) = self.tree {
                    return self.bad_text(text, &format!("a whole number from {least} to {most}"), "", None);
                }
                let message = match whole {
                    Some(whole) if whole > *most => format!("must be at most {most}, found {whole}"),
                    _ => format!("must be a whole number of at least {least}, found {number}"),
                };
                self.problem(message, None);
                None
            }
        }
    }

    /// `1m30s`, or a bare number of milliseconds.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let hint = || Some(DURATION_HINT.to_owned());
        match self.tree {
            Tree::Number(number) => match duration::from_millis(number.as_f64()) {
                Ok(duration) => Some(duration),
                Err(duration::Error::TooLong(_)) => {
                    self.problem(format!("{number}ms is longer than 10 years"), hint());
                    None
                }
                Err(error) => {
                    self.problem(error.to_string(), hint());
                    None
                }
            },
            Tree::Text(text) => {
                let from_variable = text.typed.is_some().then(|| text.value.trim().parse::<f64>().ok()).flatten();
                let read = from_variable.map_or_else(|| duration::parse(&text.value), duration::from_millis);
                match read {
                    Ok(duration) => Some(duration),
                    Err(error @ duration::Error::MissingUnit(_)) => {
                        let hint = format!(
                            "write `{}s`, or the number without quotes for milliseconds",
                            shown(text.value.trim())
                        );
                        self.bad_text(text, "a duration", &error.to_string(), hint)
                    }
                    Err(error) => self.bad_text(text, "a duration", &error.to_string(), hint()),
                }
            }
            _ => self.expected("a duration", DURATION_HINT),
        }
    }

    /// A duration above zero.
    pub(crate) fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.problem("must be longer than zero", DURATION_HINT.to_owned());
            return None;
        }
        Some(duration)
    }

    /// `1MiB`, or a bare number of bytes.
    pub(crate) fn size(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let hint = "for example `64KiB`, `1MiB` or a bare number of bytes";
        let Tree::Text(text) = self.tree else {
            return self.whole(range);
        };
        match bytes::parse(&text.value) {
            Ok(size) if range.contains(&size) => Some(size),
            Ok(_) => {
                let message = format!("must be from {} to {} bytes", range.start(), range.end());
                self.bad_text(text, "a size in these bounds", &message, hint.to_owned())
            }
            Err(error) => self.bad_text(text, "a size", &error.to_string(), hint.to_owned()),
        }
    }
}

/// A map whose keys are read one by one; what remains is unknown.
pub(crate) struct Fields<'t> {
    pub(crate) node: Node<'t>,
    entries: &'t [(String, Tree)],
    known: Vec<&'static str>,
    missing: Vec<(&'static [&'static str], &'static str)>,
    #[cfg(test)]
    required: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The value of a key; none if it is absent or empty (k6 prints unset options as `null`).
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node<'t>> {
        self.known.push(key);
        self.even_empty(key).filter(|node| *node.tree != Tree::Null)
    }

    /// The value of a key, which may be empty.
    pub(crate) fn take_even_empty(&mut self, key: &'static str) -> Option<Node<'t>> {
        self.known.push(key);
        self.even_empty(key)
    }

    /// The profile's flow, copied into this map for its own variables.
    pub(crate) fn take_copied_flow(&mut self) -> Option<Node<'t>> {
        let node = self.even_empty(COPIED_FLOW)?;
        Some(Node { path: Path::default().key("flow"), ..node })
    }

    fn even_empty(&self, key: &str) -> Option<Node<'t>> {
        let (_, tree) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(self.node.child(key, tree))
    }

    /// Notes that one of `keys` should be there.
    pub(crate) fn missing(&mut self, keys: &'static [&'static str], example: &'static str) {
        self.missing.push((keys, example));
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&mut self, key: &'static [&'static str; 1], example: &'static str) -> Option<Node<'t>> {
        let node = self.take(key[0]);
        #[cfg(test)]
        self.required.push(key[0]);
        if node.is_none() {
            self.missing(key, example);
        }
        node
    }

    /// What was not read, where other keys are names.
    pub(crate) fn rest(self) -> Vec<(&'t str, Node<'t>)> {
        #[cfg(test)]
        self.node.context.maps.borrow_mut().push((self.node.path.clone(), self.known.clone(), self.required.clone()));
        let rest = self.entries.iter().filter(|(name, _)| !self.known.contains(&name.as_str()));
        rest.map(|(name, tree)| (name.as_str(), self.node.child(name, tree))).collect()
    }

    /// Reports every key that was not read, and every missing one that none of those was meant to be.
    /// `later` are names of later versions, `hints` explain some keys. Returns what was meant.
    pub(crate) fn finish(self, later: Later, hints: &BTreeMap<&str, &str>) -> Vec<&'static str> {
        #[cfg(test)]
        self.node.context.maps.borrow_mut().push((self.node.path.clone(), self.known.clone(), self.required.clone()));
        let mut meant = Vec::new();
        let unknown = |key: &str| key != COPIED_FLOW && !self.known.contains(&key);
        for (key, _) in self.entries.iter().filter(|(key, _)| unknown(key)) {
            let place = Place::Key(self.node.path.key(key));
            if later.contains(&key.as_str()) {
                let hint = format!("this version knows {}", quoted(&self.known));
                self.node.context.problem(&place, format!("`{key}` is not supported yet"), Some(hint));
                continue;
            }
            let hint = match (hints.get(key.as_str()), nearest(key, self.known.iter().copied())) {
                (Some(hint), _) => (*hint).to_owned(),
                (None, Some(name)) => {
                    meant.extend(self.known.iter().filter(|known| **known == name));
                    format!("did you mean `{name}`?")
                }
                (None, None) => format!("known here: {}", quoted(&self.known)),
            };
            self.node.context.problem(&place, format!("unknown key `{}`", shown(key)), Some(hint));
        }
        for (keys, example) in &self.missing {
            if !keys.iter().any(|key| meant.contains(key)) {
                let keys = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ");
                self.node.problem(format!("{keys} is missing"), format!("for example `{example}`"));
            }
        }
        meant
    }
}

/// `a`, `b`, `c`.
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

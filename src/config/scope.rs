//! The names that a flow captures, sets and uses. Each gets its slot when it is first met; what is
//! wrong with them is known when the whole flow has been read.

use std::cell::RefCell;

use crate::config::{
    at::{Path, Place},
    context::Context,
    node::quoted,
    problem::{did_you_mean, shown},
    template::{placeholder_names, variables::Slot},
};

/// Most names of one flow: each VU has room for all of them.
const MOST: usize = 1000;

/// The names of the flow that is being read.
#[derive(Default)]
pub(crate) struct Scope {
    names: Vec<Name>,
    /// The loops around the present step, by number; each has one of its own.
    loops: Vec<usize>,
    /// Loops so far.
    begun: usize,
    overfull: bool,
}

struct Name {
    text: String,
    is_given: bool,
    /// The loops around the first step that gives it a value.
    given_in: Vec<usize>,
    /// Uses before anything has given it a value.
    early: Vec<Use>,
}

/// A placeholder.
struct Use {
    path: Path,
    /// What was typed, if variables were filled in.
    typed: Option<String>,
    /// The loops around it: a later step of the same loop comes before it in the next round.
    loops: Vec<usize>,
}

/// Whether a placeholder can have this name: a letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Reads a flow with names of its own, and reports those that stand for nothing.
pub(crate) fn flow<T>(context: &Context<'_>, read: impl FnOnce() -> T) -> T {
    let outer = context.scope.take();
    let read = read();
    context.scope.replace(outer).report(context);
    read
}

/// Reads the steps of a loop, where a later step comes before an earlier one.
pub(crate) fn in_loop<T>(scope: &RefCell<Scope>, read: impl FnOnce() -> T) -> T {
    {
        let mut scope = scope.borrow_mut();
        scope.begun += 1;
        let number = scope.begun;
        scope.loops.push(number);
    }
    let read = read();
    scope.borrow_mut().loops.pop();
    read
}

impl Scope {
    /// A placeholder of the name stands at `path`.
    pub(crate) fn used(&mut self, name: &str, path: &Path, typed: Option<&String>) -> Option<Slot> {
        let loops = self.loops.clone();
        let (slot, name) = self.name(name)?;
        if !name.is_given {
            name.early.push(Use { path: path.clone(), typed: typed.cloned(), loops });
        }
        Some(slot)
    }

    /// A step gives the name a value. None after a problem.
    pub(crate) fn given(&mut self, name: &str, path: &Path, context: &Context<'_>) -> Option<Slot> {
        let refuse = |message: String, hint: &str| {
            context.problem(&Place::Key(path.clone()), message, Some(hint.to_owned()));
            None
        };
        if !is_name(name) {
            let message = format!("`{}` is no name of a value", shown(name));
            return refuse(message, "use letters, digits and `_`, not a digit first");
        }
        if placeholder_names().contains(&name) {
            return refuse(format!("`{name}` has a meaning already"), "choose another name");
        }
        let loops = self.loops.clone();
        let Some((slot, name)) = self.name(name) else {
            if std::mem::replace(&mut self.overfull, true) {
                return None;
            }
            return refuse(format!("more than {MOST} names in one flow"), "each VU has room for all of them");
        };
        if !std::mem::replace(&mut name.is_given, true) {
            name.given_in = loops;
        }
        Some(slot)
    }

    fn name(&mut self, text: &str) -> Option<(Slot, &mut Name)> {
        let at = self.names.iter().position(|name| name.text == text).unwrap_or(self.names.len());
        if at == self.names.len() {
            if at == MOST {
                return None;
            }
            self.names.push(Name { text: text.to_owned(), is_given: false, given_in: Vec::new(), early: Vec::new() });
        }
        Some((Slot::new(u16::try_from(at).ok()?), self.names.get_mut(at)?))
    }

    fn report(self, context: &Context<'_>) {
        let given = || self.names.iter().filter(|name| name.is_given).map(|name| name.text.as_str());
        for name in &self.names {
            let shown_name = shown(&name.text);
            for Use { path, typed, loops } in &name.early {
                let place = Place::Value(path.clone());
                if name.is_given {
                    if !loops.iter().any(|one| name.given_in.contains(one)) {
                        let message = format!("`{{{{ {shown_name} }}}}` is used before a step gives it a value");
                        let hint = "a value lives for one iteration: capture or set it in an earlier step";
                        context.problem(&place, message, Some(hint.to_owned()));
                    }
                    continue;
                }
                let known: Vec<_> = placeholder_names().into_iter().chain(given()).collect();
                let near = did_you_mean(&name.text, known.iter().copied()).filter(|_| typed.is_none());
                let message = match typed {
                    Some(typed) => format!("the value of `{}` is not a template", shown(typed)),
                    None => format!("unknown placeholder `{{{{ {shown_name} }}}}`"),
                };
                context.problem(&place, message, Some(near.unwrap_or_else(|| literal_hint(&known))));
            }
        }
    }
}

/// What there is, for a placeholder that is nothing.
pub(crate) fn literal_hint(known: &[&str]) -> String {
    let shown = known.get(..20).unwrap_or(known);
    format!(r"known: {}; `\{{{{` is a literal `{{{{`", quoted(shown))
}

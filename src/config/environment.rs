//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` in a profile's values.
//!
//! They are filled in after the text has been parsed, so that no value can add keys or steps.
//! `$${` stands for `${`. Keys are taken as they are.

use std::{borrow::Cow, collections::BTreeMap, fmt, io::Read as _};

use crate::config::{
    access::Access,
    at::{Path, Place},
    context::Context,
    problem::{did_you_mean, shown},
    scenario_env,
    source::LARGEST,
    tree::{Text, Tree},
};

/// What `${NAME}` stands for. Values may be secrets: none is in a message or a `Debug` text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    values: BTreeMap<String, Value>,
}

/// A variable's value.
#[derive(Clone, PartialEq, Eq)]
struct Value {
    text: String,
    origin: Origin,
}

/// Who has set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Whoever started this process, for it and not for the profile: not for the eyes of a profile that was sent.
    Process,
    /// The user, for the profile.
    Given,
    /// A request over the API.
    Requested,
}

impl Environment {
    /// The process's environment, without what is not UTF-8.
    #[must_use]
    pub fn of_process() -> Self {
        let pairs =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { values: pairs.map(|(name, text)| (name, Value { text, origin: Origin::Process })).collect() }
    }

    /// Sets a value, as `-e NAME=VALUE` does; it replaces one of the process.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), Value { text: value.into(), origin: Origin::Given });
    }

    /// Sets a value that a request over the API has brought. It names no files, not even by way of other variables.
    pub fn request(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), Value { text: value.into(), origin: Origin::Requested });
    }

    /// What a profile with this access sees of it.
    pub(crate) fn seen_with(&self, access: &Access) -> Cow<'_, Self> {
        match access {
            Access::Files(_) => Cow::Borrowed(self),
            Access::Sent => {
                let given = self.values.iter().filter(|(_, value)| value.origin != Origin::Process);
                Cow::Owned(Self { values: given.map(|(name, value)| (name.clone(), value.clone())).collect() })
            }
        }
    }

    /// A value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
    }

    /// Reads `NAME=VALUE`, the argument of `-e`.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn parse_assignment(text: &str) -> Result<(String, String), String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        if !is_name(name) {
            return Err(format!("`{}` is no name of a variable; expected NAME=VALUE", shown(name)));
        }
        Ok((name.to_owned(), value.to_owned()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut environment = Self::default();
        pairs.into_iter().for_each(|(name, value)| environment.set(name, value));
        environment
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

/// Most bytes that variables may add to a profile: a 1 MiB file could name a 1 MiB secret 100 000 times.
const BUDGET: usize = 8 << 20;

/// Fills in every text of `tree`. The map `env` has the defaults of variables that are not set; its
/// own values are filled in first, from `environment` only.
pub(crate) fn substitute(tree: &mut Tree, environment: &Environment, context: &Context<'_>) {
    let mut filler = Filler { values: environment.values.clone(), context, added: 0, stopped: false };
    let root = Path::default();
    let Tree::Map(entries) = tree else {
        return;
    };
    if let Some((key, env)) = entries.iter_mut().find(|(key, _)| key == "env") {
        filler.fill(env, &root.key(key));
        for (name, default) in scalars(env) {
            filler.values.entry(name).or_insert(default);
        }
    }
    let copies = scenario_env::copy_flow(entries);
    if copies.too_large {
        let message = "the copies of the `flow` for scenarios with an `env` of their own are too large together";
        let hint = "give fewer scenarios an `env`, or let them share one by a `flow` without it".to_owned();
        context.problem(&Place::Key(root.key("scenarios")), message, Some(hint));
    }
    for (key, value) in entries.iter_mut().filter(|(key, _)| key != "env") {
        match key.as_str() {
            "scenarios" => filler.fill_scenarios(value, &root.key(key)),
            // Each scenario has a copy with its own variables; some may exist there only.
            "flow" if !copies.shared && !copies.too_large => *value = Tree::Unresolved,
            _ => filler.fill(value, &root.key(key)),
        }
    }
}

struct Filler<'c> {
    values: BTreeMap<String, Value>,
    context: &'c Context<'c>,
    added: usize,
    stopped: bool,
}

/// The names and values of an `env`.
fn scalars(env: &Tree) -> BTreeMap<String, Value> {
    let Tree::Map(entries) = env else { return BTreeMap::new() };
    let own = |text| Some(Value { text, origin: Origin::Given });
    let scalar = |value: &Tree| match value {
        Tree::Text(text) if text.requested => Some(Value { text: text.value.clone(), origin: Origin::Requested }),
        Tree::Text(text) => own(text.value.clone()),
        Tree::Number(number) => own(number.to_string()),
        Tree::Bool(flag) => own(flag.to_string()),
        Tree::Null | Tree::List(_) | Tree::Map(_) | Tree::Unresolved => None,
    };
    entries.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
}

/// What is wrong, and what to do about it.
type Fault = (String, Option<String>);

impl Filler<'_> {
    /// As in k6, the `env` of a scenario wins over everything within it.
    fn fill_scenarios(&mut self, tree: &mut Tree, path: &Path) {
        let Tree::Map(scenarios) = tree else { return self.fill(tree, path) };
        for (name, scenario) in scenarios {
            let path = path.key(name);
            let Some(env) = scenario_env::of(scenario) else {
                self.fill(scenario, &path);
                continue;
            };
            self.fill(env, &path.key("env"));
            let own = scalars(env);
            let common = self.values.clone();
            self.values.extend(own);
            let Tree::Map(entries) = scenario else { continue };
            for (key, value) in entries.iter_mut().filter(|(key, _)| key != "env") {
                let place = if key == scenario_env::COPIED_FLOW { Path::default().key("flow") } else { path.key(key) };
                self.fill(value, &place);
            }
            self.values = common;
        }
    }

    fn fill(&mut self, tree: &mut Tree, path: &Path) {
        match tree {
            Tree::Text(text) => {
                if !self.fill_text(text, path) {
                    *tree = Tree::Unresolved;
                }
            }
            Tree::List(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.fill(element, &path.index(index));
                }
            }
            Tree::Map(entries) => {
                for (key, value) in entries {
                    self.fill(value, &path.key(key));
                }
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Unresolved => {}
        }
    }

    /// False if a variable is wrong; that is reported then.
    fn fill_text(&mut self, text: &mut Text, path: &Path) -> bool {
        if !text.value.contains("${") {
            return true;
        }
        if self.stopped {
            return false;
        }
        let (message, hint) = match self.expand(&text.value) {
            Ok(filled) if self.added + filled.value.len() <= BUDGET => {
                self.added += filled.value.len();
                *text = filled;
                return true;
            }
            Ok(_) => {
                self.stopped = true;
                ("variables make this profile larger than 8 MiB".to_owned(), None)
            }
            Err(fault) => fault,
        };
        self.context.problem(&Place::Value(path.clone()), message, hint);
        false
    }

    fn expand(&self, text: &str) -> Result<Text, Fault> {
        let mut out = String::new();
        let mut requested = false;
        let mut rest = text;
        // One text could name a large file a hundred thousand times; the caller refuses what is too long.
        while out.len() <= BUDGET
            && let Some(open) = rest.find("${")
        {
            if rest[..open].ends_with('$') {
                out.push_str(&rest[..open - 1]);
                out.push_str("${");
                rest = &rest[open + 2..];
                continue;
            }
            out.push_str(&rest[..open]);
            let inside = &rest[open + 2..];
            let literal = || Some("write `$${` for a literal `${`".to_owned());
            let close = inside.find('}').ok_or_else(|| ("`${` is never closed by `}`".to_owned(), literal()))?;
            let reference = &inside[..close];
            if reference.contains("${") {
                return Err(("variables cannot be nested".to_owned(), literal()));
            }
            let value = self.value_of(reference)?;
            requested |= value.origin == Origin::Requested;
            out.push_str(&value.text);
            rest = &inside[close + 1..];
        }
        out.push_str(rest);
        Ok(Text { value: out, typed: Some(text.to_owned()), requested })
    }

    fn value_of(&self, reference: &str) -> Result<Cow<'_, Value>, Fault> {
        let own = |text| Cow::Owned(Value { text, origin: Origin::Given });
        if let Some(path) = reference.strip_prefix("file:") {
            return self.read(path).map(own);
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            let message = format!("`${{{}}}` names no variable", shown(reference));
            return Err((
                message,
                Some("use `${NAME}`, `${NAME:-default}` or `${file:PATH}`; `$${` is a literal `${`".to_owned()),
            ));
        }
        // As in a shell, `:-` replaces an empty value too.
        match (self.values.get(name), default) {
            (Some(value), Some(default)) if value.text.is_empty() => Ok(own(default.to_owned())),
            (Some(value), _) => Ok(Cow::Borrowed(value)),
            (None, Some(default)) => Ok(own(default.to_owned())),
            (None, None) => {
                let near = did_you_mean(name, self.values.keys().map(String::as_str));
                let set = format!("set it with `-e {name}=…`, or give a default: `${{{name}:-…}}`");
                let hint = near.map_or_else(|| set.clone(), |near| format!("{set}; {near}"));
                Err((format!("the variable `{name}` is not set"), Some(hint)))
            }
        }
    }

    fn read(&self, typed: &str) -> Result<String, Fault> {
        let file = self.context.file(typed).map_err(|closed| (closed.to_string(), Some(closed.hint())))?;
        let failed = |why: &str| (format!("cannot read the file `{}` of `${{file:…}}`: {why}", shown(typed)), None);
        let mut bytes = Vec::new();
        let file = file.open().map_err(|error| failed(&error.to_string()))?;
        file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error.to_string()))?;
        if bytes.len() > LARGEST {
            return Err(failed("it is larger than 1 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{document, source::Source};

    fn filled(text: &str) -> Result<Tree, String> {
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let mut tree = document::parse(source.text()).unwrap();
        let context = Context::new(&source);
        substitute(&mut tree, &[("HOST", "h"), ("EMPTY", ""), ("YAML", "x\nb: 1")].into_iter().collect(), &context);
        let report = context.into_report();
        if report.problems.is_empty() { Ok(tree) } else { Err(report.to_string()) }
    }

    fn get<'t>(tree: &'t Tree, wanted: &str) -> &'t Tree {
        let Tree::Map(entries) = tree else { panic!("{tree:?}") };
        &entries.iter().find(|(key, _)| key == wanted).unwrap().1
    }

    fn value(text: &str) -> String {
        match get(&filled(&format!("a: '{text}'")).unwrap(), "a") {
            Tree::Text(text) => text.value.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn variables_have_values_and_defaults() {
        for (text, expected) in [
            ("ws://${HOST}/${HOST}", "ws://h/h"),
            ("${NONE:-x:-y}", "x:-y"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${NONE:-}", ""),
            ("$${HOST} $HOST $ {HOST}", "${HOST} $HOST $ {HOST}"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let unset = filled("a: 1\nb: [x, \"${HOTS}\"]").unwrap_err();
        assert!(
            unset.contains("`HOTS` is not set") && unset.contains("p.yaml:2:8 at b[1]") && unset.contains("`HOST`"),
            "{unset}"
        );
        for (text, message) in [
            ("${HOST", "never closed"),
            ("${}", "names no variable"),
            ("${A B}", "names no variable"),
            ("${A:-${HOST}}", "nested"),
            ("${file:/does/not/exist}", "cannot read the file"),
        ] {
            let report = filled(&format!("a: '{text}'")).unwrap_err();
            assert!(report.contains(message), "{report}");
        }
    }

    #[test]
    fn a_value_stays_one_text() {
        let tree = filled("a: ${YAML}").unwrap();
        assert_eq!(
            tree,
            Tree::Map(vec![(
                "a".into(),
                Tree::Text(Text { value: "x\nb: 1".into(), typed: Some("${YAML}".into()), requested: false })
            )])
        );
    }

    #[test]
    fn defaults_of_the_profile_yield_to_the_environment() {
        let tree = filled("env: { HOST: other, PORT: 1, UP: \"${HOST}!\" }\na: ${HOST}:${PORT}:${UP}").unwrap();
        assert!(matches!(get(&tree, "a"), Tree::Text(text) if text.value == "h:1:h!"), "{tree:?}");
    }

    #[test]
    fn a_secret_file_loses_its_line_end() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "s3cret\n").unwrap();
        std::fs::write(directory.path().join("p.yaml"), "a: 'Bearer ${file:token}'").unwrap();
        let source = Source::read(&directory.path().join("p.yaml")).unwrap();
        let mut tree = document::parse(source.text()).unwrap();
        substitute(&mut tree, &Environment::default(), &Context::new(&source));
        assert!(matches!(get(&tree, "a"), Tree::Text(text) if text.value == "Bearer s3cret"));
        assert!(!format!("{tree:?}").contains("s3cret"));
    }

    #[test]
    fn variables_cannot_fill_the_memory() {
        let list = vec!["${BIG}"; 10_000].join(",");
        let source =
            Source::from_bytes("p.yaml", format!("a: [\"{}\"]", list.replace(',', "\",\"")).into_bytes()).unwrap();
        let mut tree = document::parse(source.text()).unwrap();
        let context = Context::new(&source);
        substitute(&mut tree, &[("BIG", "x".repeat(100_000))].into_iter().collect(), &context);
        let report = context.into_report();
        assert_eq!(report.problems.len(), 1);
        assert!(report.to_string().contains("larger than 8 MiB"));
    }

    #[test]
    fn assignments_are_read() {
        assert_eq!(Environment::parse_assignment("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(Environment::parse_assignment("A").is_err());
        assert!(Environment::parse_assignment("=b").is_err());
    }
}

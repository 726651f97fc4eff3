//! The shape of the code, enforced: data flows config → plan → engine → protocol → metrics → slo →
//! outputs, and no module imports against the flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::support::repository;

/// What each module may import of this crate, besides itself.
const IMPORTS: [(&str, &[&str]); 17] = [
    ("units", &[]),
    ("clock", &[]),
    ("catalogue", &[]),
    ("config", &["units", "catalogue"]),
    ("plan", &["config", "units", "catalogue"]),
    ("metrics", &["units", "clock", "catalogue"]),
    ("protocol", &["metrics", "config", "units", "clock"]),
    ("engine", &["plan", "protocol", "metrics", "config", "units", "clock", "catalogue"]),
    ("slo", &["config", "metrics", "catalogue", "units", "clock"]),
    ("outputs", &["slo", "metrics", "plan", "config", "catalogue", "units", "clock"]),
    ("fleet", &["outputs", "slo", "metrics", "plan", "config", "catalogue", "units", "clock", "exit"]),
    // An output of the profile, not of a run.
    ("generate", &["slo", "metrics", "plan", "config", "catalogue", "units"]),
    // The target of `demo` and `--echo`: no part of a run's data flow.
    ("echo", &["clock"]),
    // What `serve` decides.
    ("daemon", &["config", "units"]),
    ("exit", &[]),
    ("agent", EVERYTHING),
    ("cli", EVERYTHING),
];
const EVERYTHING: &[&str] = &[
    "agent",
    "catalogue",
    "cli",
    "clock",
    "config",
    "daemon",
    "echo",
    "engine",
    "exit",
    "fleet",
    "generate",
    "metrics",
    "outputs",
    "plan",
    "protocol",
    "slo",
    "units",
];
/// Values and decisions, without a runtime.
const PURE: [&str; 10] =
    ["units", "clock", "catalogue", "config", "plan", "metrics", "slo", "generate", "fleet", "daemon"];
const LONGEST_FILE: usize = 500;

/// A source file: its module and its code without comments and literals.
struct Source {
    path: PathBuf,
    module: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = repository().join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(!files.is_empty());
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("readable");
            let inside = path.strip_prefix(&root).expect("below src");
            let first = inside.components().next().expect("a file").as_os_str();
            let module = Path::new(first).with_extension("").to_str().expect("UTF-8").to_owned();
            Source { path: inside.to_owned(), module, lines: text.lines().count(), code: code_of(&text) }
        })
        .collect()
}

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without comments, strings and characters, which may name anything.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let literal = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if character == '"' {
            string_length(rest)
        } else if let Some(hashes) = raw_string_hashes(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            rest[hashes + 2..].find(&end).map_or(rest.len(), |at| hashes + 2 + at + end.len())
        } else if character == '\'' {
            character_length(rest)
        } else {
            0
        };
        if literal == 0 {
            code.push(character);
            rest = &rest[character.len_utf8()..];
        } else {
            code.push(' ');
            // A name must not grow together with a literal's end.
            rest = &rest[literal..];
        }
    }
    code
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn raw_string_hashes(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?.chars().take_while(|character| *character == '#').count();
    text[1 + hashes..].starts_with('"').then_some(hashes)
}

/// Length of a character literal, 0 for a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|(_, end)| *end == '\'').map_or(0, |(at, _)| at + 3),
        Some(_) => characters.next().filter(|(_, end)| *end == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `name` stands in `code` as a whole word.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(is_name)
            && !code[at + name.len()..].chars().next().is_some_and(is_name)
    })
}

/// The first parts of all paths that begin with `crate::`, groups included.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, root) in code.match_indices("crate::") {
        if code[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let rest = code[at + root.len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(rest.chars().take_while(|character| is_name(*character)).collect());
            continue;
        };
        let (mut depth, mut entry) = (0_usize, String::new());
        for character in group.chars() {
            match character {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => found.extend(first_name(&std::mem::take(&mut entry))),
                _ if depth == 0 => entry.push(character),
                _ => {}
            }
        }
        found.extend(first_name(&entry));
    }
    found
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.trim_start().chars().take_while(|character| is_name(*character)).collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn paths_are_found_in_groups_and_inline_but_not_in_comments_and_literals() {
    let code = code_of(concat!(
        "//! See [`crate::slo`].\nuse crate::{\n    units::{tags::Tags, duration},\n    clock,\n};\n",
        "/* crate::outputs */ fn f<'a>(x: &'a str) -> char { crate :: x; crate::plan::ramp(x); '\\'' }\n",
        "const A: &str = \"crate::agent \\\" crate::cli\"; const B: &str = r#\"crate::engine\"#; const C: char = '\"';\n",
        "pub(in crate::metrics) fn g() { my_crate::protocol(); '\\u{1F600}'; }",
    ));
    let expected = ["units", "clock", "plan", "metrics"].map(str::to_owned);
    assert_eq!(crate_paths(&code), BTreeSet::from(expected));
    assert!(names("use serde_yaml::Value", "serde_yaml") && !names("serde_yaml_x; xserde_yaml", "serde_yaml"));
}

#[test]
fn no_module_imports_against_the_flow() {
    let allowed: BTreeMap<_, _> = IMPORTS.into_iter().collect();
    let mut wrong = Vec::new();
    // Tests in files of their own may build their subjects from anything.
    for source in sources().into_iter().filter(|source| !source.path.ends_with("tests.rs")) {
        let Some(allowed) = allowed.get(source.module.as_str()) else {
            let root = matches!(source.module.as_str(), "lib" | "main");
            assert!(root, "{}: add the module `{}` to IMPORTS", source.path.display(), source.module);
            continue;
        };
        for path in crate_paths(&source.code) {
            // Types at the crate's root would be a way around the table.
            if path != source.module && !allowed.contains(&path.as_str()) {
                wrong.push(format!("{} names crate::{path}", source.path.display()));
            }
        }
        if names(&source.code, "super::super") || source.code.contains("crate ::") {
            wrong.push(format!("{}: write the path from `crate::`", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "imports against the flow (CONTRIBUTING.md, \"Shape\"):\n{}", wrong.join("\n"));
}

#[test]
fn only_the_exposition_names_prometheus_and_only_the_yaml_loader_names_serde_yaml() {
    for (name, home) in [
        ("prometheus", &["metrics/exposition.rs"][..]),
        // One reads a document, the other finds the place of a value in it.
        ("serde_yaml", &["config/document.rs", "config/locate.rs"]),
    ] {
        let mut files: Vec<_> = sources().into_iter().filter(|source| names(&source.code, name)).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let paths: Vec<_> = files.iter().map(|source| source.path.to_str().expect("UTF-8")).collect();
        assert_eq!(paths, home, "files that name {name}");
    }
}

/// What is not compiled into the program is left out.
fn without_tests(code: &str) -> &str {
    code.split_once("#[cfg(test)]\nmod tests {").map_or(code, |(code, _)| code)
}

#[test]
fn profiles_read_files_and_variables_only_where_it_is_asked_whether_they_may() {
    for (names_of, homes) in [
        // The profile itself, and what it names.
        (&["fs", "File", "read_to_string", "PathBuf"][..], &["config/access.rs", "config/source.rs"][..]),
        (&["env", "vars_os", "var_os"], &["config/environment.rs"]),
    ] {
        let is_loader = |source: &Source| {
            let apart = ["tests.rs", "documentation.rs"].iter().any(|file| source.path.ends_with(file));
            source.module == "config" && !apart && !source.path.to_str().expect("UTF-8").contains("/tests/")
        };
        let found: BTreeSet<_> = sources()
            .into_iter()
            .filter(|source| is_loader(source))
            .filter(|source| names_of.iter().any(|name| names(without_tests(&source.code), name)))
            .map(|source| source.path.to_str().expect("UTF-8").to_owned())
            .collect();
        assert_eq!(found, homes.iter().map(|home| (*home).to_owned()).collect(), "files that name {names_of:?}");
    }
}

#[test]
fn the_pure_modules_know_no_runtime() {
    for source in sources().iter().filter(|source| PURE.contains(&source.module.as_str())) {
        for runtime in ["tokio", "hyper", "hyper_util", "socket2"] {
            assert!(!names(&source.code, runtime), "{} names {runtime}", source.path.display());
        }
    }
}

#[test]
fn files_are_short_and_none_is_called_mod_or_utils() {
    for source in sources() {
        let path = source.path.display();
        assert!(source.lines <= LONGEST_FILE, "{path} has {} lines, at most {LONGEST_FILE}", source.lines);
        let name = source.path.file_stem().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(!["mod", "utils", "util", "helpers", "misc"].contains(&name), "{path}");
    }
}

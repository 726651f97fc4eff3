//! The profiles on the documentation's pages are read by the loader, so that they cannot rot, and
//! every key that the loader knows is explained.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::config::{environment::Environment, load, overrides::Overrides, source::Source, template};

const PAGES: [&str; 2] = ["docs/profile.md", "README.md"];
/// A usable certificate: the loader looks into the file.
const CERTIFICATE: &str = include_str!("../../tests/config_errors/ca.pem");

/// Blocks of a page in one language, with the line that each begins on.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut wanted = false;
    for (line, number) in page.lines().zip(1..) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                wanted = info.trim() == language;
                open = Some((number, String::new()));
            }
            (Some(_), Some(block)) => blocks.extend(Some(block).filter(|_| wanted)),
            (None, Some((start, text))) => open = Some((start, format!("{text}{line}\n"))),
            (None, None) => {}
        }
    }
    blocks
}

/// The block, with a flow and a load if it shows a part that has none.
fn completed(block: &str) -> String {
    let has = |key: &str| block.lines().any(|line| line.starts_with(key));
    let mut text = block.to_owned();
    if !has("flow:") {
        text.push_str("flow: [{ sleep: 1s }]\n");
    }
    if !["stages:", "duration:", "scenarios:"].into_iter().any(has) {
        text.push_str("duration: 1s\n");
    }
    text
}

/// Every profile on the pages, written into `folder` with the files that they name, by where it stands.
pub(super) fn shown_profiles(folder: &Path) -> Vec<(String, PathBuf)> {
    fs::write(folder.join("ca.pem"), CERTIFICATE).unwrap();
    fs::write(folder.join("token"), "secret\n").unwrap();
    fs::write(folder.join("users.csv"), "name,password\nann,secret\n").unwrap();
    fs::write(folder.join("words.json"), r#"[{ "text": "hello" }]"#).unwrap();
    for name in ["client.pem", "client.key"] {
        fs::copy(Path::new("tests/config_errors").join(name), folder.join(name)).unwrap();
    }
    let mut profiles = Vec::new();
    for page in PAGES {
        let found = blocks(&fs::read_to_string(page).unwrap(), "yaml");
        assert!(!found.is_empty(), "{page} shows a profile");
        for (line, block) in found {
            let path = folder.join(format!("profile-{}.yaml", profiles.len()));
            fs::write(&path, completed(&block)).unwrap();
            profiles.push((format!("the block at {page}:{line}"), path));
        }
    }
    profiles
}

/// What the profiles on the pages ask for.
pub(super) fn environment() -> Environment {
    [("TOKEN", "secret")].into_iter().collect()
}

#[test]
fn every_profile_on_the_pages_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (place, path) in shown_profiles(folder.path()) {
        let loaded = Source::read(&path).and_then(|source| load(&source, &environment(), &Overrides::default()));
        if let Err(report) = loaded {
            panic!("{place}\n{report}");
        }
    }
}

#[test]
fn the_readme_shows_the_seeds_profile_as_it_is() {
    let profile = fs::read_to_string("config/quantum-ws.yaml").unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    assert!(blocks(&readme, "yaml").iter().any(|(_, block)| *block == profile), "config/quantum-ws.yaml in README.md");
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { rust_files(&path, found) } else { found.push(path) }
    }
}

/// The names that the decoder takes from maps.
pub(super) fn keys() -> Vec<String> {
    let mut files = vec![PathBuf::from("src/config/decode.rs")];
    rust_files(Path::new("src/config/decode"), &mut files);
    let mut keys = Vec::new();
    for file in files {
        let code = fs::read_to_string(file).unwrap();
        for call in [".take(\"", ".take_even_empty(\"", ".require(&[\"", " read(\""] {
            let names = code.split(call).skip(1).filter_map(|rest| rest.split_once('"'));
            keys.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
    keys
}

#[test]
fn every_key_and_placeholder_is_explained() {
    let page = fs::read_to_string("docs/profile.md").unwrap();
    let keys = keys();
    assert!(keys.len() > 40 && keys.iter().any(|key| key == "gracefulRampDown"), "{keys:?}");
    for key in &keys {
        let in_code = page.split('`').skip(1).step_by(2).any(|code| {
            let mut words = code.split(|char: char| !char.is_ascii_alphanumeric());
            words.any(|word| word == key)
        });
        assert!(in_code, "docs/profile.md does not explain `{key}`");
    }
    for placeholder in template::placeholder_names() {
        assert!(page.contains(&format!("| `{{{{ {placeholder} }}}}` |")), "{placeholder}");
    }
}

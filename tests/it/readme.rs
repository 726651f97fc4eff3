//! What the README tells people to type is typed here.

use std::path::Path;

use crate::support::{agent::rampd, repository};

/// The `rampd` command lines in the shell blocks of a page, as words.
fn commands(markdown: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut in_shell = false;
    for line in markdown.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            in_shell = !in_shell && matches!(language.trim(), "sh" | "bash" | "shell" | "console");
            continue;
        }
        let line = line.trim_start().trim_start_matches("$ ");
        // Comments, pipes and background jobs are no concern of rampd's.
        let line = line.split(" #").next().unwrap_or_default().split([';', '|', '&']).next().unwrap_or_default();
        let words = line.split_whitespace().map(|word| word.trim_matches(['\'', '"']).to_owned());
        // NAME=value before a command is its environment.
        let words: Vec<_> = words.skip_while(|word| word.contains('=') && !word.starts_with('-')).collect();
        let joined = words.join(" ");
        for start in ["cargo run --release -- ", "rampd ", "./target/release/rampd "] {
            if in_shell && joined.starts_with(start) {
                commands.push(words[start.split_whitespace().count()..].to_vec());
            }
        }
    }
    commands
}

#[test]
fn commands_are_found_in_shell_blocks_only() {
    let page = "rampd no\n```sh\nA=b cargo run --release -- run x.yaml --tag 'a=b' # why\n$ rampd demo | less\n```\n\
                ```yaml\nrampd: no\n```\n";
    assert_eq!(commands(page), [vec!["run", "x.yaml", "--tag", "a=b"], vec!["demo"]]);
}

#[test]
fn every_command_of_the_readme_is_understood_and_its_profiles_are_sound() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let commands = commands(&readme);
    assert!(commands.len() >= 2, "the README has its two commands: {commands:?}");
    for words in commands {
        let mut command = rampd([]);
        for word in &words {
            command = command.arg(word);
        }
        // clap reads the words before it obeys --help, so a wrong option or command is refused.
        let ended = command.args(["--help"]).finish();
        assert_eq!(ended.code(), 0, "rampd {}\n{}", words.join(" "), ended.describe());
        for profile in words.iter().filter(|word| Path::new(word).extension().is_some_and(|end| end == "yaml")) {
            check(&repository().join(profile));
        }
    }
}

/// As a profile, or as the configuration of a daemon.
fn check(file: &Path) {
    let command = if file.ends_with("config/rampd.yaml") { rampd(["serve", "--check"]) } else { rampd(["check"]) };
    command.arg(file).finish().assert_code(0);
}

#[test]
fn every_profile_of_the_repository_is_sound() {
    let directory = repository().join("config");
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let profiles: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    assert!(!profiles.is_empty());
    for profile in profiles.iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        check(profile);
    }
}

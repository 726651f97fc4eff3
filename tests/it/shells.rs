//! What shells and `man` make of the scripts and pages that `rampd` prints of itself.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::support::{agent::rampd, scratch::Scratch};

/// Output of a program, which must end well.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/install-test-tools"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// What bash offers after these words, the last of which is being typed.
fn bash_offers(script: &Path, words: &[&str]) -> Vec<String> {
    let asks = r#"
        set -eu
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
        COMP_POINT=${#COMP_LINE}
        # The function that bash itself would call for this command.
        registered=$(complete -p rampd)
        function=${registered#*-F }
        function=${function%% *}
        "$function" rampd "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    let output = run(bash.args(["--norc", "-c", asks, "bash"]).arg(script).args(words));
    assert!(output.stderr.is_empty(), "{output:?}");
    text(output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let scratch = Scratch::new();
    let script = scratch.write("rampd", &rampd(["completions", "bash"]).finish().stdout);
    for (words, offered) in [
        (&["rampd", "hea"][..], &["healthcheck"][..]),
        (&["rampd", "run", "--summary"], &["--summary-export"]),
        (&["rampd", "run", "--on-invalid", ""], &["fail", "warn"]),
        (&["rampd", "generate", "promtool"], &["promtool-test"]),
        (&["rampd", "completions", ""], &["bash", "elvish", "fish", "powershell", "zsh"]),
        (&["rampd", "--log-format", "j"], &["json"]),
    ] {
        let offers = bash_offers(&script, words);
        for wanted in offered {
            assert!(offers.iter().any(|offer| offer == wanted), "{words:?}: {wanted} is not among {offers:?}");
        }
        let typed = words.last().expect("a word");
        assert!(offers.iter().all(|offer| offer.starts_with(typed)), "{words:?}: {offers:?}");
    }
    assert!(!bash_offers(&script, &["rampd", "run", "--"]).contains(&"--stall-upgrade".to_owned()), "that is echo's");
}

#[test]
fn every_shell_has_a_script_that_names_every_command() {
    let help = rampd(["--help"]).finish().stdout;
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        // What is indented further goes on with the line above.
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"completions"), "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = rampd(["completions", shell]).finish();
        script.assert_code(0);
        for command in &commands {
            assert!(script.stdout.contains(command), "{shell}: no {command}");
        }
    }
    rampd(["completions", "tcsh"]).finish().assert_code(104);
}

#[test]
fn man_shows_a_page_for_each_command_without_warnings() {
    let scratch = Scratch::new();
    let written = rampd(["man", "--dir"]).arg(scratch.path("man1")).finish();
    written.assert_code(0);
    let pages: Vec<_> = written.stdout.lines().map(Path::new).collect();
    let names: Vec<_> = pages.iter().filter_map(|page| page.file_name()?.to_str()).collect();
    for expected in ["rampd.1", "rampd-run.1", "rampd-generate-rules.1", "rampd-man.1"] {
        assert!(names.contains(&expected), "no {expected} among {names:?}");
    }
    for page in &pages {
        // As `man` does: preconv for what is not ASCII, tbl, then groff; every warning is one of ours.
        let shown = run(Command::new("groff").args(["-k", "-t", "-man", "-ww", "-Tutf8", "-P-cbou"]).arg(page));
        assert!(shown.stderr.is_empty(), "{}: {}", page.display(), text(shown.stderr));
        let shown = text(shown.stdout);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION"] {
            assert!(shown.lines().any(|line| line == section), "{}: no {section}:\n{shown}", page.display());
        }
        assert!(shown.contains(concat!("rampd ", env!("CARGO_PKG_VERSION"))), "{}:\n{shown}", page.display());
    }
    // References between pages lead somewhere.
    for page in &pages {
        let roff = std::fs::read_to_string(page).expect("written");
        for reference in roff.split_whitespace().filter_map(|word| word.strip_suffix("(1)")) {
            let file = format!("{}.1", reference.replace('\\', ""));
            assert!(names.contains(&file.as_str()), "{}: {reference}(1) has no page", page.display());
        }
    }
}

#[test]
fn tables_of_a_page_keep_their_lines() {
    let scratch = Scratch::new();
    let page = scratch.write("rampd.1", &rampd(["man"]).finish().stdout);
    let shown = text(run(Command::new("groff").args(["-k", "-man", "-Tutf8", "-P-cbou"]).arg(&page)).stdout);
    let codes = shown.split_once("\nEXIT CODES\n").expect("the section").1;
    let codes: Vec<_> = codes.lines().take(9).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(codes, ["0", "96", "99", "103", "104", "105", "106", "107", "1"], "{shown}");
}

#[test]
fn a_page_that_cannot_be_written_says_where() {
    let scratch = Scratch::new();
    let file = scratch.write("file", "");
    let refused = rampd(["man", "--dir"]).arg(&file).finish();
    refused.assert_code(1);
    assert!(refused.stderr.contains(file.to_str().expect("UTF-8")), "{}", refused.describe());
}

//! Tells the build its revision and compiler, for `rampd_build_info`. Without git or outside of a
//! checkout the revision stays unknown.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    set("RAMPD_RUSTC", first_line(Command::new(rustc).arg("--version")));
    if std::env::var_os("RAMPD_REVISION").is_none() {
        set("RAMPD_REVISION", first_line(Command::new("git").args(["rev-parse", "--short=12", "HEAD"])));
    }
    println!("cargo::rerun-if-env-changed=RAMPD_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=.git/HEAD");
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

fn set(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env={name}={value}");
    }
}

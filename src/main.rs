//! The `rampd` command.

fn main() {}

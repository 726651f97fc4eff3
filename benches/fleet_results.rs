//! Results of a whole fleet out of one run's: the same run, as if each of N agents had written it.
//!
//! ```text
//! fleet_results RESULT N DIRECTORY   writes DIRECTORY/0 to DIRECTORY/N-1
//! ```

#![expect(clippy::expect_used, reason = "a bench program: it ends where it fails")]

use std::path::PathBuf;

use rampd::fleet::result::{self, AgentResult};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().unwrap_or_else(|| panic_with(what));
    let read = std::fs::read(next("RESULT")).expect("a result of `rampd run --result`");
    let of = next("N").parse().expect("a number of agents");
    let directory = PathBuf::from(next("DIRECTORY"));
    let mut result = result::decode(&read).expect("a result of this version");
    for index in 0..of {
        result = AgentResult { index, of, ..result };
        std::fs::write(directory.join(index.to_string()), result::encode(&result)).expect("a directory for results");
    }
}

#[expect(clippy::panic, reason = "a bench program: it ends where it fails")]
fn panic_with(what: &str) -> String {
    panic!("fleet_results RESULT N DIRECTORY: no {what}")
}

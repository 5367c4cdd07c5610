//! Programs that count from outside.

use std::{io::ErrorKind, process::Command};

/// Whether there is a program of this name, and this machine lets it work. A test without it is skipped, with a word of it.
/// A program that is missing is a failure in CI: `./setup` installs it.
pub(crate) fn is_there(tool: &str, trial: &[&str]) -> bool {
    let reason = match Command::new(tool).args(trial).output() {
        Ok(output) if output.status.success() => return true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let missing = format!("{tool} is missing");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}: run ./setup");
            missing
        }
        tried => format!("{tool} may not work here: {tried:?}"),
    };
    println!("skipped: {reason}");
    false
}

//! Programs that some tests need, and that a machine may lack.

use std::process::{Command, Stdio};

/// Whether there is a program of this name. A test without it is skipped, with a word of it; in CI that is a failure.
pub fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{tool} is missing: run ./setup");
        println!("skipped: {tool} is missing");
    }
    is_there
}

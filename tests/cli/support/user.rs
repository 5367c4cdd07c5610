//! A user without privileges, whom permissions hold back.

use std::{os::unix::process::CommandExt as _, path::Path, process::Command};

use super::{
    cli::{BINARY, forebay},
    tools::skip,
};

const OTHER_USER: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Has a command run without privileges: where the tests run as root, as another user.
pub fn as_unprivileged(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(OTHER_USER).gid(OTHER_USER) } else { command }
}

/// Gives a file to that user.
pub fn give(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    }
}

/// Whether the binary can be run like that. A test without it is skipped, with a word of it.
pub fn is_there() -> bool {
    let is_there = as_unprivileged(&mut forebay(["--version"])).output();
    match is_there {
        Ok(output) if output.status.success() => true,
        other => {
            skip(&format!("{BINARY} cannot be run as another user from here: {other:?}"));
            false
        }
    }
}

//! A user without privileges, whom permissions hold back.

use std::{os::unix::process::CommandExt as _, path::Path, process::Command};

use super::{
    cli::{BINARY, forebay},
    tools::skip,
};

/// The user that the tests run the binary as where they run as root: one without processes and privileges.
pub const UNPRIVILEGED_UID: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The binary with these arguments, run by that user, who keeps compiled components below this directory.
pub fn by_unprivileged(arguments: &[&str], home: &Path) -> Command {
    let mut command = forebay(arguments);
    as_unprivileged(command.env("XDG_CACHE_HOME", home));
    command
}

/// Has a command run without privileges: where the tests run as root, as another user.
pub fn as_unprivileged(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(UNPRIVILEGED_UID).gid(UNPRIVILEGED_UID) } else { command }
}

/// Gives a file to that user.
pub fn give(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(UNPRIVILEGED_UID), Some(UNPRIVILEGED_UID)).unwrap();
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

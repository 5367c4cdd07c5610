//! Limits on the threads that the process may have (`ulimit -u`, `TasksMax`).

use std::{
    collections::BTreeSet,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::Command,
};

use super::{Place, seq};
use crate::support::{
    cli::{BINARY, Ended, run_command},
    tools::is_there,
};

/// A user who has no processes. Limits on their number count those of a user, and do not bind root.
const NOBODY: u32 = 65_534;

/// More than the command starts.
const THREADS_MAX: usize = 16;

/// `forebay write` of ten records, as a user who may have so many threads.
fn write(place: &Place, threads: usize) -> Ended {
    let mut command = Command::new("setpriv");
    let nproc = format!("--nproc={threads}");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", &nproc]);
    command.args([BINARY, "write", &place.path]).env_remove("RUST_LOG").env("XDG_CACHE_HOME", "/nonexistent");
    run_command(&mut command, &seq(1..=10))
}

/// What a refusal says, by the thread that could not be started. Without the second, a component that spins would spin for
/// ever, and no word would say why.
const REFUSALS: [&str; 3] = [
    "cannot listen for signals",
    "the thread that interrupts components cannot be started",
    "cannot start a thread to read standard input",
];

/// A user must hear which limit it was that is too low, whichever thread was one too many.
#[test]
fn a_thread_that_cannot_be_started_ends_the_command_with_the_limit_to_raise() {
    if !is_there("setpriv") || !is_there("prlimit") {
        return;
    }
    let (mut refused, mut written) = (BTreeSet::new(), 0);
    for threads in 1..=THREADS_MAX {
        let place = Place::new();
        make_accessible(place.above.path());
        let ended = write(&place, threads);
        match ended.code {
            Some(0) => {
                written += 1;
                assert!(place.read(&[]).stdout == seq(1..=10), "{threads} threads: {ended}");
            }
            Some(2) => {
                let said = ended.stderr.lines().last().unwrap_or_default();
                for word in ["forebay: ", "Resource temporarily unavailable", "ulimit -u", "TasksMax"] {
                    assert_eq!(said.matches(word).count(), 1, "{threads} threads: {word:?}: {ended}");
                }
                refused.extend(REFUSALS.into_iter().filter(|refusal| said.contains(refusal)));
            }
            _ => panic!("{threads} threads: {ended}"),
        }
    }
    assert!(refused.len() == REFUSALS.len() && written > 0, "{refused:?}, {written} written");
}

fn make_accessible(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

//! Limits on the threads that the process may have (`ulimit -u`, `TasksMax`).

use std::{collections::BTreeSet, process::Command};

use super::{Place, seq};
use crate::support::{
    cli::{BINARY, Ended, run_command, undisturbed},
    tools::is_there,
    user::{UNPRIVILEGED_UID, give},
};

/// More than the command starts.
const THREADS_MAX: usize = 16;

/// `forebay write` of ten records, as a user who may have so many threads. The limit counts the processes of a user, who
/// must have no others, and does not bind root.
fn write(place: &Place, threads: usize) -> Ended {
    let mut command = Command::new("setpriv");
    let [uid, gid] = ["reuid", "regid"].map(|id| format!("--{id}={UNPRIVILEGED_UID}"));
    let nproc = format!("--nproc={threads}");
    command.args([&uid, &gid, "--clear-groups", "prlimit", &nproc, BINARY, "write", &place.path]);
    run_command(undisturbed(&mut command).env("XDG_CACHE_HOME", "/nonexistent"), &seq(1..=10))
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
        give(place.above.path());
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

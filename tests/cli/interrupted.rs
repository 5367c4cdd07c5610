//! Calls of the operating system that are interrupted: by a signal, or by a file system in user space or on the network.

use std::{fs, process::Command};

use super::{Place, seq};
use crate::support::{
    cli::{BINARY, Ended, run_command},
    tools::is_there,
};

const SMALL: [&str; 2] = ["--file-size=4KiB", "--small-files"];

/// Runs the binary, of whose calls that touch the buffer every third is interrupted.
fn run(place: &Place, call: &str, command: &str, flags: &[&str], stdin: &[u8]) -> (Ended, usize) {
    let trace = place.above.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-q", "-f", "-o", trace.to_str().unwrap(), "-P", &place.path]);
    let files = (0..40).map(|number| format!("buffer-data-{number}.dat"));
    for name in ["buffer.db", "buffer.db.new", "buffer.lock", "buffer.forebay"]
        .map(String::from)
        .into_iter()
        .chain(files)
    {
        strace.args(["-P", &format!("{}/{name}", place.path)]);
    }
    strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:error=EINTR:when=1+3")]);
    strace.args([BINARY, command, &place.path]).args(SMALL).args(flags);
    let ended = run_command(&mut strace, stdin);
    let interrupted = fs::read_to_string(trace).unwrap().matches("INJECTED").count();
    (ended, interrupted)
}

/// An interrupted call has done nothing, and is no error. Taken for one, it keeps a buffer from opening or leaves it unlocked.
#[test]
fn an_interrupted_call_is_made_again() {
    if !is_there("strace") {
        return;
    }
    let calls = [
        "openat",
        "openat2",
        "flock",
        "fsync",
        "fdatasync",
        "pread64",
        "pwrite64",
        "unlinkat",
        "newfstatat",
        "statx",
    ];
    for call in calls {
        let place = Place::new();
        let (ended, on_writing) = run(&place, call, "write", &["--durability=synced"], &seq(1..=1000));
        assert!(ended.code == Some(0) && ended.stderr.is_empty(), "{call}: {ended}");
        let (ended, on_reading) = run(&place, call, "read", &[], b"");
        assert!(ended.code == Some(0) && ended.stderr.is_empty(), "{call}: {ended}");
        assert!(ended.stdout == seq(1..=1000), "{call}: {ended}");
        assert!(on_writing + on_reading > 0, "{call} was never interrupted");
    }
}

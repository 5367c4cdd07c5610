//! Calls of the operating system that are interrupted: by a signal, or by a file system in user space or on the network.

use std::fs;

use super::{Place, seq};
use crate::support::{
    cli::{Ended, by_strace, run_command},
    tools::is_there,
};

const SMALL: [&str; 2] = ["--file-size=4KiB", "--small-files"];

/// Runs the binary, of whose calls that touch the buffer every third is interrupted.
fn run(place: &Place, call: &str, command: &str, flags: &[&str], stdin: &[u8]) -> (Ended, usize) {
    let trace = place.above.path().join("trace");
    let names = ["buffer.db", "buffer.db.new", "buffer.lock", "buffer.forebay"].map(String::from);
    let files = (0..40).map(|number| format!("buffer-data-{number}.dat"));
    let paths: Vec<_> = names.into_iter().chain(files).map(|name| format!("{}/{name}", place.path)).collect();
    let (traced, injected) = (format!("trace={call}"), format!("inject={call}:error=EINTR:when=1+3"));
    let mut own = vec!["-o", trace.to_str().unwrap(), "-e", &traced, "-e", &injected, "-P", &place.path];
    own.extend(paths.iter().flat_map(|path| ["-P", path.as_str()]));
    let mut strace = by_strace(&own, &[&[command, &place.path], &SMALL[..], flags].concat());
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

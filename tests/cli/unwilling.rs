//! Logic that does no harm and no work either: what the command line says of it.

use crate::support::{
    cli::{by_shell, run, run_command, run_with},
    fixtures::project_file,
};

fn component(name: &str) -> String {
    format!("--component={}", project_file("tests/guests").join(name).display())
}

/// Closing waits for the syncs that are under way. Logic that begins another at the end of each must not hang the
/// closing thread: a process that can only be killed leaves its buffer as a crash does.
#[test]
fn logic_that_always_has_a_sync_under_way_keeps_no_buffer_open() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    let ended = run_with(["write", &buffer, &component("never_idle.wasm"), "--when-full=reject"], b"one\n");
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("refusal=too many syncs were requested"), "{ended}");
}

/// A script would take silence and 0 for an empty buffer.
#[test]
fn a_read_that_leaves_records_behind_says_so() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    run_with(["write", &buffer], b"one\ntwo\n").assert_quiet_success();
    let ended = run(["read", &buffer, &component("hostile.wasm")]);
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(2), &b""[..]), "{ended}");
    assert!(ended.stderr.contains("gives no more records, although record 1"), "{ended}");
    assert!(run(["read", &buffer]).assert_quiet_success().stdout == b"one\ntwo\n");
}

/// Which of its attacks `hostile.wasm` carries out: it lets records be delivered, and stores no acknowledgement.
const SWALLOWS: &str = "--max-events=32";

/// A script that reads until 0 takes what it has for done with, and gets it again the next time.
#[test]
fn a_read_whose_acknowledgements_are_not_stored_ends_with_1() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    run_with(["write", &buffer], b"one\ntwo\n").assert_quiet_success();
    let hostile = component("hostile.wasm");
    for command in ["read", "pipe"] {
        let ended = run([command, &buffer, &hostile, SWALLOWS]);
        assert_eq!(
            (ended.code, ended.stdout.as_slice()),
            (Some(1), &b"one\ntwo\n"[..]),
            "{command}: {ended}"
        );
        for word in ["has not stored the acknowledgement of 2 records", "again", "without --component"] {
            assert!(ended.stderr.contains(word), "{word:?}: {command}: {ended}");
        }
    }
    // A look acknowledges nothing.
    run(["read", &buffer, &hostile, SWALLOWS, "--peek"]).assert_quiet_success();
    assert_eq!(run(["read", &buffer]).assert_quiet_success().stdout, b"one\ntwo\n");
}

/// "The disk is full" would send its reader to the wrong place.
#[test]
fn a_writer_hears_that_it_is_the_logic_that_takes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    let ended = run_with(["write", &buffer, &component("always_full.wasm"), "--when-full=reject"], b"one\n");
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(
        ended.stderr.contains("the buffer's logic takes no records, although the buffer has room"),
        "{ended}"
    );
}

/// Of a component that does not open the buffer the operator has to hear which one, which buffer, why, and what to do; and
/// each once. What is in the buffer stays.
#[test]
fn logic_that_does_not_open_the_buffer_is_named() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    run_with(["write", &buffer], b"one\n").assert_quiet_success();
    // The first never becomes an instance. The second does, and with this limit spins in `open`.
    for name in ["spins_at_start.wasm", "hostile.wasm"] {
        let ended = run_with(["write", &buffer, &component(name), "--max-events=1"], b"two\n");
        let reason = "it ran for longer than";
        ended.assert_refusal(&[name, &buffer, reason, "without --component"]);
        assert_eq!(ended.stderr.matches(reason).count(), 1, "{ended}");
    }
    assert!(run(["read", &buffer]).assert_quiet_success().stdout == b"one\n");
}

/// What is said of logic that fails is said while the buffer is being mended. A closed stderr must not
/// end that.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    let deaf = |arguments: &[&str]| {
        run_command(&mut by_shell("exec \"$0\" \"$@\" 2>/dev/full", arguments), b"one\n")
    };
    let ended = deaf(&["write", &buffer, &component("spins.wasm")]);
    assert_eq!(ended.code, Some(2), "{ended}");
    let ended = deaf(&["write", &buffer, "-v"]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(run(["read", &buffer]).assert_quiet_success().stdout == b"one\n");
}

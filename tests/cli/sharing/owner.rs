//! The process that owns a buffer: which one it is, and what others hear where they cannot use it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;

use super::{has_socket, owner};
use crate::{
    Place, seq,
    support::{
        cli::{Running, forebay, run, run_command, status},
        user,
    },
};

/// A service has its options, whichever process comes first.
#[test]
fn serve_owns_a_buffer_until_a_signal_comes() {
    let place = Place::new();
    let mut serve = Running::start(&mut forebay(["serve", &place.path, "--max-events=100"]));
    while !has_socket(&place) {}
    place.write(&[], &seq(1..=10)).assert_quiet_success();
    assert_eq!(status(&place.path)["locked_by"], serve.pid());
    assert!(place.read(&["--count=4"]).assert_quiet_success().stdout == seq(1..=4));
    serve.signal(Signal::TERM);
    let ended = serve.wait();
    assert!(ended.code == Some(143) && ended.stderr.is_empty(), "{ended}");
    assert!(!has_socket(&place));
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(5..=10));
}

/// A network that is served to all, or with a token that all may read, is worse than none.
#[test]
fn a_network_is_served_with_tokens_that_no_other_user_can_read() {
    let place = Place::new();
    let listen = ["serve", &place.path, "--listen=127.0.0.1:0"];
    run(listen).assert_refusal(&["--token-file"]);
    let file = place.above.path().join("tokens");
    fs::write(&file, "consume 0123456789abcdef\n").unwrap();
    let flag = format!("--token-file={}", file.display());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    run([&listen[..], &[&flag]].concat()).assert_refusal(&["tokens has mode 644", "chmod 600"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut serve = Running::start(&mut forebay([&listen[..], &[&flag, "-v"]].concat()));
    while !serve.next_error_line().contains("serving a network address=127.0.0.1:") {}
    while !has_socket(&place) {}
    serve.signal(Signal::TERM);
    assert_eq!(serve.wait().code, Some(143));
}

/// An owner that was killed leaves its socket behind. It is an address, and no claim.
#[test]
fn a_socket_that_was_left_behind_keeps_no_process_out() {
    let place = Place::new();
    let mut killed = owner(&place, 10);
    killed.signal(Signal::KILL);
    killed.wait();
    assert!(has_socket(&place));
    assert!(place.read(&["--peek"]).assert_quiet_success().stdout == seq(1..=10));
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=10));
    assert!(!has_socket(&place));
}

/// A size that does not hold would let a disk fill up; the user has to hear which one does, and from whom.
#[test]
fn options_that_differ_from_the_owners_are_refused_and_both_are_named() {
    let place = Place::new();
    let mut owner = owner(&place, 1);
    let pid = format!("process {}", owner.pid());
    for (flag, words) in [
        ("--max-size=300MiB", ["--max-size is 314572800 here", "1073741824 there"]),
        ("--max-events=7", ["--max-events is 7 here", "0 there"]),
        ("--when-full=drop-oldest", ["drop-oldest is 1 here", "0 there"]),
        ("--sync-interval=9ms", ["--sync-interval in ms is 9 here", "500 there"]),
    ] {
        place.write(&[flag], b"x\n").assert_refusal(&[&pid, words[0], words[1]]);
    }
    place.write(&["--max-size=1GiB"], b"2\n").assert_quiet_success();
    owner.end().assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=2));
}

/// A process that is stopped answers nothing and lets nothing go: waiting for it would hang, and taking over would destroy records.
#[test]
fn an_owner_that_is_stopped_is_named_with_its_state() {
    let place = Place::new();
    let mut owner = owner(&place, 10);
    owner.signal(Signal::STOP);
    let pid = format!("process {}", owner.pid());
    run(["read", &place.path, "--wait=50ms"]).assert_refusal(&[&pid, "does not answer", "stopped"]);
    owner.signal(Signal::CONT);
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=10));
    owner.end().assert_quiet_success();
}

/// Where no socket can be made, the buffer is as useful as it was before there were sockets.
#[test]
fn a_buffer_that_cannot_be_served_is_owned_all_the_same() {
    let place = Place::with_lines(&seq(1..=10));
    fs::create_dir(Path::new(&place.path).join("buffer.sock")).unwrap();
    let read = place.read(&[]);
    assert!(read.code == Some(0) && read.stdout == seq(1..=10), "{read}");
    assert!(read.stderr.contains("cannot be served"), "{read}");
}

/// In a directory that all may write to, another user could answer in the owner's place, and take every record.
#[test]
fn a_socket_of_another_user_is_not_trusted() {
    if !user::is_there() || !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    user::give(place.above.path());
    let mut open = Running::start(&mut user::by_unprivileged(&["serve", &place.path], place.above.path()));
    while !has_socket(&place) {}
    // Root may use what belongs to others.
    place.write(&[], b"1\n").assert_quiet_success();
    std::os::unix::fs::chown(&place.path, Some(0), Some(0)).unwrap();
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o777)).unwrap();
    place.write(&[], b"2\n").assert_refusal(&["runs as user 65534", "belongs to user 0"]);
    open.signal(Signal::TERM);
    open.wait();
    // The other way round: a process that does not own the directory is not served.
    let mut serve = Running::start(&mut forebay(["serve", &place.path]));
    while !has_socket(&place) {}
    let arguments = ["write", &place.path, "--wait=50ms"];
    let refused = run_command(&mut user::by_unprivileged(&arguments, place.above.path()), b"3\n");
    assert_eq!(refused.code, Some(2), "{refused}");
    serve.signal(Signal::TERM);
    serve.wait();
    assert!(place.read(&[]).stdout == b"1\n");
}

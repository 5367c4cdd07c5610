//! A buffer that another process holds.

use std::{ffi::OsStr, fs, os::unix::fs::MetadataExt as _, path::Path};

use forebay::{Buffer, Component, Limits};
use rustix::process::Signal;

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run, status},
    fixtures,
    storage::{ids, options, read, write},
};

/// A process that writes and has written these lines: it holds the buffer until it is dropped.
fn holder(place: &Place, lines: u64) -> Running {
    let mut holder = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    holder.feed(&seq(1..=lines));
    while holder.next_line().unwrap() != lines.to_string().into_bytes() {}
    holder
}

/// Two writers at once would destroy each other's records. Where the holder serves no others, as Vector and programs that embed the
/// library, the second one says who the first one is, waits no longer than it is told to, and does not wait for its own stdin
/// either.
#[test]
fn pain_18831_a_held_buffer_is_refused_at_once_and_its_holder_named() {
    let place = Place::new();
    let buffer = Buffer::builder(&place.path).open().unwrap();
    let before = fixtures::contents(place.above.path());
    let pid = format!("process {}", std::process::id());
    for arguments in [
        &["write", &place.path, "--wait=0s"][..],
        &["read", &place.path, "--wait=0s"],
        &["read", &place.path, "--follow", "--wait=0s"],
        &["pipe", &place.path, "--wait=0s"],
        &["ack", &place.path, "1", "--wait=0s"],
        &["serve", &place.path, "--wait=0s"],
        &["demo", &place.path],
    ] {
        let mut second = Running::start(&mut forebay(arguments));
        second.wait().assert_refusal(&[&place.path, "in use", &pid]);
        assert!(fixtures::contents(place.above.path()) == before, "{arguments:?} changed something");
    }
    buffer.close().unwrap();
}

/// Looking needs no lock, and a user who is stuck wants to know who has it.
#[test]
fn status_and_verify_work_while_the_buffer_is_held() {
    let place = Place::new();
    let mut holder = holder(&place, 10);
    let while_held = status(&place.path);
    assert_eq!((&while_held["locked"], &while_held["locked_by"]), (&true.into(), &holder.pid().into()));
    assert_eq!(
        (&while_held["records"], &while_held["ledger"]["writer_next_record"]),
        (&10.into(), &11.into())
    );
    let text = run(["status", &place.path]);
    assert!(String::from_utf8_lossy(&text.stdout).contains(&format!("process {}", holder.pid())), "{text}");
    let verified = run(["verify", &place.path, "--format=json"]);
    assert_eq!((verified.code, &verified.json()["frames"]), (Some(0), &10.into()), "{verified}");

    assert_eq!(holder.end().code, Some(0));
    let after = status(&place.path);
    assert_eq!((&after["locked"], &after["locked_by"]), (&false.into(), &serde_json::Value::Null));
}

/// A process that died cannot unlock anything; its buffer must be there for the next one.
#[test]
fn a_killed_holder_holds_nothing() {
    let place = Place::new();
    let mut holder = holder(&place, 10);
    holder.signal(Signal::KILL);
    holder.wait();
    assert_eq!(status(&place.path)["locked"], false);
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, seq(1..=10));
}

/// The lock comes first: before stdin is read, and before there is anything in the buffer.
#[test]
fn a_writer_that_has_nothing_to_write_yet_holds_the_buffer() {
    let place = Place::new();
    let writer = Running::start(&mut forebay(["write", &place.path]));
    // It does so soon, and not when its first record comes.
    let held = loop {
        let ended = run(["status", &place.path, "--format=json"]);
        let has_ledger = || fixtures::contents(&place.path).contains_key("buffer.db");
        if ended.code == Some(0) && ended.json()["locked"] == true && has_ledger() {
            break ended.json();
        }
    };
    assert_eq!(held["locked_by"], writer.pid());
    drop(writer);
    assert_eq!(fixtures::contents(&place.path)["buffer.db"].len(), 24);
}

#[track_caller]
fn assert_in_use(directory: &Path) {
    assert!(Buffer::builder(directory).open().is_err(), "it was taken in this process");
    run([OsStr::new("read"), directory.as_os_str(), OsStr::new("--wait=0s")]).assert_refusal(&["in use by"]);
}

/// Between two kinds of logic no other process may come in.
#[test]
fn the_lock_is_held_throughout_an_exchange() {
    let directory = tempfile::tempdir().unwrap();
    let inode = || fs::metadata(directory.path().join("buffer.lock")).unwrap().ino();
    let buffer = Buffer::builder_with(directory.path(), options()).open().unwrap();
    let before = inode();
    write(&buffer, 1..=10);
    let path = directory.path().to_owned();
    let make = move |guard| {
        assert_in_use(&path);
        Component::embedded().unwrap().instantiate(guard, Limits::default())
    };
    buffer.replace_logic_with(make).unwrap();
    assert_in_use(directory.path());
    assert_eq!(inode(), before);
    assert_eq!(read(&buffer), ids([1..=10]));
}

/// A reload of a service's configuration takes the buffer from one part of it to another. Between the
/// two no other process may come in.
#[test]
fn pain_5147_no_other_owner_gets_the_directory_in_between() {
    let directory = tempfile::tempdir().unwrap();
    let buffer = Buffer::builder_with(directory.path(), options()).open().unwrap();
    write(&buffer, 1..=10);
    let locked = buffer.hand_over().unwrap();
    assert_in_use(directory.path());
    let buffer = locked.open().unwrap();
    assert_in_use(directory.path());
    assert_eq!(read(&buffer), ids([1..=10]));
    drop(buffer.hand_over().unwrap());
    Buffer::builder(directory.path()).open().unwrap();
}

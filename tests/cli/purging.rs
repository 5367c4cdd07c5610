//! `forebay purge`: records go up to an id, and none behind it.

use super::{Place, seq};
use crate::support::cli::{Running, forebay, run, status};

/// A burst of records that no consumer wants goes, and what came after it stays.
#[test]
fn records_go_up_to_an_id() {
    let place = Place::with_lines(&seq(1..=150_000));
    let purged = run(["purge", &place.path, "--through=140000", "--yes"]);
    assert_eq!(purged.assert_quiet_success().stdout, b"140000\n");
    let again = run(["purge", &place.path, "--through=140000", "--yes"]);
    assert_eq!((again.code, &again.stdout[..]), (Some(0), &b"0\n"[..]), "{again}");
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(140_001..=150_000));
    assert_eq!(status(&place.path)["records"], 0);
}

/// The service goes on.
#[test]
fn the_owner_removes_what_is_purged_beside_it() {
    let place = Place::new();
    let mut owner = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    owner.feed(&seq(1..=1000));
    while owner.next_line().unwrap() != b"1000" {}
    assert_eq!(run(["purge", &place.path, "--through=990", "--yes"]).assert_quiet_success().stdout, b"990\n");
    owner.end().assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(991..=1000));
}

/// A mistyped id or command must not cost a record.
#[test]
fn nothing_goes_by_mistake() {
    let place = Place::with_lines(&seq(1..=10));
    run(["purge", &place.path, "--through=11", "--yes"]).assert_refusal(&["the id 10"]);
    run(["purge", &place.path, "--through=5"]).assert_refusal(&["no terminal", "--yes"]);
    run(["purge", &place.path]).assert_refusal(&["--through"]);
    assert!(run(["peek", &place.path]).assert_quiet_success().stdout == seq(1..=10));
}

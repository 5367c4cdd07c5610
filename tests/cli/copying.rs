//! `forebay copy`: what waits, in a new buffer.

use std::path::Path;

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run, run_with, status},
    fixtures,
};

/// A buffer that was made with small files goes to a larger disk.
#[test]
fn a_copy_has_the_records_that_wait_with_their_ids_in_files_of_another_size() {
    let (place, copy) = (Place::new(), Place::new());
    let small = ["--file-size=4KiB", "--max-size=1MiB", "--small-files"];
    place.write(&small, &seq(1..=2000)).assert_quiet_success();
    place.read(&[&small[..], &["--count=500"]].concat()).assert_quiet_success();
    let before = fixtures::contents(Path::new(&place.path));
    let large = ["--file-size=1MiB", "--max-size=8MiB"];
    let copied = run([&["copy", &*place.path, "--to", &*copy.path, "--format=json"][..], &large].concat());
    assert_eq!(copied.assert_quiet_success().json()["records"], 1500, "{copied}");
    assert_eq!(copied.json()["first_id"], 501, "{copied}");
    assert!(fixtures::contents(Path::new(&place.path)) == before);
    assert_eq!(status(&copy.path)["files"], 1);
    let json = |path: &str| run(["peek", path, "--framing=json"]).assert_quiet_success().stdout.clone();
    assert!(json(&copy.path) == json(&place.path));
    run_with(["write", &*copy.path], b"2001\n").assert_quiet_success();
    assert!(copy.read(&[]).assert_quiet_success().stdout == seq(501..=2001));
    run(["copy", &place.path, "--to", &place.path]).assert_refusal(&["holds a buffer already"]);
}

/// The source is only looked at.
#[test]
fn a_buffer_in_use_is_copied() {
    let (place, copy) = (Place::new(), Place::new());
    let mut holder = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    holder.feed(&seq(1..=10));
    while holder.next_line().unwrap() != b"10" {}
    run(["copy", &place.path, "--to", &copy.path]).assert_quiet_success();
    holder.end().assert_quiet_success();
    assert!(copy.read(&[]).assert_quiet_success().stdout == seq(1..=10));
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=10));
}

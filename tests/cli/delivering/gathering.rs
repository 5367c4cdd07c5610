//! A batch that is gathered for a while: its leases last, and no record is in it twice.

use std::{thread, time::Duration};

use rustix::process::Signal;

use super::{delivered, file, owner, until};
use crate::{
    Place, seq,
    support::cli::{Running, forebay, status},
};

/// Gathers for so long, and writes the batch to the file `out`.
fn gatherer(place: &Place, wait: &str, records: usize) -> Running {
    let command = format!("cat >>{}", file(place, "out").display());
    let batch = format!("--batch={records}");
    let own = ["read", &place.path, "--follow", "--exec", &command, wait, &batch, "--wait=1m"];
    Running::start(&mut forebay(own))
}

/// The next owner delivers once more what the former one had leased, to the same reader: the batch had those records twice.
#[test]
fn a_new_owner_doubles_no_record_of_a_batch() {
    let place = Place::with_lines(&seq(1..=3));
    let mut owner = owner(&place);
    let mut reader = gatherer(&place, "--batch-wait=1h", 5);
    until(|| status(&place.path)["owner"]["buffer"]["unacknowledged_records"] == 3);
    owner.signal(Signal::KILL);
    owner.wait();
    until(|| status(&place.path)["locked_by"] == reader.pid());
    place.write(&[], &seq(4..=5)).assert_quiet_success();
    until(|| delivered(&place, "out").len() >= 5);
    assert!(delivered(&place, "out").into_iter().eq(1..=5));
    until(|| status(&place.path)["records"] == 0);
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
}

/// A lease lasts a minute. Another reader got the records of a batch that was gathered for longer.
#[test]
#[ignore = "it waits for longer than a lease lasts"]
fn a_batch_that_is_gathered_for_long_keeps_its_leases() {
    let place = Place::with_lines(&seq(1..=3));
    let _owner = owner(&place);
    let mut reader = gatherer(&place, "--batch-wait=80s", 5);
    until(|| status(&place.path)["owner"]["buffer"]["unacknowledged_records"] == 3);
    thread::sleep(Duration::from_secs(70));
    let other = place.read(&[]);
    assert!(other.assert_quiet_success().stdout.is_empty(), "{other}");
    until(|| delivered(&place, "out").len() >= 3);
    assert!(delivered(&place, "out").into_iter().eq(1..=3));
    until(|| status(&place.path)["records"] == 0);
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
}

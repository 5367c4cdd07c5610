//! A component that takes over: what it leaves alone until it has opened, and what it finishes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, records};
use disk::{Disk, Frame};
use forebay_logic::Options;

/// Logic that is started again under the same lock does not pay for what is synced already.
#[test]
fn what_is_known_to_be_durable_is_not_synced_again() {
    let mut bed = Bed::new();
    bed.write(&records(13, 100));
    bed.flush();
    bed.end_syncs();
    bed.write(&records(1, 100));
    let bed = bed.taken_over();
    assert_eq!(bed.disk.targets_under_way(), ["data 1", "directory", "ledger"]);
    assert_eq!(bed.figure(6), 100);
}

/// The former component may come back: until `open` has returned no file changes.
#[test]
fn a_component_that_takes_over_changes_no_file_before_it_has_opened() {
    for by_tick in [false, true] {
        let mut bed = Bed::new();
        bed.write(&records(3, 100));
        bed.disk.file_mut(0).frames.push(Frame::torn(30));
        bed.disk.calls.clear();
        let mut bed = bed.taken_over();
        assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
        assert_eq!(bed.figure(1), 330);
        if by_tick {
            bed.tick();
            assert_eq!((&bed.disk.calls[..], bed.figure(1)), (&["truncate".to_owned()][..], 300));
        }
        assert_eq!(bed.write(&records(1, 100)), 1);
        assert_eq!(bed.disk.calls, ["truncate", "append 1", "store"]);
        assert_eq!(bed.read_all(), [1, 2, 3, 4]);
    }
}

/// The same where there is no file at all: the former one found no room for it.
#[test]
fn a_component_that_takes_over_makes_the_first_file_later() {
    let bed = Bed::on(Disk::without_room_for_files(), OPTIONS);
    let mut bed = bed.taken_over();
    bed.disk.refuse_files = false;
    let mut bed = bed.taken_over();
    assert!(bed.disk.files().is_empty());
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!(bed.read_all(), [1]);
}

/// What the host has made durable while no component was there counts: the ledger may name it at once.
#[test]
fn a_file_that_is_known_to_be_durable_is_named_by_opening() {
    let mut bed = Bed::new();
    bed.end_syncs();
    bed.write(&records(15, 100));
    bed.flush();
    while bed.disk.end_sync().is_some() {}
    assert_eq!(bed.ledger().1, 0);
    assert_eq!(bed.taken_over().ledger().1, 1);
}

/// A component that takes over finds what the former one has passed and not removed.
#[test]
fn what_another_component_has_passed_leaves() {
    let mut bed = Bed::with(Options { max_bytes: 10_000, ..OPTIONS });
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(25);
    assert_eq!(bed.disk.files(), [0, 1, 2, 3]);
    let mut bed = bed.taken_over();
    assert_eq!(bed.disk.files(), [0, 1, 2, 3], "nothing is removed by opening");
    bed.end_syncs();
    assert_eq!((bed.disk.files(), bed.ledger()), (vec![2, 3], (36, 3, 2, 25)));
    assert_eq!(bed.figure(10), 10);
}

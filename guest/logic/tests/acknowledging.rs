//! Acknowledging: what moves the ledger, and when a file goes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, TICK, records};

const IGNORED: u16 = 7;
const WAITING: u16 = 10;

// Handles are dropped late and twice.
#[test]
fn acknowledging_again_changes_nothing() {
    let mut bed = Bed::new();
    bed.write(&records(5, 100));
    bed.read_all();
    bed.acknowledge(3);
    bed.acknowledge(3);
    bed.acknowledge(1);
    assert_eq!(bed.ledger().3, 3);
    assert_eq!(bed.figure(IGNORED), 2);
    assert_eq!(bed.figure(WAITING), 2);
}

// A number that is too high must not release what nobody has seen.
#[test]
fn what_was_not_read_is_not_acknowledged() {
    let mut bed = Bed::new();
    bed.write(&records(5, 100));
    assert_eq!(bed.read(2, 1_000).len(), 2);
    bed.acknowledge(3);
    bed.acknowledge(u64::MAX);
    assert_eq!(bed.ledger().3, 0);
    assert_eq!(bed.figure(IGNORED), 2);
    bed.acknowledge(2);
    assert_eq!(bed.ledger().3, 2);
}

// Unlink before the ledger's sync, and a power loss finds a ledger that names a file which is not there.
#[test]
fn a_file_goes_after_the_ledger_that_has_passed_it_is_synced() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.disk.calls.clear();
    bed.acknowledge(10);
    assert_eq!(bed.disk.calls, ["store"]);
    assert_eq!(bed.ledger(), (16, 1, 1, 10));
    assert_eq!(bed.disk.targets_under_way(), ["ledger"]);
    bed.end_sync(true);
    assert_eq!(bed.disk.calls, ["store", "remove 0"]);
    assert_eq!(bed.disk.targets_under_way(), ["directory"]);
}

// The last record of a file may be the last for a long time.
#[test]
fn a_file_goes_without_the_next_one_being_read() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    assert_eq!(bed.read(10, 10_000).len(), 10);
    bed.acknowledge(10);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [1]);
}

// One record that waits holds its file, and all behind it.
#[test]
fn a_file_stays_while_one_record_waits() {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(9);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [0, 1, 2, 3]);
    bed.acknowledge(30);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [3]);
}

// The ledger may not name a file that a power loss would take away, and there is no ledger that names none.
#[test]
fn the_file_that_the_ledger_names_stays_until_the_next_one_is_durable() {
    let mut bed = Bed::new();
    bed.end_syncs();
    bed.write(&records(15, 100));
    bed.read_all();
    bed.acknowledge(15);
    assert_eq!(bed.ledger(), (16, 0, 0, 15), "file 1 is not durable yet");
    bed.end_syncs();
    assert_eq!(bed.ledger(), (16, 1, 1, 15));
    assert_eq!(bed.disk.file_ids(), [1]);
}

// Somebody looks into the file with another program: on some systems it cannot be removed then.
#[test]
fn a_file_that_cannot_be_removed_is_tried_again_at_the_next_tick() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.disk.refuse_removals = true;
    bed.acknowledge(10);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [0, 1]);
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_removals = false;
    bed.tick();
    assert_eq!(bed.disk.file_ids(), [1]);
}

// Somebody was faster.
#[test]
fn a_finished_file_that_is_gone_already_is_gone() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(10);
    bed.disk.vanish(0);
    bed.end_syncs();
    assert_eq!(bed.figure(1), 500);
}

// A buffer whose ledger could not be synced now must not keep its files for ever.
#[test]
fn a_ledger_sync_that_found_no_room_is_asked_for_again() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.disk.refuse_syncs = true;
    bed.acknowledge(10);
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_syncs = false;
    bed.tick();
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [1]);
}

// After opening nothing has been read yet, whatever was read before.
#[test]
fn after_opening_only_what_is_read_again_is_acknowledged() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.read_all();
    bed.acknowledge(4);
    let mut bed = bed.killed();
    assert_eq!(bed.report.first_unread.0, 5);
    bed.acknowledge(9);
    assert_eq!(bed.ledger().3, 4);
    assert_eq!(bed.read_all(), (5..=15).collect::<Vec<_>>());
}

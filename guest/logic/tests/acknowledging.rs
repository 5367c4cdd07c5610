//! Acknowledging: what moves the ledger, and when a segment leaves.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, TICK, records};
use disk::{Disk, ledger, whole};
use forebay_logic::{Logic as _, RecordId};

const WAITING: u16 = 10;

/// Handles are dropped late and twice.
#[test]
fn acknowledging_again_changes_nothing() {
    let mut bed = Bed::new();
    bed.write(&records(5, 100));
    bed.read_all();
    bed.acknowledge(3);
    bed.disk.calls.clear();
    for through in [3, 1, 0] {
        bed.buffer.acknowledge(&mut bed.disk, RecordId(through)).unwrap();
    }
    assert_eq!((bed.ledger().3, bed.figure(WAITING)), (3, 2));
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
}

/// A number that is too high must not acknowledge records that come later.
#[test]
fn what_was_not_written_is_not_acknowledged() {
    let mut bed = Bed::new();
    bed.write(&records(5, 100));
    bed.read_all();
    bed.disk.host.acknowledged = 5;
    bed.buffer.acknowledge(&mut bed.disk, RecordId(u64::MAX)).unwrap();
    assert_eq!(bed.ledger().3, 5);
    bed.write(&records(1, 100));
    assert_eq!((bed.ledger().3, bed.figure(WAITING)), (5, 1));
}

/// Unlink before the ledger's sync, and a power loss finds a ledger that names a file which is not there.
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
    bed.end_sync();
    assert_eq!(bed.disk.calls, ["store", "release 0"]);
    assert_eq!(bed.disk.targets_under_way(), ["directory"]);
}

/// The last record of a file may be the last for a long time.
#[test]
fn a_file_goes_without_the_next_one_being_read() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    assert_eq!(bed.read(10, 10_000).len(), 10);
    bed.acknowledge(10);
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [1]);
}

/// One record that waits holds its file, and all behind it.
#[test]
fn a_file_stays_while_one_record_waits() {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(9);
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [0, 1, 2, 3]);
    bed.acknowledge(30);
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [3]);
}

/// The ledger may not name a file that a power loss would take away, and there is no ledger that names none.
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
    assert_eq!(bed.disk.files(), [1]);
}

/// Another program has the file open: on some systems it cannot be removed then.
#[test]
fn a_file_that_cannot_be_removed_is_tried_again_at_the_next_tick() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.disk.refuse_removals = true;
    bed.acknowledge(10);
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [0, 1]);
    assert_eq!(bed.figure(1), 1_500, "it takes up room until then");
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_removals = false;
    bed.tick();
    assert_eq!((bed.disk.files(), bed.figure(1)), (vec![1], 500));
}

/// A release that fails has released nothing.
#[test]
fn a_release_that_fails_is_tried_again_at_the_next_tick() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(10);
    bed.disk.fail_release = Some(forebay_logic::StorageError::Io(5));
    bed.end_syncs();
    bed.tick();
    bed.end_syncs();
    assert_eq!((bed.disk.files(), bed.figure(1)), (vec![1], 500));
    bed.read_all();
    bed.write(&records(10, 100));
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(20);
    bed.disk.fail_release = Some(forebay_logic::StorageError::Io(5));
    bed.end_syncs();
    bed.flush();
    bed.end_syncs();
    bed.disk.fail_release = Some(forebay_logic::StorageError::Io(5));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.tick(), None);
    assert_eq!(bed.disk.files(), [2]);
}

/// A removal is durable with its directory's sync, which may find no room at first.
#[test]
fn a_removal_whose_sync_found_no_room_is_synced_by_a_tick() {
    let mut bed = Bed::new();
    bed.write(&records(13, 100));
    bed.flush();
    bed.end_syncs();
    bed.read_all();
    bed.acknowledge(10);
    bed.disk.refuse_syncs = true;
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [1]);
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_syncs = false;
    let mut with_young_records = Bed { disk: bed.disk.clone(), buffer: bed.buffer.clone(), ..Bed::new() };
    assert_eq!(bed.tick(), None);
    assert_eq!(bed.disk.targets_under_way(), ["directory"]);
    with_young_records.write(&records(1, 100));
    with_young_records.tick();
    assert_eq!(with_young_records.disk.targets_under_way(), ["directory"]);
}

/// Another program was faster.
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

/// A buffer whose ledger could not be synced now must not keep its files for ever.
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
    assert_eq!(bed.disk.files(), [1]);
}

/// A ledger that could not be stored is made up for by the next call.
#[test]
fn an_acknowledgement_that_could_not_be_stored_is_stored_with_the_next() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.read_all();
    bed.disk.host.acknowledged = 10;
    bed.disk.fail_store = Some(forebay_logic::StorageError::Io(5));
    bed.buffer.acknowledge(&mut bed.disk, RecordId(10)).unwrap_err();
    assert_eq!(bed.ledger(), (16, 1, 0, 0));
    bed.tick();
    bed.end_syncs();
    assert_eq!((bed.ledger(), bed.disk.files()), ((16, 1, 1, 10), vec![1]));
}

/// Each file from before opening leaves, although storage tells its ids only when it is read, and is not asked too often.
#[test]
fn files_from_before_opening_leave_one_after_the_other() {
    let files: Vec<_> =
        (0..200).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    for step in [3, 10, 25, 700] {
        let mut bed = Bed::on(Disk::with(Some(ledger(2_001, 199, 0, 0)), &files), OPTIONS);
        bed.end_syncs();
        bed.disk.looks = 0;
        while !bed.read(step, 1 << 20).is_empty() {
            bed.acknowledge(u64::MAX);
            bed.end_syncs();
            let read = u16::try_from(bed.ledger().3 / 10).unwrap();
            assert!(
                bed.disk.files()[0] >= read.min(199),
                "file {} stays, {read} are read",
                bed.disk.files()[0]
            );
        }
        assert_eq!(bed.disk.files(), [199]);
        assert!(bed.disk.looks <= 400, "{} looks for 200 files, {step} at a time", bed.disk.looks);
    }
}

/// Records that are synced at once and others that are not: each tick has what was acknowledged synced all the same.
#[test]
fn what_a_flush_leaves_of_the_ledger_is_synced_at_the_next_tick() {
    let mut bed = Bed::new();
    bed.end_syncs();
    bed.flush();
    bed.end_syncs();
    for acknowledged in 1..=3 {
        bed.write(&records(1, 100));
        bed.read_all();
        bed.acknowledge(acknowledged);
        bed.flush();
        bed.end_syncs();
        bed.write(&records(1, 100));
        bed.tick();
        assert!(bed.disk.targets_under_way().contains(&"ledger".to_owned()), "{acknowledged}");
        bed.end_syncs();
    }
}

/// The same where the syncs of the ledger take their time.
#[test]
fn files_leave_although_the_ledgers_syncs_are_slow() {
    let files: Vec<_> =
        (0..200).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    let mut bed = Bed::on(Disk::with(Some(ledger(2_001, 199, 0, 0)), &files), OPTIONS);
    bed.end_syncs();
    bed.disk.looks = 0;
    for round in 0.. {
        if bed.read(7, 1 << 20).is_empty() {
            break;
        }
        bed.acknowledge(u64::MAX);
        if round % 10 == 0 {
            bed.end_sync();
        }
    }
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [199]);
    assert!(bed.disk.looks <= 400, "{} looks", bed.disk.looks);
}

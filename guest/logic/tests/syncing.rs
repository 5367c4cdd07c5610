//! Syncs: which are asked for, which are not, and what happens when one fails.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::NoLuck;
use disk::bed::{Bed, OPTIONS, TICK, records};
use forebay_logic::{BufferError, Logic as _, Options, Ticket};

const UNSYNCED: u16 = 6;
const DEGRADED: u16 = 11;

fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.flush();
    bed.end_syncs();
    bed.tick();
    bed
}

// The promise of `synced`.
#[test]
fn what_was_flushed_survives_a_power_loss() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    assert_eq!(bed.figure(UNSYNCED), 0);
    let mut bed = bed.power_lost(&mut NoLuck);
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
    assert_eq!(bed.report.lost_events, 0);
}

// Nobody calls again after a flush: the ledger must come to name a new file by the ends of syncs alone.
#[test]
fn a_flush_makes_a_new_file_durable_and_named() {
    let mut bed = bed();
    bed.write(&records(15, 100));
    assert_eq!(bed.ledger().1, 0, "file 1 is not durable yet");
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    assert_eq!(bed.disk.durable_ledger.unwrap().writer_data_file.get(), 1);
}

// The same in whatever order calls and ends of syncs fall.
#[test]
fn a_flush_holds_wherever_it_falls_among_the_ends_of_syncs() {
    for ended_before in 0..8 {
        let mut bed = bed();
        bed.write(&records(35, 100));
        for _ in 0..ended_before {
            bed.end_sync(true);
        }
        bed.flush();
        bed.end_syncs();
        assert!(bed.all_durable(), "after {ended_before} ends");
    }
}

// A file that was made and synced ahead of need is named at once: no sync stands between it and its records.
#[test]
fn a_file_made_ahead_of_need_is_named_with_its_first_record() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.end_syncs();
    bed.write(&records(5, 100));
    assert_eq!(bed.ledger().1, 1);
}

// The next file costs two syncs, asked for when it is made and not when it is needed.
#[test]
fn a_new_file_is_synced_with_its_name() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    assert_eq!(bed.disk.targets_under_way(), ["data 1", "directory"]);
}

// Group commit: who comes while a sync is under way that covers him waits for that one.
#[test]
fn what_is_covered_is_not_asked_for_again() {
    let mut bed = bed();
    bed.write(&records(2, 100));
    bed.flush();
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "ledger"]);
    bed.flush();
    assert_eq!(bed.disk.syncs_under_way(), 2);
    bed.write(&records(1, 100));
    bed.flush();
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "ledger", "data 0", "ledger"]);
    bed.end_syncs();
    bed.flush();
    assert_eq!(bed.disk.syncs_under_way(), 0);
}

// What is acknowledged within an interval or two never costs a sync of its data.
#[test]
fn when_all_is_acknowledged_only_the_ledger_is_synced() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.read_all();
    bed.acknowledge(5);
    assert_eq!(bed.tick(), None);
    assert_eq!(bed.disk.targets_under_way(), ["ledger"]);
    bed.end_syncs();
    assert_eq!(bed.tick(), None);
    assert_eq!(bed.disk.syncs_under_way(), 0);
}

// The promise: no unacknowledged record stays unsynced for longer than two intervals.
#[test]
fn a_record_waits_one_tick_and_not_two() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.disk.syncs_under_way(), 0);
    bed.write(&records(1, 100));
    bed.tick();
    assert!(bed.disk.targets_under_way().contains(&"data 0".to_owned()));
    bed.end_syncs();
    assert!(bed.all_durable());
}

// A file is older than its records: how long they have waited is counted from when they were written.
#[test]
fn the_first_records_of_a_file_made_ahead_of_need_wait_their_tick() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.flush();
    bed.end_syncs();
    bed.tick();
    bed.write(&records(5, 100));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.disk.targets_under_way(), Vec::<String>::new());
}

// Someone who asks for no delay gets none.
#[test]
fn an_interval_of_zero_syncs_at_every_tick() {
    let mut bed = Bed::with(Options { sync_interval_ms: 0, ..OPTIONS });
    bed.end_syncs();
    bed.write(&records(1, 100));
    bed.tick();
    bed.end_syncs();
    assert!(bed.all_durable());
}

// A file in which all is acknowledged is not synced for the sake of another.
#[test]
fn only_files_with_unacknowledged_records_are_synced() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.end_syncs();
    bed.write(&records(9, 100));
    bed.read_all();
    bed.acknowledge(12);
    bed.end_syncs();
    bed.write(&records(1, 100));
    bed.flush();
    let targets = bed.disk.targets_under_way();
    assert!(targets.contains(&"data 1".to_owned()), "{targets:?}");
    assert!(!targets.contains(&"data 0".to_owned()), "{targets:?}");
}

// A buffer at rest must not wake a sleeping disk.
#[test]
fn a_buffer_at_rest_wants_no_tick() {
    let mut bed = bed();
    assert_eq!(bed.tick(), None);
    bed.write(&records(1, 100));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.tick(), None);
}

// After a failed sync nobody knows what the disk holds: nothing may be promised until that is mended.
#[test]
fn after_a_failed_sync_nothing_is_accepted() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.flush();
    bed.end_sync(false);
    assert_eq!(bed.figure(DEGRADED), 1);
    assert_eq!(bed.try_write(&records(1, 100)), Err(BufferError::Degraded));
    assert_eq!(bed.buffer.flush(&mut bed.disk), Err(BufferError::Degraded));
    bed.end_syncs();
    assert_eq!(bed.figure(UNSYNCED), 500, "a later sync that ends well proves nothing");
}

// The consumer can go on with what is there; but no file goes on the word of such a disk.
#[test]
fn after_a_failed_sync_reading_and_acknowledging_go_on() {
    let mut bed = bed();
    bed.write(&records(25, 100));
    bed.end_syncs();
    bed.flush();
    bed.end_sync(false);
    assert_eq!(bed.read_all().len(), 25);
    bed.acknowledge(15);
    assert_eq!(bed.ledger().3, 15);
    bed.end_syncs();
    assert_eq!(bed.tick(), Some(TICK));
    let mut bed = bed.killed();
    assert_eq!(bed.read_all(), (16..=25).collect::<Vec<_>>());
}

// A process has only so many open files; a sync that found no room is asked for again.
#[test]
fn syncs_that_find_no_room_are_asked_for_again() {
    let mut bed = bed();
    bed.disk.refuse_syncs = true;
    bed.write(&records(15, 100));
    bed.flush();
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_syncs = false;
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
}

// The host may send what the logic never asked for, after a restart of the logic.
#[test]
fn an_unknown_ticket_is_ignored() {
    let mut bed = bed();
    bed.write(&records(1, 100));
    bed.buffer.synced(&mut bed.disk, Ticket(4_711), true).unwrap();
    assert_eq!(bed.figure(UNSYNCED), 100);
}

// What was synced before the power failed is there; the rest is not, and its ids are given again.
#[test]
fn what_was_not_synced_is_lost_with_the_power() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.flush();
    bed.end_syncs();
    bed.write(&records(25, 100));
    let mut bed = bed.power_lost(&mut NoLuck);
    assert_eq!((bed.report.next_id.0, bed.report.events), (6, 5));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5, 6]);
}

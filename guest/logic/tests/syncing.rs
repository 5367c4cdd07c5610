//! Syncs: which are requested, which are not, and what waits for them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::NothingSurvives;
use disk::bed::{Bed, OPTIONS, TICK, records};
use forebay_logic::{Logic as _, Options, Ticket};

const UNSYNCED: u16 = 6;

fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.flush();
    bed.end_syncs();
    bed.tick();
    bed
}

/// The promise of `synced`.
#[test]
fn what_was_flushed_survives_a_power_loss() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    assert_eq!(bed.figure(UNSYNCED), 0);
    let mut bed = bed.power_lost(&mut NothingSurvives);
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
}

/// No call comes after a flush: only the ends of syncs make the ledger name a new file.
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

/// The same in whatever order calls and ends of syncs fall.
#[test]
fn a_flush_holds_wherever_it_falls_among_the_ends_of_syncs() {
    for ended_before in 0..8 {
        let mut bed = bed();
        bed.write(&records(35, 100));
        for _ in 0..ended_before {
            bed.end_sync();
        }
        bed.flush();
        bed.end_syncs();
        assert!(bed.all_durable(), "after {ended_before} ends");
    }
}

/// A file that was made and synced ahead of need is named at once: no sync stands between it and its records.
#[test]
fn a_file_made_ahead_of_need_is_named_with_its_first_record() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.end_syncs();
    bed.write(&records(5, 100));
    assert_eq!(bed.ledger().1, 1);
}

/// The next file costs two syncs, requested when it is made and not when it is needed.
#[test]
fn a_new_file_is_synced_with_its_name() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    assert_eq!(bed.disk.targets_under_way(), ["data 1", "directory"]);
}

/// Group commit: a flush while a sync is under way that covers it waits for that one.
#[test]
fn what_is_covered_is_not_asked_for_again() {
    let mut bed = bed();
    bed.write(&records(2, 100));
    bed.flush();
    assert_eq!(bed.disk.targets_under_way(), ["data 0"]);
    bed.flush();
    assert_eq!(bed.disk.syncs_under_way(), 1);
    bed.write(&records(1, 100));
    bed.flush();
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "data 0"]);
    bed.end_syncs();
    bed.flush();
    assert_eq!(bed.disk.syncs_under_way(), 0);
}

/// Recovery needs the ledger to lead to the files, and finds the ids in them: a flush has a ledger synced that names another file,
/// and no other. When no more records come, what was acknowledged is synced as well.
#[test]
fn a_flush_has_the_ledger_synced_where_it_names_another_file() {
    let mut bed = bed();
    bed.write(&records(2, 100));
    bed.read_all();
    bed.acknowledge(1);
    bed.flush();
    assert_eq!(bed.disk.targets_under_way(), ["data 0"]);
    bed.end_syncs();
    bed.write(&records(9, 100));
    bed.flush();
    let mut ended = Vec::new();
    while let Some(target) = bed.disk.targets_under_way().first().cloned() {
        ended.push(target);
        bed.end_sync();
    }
    assert!(ended.contains(&"ledger".to_owned()), "{ended:?}");
    bed.acknowledge(2);
    bed.buffer.close_writer(&mut bed.disk).unwrap();
    assert!(bed.disk.targets_under_way().contains(&"ledger".to_owned()));
}

/// What is acknowledged within an interval or two never costs a sync of its data.
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

/// The promise: no unacknowledged record stays unsynced for longer than two intervals.
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

/// A file is older than its records: how long they have waited is counted from when they were written.
#[test]
fn the_first_records_of_a_file_made_ahead_of_need_wait_their_tick() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.flush();
    bed.end_syncs();
    bed.tick();
    bed.end_syncs();
    bed.write(&records(5, 100));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.disk.targets_under_way(), Vec::<String>::new());
}

/// An operator who asks for no delay gets none.
#[test]
fn an_interval_of_zero_syncs_at_every_tick() {
    let mut bed = Bed::with(Options { sync_interval_ms: 0, ..OPTIONS });
    bed.end_syncs();
    bed.write(&records(1, 100));
    bed.tick();
    bed.end_syncs();
    assert!(bed.all_durable());
}

/// A file in which all is acknowledged is not synced for the sake of another.
#[test]
fn only_files_with_unacknowledged_records_are_synced() {
    let mut bed = bed();
    bed.write(&records(6, 100));
    bed.end_syncs();
    bed.write(&records(9, 100));
    bed.read_all();
    bed.acknowledge(12);
    assert_eq!(bed.disk.files(), [0, 1]);
    bed.write(&records(1, 100));
    bed.flush();
    let targets = bed.disk.targets_under_way();
    assert!(targets.contains(&"data 1".to_owned()), "{targets:?}");
    assert!(!targets.contains(&"data 0".to_owned()), "{targets:?}");
}

/// The figure is of what waits: a sync of what is acknowledged changes nothing in it.
#[test]
fn unsynced_bytes_are_those_of_segments_with_unacknowledged_events() {
    let mut bed = bed();
    bed.write(&records(15, 100));
    bed.end_syncs();
    assert_eq!(bed.figure(UNSYNCED), 1_500);
    bed.flush();
    bed.read_all();
    bed.acknowledge(10);
    assert_eq!(bed.figure(UNSYNCED), 500);
    bed.end_sync();
    assert_eq!(bed.figure(UNSYNCED), 500);
    bed.end_sync();
    assert_eq!(bed.figure(UNSYNCED), 0);
}

/// A buffer at rest must not wake a sleeping disk.
#[test]
fn a_buffer_at_rest_wants_no_tick() {
    let mut bed = bed();
    assert_eq!(bed.tick(), None);
    bed.write(&records(1, 100));
    assert_eq!(bed.tick(), Some(TICK));
    assert_eq!(bed.tick(), None);
}

/// A clock that goes back must not make the buffer wait for what has been.
#[test]
fn a_time_that_goes_back_counts_as_the_latest() {
    let mut bed = bed();
    let now = bed.now;
    bed.write(&records(1, 100));
    assert_eq!(bed.buffer.tick(&mut bed.disk, now - TICK), Ok(now + TICK));
}

/// The host retries a sync that fails, and the ticket stays open meanwhile. Nothing counts as durable before it ends.
#[test]
fn a_sync_that_fails_is_one_that_has_not_ended() {
    for target in ["data 0", "data 1", "data 2", "ledger"] {
        let mut bed = bed();
        bed.write(&records(24, 100));
        bed.end_syncs();
        bed.write(&records(1, 100));
        bed.flush();
        // The ledger waits for the second tick.
        let _ = [bed.tick(), bed.tick()];
        while bed.disk.targets_under_way()[0] != target {
            bed.end_sync();
        }
        let unsynced = bed.figure(UNSYNCED);
        bed.disk.fail_sync();
        for _ in 0..3 {
            bed.tick();
        }
        assert_eq!(bed.figure(UNSYNCED), unsynced, "{target}");
        bed.end_syncs();
        assert_eq!(bed.figure(UNSYNCED), 0, "{target}");
        assert!(bed.all_durable(), "{target}");
        assert_eq!(bed.power_lost(&mut NothingSurvives).read_all(), (1..=25).collect::<Vec<_>>());
    }
}

/// The consumer can go on with what is there; but no file leaves before the ledger's sync has ended.
#[test]
fn while_a_sync_fails_reading_and_acknowledging_go_on() {
    let mut bed = bed();
    bed.write(&records(25, 100));
    bed.end_syncs();
    bed.flush();
    bed.disk.fail_sync();
    assert_eq!(bed.read_all().len(), 25);
    bed.acknowledge(15);
    bed.tick();
    assert_eq!((bed.ledger().3, bed.disk.files()), (15, vec![0, 1, 2]));
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [1, 2]);
    let mut bed = bed.killed();
    assert_eq!(bed.read_all(), (16..=25).collect::<Vec<_>>());
}

/// The name of a new file may be in doubt: then the ledger does not name it.
#[test]
fn a_file_whose_name_may_be_lost_is_not_named() {
    let mut bed = bed();
    bed.write(&records(15, 100));
    bed.end_sync();
    assert_eq!(bed.disk.targets_under_way()[0], "directory");
    bed.disk.fail_sync();
    bed.read_all();
    bed.acknowledge(15);
    bed.tick();
    assert_eq!(bed.ledger(), (16, 0, 0, 15));
    bed.end_syncs();
    assert_eq!(bed.ledger(), (16, 1, 1, 15));
}

/// A process has only so many open files; a sync that found no room is requested again.
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

/// The same by ticks alone, and for files that hold nothing yet.
#[test]
fn a_new_file_whose_syncs_found_no_room_is_synced_by_a_tick() {
    let mut bed = bed();
    bed.disk.refuse_syncs = true;
    bed.write(&records(6, 100));
    bed.read_all();
    bed.acknowledge(6);
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_syncs = false;
    bed.tick();
    bed.end_syncs();
    assert_eq!(bed.tick(), None);
    bed.write(&records(5, 100));
    assert_eq!(bed.ledger().1, 1, "it was durable when it was needed");
}

/// Young records wait for the next tick. A new file does not.
#[test]
fn a_new_file_whose_syncs_found_no_room_does_not_wait_for_young_records() {
    let mut bed = bed();
    bed.disk.refuse_syncs = true;
    bed.write(&records(6, 100));
    bed.disk.refuse_syncs = false;
    bed.tick();
    assert!(bed.disk.targets_under_way().contains(&"data 1".to_owned()));
}

/// Nor is a new file forgotten for which there was room for one of its two syncs.
#[test]
fn a_new_file_of_which_only_the_name_was_synced_is_synced_by_a_tick() {
    let mut bed = bed();
    bed.disk.refuse_data_syncs = true;
    bed.write(&records(6, 100));
    bed.read_all();
    bed.acknowledge(6);
    assert_eq!(bed.tick(), Some(TICK));
    bed.end_syncs();
    assert_eq!(bed.tick(), Some(TICK));
    bed.disk.refuse_data_syncs = false;
    assert_eq!(bed.tick(), None);
    bed.end_syncs();
    bed.write(&records(5, 100));
    assert_eq!(bed.ledger().1, 1);
}

/// The host may tell of what another component has requested.
#[test]
fn an_unknown_ticket_is_ignored() {
    let mut bed = bed();
    bed.write(&records(1, 100));
    bed.flush();
    for ticket in [0, 4_711, u64::MAX] {
        bed.buffer.synced(&mut bed.disk, Ticket(ticket)).unwrap();
    }
    assert_eq!(bed.figure(UNSYNCED), 100);
    bed.end_syncs();
    assert_eq!(bed.figure(UNSYNCED), 0);
}

/// What was synced before the power failed is there; the rest is not, and its ids are given again.
#[test]
fn what_was_not_synced_is_lost_with_the_power() {
    let mut bed = bed();
    bed.write(&records(5, 100));
    bed.flush();
    bed.end_syncs();
    bed.write(&records(25, 100));
    let mut bed = bed.power_lost(&mut NothingSurvives);
    assert_eq!((bed.ledger().0, bed.figure(10)), (6, 5));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5, 6]);
}

/// A file that was removed behind the buffer's back does not stop those that are there from being synced.
#[test]
fn a_vanished_file_does_not_stop_a_flush() {
    let mut bed = bed();
    bed.write(&records(35, 100));
    bed.disk.vanish(1);
    bed.write(&records(2, 100));
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    assert_eq!(bed.ledger().1, 3);
}

/// Nor the last one, where it has vanished before its first sync.
#[test]
fn a_vanished_file_does_not_keep_the_ledger_from_later_ones() {
    let mut bed = bed();
    bed.disk.refuse_syncs = true;
    bed.write(&records(15, 100));
    bed.disk.vanish(1);
    bed.disk.refuse_syncs = false;
    assert_eq!(bed.write(&records(6, 100)), 6);
    bed.flush();
    bed.end_syncs();
    assert_eq!((bed.ledger().1, bed.disk.files()), (2, vec![0, 2, 3]));
}

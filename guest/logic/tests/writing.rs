//! Placing records: rolling, filling up, and what is said of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, TICK, record, records};
use disk::{Disk, Frame, ledger, whole};
use forebay_logic::{BufferError, Logic as _, OTHER_BREACH, Options, StorageError};

/// The first thing that a buffer is for.
#[test]
fn records_come_back_in_order() {
    let mut bed = Bed::new();
    assert_eq!(bed.write(&records(100, 48)), 100);
    assert_eq!(bed.read_all(), (1..=100).collect::<Vec<_>>());
    assert_eq!(bed.ledger().0, 101);
}

/// The files are to be the same bytes that Vector would write: it rolls when the frame would pass the limit.
#[test]
fn a_file_is_left_when_the_next_frame_would_pass_its_limit() {
    let mut bed = Bed::new();
    bed.write(&[record(1, 400), record(1, 600), record(1, 8), record(1, 992), record(1, 1)]);
    let lengths: Vec<_> = bed.disk.files().iter().map(|file| bed.disk.file(*file).bytes()).collect();
    assert_eq!(lengths, [1_000, 1_000, 1]);
}

/// Calls into the host are what a batch saves.
#[test]
fn a_batch_costs_one_append_and_one_store_for_each_file() {
    let mut bed = Bed::new();
    bed.disk.calls.clear();
    bed.disk.looks = 0;
    bed.write(&records(15, 100));
    assert_eq!(bed.disk.calls, ["append 10", "store", "prepare 1", "roll 1", "append 5", "store"]);
    assert_eq!(bed.disk.looks, 0, "segments are never asked for at a write");
}

/// A limit on the file's length must not refuse a record for ever.
#[test]
fn an_empty_file_takes_a_record_longer_than_a_file() {
    let mut bed = Bed::new();
    assert_eq!(bed.write(&[record(1, 5_000), record(1, 5_000)]), 2);
    assert_eq!(bed.disk.file(1).frames.len(), 1);
}

/// Callers count events by their ids.
#[test]
fn a_record_takes_an_id_for_each_event() {
    let mut bed = Bed::new();
    assert_eq!(bed.write(&[record(3, 48), record(1, 48)]), 2);
    assert_eq!(bed.ledger().0, 5);
    assert_eq!(bed.read(10, 1_000), [(1, 3), (4, 1)]);
    assert_eq!(bed.figure(10), 4);
}

/// Full is an outcome: what fits is taken, and the rest comes again.
#[test]
fn a_batch_is_taken_as_far_as_it_fits() {
    let mut bed = Bed::with(Options { max_bytes: 2_500, ..OPTIONS });
    assert_eq!(bed.write(&records(30, 100)), 25);
    assert_eq!(bed.write(&records(5, 100)), 0);
}

/// The quota is on what lies on the disk: an acknowledged record takes up room until its file is gone.
#[test]
fn room_comes_back_when_a_file_is_removed_and_not_before() {
    let mut bed = Bed::with(Options { max_bytes: 2_500, ..OPTIONS });
    bed.write(&records(25, 100));
    bed.end_syncs();
    assert_eq!(bed.read_all().len(), 25);
    bed.acknowledge(10);
    assert_eq!(bed.write(&records(5, 100)), 0, "the file waits for the ledger's sync");
    bed.end_syncs();
    assert_eq!(bed.write(&records(20, 100)), 10);
}

/// Otherwise a buffer with a file as large as its quota is full for ever once that file is written.
#[test]
fn a_last_segment_that_is_all_acknowledged_makes_room() {
    for is_spare_durable in [false, true] {
        let mut bed = Bed::with(Options { max_bytes: 1_000, ..OPTIONS });
        assert_eq!(bed.write(&records(9, 110)), 9);
        if is_spare_durable {
            bed.flush();
            bed.end_syncs();
        }
        bed.read_all();
        bed.acknowledge(9);
        assert_eq!(bed.write(&records(9, 110)), 0);
        bed.end_syncs();
        assert_eq!(bed.write(&records(9, 110)), 9);
        assert_eq!(bed.read_all(), (10..=18).collect::<Vec<_>>());
    }
}

/// The host knows which records there are. The logic withholds none, and names none where nothing waits.
#[test]
fn as_many_records_may_be_delivered_as_are_wanted() {
    let mut bed = Bed::new();
    assert_eq!(bed.buffer.read(&mut bed.disk, 64, 1_000), Ok(0));
    bed.write(&records(3, 100));
    assert_eq!(bed.buffer.read(&mut bed.disk, 64, 1), Ok(64));
    assert_eq!(bed.buffer.read(&mut bed.disk, 0, 1), Ok(0));
    bed.read_all();
    assert_eq!(bed.buffer.read(&mut bed.disk, 64, 1_000), Ok(64), "delivered, and not acknowledged");
    bed.acknowledge(3);
    assert_eq!(bed.buffer.read(&mut bed.disk, 64, 1_000), Ok(0));
}

/// A limit on events protects the consumer's memory; a record is in or out as a whole.
#[test]
fn events_waiting_are_limited_when_asked() {
    let mut bed = Bed::with(Options { max_events: 5, ..OPTIONS });
    assert_eq!(bed.write(&[record(3, 48), record(3, 48)]), 1);
    assert_eq!(bed.write(&[record(2, 48), record(1, 48)]), 1);
    bed.read_all();
    bed.acknowledge(3);
    assert_eq!(bed.write(&records(9, 48)), 3);
}

/// A full disk is back-pressure and not an error.
#[test]
fn a_full_disk_makes_the_buffer_full() {
    let mut bed = Bed::new();
    bed.disk.room = 350;
    assert_eq!(bed.write(&records(10, 100)), 3);
    assert_eq!(bed.write(&records(10, 100)), 0);
    bed.disk.room = 100_000;
    assert_eq!(bed.write(&records(10, 100)), 10);
    assert_eq!(bed.read_all(), (1..=13).collect::<Vec<_>>());
}

/// The same where it is the number of files that is exhausted.
#[test]
fn no_room_for_another_file_makes_the_buffer_full() {
    let mut bed = Bed::new();
    bed.disk.refuse_files = true;
    assert_eq!(bed.write(&records(15, 100)), 10);
    bed.flush();
    bed.end_syncs();
    assert_eq!(bed.tick(), Some(TICK), "a tick is wanted to try again");
    bed.disk.refuse_files = false;
    bed.tick();
    assert_eq!(bed.disk.files(), [0, 1], "the tick made the file");
    assert_eq!(bed.write(&records(5, 100)), 5);
}

/// A file that cannot be made ahead of need is tried again at a tick, and not at every write.
#[test]
fn a_file_ahead_of_need_is_not_tried_at_every_write() {
    let mut bed = Bed::new();
    bed.disk.refuse_files = true;
    for _ in 0..9 {
        assert_eq!(bed.write(&records(1, 100)), 1);
    }
    assert_eq!(bed.disk.new_file_attempts, 2, "the first file, and one ahead of need");
    bed.tick();
    assert_eq!(bed.disk.new_file_attempts, 3);
}

/// A process that has too many files open has fewer in a while.
#[test]
fn too_many_open_files_make_the_buffer_full() {
    for errno in [4, 11, 23, 24] {
        let mut bed = Bed::new();
        bed.disk.fail_all_appends = Some(StorageError::Io(errno));
        assert_eq!(bed.write(&records(3, 100)), 0);
        bed.disk.fail_all_appends = None;
        bed.disk.fail_all_new_files = Some(StorageError::Io(errno));
        assert_eq!(bed.write(&records(15, 100)), 10);
        assert_eq!(bed.tick(), Some(TICK));
        bed.disk.fail_all_new_files = None;
        assert_eq!(bed.write(&records(5, 100)), 5);
    }
}

/// After an error the host goes by its own account, and the logic's must not be another.
#[test]
fn defect_d11_after_an_error_the_state_is_what_was_placed() {
    let mut bed = Bed::new();
    bed.disk.fail_append = Some(StorageError::Io(5));
    assert_eq!(bed.try_write(&records(2, 100)), Err(BufferError::Storage(5)));
    bed.disk.fail_store = Some(StorageError::Io(5));
    assert_eq!(bed.try_write(&records(3, 100)), Err(BufferError::Storage(5)));
    assert_eq!(bed.write(&records(2, 100)), 2);
    assert_eq!(bed.ledger().0, 6);
    assert_eq!(bed.read_all(), (1..=5).collect::<Vec<_>>());
}

/// One bad file is not to keep the buffer from writing. Where the next one is as bad, each attempt must not leave another.
#[test]
fn a_file_that_cannot_be_written_to_is_left_for_one_other() {
    let errors = [StorageError::Io(5), StorageError::NotFound, StorageError::Refused(12)];
    for error in errors {
        let mut bed = Bed::new();
        bed.write(&records(3, 100));
        bed.disk.fail_append = Some(error);
        assert_eq!(bed.write(&records(2, 100)), 2, "{error:?}");
        assert_eq!((bed.disk.file(0).bytes(), bed.disk.file(1).bytes()), (300, 200));
        for _ in 0..3 {
            bed.disk.fail_all_appends = Some(error);
            assert_eq!(bed.try_write(&records(2, 100)), Err(error.into()));
        }
        assert_eq!(bed.disk.files(), [0, 1, 2]);
        bed.disk.fail_all_appends = None;
        assert_eq!(bed.write(&records(2, 100)), 2);
        assert_eq!(bed.read_all(), (1..=7).collect::<Vec<_>>());
    }
}

/// A rule that the logic breaks is its own error, and no reason to leave a file.
#[test]
fn a_refusal_is_passed_on() {
    let mut bed = Bed::new();
    bed.write(&records(3, 100));
    for rule in [1, 2, 3, 14, 15, 17, 99] {
        bed.disk.fail_append = Some(StorageError::Refused(rule));
        assert_eq!(bed.try_write(&records(2, 100)), Err(BufferError::Refused(rule)));
    }
    assert_eq!(bed.disk.files(), [0]);
    for rule in [3, 4, 5, 10, 14] {
        bed.disk.fail_all_stores = Some(StorageError::Refused(rule));
        assert_eq!(bed.try_write(&records(2, 100)), Err(BufferError::Refused(rule)));
    }
    bed.disk.fail_all_stores = None;
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!(bed.read_all(), (1..bed.disk.host.next_id).collect::<Vec<_>>());
}

/// Storage may know better what is in the directory: the ledger is put together again.
#[test]
fn a_ledger_that_storage_refuses_is_put_together_again() {
    for rule in [3, 4, 5, 10] {
        let mut bed = Bed::new();
        bed.write(&records(14, 100));
        bed.disk.fail_store = Some(StorageError::Refused(rule));
        assert_eq!(bed.write(&records(2, 100)), 2);
        bed.flush();
        bed.end_syncs();
        assert_eq!(bed.ledger(), (17, 1, 0, 0));
        assert!(bed.all_durable());
    }
}

/// An error in the host's packing must not become a frame without an id.
#[test]
fn a_record_without_events_or_bytes_is_a_breach() {
    let mut bed = Bed::new();
    let breach = Err(BufferError::Other(OTHER_BREACH));
    assert_eq!(bed.try_write(&[record(1, 48), record(0, 48)]), breach);
    assert_eq!(bed.try_write(&[record(1, 48), record(1, 0)]), breach);
    assert!(bed.read_all().is_empty());
}

/// A process that writes little should leave one file, as Vector does.
#[test]
fn the_next_file_is_made_once_the_last_is_more_than_half_full() {
    let mut bed = Bed::new();
    bed.write(&records(5, 100));
    assert_eq!(bed.disk.files(), [0]);
    bed.write(&records(1, 100));
    assert_eq!(bed.disk.files(), [0, 1]);
}

/// A directory that is closed is to look like Vector's.
#[test]
fn closing_removes_the_file_that_was_made_ahead() {
    let mut bed = Bed::new();
    bed.write(&records(9, 100));
    bed.end_syncs();
    bed.buffer.close_writer(&mut bed.disk).unwrap();
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "directory", "ledger"]);
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [0]);
    assert!(bed.all_durable());
    assert_eq!(bed.try_write(&records(1, 100)), Err(BufferError::Closed));
    assert_eq!(bed.read_all().len(), 9, "reading goes on");
    bed.acknowledge(9);
    assert_eq!(bed.ledger(), (10, 0, 0, 9));
}

/// Two records with one id could not be told apart: the ids end before they repeat.
#[test]
fn ids_do_not_wrap() {
    let last = u64::MAX - 3;
    let mut bed = Bed::on(Disk::with(Some(ledger(last, 0, 0, last - 1)), &[(0, vec![])]), OPTIONS);
    assert_eq!(bed.write(&records(9, 48)), 3);
    assert_eq!(bed.read_all(), [last, last + 1, last + 2]);
}

/// Vector stopped at the end of the ring; nothing is special about file 0.
#[test]
fn files_go_round_the_ring() {
    let mut bed = Bed::on(Disk::with(Some(ledger(1, 65_533, 65_533, 0)), &[(65_533, vec![])]), OPTIONS);
    for round in 0..5 {
        assert_eq!(bed.write(&records(10, 100)), 10);
        assert_eq!(bed.read_all().len(), 10);
        bed.acknowledge(10 * (round + 1));
        bed.flush();
        bed.end_syncs();
    }
    assert_eq!(bed.ledger(), (51, 2, 2, 50));
    assert_eq!(bed.killed().figure(10), 0);
}

/// A file outside must not stop the writer for ever, and it takes up room.
#[test]
fn a_file_outside_in_the_way_is_passed_by() {
    // File 1 repeats ids that are still unread in file 0: no use can be made of it, and it must not be lost.
    let files = [(0, whole(1..=3)), (1, vec![Frame::whole(2, 1, 100)])];
    let mut bed = Bed::on(Disk::with(Some(ledger(4, 0, 0, 0)), &files), OPTIONS);
    assert_eq!(bed.write(&records(10, 100)), 10);
    assert_eq!(bed.disk.files(), [0, 1, 2]);
    assert_eq!(bed.disk.file(1).bytes(), 100);
    bed.end_syncs();
    assert_eq!(bed.ledger().1, 2);
    assert_eq!(bed.read_all(), (1..=13).collect::<Vec<_>>());
}

/// With every number taken the next file would be the reader's own. All 65,535 numbers, as on the disk.
#[test]
fn the_segments_never_fill_the_ring() {
    let mut bed = Bed::with(Options { file_bytes: 10, ..OPTIONS });
    let mut accepted = 0;
    loop {
        let taken = bed.write(&records(4_096, 10));
        accepted += u64::from(taken);
        bed.end_syncs();
        if taken < 4_096 {
            break;
        }
    }
    assert_eq!(accepted, 65_534);
    assert_eq!(bed.write(&records(1, 10)), 0);
    assert_eq!(bed.read(100, 1_000).len(), 100);
    bed.acknowledge(50);
    bed.end_syncs();
    assert_eq!(bed.write(&records(100, 10)), 50);
    let mut bed = bed.killed();
    assert_eq!((bed.figure(10), bed.figure(2)), (65_534, 65_534));
    bed.end_syncs();
    assert!(bed.all_durable());
}

/// A call may not cost more where there are more segments: they can be 65,534.
#[test]
fn a_call_asks_for_no_more_where_there_are_many_segments() {
    let files: Vec<_> = (0..10_000).map(|n| (n, whole([u64::from(n) + 1]))).collect();
    let mut bed = Bed::on(Disk::with(Some(ledger(10_001, 9_999, 0, 0)), &files), OPTIONS);
    assert_eq!(bed.disk.looks, 3, "three pages at opening");
    bed.end_syncs();
    bed.disk.calls.clear();
    bed.write(&records(5, 100));
    bed.tick();
    bed.tick();
    bed.flush();
    bed.end_syncs();
    assert_eq!(bed.disk.calls, ["append 5", "store", "prepare 10000"]);
    assert_eq!(bed.disk.looks, 3);
}

//! Dropping the oldest file to make room: what goes, in which order, and what is said of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, record, records};
use disk::{Disk, Frame, ledger, whole};
use forebay_logic::{BufferError, Logic as _, Options, RecordId, StorageError, WhenFull};

/// Room for three files.
fn dropping() -> Options {
    Options { max_bytes: 3_000, when_full: WhenFull::DropOldest, ..OPTIONS }
}

/// Offers records until all are in; gives how many events were dropped.
fn write_all(bed: &mut Bed, sizes: &[u64]) -> u64 {
    let (mut accepted, mut dropped) = (0, 0);
    for _ in 0..100 {
        let outcome = bed.try_write(&sizes[accepted..]).unwrap();
        accepted += usize::try_from(outcome.accepted).unwrap();
        dropped += outcome.dropped_events;
        if accepted == sizes.len() {
            return dropped;
        }
        bed.end_syncs();
    }
    panic!("{accepted} of {} were accepted", sizes.len());
}

/// What people choose it for: the newest records get in, and the number of those that went is right.
#[test]
fn the_oldest_file_goes_as_a_whole() {
    let mut bed = Bed::with(dropping());
    assert_eq!(write_all(&mut bed, &records(30, 100)), 0);
    assert_eq!(write_all(&mut bed, &records(1, 100)), 10);
    assert_eq!(bed.read_all(), (11..=31).collect::<Vec<_>>());
    assert_eq!((bed.figure(12), bed.dropped()), (10, 10));
}

/// A crash between the two must not bring back what was said to be dropped, or miss a file that the ledger names.
#[test]
fn a_file_goes_only_when_the_ledger_that_has_passed_it_is_durable() {
    let mut bed = Bed::with(dropping());
    write_all(&mut bed, &records(30, 100));
    bed.end_syncs();
    bed.disk.calls.clear();
    assert_eq!(bed.try_write(&records(1, 100)).unwrap().accepted, 0);
    assert_eq!(bed.disk.calls, ["store"]);
    bed.end_syncs();
    assert!(bed.disk.calls.contains(&"release 0".to_owned()), "{:?}", bed.disk.calls);
    assert_eq!(bed.try_write(&records(1, 100)).unwrap().accepted, 1);
}

/// Otherwise every offer until the sync has ended would drop another file.
#[test]
fn no_more_is_dropped_than_is_needed() {
    let mut bed = Bed::with(dropping());
    write_all(&mut bed, &records(30, 100));
    bed.end_syncs();
    for _ in 0..3 {
        bed.try_write(&records(1, 100)).unwrap();
    }
    assert_eq!(bed.figure(12), 10);
}

/// The disk may be smaller than the limit, or another program may fill it. One file goes at a time: how much is enough is not
/// known.
#[test]
fn a_full_disk_drops_the_oldest_file_too() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, ..dropping() });
    write_all(&mut bed, &records(30, 100));
    bed.end_syncs();
    bed.disk.room = 0;
    bed.disk.calls.clear();
    for _ in 0..3 {
        let outcome = bed.try_write(&records(1, 100)).unwrap();
        assert_eq!(outcome.accepted, 0);
    }
    assert_eq!((bed.figure(12), &bed.disk.calls[..]), (10, &["roll 3".to_owned(), "store".to_owned()][..]));
    bed.end_syncs();
    assert!(bed.disk.calls.contains(&"release 0".to_owned()), "{:?}", bed.disk.calls);
    // Another program took the room at once.
    assert_eq!(bed.try_write(&records(1, 100)).unwrap().dropped_events, 10);
    bed.end_syncs();
    bed.disk.room = 1_000;
    assert_eq!(write_all(&mut bed, &records(10, 100)), 0);
    assert_eq!(bed.read_all(), (21..=40).collect::<Vec<_>>());
}

/// A file system may have run out of names for files, and have bytes. What goes gives one back.
#[test]
fn a_disk_without_room_for_another_file_drops_the_oldest_too() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, ..dropping() });
    write_all(&mut bed, &records(20, 100));
    bed.end_syncs();
    bed.disk.refuse_files = true;
    write_all(&mut bed, &records(10, 100));
    bed.end_syncs();
    bed.disk.calls.clear();
    for _ in 0..3 {
        assert_eq!(bed.try_write(&records(1, 100)).unwrap().accepted, 0);
    }
    assert_eq!((bed.figure(12), &bed.disk.calls[..]), (10, &["store".to_owned()][..]), "one, and no more");
    bed.end_syncs();
    assert!(bed.disk.calls.contains(&"release 0".to_owned()), "{:?}", bed.disk.calls);
    bed.disk.refuse_files = false;
    assert_eq!(write_all(&mut bed, &records(1, 100)), 0);
    assert_eq!(bed.read_all(), (11..=31).collect::<Vec<_>>());
}

/// A process that has opened too many files gets none back by it.
#[test]
fn too_many_open_files_drop_nothing() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, ..dropping() });
    write_all(&mut bed, &records(35, 100));
    bed.end_syncs();
    for errno in [23, 24] {
        bed.disk.fail_append = Some(StorageError::Io(errno));
        let outcome = bed.try_write(&records(1, 100)).unwrap();
        assert_eq!((outcome.accepted, outcome.dropped_events), (0, 0));
    }
    assert_eq!(write_all(&mut bed, &records(1, 100)), 0);
    assert_eq!(bed.read_all(), (1..=36).collect::<Vec<_>>());
    assert_eq!(bed.disk.file(3).bytes(), 600, "and the file is not to blame");
}

/// Nor where it is another file that it cannot open.
#[test]
fn too_many_open_files_for_another_drop_nothing() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, ..dropping() });
    write_all(&mut bed, &records(25, 100));
    bed.end_syncs();
    for errno in [23, 24] {
        bed.disk.fail_all_new_files = Some(StorageError::Io(errno));
        let outcome = bed.try_write(&records(6, 100)).unwrap();
        assert_eq!(outcome.dropped_events, 0);
    }
    bed.disk.fail_all_new_files = None;
    assert_eq!(write_all(&mut bed, &records(1, 100)), 0);
    assert_eq!(bed.figure(12), 0);
}

/// A full disk under one file that holds everything.
#[test]
fn on_a_full_disk_the_writers_file_is_left_before_it_is_dropped() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, file_bytes: 1 << 19, ..dropping() });
    write_all(&mut bed, &records(30, 100));
    bed.disk.room = 0;
    for _ in 0..5 {
        assert_eq!(bed.try_write(&records(1, 100)).unwrap().accepted, 0);
        bed.end_syncs();
    }
    assert_eq!((bed.figure(12), bed.disk.files()), (30, vec![1]), "what is left is empty, and stays");
    bed.disk.room = 1_000;
    assert_eq!(write_all(&mut bed, &records(1, 100)), 0);
    assert_eq!(bed.read_all(), [31]);
}

/// A buffer of one file has nothing else to drop.
#[test]
fn the_writers_file_is_left_before_it_is_dropped() {
    let mut bed = Bed::with(Options { file_bytes: 4_000, ..dropping() });
    write_all(&mut bed, &records(30, 100));
    assert_eq!(write_all(&mut bed, &records(1, 100)), 30);
    assert_eq!(bed.read_all(), [31]);
}

/// A consumer that still works on a dropped record acknowledges it later, and must not release another by that.
#[test]
fn a_late_acknowledgement_of_what_was_dropped_is_ignored() {
    let mut bed = Bed::with(dropping());
    write_all(&mut bed, &records(30, 100));
    assert_eq!(bed.read(5, 1 << 20).len(), 5);
    write_all(&mut bed, &records(1, 100));
    let ledger = bed.ledger();
    bed.buffer.acknowledge(&mut bed.disk, RecordId(5)).unwrap();
    assert_eq!(bed.ledger(), ledger);
    assert_eq!(bed.read_all(), (11..=31).collect::<Vec<_>>());
}

/// What is acknowledged already is no loss.
#[test]
fn acknowledged_events_are_not_counted_as_dropped() {
    let mut bed = Bed::with(dropping());
    write_all(&mut bed, &records(30, 100));
    bed.read(4, 1 << 20);
    bed.acknowledge(4);
    assert_eq!(write_all(&mut bed, &records(1, 100)), 6);
}

/// The limit in events is a limit too, and files are what can go.
#[test]
fn too_many_events_drop_the_oldest_file() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, max_events: 25, ..dropping() });
    assert_eq!(write_all(&mut bed, &records(25, 100)), 0);
    assert_eq!(write_all(&mut bed, &[record(3, 100)]), 10);
    assert_eq!(bed.read_all(), (11..=28).collect::<Vec<_>>());
}

/// The numbers of a buffer that was dropped from must fit together after a crash as well.
#[test]
fn what_was_dropped_stays_dropped_after_the_process_has_died() {
    let mut bed = Bed::with(dropping());
    write_all(&mut bed, &records(30, 100));
    bed.end_syncs();
    bed.try_write(&records(1, 100)).unwrap();
    let mut bed = bed.killed();
    assert_eq!(bed.ledger().3, 10);
    assert_eq!(bed.read_all(), (11..=30).collect::<Vec<_>>());
}

/// Events that a power loss has taken count until they are passed over. Without a reader, dropping what lies before them
/// has to do that: else they take up room that no file can give back, and writers wait for ever.
#[test]
fn lost_events_behind_what_is_dropped_take_up_no_room() {
    let files = [(0, (1..=9).map(|id| Frame::whole(id, 1, 100)).collect())];
    let disk = Disk::with(Some(ledger(25, 0, 0, 0)), &files);
    let mut bed = Bed::on(disk, Options { max_events: 12, when_full: WhenFull::DropOldest, ..OPTIONS });
    assert_eq!(bed.write(&records(1, 100)), 0, "the file goes when its successor is durable");
    bed.end_syncs();
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!((bed.read_all(), bed.figure(10)), (vec![25], 1));
}

/// The host refuses it where the operator has not chosen it. Then the buffer is as it was.
#[test]
fn what_storage_refuses_to_drop_stays() {
    let mut bed = Bed::new();
    bed.write(&records(25, 100));
    bed.end_syncs();
    let ledger = bed.ledger();
    bed.disk.fail_store = Some(StorageError::Refused(5));
    assert_eq!(bed.buffer.drop_oldest(&mut bed.disk), Err(BufferError::Refused(5)));
    assert_eq!((bed.ledger(), bed.figure(12), bed.figure(10)), (ledger, 0, 25));
    bed.write(&records(1, 100));
    bed.read_all();
    bed.acknowledge(11);
    bed.end_syncs();
    assert_eq!((bed.ledger().3, bed.disk.files()), (11, vec![1, 2, 3]));
}

/// Files from before opening are dropped one by one, although storage tells the ids of few of them.
#[test]
fn files_whose_ids_were_not_known_are_dropped() {
    let files: Vec<_> = (0..50).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    let disk = Disk::with(Some(ledger(501, 49, 0, 0)), &files);
    let mut bed = Bed::on(disk, Options { max_bytes: 50_000, ..dropping() });
    bed.end_syncs();
    assert_eq!(write_all(&mut bed, &records(200, 100)), 200);
    assert_eq!(bed.dropped(), 200);
    assert_eq!(bed.read_all(), (201..=700).collect::<Vec<_>>());
}

/// Logic of your own keeps an eye on what lies behind the oldest segment, and drops that one.
#[test]
fn what_lies_behind_the_oldest_segment_is_known() {
    let mut bed = Bed::with(Options { max_bytes: 1 << 20, ..dropping() });
    bed.write(&records(25, 100));
    assert_eq!(bed.buffer.events_behind_oldest(&mut bed.disk), Ok(Some(15)));
    assert_eq!(bed.buffer.drop_oldest(&mut bed.disk), Ok(None), "no other file is durable yet");
    bed.end_syncs();
    assert_eq!(bed.buffer.drop_oldest(&mut bed.disk), Ok(Some(10)));
    assert_eq!(bed.buffer.events_behind_oldest(&mut bed.disk), Ok(Some(5)));
    assert_eq!(bed.buffer.drop_oldest(&mut bed.disk), Ok(Some(10)));
    assert_eq!(bed.buffer.drop_oldest(&mut bed.disk), Ok(None), "the last segment stays");
    assert_eq!(bed.buffer.events_behind_oldest(&mut bed.disk), Ok(Some(0)));
}

/// Damage that takes a segment's last records takes ids that the logic counts on. The host counts what was there.
#[test]
fn a_segment_whose_last_records_are_damaged_is_dropped() {
    let ways = [8..10, 9..10, 4..5, 0..10].map(|damaged| [(damaged.clone(), false), (damaged, true)]);
    for (damaged, is_strict) in ways.into_iter().flatten() {
        let mut bed = Bed::with(dropping());
        write_all(&mut bed, &records(30, 100));
        bed.disk.is_strict = is_strict;
        for frame in damaged.clone() {
            bed.disk.file_mut(0).frames[frame].record = None;
        }
        write_all(&mut bed, &records(1, 100));
        let dropped = 10 - u64::try_from(damaged.len()).unwrap();
        assert_eq!(bed.dropped(), dropped);
        bed.disk.file_mut(1).frames[9].record = None;
        write_all(&mut bed, &records(10, 100));
        assert_eq!(bed.dropped(), dropped + 9);
        assert!(bed.figure(12) >= bed.dropped(), "the figure counts lost events too");
        assert_eq!(bed.read_all(), (21..=41).collect::<Vec<_>>());
    }
}

//! Opening: what is kept, what is synced, what is truncated, and what goes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, TICK, records};
use disk::random::Random;
use disk::{Disk, Frame, NothingSurvives, ledger, whole};
use forebay_logic::{Buffer, BufferError, Logic as _, Options, StorageError};

fn open(ledger: Option<forebay_logic::Ledger>, files: &[(u16, Vec<Frame>)]) -> Bed {
    Bed::on(Disk::with(ledger, files), OPTIONS)
}

/// Two whole records with the start of a third.
fn torn() -> Disk {
    Disk::with(Some(ledger(3, 0, 0, 0)), &[(0, [whole([1, 2]), vec![Frame::torn(30)]].concat())])
}

/// The first opening of an empty directory.
#[test]
fn a_new_buffer_is_empty() {
    let mut bed = open(None, &[]);
    assert_eq!((bed.ledger(), bed.figure(10)), ((1, 0, 0, 0), 0));
    assert_eq!(bed.disk.files(), [0]);
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "directory", "ledger"]);
    bed.end_syncs();
    assert!(bed.read_all().is_empty());
}

/// Vector's own directories are opened without a word changed in them.
#[test]
fn a_sound_directory_is_left_as_it_is() {
    let files = [(3, whole(100..=199)), (4, whole(200..=299)), (5, whole(300..=309))];
    let mut bed = open(Some(ledger(310, 5, 3, 149)), &files);
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
    assert_eq!(bed.read_all(), (150..=309).collect::<Vec<_>>());
    bed.end_syncs();
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
}

/// Until this host has synced them, it does not know what of the files is on the disk.
#[test]
fn every_file_that_is_kept_is_synced() {
    let mut bed = open(Some(ledger(5, 1, 0, 0)), &[(0, whole([1, 2])), (1, whole([3, 4]))]);
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "data 1", "directory", "ledger"]);
    bed.end_syncs();
    assert_eq!(bed.figure(6), 0);
}

/// The rest of a write that did not end.
#[test]
fn a_torn_end_is_truncated_once() {
    let mut bed = Bed::on(torn(), OPTIONS);
    assert_eq!((&bed.disk.calls[..], bed.figure(1)), (&["truncate".to_owned()][..], 200));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [1, 2, 3]);
    assert_eq!(bed.disk.files(), [0]);
    bed.disk.calls.clear();
    assert!(!bed.killed().disk.calls.contains(&"truncate".to_owned()));
}

/// Nothing is placed behind an unfinished frame. Where it cannot be truncated the next record comes in another file.
#[test]
fn a_torn_end_that_cannot_be_truncated_is_left_behind() {
    for truncates_before_it_fails in [false, true] {
        let mut disk = torn();
        disk.fail_truncate = Some(StorageError::Io(5));
        disk.truncates_before_it_fails = truncates_before_it_fails;
        let mut bed = Bed::on(disk, OPTIONS);
        assert_eq!(bed.write(&records(1, 100)), 1);
        assert_eq!(bed.disk.files(), [0, 1]);
        assert_eq!(bed.read_all(), [1, 2, 3]);
    }
}

/// Another owner has the directory: nothing more may be tried.
#[test]
fn a_fenced_truncation_ends_the_opening() {
    let mut disk = torn();
    disk.lock(false, u64::MAX);
    disk.fail_truncate = Some(StorageError::Fenced);
    let error = Buffer::open(&mut disk, &OPTIONS).unwrap_err();
    assert_eq!(error, BufferError::Other(forebay_logic::OTHER_FENCED));
}

/// What comes behind damage might not be found, should more damage follow.
#[test]
fn nothing_is_placed_behind_damage() {
    let frames = [whole([1]), vec![Frame::corrupt(100)], whole([3])].concat();
    let mut bed = open(Some(ledger(4, 0, 0, 0)), &[(0, frames)]);
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!((bed.disk.files(), bed.read_all()), (vec![0, 1], vec![1, 3, 4]));
}

/// Nor in a file whose sync has failed, as long as the host has not rewritten it.
#[test]
fn nothing_is_placed_in_a_suspect_file() {
    let mut bed = Bed::new();
    bed.write(&records(3, 100));
    bed.flush();
    bed.disk.fail_sync();
    let mut bed = bed.killed();
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!(bed.disk.files(), [0, 1]);
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
}

/// Death between the bytes and the ledger.
#[test]
fn a_ledger_behind_the_data_is_moved_forward() {
    let mut bed = open(Some(ledger(2, 0, 0, 0)), &[(0, whole(1..=5))]);
    assert_eq!((bed.ledger(), bed.figure(10)), ((6, 0, 0, 0), 5));
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
}

/// Death between a roll and the ledger that names the new file; several rolls may wait for one sync.
#[test]
fn files_that_the_ledger_does_not_name_yet_are_named_when_they_are_durable() {
    let files = [(7, whole(1..=5)), (8, whole(6..=9)), (9, whole(10..=12)), (10, vec![])];
    let mut bed = open(Some(ledger(6, 7, 7, 0)), &files);
    assert_eq!(bed.ledger(), (13, 7, 7, 0));
    bed.end_syncs();
    assert_eq!(bed.ledger(), (13, 9, 7, 0));
    assert_eq!(bed.read_all(), (1..=12).collect::<Vec<_>>());
}

/// The empty file that was made ahead of need is used, and not left beside another.
#[test]
fn the_spare_is_taken_over() {
    let files = [(7, whole(1..=9)), (8, vec![])];
    let mut bed = open(Some(ledger(10, 7, 7, 0)), &files);
    bed.end_syncs();
    assert_eq!(bed.write(&records(6, 100)), 6);
    assert_eq!((bed.disk.files(), bed.ledger().1), (vec![7, 8], 8));
    let mut bed = open(Some(ledger(10, 7, 7, 0)), &files);
    bed.buffer.close_writer(&mut bed.disk).unwrap();
    assert_eq!(bed.disk.files(), [7]);
}

/// A loss at the end is waited for until the host says that nothing follows.
#[test]
fn what_is_lost_at_the_end_is_passed_with_the_last_record() {
    let mut bed = open(Some(ledger(11, 0, 0, 0)), &[(0, whole(1..=5))]);
    assert_eq!((bed.figure(10), bed.read(5, 10_000).len()), (10, 5));
    bed.acknowledge(5);
    assert_eq!((bed.ledger().3, bed.figure(10)), (10, 0));
}

/// An emptied buffer is to count no events, or a drain waits for ever.
#[test]
fn what_is_lost_behind_all_that_is_acknowledged_is_passed_at_once() {
    let bed = open(Some(ledger(11, 0, 0, 5)), &[(0, whole(1..=5))]);
    assert_eq!((bed.ledger(), bed.figure(10)), ((11, 0, 0, 10), 0));
}

/// With no file left all is lost, and writing goes on where the ledger says.
#[test]
fn a_writers_file_that_is_missing_is_made_where_none_is_left() {
    let mut bed = open(Some(ledger(41, 4, 2, 4)), &[]);
    assert_eq!((bed.ledger(), bed.figure(10)), ((41, 4, 4, 40), 0));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [41]);
}

/// Death between the ledger's sync and the removal: Vector's writer met such files and waited for ever.
#[test]
fn what_is_left_of_finished_files_is_removed() {
    for passed_are_outside in [false, true] {
        let files = [(1, whole(1..=10)), (2, whole(11..=20)), (3, whole(21..=25))];
        let mut disk = Disk::with(Some(ledger(26, 3, 3, 20)), &files);
        disk.passed_are_outside = passed_are_outside;
        let mut bed = Bed::on(disk, OPTIONS);
        assert_eq!(
            (bed.disk.files(), bed.figure(1)),
            (vec![1, 2, 3], 2_500),
            "not before the ledger is synced"
        );
        bed.end_syncs();
        assert_eq!((bed.disk.files(), bed.figure(1)), (vec![3], 500));
        assert_eq!(bed.read_all(), (21..=25).collect::<Vec<_>>());
    }
}

/// A file that repeats what is still unread is of no use, but it is not the buffer's to remove. It counts as what it takes up.
#[test]
fn a_file_that_repeats_unread_ids_is_left_alone() {
    for outside_is_unknown in [false, true] {
        let mut disk = Disk::with(Some(ledger(11, 0, 0, 0)), &[(0, whole(1..=10)), (7, whole(3..=5))]);
        disk.outside_is_unknown = outside_is_unknown;
        let mut bed = Bed::on(disk, OPTIONS);
        assert_eq!(bed.figure(1), 1_300);
        bed.end_syncs();
        bed.tick();
        assert_eq!(bed.disk.files(), [0, 7]);
        assert_eq!(bed.read_all(), (1..=10).collect::<Vec<_>>());
        bed.acknowledge(10);
        bed.tick();
        bed.end_syncs();
        assert_eq!(
            (bed.disk.files(), bed.figure(1)),
            (vec![0], 1_000),
            "when its ids are acknowledged it goes"
        );
    }
}

/// Storage keeps a file: asking again at each tick is of no use before the ledger has moved on.
#[test]
fn a_file_that_storage_keeps_is_not_asked_for_at_each_tick() {
    let mut disk = Disk::with(Some(ledger(11, 0, 0, 0)), &[(0, whole(1..=10)), (7, whole(3..=5))]);
    disk.outside_is_unknown = true;
    let mut bed = Bed::on(disk, OPTIONS);
    bed.end_syncs();
    assert_eq!(bed.disk.calls, ["keep 7"]);
    for _ in 0..3 {
        assert_eq!(bed.tick(), None);
    }
    bed.read_all();
    bed.acknowledge(1);
    bed.tick();
    bed.end_syncs();
    assert_eq!(bed.disk.calls, ["keep 7", "store", "keep 7"]);
}

/// Many files that hold nothing up are removed little by little, so that no call takes too long.
#[test]
fn many_files_outside_are_removed_over_several_ticks() {
    let mut files: Vec<_> = (100..400).map(|file| (file, whole([1]))).collect();
    files.push((0, whole(2..=5)));
    let mut disk = Disk::with(Some(ledger(6, 0, 0, 1)), &files);
    disk.passed_are_outside = true;
    let mut bed = Bed::on(disk, OPTIONS);
    bed.end_syncs();
    for left in [236, 172, 108, 44, 0] {
        assert_eq!(bed.disk.files().len(), left + 1);
        bed.tick();
        bed.end_syncs();
    }
    assert_eq!(bed.tick(), None);
}

/// An error of the disk must not be taken for an empty buffer.
#[test]
fn an_error_on_opening_is_passed_on() {
    let mut disk = Disk::with(Some(ledger(2, 0, 0, 0)), &[(0, whole(1..=5))]);
    disk.lock(false, u64::MAX);
    disk.fail_store = Some(StorageError::Io(5));
    assert_eq!(Buffer::open(&mut disk, &OPTIONS).unwrap_err(), BufferError::Storage(5));
    assert!(Buffer::open(&mut disk, &OPTIONS).is_ok());
}

/// A full disk at opening, or too many open files, is no reason to refuse reading.
#[test]
fn opening_needs_no_room() {
    let mut disk = torn();
    disk.room = 0;
    disk.refuse_syncs = true;
    disk.refuse_files = true;
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!(bed.read_all(), [1, 2]);
    assert_eq!(bed.write(&records(1, 100)), 0);
    bed.disk.refuse_syncs = false;
    bed.tick();
    bed.end_syncs();
    assert!(bed.all_durable());
}

/// Nor where there is no room for the first file of all. It is made when there is.
#[test]
fn a_new_buffer_waits_for_room_for_its_first_file() {
    for by_tick in [false, true] {
        let mut bed = Bed::on(Disk::without_room_for_files(), OPTIONS);
        assert_eq!((bed.write(&records(1, 100)), bed.disk.files().len()), (0, 0));
        assert_eq!(bed.tick(), Some(TICK));
        bed.flush();
        bed.disk.refuse_files = false;
        if by_tick {
            bed.tick();
            assert_eq!(bed.disk.files(), [0]);
        }
        assert_eq!(bed.write(&records(1, 100)), 1);
        bed.flush();
        bed.end_syncs();
        assert!(bed.all_durable());
    }
}

/// What is done with must not keep writers out of a buffer in which nothing waits and that is never read.
#[test]
fn a_full_buffer_in_which_nothing_waits_takes_records_although_it_is_not_read() {
    let files = [(0, whole(1..=10)), (1, whole(11..=20)), (2, whole(21..=30))];
    let disk = Disk::with(Some(ledger(31, 2, 0, 30)), &files);
    let mut bed = Bed::on(disk, Options { max_bytes: 2_500, ..OPTIONS });
    for _ in 0..2 {
        bed.write(&records(1, 100));
        bed.end_syncs();
        bed.tick();
        bed.end_syncs();
    }
    assert_eq!(bed.write(&records(1, 100)), 1);
}

/// Every state that a death can leave: the same directory is found, however often it is opened.
#[test]
fn a_second_opening_changes_nothing_more() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut next = 1 + random.below(50);
        let mut files = Vec::new();
        let mut file = 65_530 + random.below(5);
        for _ in 0..random.below(6) {
            file += 1 + u64::from(random.chance(5));
            let mut frames = Vec::new();
            for _ in 0..random.below(8) {
                match random.below(8) {
                    0 => frames.push(Frame::corrupt(64)),
                    1 => frames.push(Frame::torn(16)),
                    2 => next = (next + random.below(9)).saturating_sub(random.below(6)).max(1),
                    _ => {
                        let events = 1 + random.below(3);
                        frames.push(Frame::whole(next, events, 48));
                        next += events;
                    }
                }
            }
            files.push((u16::try_from(file % 65_535).unwrap(), frames));
        }
        let file = |random: &mut Random| u16::try_from((65_528 + random.below(14)) % 65_535).unwrap();
        let stored = (!random.chance(5)).then(|| {
            let (writer, reader) = (file(&mut random), file(&mut random));
            ledger(random.below(next + 20), writer, reader, random.below(next + 5))
        });
        let bed = open(stored, &files);
        let (before, order) = (bed.ledger(), bed.disk.order());
        let mut bed = bed.killed();
        let after = bed.ledger();
        assert_eq!((after.0, after.3), (before.0, before.3), "seed {seed}");
        // A host may arrange files that contradict each other in another way. Then the ledger names others.
        if bed.disk.order() == order {
            assert_eq!(after, before, "seed {seed}");
            bed.disk.calls.retain(|call| call.starts_with("truncate"));
            assert!(bed.disk.calls.len() <= 1, "seed {seed}");
        }
        // It can be read to its end, written to, and emptied.
        bed.read_all();
        bed.acknowledge(u64::MAX);
        assert_eq!(bed.figure(10), 0, "seed {seed}");
        bed.end_syncs();
        assert_eq!(bed.write(&records(3, 400)), 3, "seed {seed}");
        assert_eq!(bed.read_all().len(), 3, "seed {seed}");
        bed.flush();
        bed.end_syncs();
        assert!(bed.all_durable(), "seed {seed}");
        assert_eq!(bed.power_lost(&mut NothingSurvives).read_all().len(), 3, "seed {seed}");
    }
}

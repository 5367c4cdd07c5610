//! Opening: whatever a crash, or somebody, has left.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, records};
use disk::dice::Dice;
use disk::{Disk, Frame, NoLuck, ledger};
use forebay_logic::{Buffer, BufferError, Logic as _, Options, StorageError};

/// Whole records of one event and 100 bytes.
fn whole(ids: impl IntoIterator<Item = u64>) -> Vec<Frame> {
    ids.into_iter().map(|id| Frame::whole(id, 1, 100)).collect()
}

fn open(ledger: Option<forebay_logic::Ledger>, files: &[(u16, Vec<Frame>)]) -> Bed {
    Bed::on(Disk::with(ledger, files), OPTIONS)
}

const LOST: u16 = 3;
const DAMAGED: u16 = 4;
const CUT: u16 = 5;

// The first opening of an empty directory.
#[test]
fn a_new_buffer_is_empty() {
    let mut bed = open(None, &[]);
    assert_eq!((bed.report.first_unread.0, bed.report.next_id.0, bed.report.events), (1, 1, 0));
    assert_eq!(bed.ledger(), (1, 0, 0, 0));
    assert_eq!(bed.disk.file_ids(), [0]);
    bed.end_syncs();
    assert!(bed.read_all().is_empty());
}

// Vector's own directories are opened without a word changed in them.
#[test]
fn a_sound_directory_is_left_as_it_is() {
    let files = [(3, whole(100..=199)), (4, whole(200..=299)), (5, whole(300..=309))];
    let mut bed = open(Some(ledger(310, 5, 3, 149)), &files);
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
    assert_eq!(bed.read_all(), (150..=309).collect::<Vec<_>>());
    bed.end_syncs();
    assert!(bed.disk.calls.is_empty(), "{:?}", bed.disk.calls);
}

// Until this host has synced them, it does not know what of the files is on the disk.
#[test]
fn every_file_that_is_kept_is_synced() {
    let mut bed = open(Some(ledger(5, 1, 0, 0)), &[(0, whole([1, 2])), (1, whole([3, 4]))]);
    assert_eq!(bed.disk.targets_under_way(), ["data 0", "data 1", "directory", "ledger"]);
    bed.end_syncs();
    assert_eq!(bed.figure(6), 0);
}

// A logic that is started anew under the same lock does not pay for what is synced already.
#[test]
fn what_is_known_to_be_durable_is_not_synced_again() {
    let mut disk = Disk::with(Some(ledger(5, 1, 0, 0)), &[(0, whole([1, 2])), (1, whole([3, 4]))]);
    disk.file_mut(0).durable_length = 200;
    disk.file_mut(1).durable_length = 100;
    Buffer::open(&mut disk, &OPTIONS).unwrap();
    assert_eq!(disk.targets_under_way(), ["data 1", "directory", "ledger"]);
}

// The rest of a write that did not end.
#[test]
fn a_torn_end_is_cut_once() {
    let mut frames = whole([1, 2]);
    frames.push(Frame::torn(30));
    let mut bed = open(Some(ledger(3, 0, 0, 0)), &[(0, frames)]);
    assert_eq!((bed.report.cut_bytes, bed.report.bytes, bed.report.lost_events), (30, 200, 0));
    assert_eq!(bed.figure(CUT), 30);
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [1, 2, 3]);
    assert_eq!(bed.killed().report.cut_bytes, 0);
}

// A complete frame that is damaged may be of use to somebody, and cutting it gains nothing.
#[test]
fn damage_before_a_torn_end_is_kept() {
    let frames = [whole([1]), vec![Frame::corrupt(100), Frame::torn(30)]].concat();
    let bed = open(Some(ledger(3, 0, 0, 0)), &[(0, frames)]);
    assert_eq!((bed.report.cut_bytes, bed.report.bytes, bed.report.lost_events), (30, 200, 1));
}

// Death between the bytes and the ledger.
#[test]
fn a_ledger_behind_the_data_is_moved_forward() {
    let mut bed = open(Some(ledger(2, 0, 0, 0)), &[(0, whole(1..=5))]);
    assert_eq!((bed.report.next_id.0, bed.report.events, bed.report.lost_events), (6, 5, 0));
    assert_eq!(bed.ledger(), (6, 0, 0, 0));
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
}

// Death between a roll and the ledger that names the new file; several rolls may wait for one sync.
#[test]
fn files_that_the_ledger_does_not_name_yet_are_found() {
    let files = [(7, whole(1..=5)), (8, whole(6..=9)), (9, whole(10..=12)), (10, vec![])];
    let mut bed = open(Some(ledger(6, 7, 7, 0)), &files);
    assert_eq!(bed.report.next_id.0, 13);
    assert_eq!(bed.ledger(), (13, 7, 7, 0), "they are named when they are known to be durable");
    bed.end_syncs();
    assert_eq!(bed.ledger(), (13, 9, 7, 0));
    assert_eq!(bed.disk.file_ids(), [7, 8, 9], "the empty one was made ahead of need");
    assert_eq!(bed.read_all(), (1..=12).collect::<Vec<_>>());
}

// A power loss may take the name of one file and leave that of the next. Its ids must not be given again.
#[test]
fn files_behind_a_hole_are_found() {
    let files = [(65_534, whole(1..=5)), (1, whole(10..=12))];
    let mut bed = open(Some(ledger(6, 65_534, 65_534, 0)), &files);
    assert_eq!(bed.report.next_id.0, 13);
    bed.end_syncs();
    assert_eq!(bed.ledger(), (13, 1, 65_534, 0));
    assert_eq!(bed.read_all(), (1..=5).chain(10..=12).collect::<Vec<_>>());
    assert_eq!(bed.figure(LOST), 4);
}

// The ledger reached the disk and the data did not.
#[test]
fn a_ledger_ahead_of_the_data_is_a_counted_loss() {
    let mut bed = open(Some(ledger(11, 0, 0, 0)), &[(0, whole(1..=5))]);
    assert_eq!((bed.report.next_id.0, bed.report.events, bed.report.lost_events), (11, 10, 5));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5, 11]);
    assert_eq!(bed.figure(LOST), 5, "it is not counted again");
    bed.acknowledge(11);
    assert_eq!(bed.ledger().3, 11);
}

// The same with nothing written behind it: whoever waits for the buffer to drain waits for the last record only.
#[test]
fn what_is_lost_at_the_end_is_passed_with_the_last_record() {
    let mut bed = open(Some(ledger(11, 0, 0, 0)), &[(0, whole(1..=5))]);
    assert_eq!(bed.read(5, 10_000).len(), 5);
    bed.acknowledge(5);
    assert_eq!(bed.ledger().3, 10);
    assert_eq!(bed.figure(LOST), 5);
}

// Nobody will read where they were: what is passed over is counted now, without what was cut and what rotted behind the
// back of the consumer.
#[test]
fn the_damage_that_is_passed_on_opening_is_counted() {
    let damaged = |ids, count| [whole(ids), vec![Frame::corrupt(100); count]].concat();
    let torn = [damaged(4..=5, 2), vec![Frame::torn(30)]].concat();
    for (files, bytes, cut) in [
        (vec![(0, damaged(1..=5, 5))], 500, 0),
        (vec![(0, damaged(1..=5, 2)), (1, vec![Frame::corrupt(100); 3])], 500, 0),
        (vec![(0, damaged(1..=3, 2)), (1, damaged(4..=5, 3))], 300, 0),
        (vec![(0, damaged(1..=3, 1)), (1, torn)], 200, 30),
    ] {
        let writer = files.last().unwrap().0;
        let mut bed = open(Some(ledger(11, writer, 0, 5)), &files);
        assert_eq!((bed.report.events, bed.report.lost_events), (0, 5), "{files:?}");
        assert_eq!((bed.figure(DAMAGED), bed.figure(CUT)), (bytes, cut), "{files:?}");
        assert!(bed.read_all().is_empty());
        bed.write(&records(1, 100));
        assert_eq!(bed.read_all(), [11]);
        assert_eq!(bed.figure(DAMAGED), bytes, "{files:?}: once");
    }
}

// An emptied buffer is to count no events, or whoever waits for it to drain waits for ever.
#[test]
fn what_is_lost_behind_all_that_is_acknowledged_is_passed_at_once() {
    let bed = open(Some(ledger(11, 0, 0, 5)), &[(0, whole(1..=5))]);
    assert_eq!((bed.report.first_unread.0, bed.report.events, bed.report.lost_events), (11, 0, 5));
    assert_eq!(bed.ledger(), (11, 0, 0, 10));
    assert_eq!(bed.killed().report.lost_events, 0, "it is passed for good");
}

// What is acknowledged in the last file may be unread in an older one: then there is something to wait for.
#[test]
fn nothing_is_passed_at_once_while_an_older_file_holds_unread_records() {
    let files = [(0, whole(1..=20)), (1, whole(5..=8))];
    let mut bed = open(Some(ledger(30, 1, 0, 10)), &files);
    assert_eq!((bed.report.first_unread.0, bed.report.lost_events), (11, 9));
    assert_eq!(bed.read_all(), (11..=20).collect::<Vec<_>>());
}

// Without a ledger the frames are all that is known.
#[test]
fn a_lost_ledger_is_made_from_the_files() {
    let files = [(65_534, whole(50..=59)), (0, whole(60..=69)), (2, whole(75..=79))];
    let mut bed = open(None, &files);
    assert_eq!(bed.ledger(), (80, 2, 65_534, 49));
    assert_eq!(bed.read_all(), (50..=69).chain(75..=79).collect::<Vec<_>>());
    assert_eq!(bed.killed().ledger(), (80, 2, 65_534, 49));
}

// The file ids are 16 bits each without a checksum. As long as the frames are there nothing is lost.
#[test]
fn wrong_file_numbers_in_the_ledger_lose_nothing() {
    let files: Vec<_> = (0..6).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    for reader in [0, 1, 2, 3, 4, 5, 6, 9, 40_000, 65_534] {
        for writer in [0, 1, 2, 3, 4, 5, 6, 9, 40_000, 65_534] {
            for last in [0, 5, 10, 25, 59] {
                let mut bed = open(Some(ledger(61, writer, reader, last)), &files);
                let expected: Vec<_> = (last + 1..=60).collect();
                assert_eq!(bed.read_all(), expected, "reader {reader}, writer {writer}, last {last}");
                bed.end_syncs();
                bed.flush();
                bed.end_syncs();
                assert_eq!(bed.ledger().1, 5, "reader {reader}, writer {writer}, last {last}");
            }
        }
    }
}

// Numbers that no ledger can have. It opens, and what is not acknowledged by them is given.
#[test]
fn a_ledger_of_garbage_is_brought_into_range() {
    let files = [(0, whole(1..=10))];
    for (next, last) in [(0, 0), (0, 5), (3, 9), (5, 20), (0, u64::MAX), (u64::MAX, 3), (u64::MAX, u64::MAX)]
    {
        let mut bed = open(Some(ledger(next, 0, 0, last)), &files);
        assert!(bed.report.next_id >= bed.report.first_unread);
        assert_eq!(bed.read_all(), (1..=10).filter(|id| *id > last).collect::<Vec<_>>());
        let stored = bed.disk.ledger;
        assert_eq!(bed.killed().disk.ledger, stored);
    }
}

// Vector removes files before it syncs its ledger: it may name one that is not there.
#[test]
fn files_that_are_missing_from_the_window_are_passed() {
    let mut bed = open(Some(ledger(41, 4, 0, 4)), &[(1, whole(11..=20)), (3, whole(31..=40))]);
    assert_eq!(bed.ledger(), (41, 3, 1, 4), "the newest that is there goes on as the writer's");
    assert_eq!(bed.read_all(), (11..=20).chain(31..=40).collect::<Vec<_>>());
    assert_eq!(bed.figure(LOST), 6 + 10);
}

// With no file left all is lost, and writing goes on where the ledger says.
#[test]
fn a_writers_file_that_is_missing_is_made_where_none_is_left() {
    let mut bed = open(Some(ledger(41, 4, 2, 4)), &[]);
    assert_eq!(bed.ledger(), (41, 4, 4, 40));
    assert_eq!((bed.report.lost_events, bed.report.events), (36, 0));
    bed.write(&records(1, 100));
    assert_eq!(bed.read_all(), [41]);
}

// Death between the ledger's sync and the removal: Vector's writer met such files and waited for ever.
#[test]
fn what_is_left_of_finished_files_is_removed() {
    let files = [(1, whole(1..=10)), (2, whole(11..=20)), (3, whole(21..=25))];
    let mut bed = open(Some(ledger(26, 3, 3, 20)), &files);
    assert_eq!(bed.disk.file_ids(), [1, 2, 3], "not before the ledger is synced");
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [3]);
    assert_eq!(bed.read_all(), (21..=25).collect::<Vec<_>>());
}

// A file that repeats what is still unread is of no use, but it is not ours to remove; it counts as what it takes up.
#[test]
fn a_file_that_repeats_unread_ids_is_left_alone() {
    let files = [(0, whole(1..=10)), (7, whole(3..=5))];
    let mut bed = open(Some(ledger(11, 0, 0, 0)), &files);
    assert_eq!(bed.report.bytes, 1_300);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [0, 7]);
    assert_eq!(bed.read_all(), (1..=10).collect::<Vec<_>>());
    bed.acknowledge(10);
    let mut bed = bed.killed();
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [0], "when its ids are acknowledged it goes");
}

// Reading is expensive and a user waits: of a window of many files only the last is read, and the start of the first.
#[test]
fn opening_reads_the_newest_file_and_no_more() {
    let files: Vec<_> = (0..50).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    let bed = open(Some(ledger(501, 49, 0, 0)), &files);
    assert_eq!(bed.disk.scanned_bytes, 1_000 + 100);
}

// An error of the disk is to be seen by somebody, and not to be taken for an empty buffer.
#[test]
fn an_error_on_opening_is_passed_on() {
    let mut disk = Disk::with(Some(ledger(6, 0, 0, 0)), &[(0, whole(1..=5))]);
    disk.fail_scan = Some(StorageError::Io(5));
    assert_eq!(Buffer::open(&mut disk, &OPTIONS).unwrap_err(), BufferError::Storage(5));
    assert!(Buffer::open(&mut disk, &OPTIONS).is_ok());
}

// A full disk at opening, or too many open files, is no reason to refuse reading.
#[test]
fn opening_needs_no_room() {
    let mut disk =
        Disk::with(Some(ledger(6, 0, 0, 0)), &[(0, [whole(1..=5), vec![Frame::torn(9)]].concat())]);
    disk.room = 0;
    disk.refuse_syncs = true;
    disk.refuse_files = true;
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
    assert_eq!(bed.write(&records(1, 100)), 0);
    bed.disk.refuse_syncs = false;
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
}

// Nobody may ever read a buffer in which nothing waits: what is done with must not keep writers out of it.
#[test]
fn a_full_buffer_in_which_nothing_waits_takes_records_although_nobody_reads() {
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

// Every state that a death can leave: the same directory is found, however often it is opened.
#[test]
fn a_second_opening_changes_nothing_more() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let mut next = 1 + dice.roll(50);
        let mut files = Vec::new();
        let mut id = 65_530 + dice.roll(5);
        for _ in 0..dice.roll(6) {
            id += 1 + u64::from(dice.chance(5));
            let mut frames = Vec::new();
            for _ in 0..dice.roll(8) {
                match dice.roll(8) {
                    0 => frames.push(Frame::corrupt(64)),
                    1 => frames.push(Frame::torn(16)),
                    2 => next = (next + dice.roll(9)).saturating_sub(dice.roll(6)).max(1),
                    _ => {
                        let events = 1 + dice.roll(3);
                        frames.push(Frame::whole(next, events, 48));
                        next += events;
                    }
                }
            }
            files.push((u16::try_from(id % 65_535).unwrap(), frames));
        }
        let file = |dice: &mut Dice| u16::try_from((65_528 + dice.roll(14)) % 65_535).unwrap();
        let stored = (!dice.chance(5)).then(|| {
            let (writer, reader) = (file(&mut dice), file(&mut dice));
            ledger(dice.roll(next + 20), writer, reader, dice.roll(next + 5))
        });
        let bed = open(stored, &files);
        let after = bed.disk.ledger;
        let mut bed = bed.killed();
        assert_eq!(bed.disk.ledger, after, "seed {seed}");
        bed.disk.calls.retain(|call| call.starts_with("truncate"));
        assert!(bed.disk.calls.len() <= 1, "seed {seed}");
        // It can be read to its end, written to, and emptied.
        bed.read_all();
        bed.acknowledge(bed.report.next_id.0 - 1);
        bed.read_all();
        assert_eq!(bed.figure(10), 0, "seed {seed}");
        bed.end_syncs();
        assert_eq!(bed.write(&records(3, 400)), 3, "seed {seed}");
        assert_eq!(bed.read_all().len(), 3, "seed {seed}");
        bed.flush();
        bed.end_syncs();
        assert!(bed.all_durable(), "seed {seed}");
        assert_eq!(bed.power_lost(&mut NoLuck).read_all().len(), 3, "seed {seed}");
    }
}

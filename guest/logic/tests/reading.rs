//! Reading: limits, gaps, damage, and files that are gone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, record, records};
use disk::{Disk, Frame, ledger};
use forebay_logic::{BufferError, Logic as _, StorageError};

/// Whole records of one event and 100 bytes.
fn whole(ids: impl IntoIterator<Item = u64>) -> Vec<Frame> {
    ids.into_iter().map(|id| Frame::whole(id, 1, 100)).collect()
}

const LOST: u16 = 3;
const DAMAGED: u16 = 4;
const WAITING: u16 = 10;

// The consumer says how much it can hold.
#[test]
fn a_read_keeps_to_its_limits() {
    let mut bed = Bed::new();
    bed.write(&records(25, 100));
    assert_eq!(bed.read(3, 10_000).len(), 3);
    assert_eq!(bed.read(100, 250).len(), 2);
    assert_eq!(bed.read(100, 799).len(), 7, "5 from the first file, 2 from the next");
    assert!(bed.read(0, 1_000).is_empty());
    assert_eq!(bed.read_all().len(), 13);
}

// Else a record above the consumer's limit would stop it for ever.
#[test]
fn the_first_record_is_given_however_long_it_is() {
    let mut bed = Bed::new();
    bed.write(&[record(1, 500), record(1, 100), record(1, 500)]);
    assert_eq!(bed.read(10, 1), [(1, 1)]);
    assert_eq!(bed.read(10, 300), [(2, 1)]);
    assert_eq!(bed.read(10, 300), [(3, 1)]);
}

// Records of one file come as one run, though a scan ends early: the host walks them in one go.
#[test]
fn scans_that_stop_early_are_put_together() {
    let mut bed = Bed::new();
    bed.disk.scan_bytes = 250;
    bed.write(&records(9, 100));
    let runs = bed.buffer.read(&mut bed.disk, 100, 10_000).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].records, runs[0].bytes), (9, 900));
}

// What is not there must not be waited for; how much it was must be known.
#[test]
fn a_gap_is_counted_once() {
    let disk =
        Disk::with(Some(ledger(21, 1, 0, 0)), &[(0, whole([1, 2, 5, 6])), (1, whole([10, 11, 12, 20]))]);
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!(bed.read_all(), [1, 2, 5, 6, 10, 11, 12, 20]);
    assert_eq!(bed.figure(LOST), 2 + 3 + 7);
    bed.acknowledge(20);
    assert_eq!(bed.figure(WAITING), 0);
    assert_eq!(bed.figure(LOST), 12);
}

// The consumer cannot acknowledge what it never saw: at the end it must not be waited for.
#[test]
fn acknowledging_the_last_record_passes_over_what_is_lost_behind_it() {
    let disk = Disk::with(Some(ledger(10, 0, 0, 0)), &[(0, whole([1, 2, 5, 6]))]);
    let mut bed = Bed::on(disk, OPTIONS);
    bed.read_all();
    bed.acknowledge(2);
    assert_eq!(bed.ledger().3, 2);
    bed.acknowledge(5);
    assert_eq!(bed.ledger().3, 5);
    bed.acknowledge(6);
    assert_eq!(bed.ledger().3, 9);
}

// One bad frame costs one record, not a file.
#[test]
fn damage_is_skipped_and_counted() {
    let mut frames = whole([1, 2]);
    frames.push(Frame::corrupt(70));
    frames.extend(whole([4]));
    frames.push(Frame::torn(30));
    let disk = Disk::with(Some(ledger(7, 1, 0, 0)), &[(0, frames), (1, whole([5, 6]))]);
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!(bed.read_all(), [1, 2, 4, 5, 6]);
    assert_eq!(bed.figure(DAMAGED), 100);
    assert_eq!(bed.figure(LOST), 1);
}

// Damage among what was acknowledged long ago concerns nobody.
#[test]
fn damage_in_what_was_acknowledged_is_not_counted() {
    let mut frames = whole([1, 2]);
    frames.push(Frame::corrupt(70));
    frames.extend(whole([4, 5]));
    frames.extend(whole([7]));
    for (last, lost, damaged) in [(5, 1, 0), (4, 1, 0), (3, 1, 0), (2, 2, 70)] {
        let disk = Disk::with(Some(ledger(8, 0, 0, last)), &[(0, frames.clone())]);
        let mut bed = Bed::on(disk, OPTIONS);
        bed.read_all();
        assert_eq!((last, bed.figure(LOST), bed.figure(DAMAGED)), (last, lost, damaged));
    }
}

// A file in which nothing is whole has nobody to acknowledge it: it must go all the same.
#[test]
fn a_file_of_damage_alone_goes_without_acknowledgement() {
    let disk = Disk::with(Some(ledger(11, 1, 0, 0)), &[(0, vec![Frame::corrupt(100); 10]), (1, vec![])]);
    let mut bed = Bed::on(disk, OPTIONS);
    assert!(bed.read_all().is_empty());
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [1]);
    assert_eq!(bed.ledger(), (11, 1, 1, 10));
    assert_eq!(bed.figure(LOST), 10);
}

// A disk that goes bad under a running buffer: what nobody can read nobody can acknowledge.
#[test]
fn what_is_damaged_while_the_buffer_is_open_is_not_waited_for() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.end_syncs();
    bed.disk.file_mut(0).frames.fill(Frame::corrupt(100));
    bed.disk.file_mut(1).frames.fill(Frame::corrupt(100));
    assert!(bed.read_all().is_empty());
    assert_eq!((bed.figure(WAITING), bed.figure(LOST), bed.figure(DAMAGED)), (0, 15, 1_500));
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [1]);
}

// A record that was given once must not come again in the same opening: acknowledging goes by id.
#[test]
fn ids_that_go_back_are_refused() {
    let frames = [whole([1, 2, 3]), whole([1, 2]), whole([4])].concat();
    let mut bed = Bed::on(Disk::with(Some(ledger(5, 0, 0, 0)), &[(0, frames)]), OPTIONS);
    assert_eq!(bed.read_all(), [1, 2, 3, 4]);
    assert_eq!(bed.figure(DAMAGED), 200);
    assert_eq!(bed.figure(LOST), 0);
}

// Ids that go back and then run on to new ones: the new ones are not to be lost.
#[test]
fn what_is_new_behind_repeated_ids_is_given() {
    let frames = [whole([1, 2, 3]), whole([2, 3, 4, 5])].concat();
    let mut bed = Bed::on(Disk::with(Some(ledger(6, 0, 0, 0)), &[(0, frames)]), OPTIONS);
    assert_eq!(bed.read_all(), [1, 2, 3, 4, 5]);
    assert_eq!(bed.figure(DAMAGED), 200);
}

// Somebody deletes a file by hand: a counted loss, no error, no waiting.
#[test]
fn a_vanished_file_is_a_counted_loss() {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.disk.vanish(1);
    assert_eq!(bed.read_all(), (1..=10).chain(21..=35).collect::<Vec<_>>());
    assert_eq!(bed.figure(LOST), 10);
    bed.acknowledge(35);
    bed.end_syncs();
    assert_eq!(bed.disk.file_ids(), [3]);
}

// Nor may it stop those that are there from being synced.
#[test]
fn a_vanished_file_does_not_stop_a_flush() {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.disk.vanish(1);
    bed.flush();
    bed.end_syncs();
    assert_eq!(bed.read_all(), (1..=10).chain(21..=35).collect::<Vec<_>>());
    assert!(bed.all_durable());
}

// The same for the file that the ledger calls the reader's.
#[test]
fn the_readers_own_file_may_vanish() {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.end_syncs();
    bed.disk.vanish(0);
    assert_eq!(bed.read_all(), (11..=35).collect::<Vec<_>>());
    bed.acknowledge(12);
    assert_eq!(bed.ledger(), (36, 3, 1, 12));
}

// Somebody cuts a file that is being read.
#[test]
fn a_file_that_became_shorter_ends_there() {
    let mut bed = Bed::new();
    bed.write(&records(25, 100));
    assert_eq!(bed.read(2, 10_000).len(), 2);
    bed.disk.file_mut(0).frames.truncate(5);
    assert_eq!(bed.read_all(), (3..=5).chain(11..=25).collect::<Vec<_>>());
    bed.disk.file_mut(2).frames.clear();
    assert!(bed.read_all().is_empty());
}

// What the reader has in hand must not be lost to an error behind it.
#[test]
fn an_error_comes_only_when_there_is_nothing_to_give() {
    let mut bed = Bed::new();
    bed.write(&records(15, 100));
    bed.disk.fail_scan = Some(StorageError::Io(5));
    assert_eq!(bed.buffer.read(&mut bed.disk, 100, 10_000), Err(BufferError::Storage(5)));
    assert_eq!(bed.read_all().len(), 15, "and it is not lost by the error");
}

// Reading keeps up with writing across a roll, without a file being passed too early.
#[test]
fn what_is_written_behind_the_reader_is_read() {
    let mut bed = Bed::new();
    let mut read = Vec::new();
    for _ in 0..40 {
        bed.write(&records(1, 150));
        read.extend(bed.read_all());
    }
    assert_eq!(read, (1..=40).collect::<Vec<_>>());
}

// A file may hold a million acknowledged records; they are not to be looked for one by one.
#[test]
fn the_first_unread_record_is_found_in_few_scans() {
    let mut next = 1;
    let frames: Vec<_> = (0..100_000)
        .map(|n| {
            let events = if n % 1_000 == 7 { 900 } else { 1 + n % 3 };
            let frame = Frame::whole(next, events, 100);
            next += events;
            frame
        })
        .collect();
    for unread in [0, 1, 7, 500, 1_006, 1_007, 1_008, 50_007, 77_777, 99_998, 99_999] {
        let first = frames[unread].record.unwrap().0;
        let disk = Disk::with(Some(ledger(next, 0, 0, first - 1)), &[(0, frames.clone())]);
        let mut bed = Bed::on(disk, OPTIONS);
        bed.disk.scans = 0;
        let read = bed.read(10, 1 << 20);
        let expected: Vec<_> = frames[unread..].iter().take(10).map(|frame| frame.record.unwrap()).collect();
        assert_eq!(read, expected, "from record {unread}");
        assert!(bed.disk.scans < 30, "{} scans", bed.disk.scans);
    }
}

// The worst there is for a guess by proportion: it would creep up to the record one by one.
#[test]
fn a_record_behind_many_that_are_much_smaller_is_found_in_few_scans() {
    let mut frames = whole(1..=10_000);
    frames.push(Frame::whole(10_001, 1 << 30, 100));
    let disk = Disk::with(Some(ledger(10_001 + (1 << 30), 0, 0, 10_000)), &[(0, frames)]);
    let mut bed = Bed::on(disk, OPTIONS);
    bed.disk.scans = 0;
    assert_eq!(bed.read(1, 1), [(10_001, 1 << 30)]);
    assert!(bed.disk.scans < 20, "{} scans", bed.disk.scans);
}

// Where every record has as many events as the next, the place can be calculated.
#[test]
fn among_even_records_the_first_unread_one_takes_two_scans_a_stretch() {
    let frames: Vec<_> = (0..80_000).map(|n| Frame::whole(1 + 3 * n, 3, 100)).collect();
    let disk = Disk::with(Some(ledger(240_001, 0, 0, 150_000)), &[(0, frames)]);
    let mut bed = Bed::on(disk, OPTIONS);
    bed.disk.scans = 0;
    assert_eq!(bed.read(1, 1), [(150_001, 3)]);
    assert!(bed.disk.scans <= 4, "one to look, one for all, one to find, one to read: {}", bed.disk.scans);
}

// An acknowledgement in the middle of a record acknowledges none of it: it comes again.
#[test]
fn a_record_that_is_half_acknowledged_comes_again() {
    let frames = vec![Frame::whole(1, 3, 100), Frame::whole(4, 3, 100), Frame::whole(7, 3, 100)];
    let mut bed = Bed::on(Disk::with(Some(ledger(10, 0, 0, 5)), &[(0, frames)]), OPTIONS);
    assert_eq!(bed.read(10, 1_000), [(4, 3), (7, 3)]);
    assert_eq!(bed.figure(LOST), 0);
}

// A directory that was read to its end costs one look, whatever it holds.
#[test]
fn nothing_is_read_twice_and_an_end_is_an_end() {
    let mut bed = Bed::new();
    bed.write(&records(25, 100));
    bed.read_all();
    bed.disk.scans = 0;
    assert!(bed.read(10, 1_000).is_empty());
    assert_eq!(bed.disk.scans, 0);
}

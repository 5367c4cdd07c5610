//! Opening with marks: what lies before them is not read, and what is wrong with them costs nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS};
use disk::dice::Dice;
use disk::{Disk, Frame, ledger};
use forebay_logic::{FileId, Logic as _, Mark, Options, RecordId};

/// Whole records of one event and 100 bytes.
fn whole(ids: impl IntoIterator<Item = u64>) -> Vec<Frame> {
    ids.into_iter().map(|id| Frame::whole(id, 1, 100)).collect()
}

fn mark(file: u16, offset: u64, next_id: u64) -> Mark {
    Mark { file: FileId::new(file).unwrap(), offset, next_id: RecordId(next_id) }
}

/// Two files with 10,000 records each, of which those before 15,001 are acknowledged.
fn large() -> Disk {
    let files = [(1, whole(10_001..=20_000)), (2, whole(20_001..=30_000))];
    Disk::with(Some(ledger(30_001, 2, 1, 15_000)), &files)
}

// A service with a long backlog is to be up at once, and its first record is to come at once.
#[test]
fn neither_opening_nor_the_first_read_depends_on_what_lies_before_a_mark() {
    let mut disk = large();
    disk.marks = vec![mark(1, 500_000, 15_001), mark(2, 999_000, 29_991), mark(2, 500_000, 25_001)];
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!((bed.report.next_id.0, bed.report.events), (30_001, 15_000));
    assert!(bed.disk.scanned_bytes < 2_000, "{} bytes", bed.disk.scanned_bytes);
    assert_eq!(bed.read(1, 100), [(15_001, 1)]);
    assert!(bed.disk.scanned_bytes < 3_000, "{} bytes", bed.disk.scanned_bytes);
    assert_eq!(bed.read_all(), (15_002..=30_000).collect::<Vec<_>>());

    let unmarked = Bed::on(large(), OPTIONS);
    assert!(unmarked.disk.scanned_bytes > 900_000, "this test sees what is read");
}

// What was written behind the last mark moves the ledger forward, and a torn end is cut, as without marks.
#[test]
fn what_lies_behind_a_mark_is_found() {
    let mut frames = whole(1..=20);
    frames.push(Frame::torn(30));
    let mut disk = Disk::with(Some(ledger(11, 0, 0, 4)), &[(0, frames)]);
    disk.marks = vec![mark(0, 400, 5), mark(0, 1_000, 11)];
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!((bed.report.next_id.0, bed.report.cut_bytes), (21, 30));
    assert_eq!(bed.read_all(), (5..=20).collect::<Vec<_>>());
}

// A mark in front of which something is unread is not where reading starts.
#[test]
fn reading_never_starts_behind_an_unread_record() {
    let mut disk = Disk::with(Some(ledger(21, 0, 0, 4)), &[(0, whole(1..=20))]);
    disk.marks = vec![mark(0, 2_000, 21), mark(0, 1_000, 11), mark(0, 300, 4)];
    let mut bed = Bed::on(disk, OPTIONS);
    assert_eq!(bed.read_all(), (5..=20).collect::<Vec<_>>());
}

// Logic that takes over resumes behind what was delivered and is not acknowledged. What lies behind the last mark of a file
// may be damage alone; the file still holds what waits to be acknowledged, and must not go.
#[test]
fn a_reader_that_resumes_behind_a_mark_leaves_the_files_before_it() {
    let damaged = [whole(1..=10), vec![Frame::corrupt(100)]].concat();
    let files = [(0, damaged), (1, whole(11..=20))];
    for resume_after in [10, 14, 20] {
        let mut disk = Disk::with(Some(ledger(21, 1, 0, 3)), &files);
        disk.marks = vec![mark(0, 1_000, 11)];
        let options = Options { resume_after: Some(RecordId(resume_after)), ..OPTIONS };
        let mut bed = Bed::on(disk, options);
        bed.end_syncs();
        assert_eq!(bed.read_all(), (resume_after + 1..=20).collect::<Vec<_>>());
        bed.acknowledge(9);
        bed.end_syncs();
        assert_eq!((bed.ledger(), bed.disk.file_ids()), ((21, 1, 0, 9), vec![0, 1]), "{resume_after}");
        bed.acknowledge(10);
        bed.end_syncs();
        assert_eq!((bed.ledger(), bed.disk.file_ids()), ((21, 1, 1, 10), vec![1]), "{resume_after}");
    }
}

// The host has checked them; that the files are the same as then is not the logic's to believe.
#[test]
fn marks_that_lead_nowhere_are_passed_over() {
    for wrong in [mark(7, 100, 2), mark(0, 5_000, 51), mark(0, 0, 1), mark(0, 2_000, 0)] {
        let mut disk = Disk::with(Some(ledger(21, 0, 0, 4)), &[(0, whole(1..=20))]);
        disk.marks = vec![wrong];
        let mut bed = Bed::on(disk, OPTIONS);
        assert_eq!((bed.report.next_id.0, bed.report.lost_events), (21, 0), "{wrong:?}");
        assert_eq!(bed.read_all(), (5..=20).collect::<Vec<_>>(), "{wrong:?}");
    }
}

// Marks are a shorter way to the same end: with any of them, everything is found that is found without.
#[test]
fn with_any_marks_the_same_is_found() {
    for seed in 1..=500 {
        let mut dice = Dice::new(seed);
        let (mut files, mut marks, mut id) = (Vec::new(), Vec::new(), 1);
        for file in 0..3_u16 {
            let (mut frames, mut offset) = (Vec::new(), 0);
            for _ in 0..dice.roll(30) {
                let events = 1 + dice.roll(3);
                let bytes = 40 + 8 * dice.roll(20);
                frames.push(Frame::whole(id, events, bytes));
                id += events;
                offset += bytes;
                if dice.chance(4) {
                    marks.push(mark(file, offset, id));
                }
            }
            files.push((file, frames));
        }
        let counted = 1 + dice.roll(id);
        let last = dice.roll(counted);
        let stored = ledger(counted, u16::try_from(dice.roll(3)).unwrap(), 0, last);
        let mut plain = Bed::on(Disk::with(Some(stored), &files), OPTIONS);
        let mut disk = Disk::with(Some(stored), &files);
        disk.marks = marks;
        let mut marked = Bed::on(disk, OPTIONS);
        assert_eq!(marked.report, plain.report, "seed {seed}");
        assert_eq!(marked.ledger(), plain.ledger(), "seed {seed}");
        assert_eq!(marked.read_all(), plain.read_all(), "seed {seed}");
        assert_eq!(marked.buffer.status(), plain.buffer.status(), "seed {seed}");
    }
}

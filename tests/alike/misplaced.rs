//! Sectors that a device has written to the wrong place: their frames look right, and are not where they belong.
//!
//! Which frames belong where they are is seen from their neighbours, so each of these needs more than the file itself.

use std::ops::Range;

use forebay_types::Ledger;

use crate::support::{
    Runs,
    storage::{data_file, disk, ledger, options, read, start},
};

/// Bytes of a whole number of frames and a half: a sector ends within a frame.
fn sector(frames: u64) -> Range<usize> {
    let whole = data_file(1..=frames).len();
    0..whole + data_file([1]).len() / 16 * 8
}

/// Swaps the same stretch of two files.
fn swap(one: &mut [u8], other: &mut [u8], range: Range<usize>) {
    one[range.clone()].swap_with_slice(&mut other[range]);
}

/// Two looks, by both kinds of logic, find the same.
#[track_caller]
fn assert_finds(ledger: Option<Ledger>, files: &[(u16, Vec<u8>)], wanted: &[Range<u64>]) {
    let wanted: Vec<u64> = wanted.iter().cloned().flatten().collect();
    for runs in Runs::ALL {
        let disk = disk(ledger, files);
        for look in ["first", "second"] {
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), wanted, "{runs:?}, {look} look");
            drop(buffer);
            disk.kill();
        }
    }
}

/// Nothing stands before the first file, so its first frame says nothing of what may follow if the next file begins lower.
#[test]
fn a_first_file_that_begins_with_a_sector_of_the_next_loses_that_sector_alone() {
    let (mut front, mut next) = (data_file(1..=40), data_file(41..=80));
    swap(&mut front, &mut next, sector(10));
    assert_finds(Some(ledger(81, 1, 0, 0)), &[(0, front), (1, next)], &[12..41, 52..81]);
}

/// Without a ledger, the file with the lowest id is not always the first one.
#[test]
fn without_a_ledger_reading_begins_behind_the_free_numbers_if_that_delivers_more() {
    let (mut front, mut next) = (data_file(1..=40), data_file(41..=80));
    swap(&mut front, &mut next, sector(10));
    assert_finds(None, &[(0, front), (1, next), (2, data_file(81..=90))], &[12..41, 52..91]);
}

/// A file of which nothing is left tells its neighbour nothing.
#[test]
fn a_file_behind_one_of_which_nothing_is_left_loses_its_first_sector_alone() {
    let (mut damaged, mut later) = (data_file(41..=80), data_file(81..=120));
    swap(&mut damaged, &mut later, sector(5));
    let files = [(0, vec![0x55; 2000]), (1, damaged), (2, later)];
    assert_finds(Some(ledger(121, 2, 0, 0)), &files, &[47..81, 87..121]);
}

/// The end of one file and the start of the next contradict each other: what both keep together decides.
#[test]
fn a_sector_of_a_later_file_at_the_end_of_a_file_hides_nothing_of_the_next() {
    let mut front = data_file(1..=30);
    front.resize(front.len() + 24, 0);
    front.extend(data_file(101..=110));
    let mut next = data_file(41..=80);
    next[..8].fill(0xff);
    let start_of_43 = start(41, 43);
    next[start_of_43..start_of_43 + 8].fill(0xff);
    let files = [(0, front), (1, next), (2, data_file(81..=120))];
    assert_finds(Some(ledger(121, 2, 0, 0)), &files, &[1..31, 41..121]);
}

/// A short file whose only records are from elsewhere says nothing against the file before it.
#[test]
fn a_last_file_that_holds_a_few_lower_records_hides_nothing_of_the_file_before() {
    let mut before = data_file(41..=80);
    before[start(41, 42)..start(41, 44)].fill(0);
    let files = [(0, data_file(1..=40)), (1, before), (2, data_file(7..=8))];
    assert_finds(Some(ledger(81, 2, 0, 0)), &files, &[1..42, 44..81]);
}

/// The bounds of a file's ids do not depend on how many damaged files stand in front of it, nor on which is asked first.
#[test]
fn behind_many_files_of_which_nothing_is_left_each_look_finds_the_same() {
    let nothing = || vec![0x55; 2000];
    let mut scattered = nothing();
    scattered.extend(data_file([23]));
    scattered.resize(scattered.len() + 1200, 0x55);
    scattered.extend(data_file(31..=33));
    let files = [
        (0, data_file(1..=10)),
        (1, data_file(11..=17)),
        (2, nothing()),
        (3, scattered),
        (4, nothing()),
        (5, nothing()),
        (6, nothing()),
        (7, nothing()),
        (8, nothing()),
    ];
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(16, 0, 0, 0)), &files);
        let [first, second] = ["first", "second"].map(|_| {
            let buffer = runs.open(disk.open().unwrap(), options());
            let found = read(&buffer);
            buffer.close().unwrap();
            found
        });
        assert_eq!(first, second, "{runs:?}");
        assert!(first.starts_with(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]), "{first:?}");
        assert!(first.ends_with(&[31, 32, 33]), "{first:?}");
    }
}

/// Within a file, the bytes between two pieces tell how many ids may be missing there.
#[test]
fn of_two_pieces_that_contradict_each_other_the_one_counts_that_fits_the_bytes_around_it() {
    let mut bytes = data_file(1..=100);
    let copy = bytes[start(1, 63)..start(1, 93)].to_vec();
    let copied_to = start(1, 21) + 8;
    bytes[copied_to..copied_to + copy.len()].copy_from_slice(&copy);
    let copy_ends_in = (21..100).find(|id| start(1, id + 1) > copied_to + copy.len()).unwrap();
    // Of what is where it belongs, less is left than of the copy.
    bytes[start(1, 63)..start(1, 75)].fill(0);
    bytes[start(1, 93)..start(1, 98)].fill(0);
    let rest = copy_ends_in + 1..63;
    assert_finds(Some(ledger(101, 0, 0, 0)), &[(0, bytes)], &[1..21, rest, 75..93, 98..101]);
}

/// A length may lead to the end of the file by chance: where the next file's ids show that more records follow, they do.
#[test]
fn a_false_length_that_leads_to_the_end_of_a_file_hides_no_record_of_it() {
    let mut bytes = data_file(1..=40);
    let (at, len) = (start(1, 10), bytes.len());
    bytes[at..at + 8].copy_from_slice(&u64::try_from(len - at - 8).unwrap().to_be_bytes());
    let mut next = data_file(41..=60);
    next[..8].fill(0xff);
    let files = [(0, bytes), (1, next)];
    assert_finds(Some(ledger(61, 1, 0, 0)), &files, &[1..41, 41..61]);
}

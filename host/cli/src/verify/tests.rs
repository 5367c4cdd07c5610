//! What a report says of directories that are made file by file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::as_conversions)]

use std::{fs, num::NonZeroU32, ops::Range};

use forebay::RecordId;
use forebay_frame::{LedgerFields, encode};
use tempfile::TempDir;

use super::{
    Snapshot, inspect, look,
    report::{Kind, Report},
};

/// The frames of these ids, each with a payload that says so, and where each starts.
fn frames(ids: Range<u64>) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for id in ids {
        starts.push(bytes.len());
        encode(&mut bytes, RecordId(id), 0, NonZeroU32::MIN, format!("record {id}").as_bytes());
    }
    (bytes, starts)
}

/// A directory with these data files, of which the ledger names the first and the last.
fn directory(files: &[&[u8]], next: u64, last: u64) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (number, bytes) in files.iter().enumerate() {
        fs::write(directory.path().join(format!("buffer-data-{number}.dat")), bytes).unwrap();
    }
    ledger(&directory, next, last, files.len().max(1) - 1);
    directory
}

fn ledger(directory: &TempDir, next: u64, last: u64, writer: usize) {
    let fields = LedgerFields {
        writer_next_record: next,
        writer_data_file: u16::try_from(writer).unwrap(),
        reader_data_file: 0,
        reader_last_record: last,
    };
    fs::write(directory.path().join("buffer.db"), fields.encode()).unwrap();
}

fn report(directory: &TempDir, is_held: bool) -> Report {
    look(&Snapshot::take(directory.path()).unwrap(), is_held, |_| ()).unwrap()
}

fn verify(files: &[&[u8]], next: u64, last: u64) -> Report {
    report(&directory(files, next, last), false)
}

/// (frames, corrupt, torn bytes, lost records)
fn figures(report: &Report) -> (u64, u64, u64, u64) {
    (report.frames, report.corrupt, report.torn_bytes, report.lost_records)
}

fn faults(report: &Report) -> Vec<(Kind, Option<[u64; 2]>)> {
    report.faults.iter().map(|fault| (fault.kind, fault.ids)).collect()
}

/// An alarm without a cause is soon not looked at any more.
#[test]
fn a_whole_buffer_is_ok() {
    let ((one, _), (two, _)) = (frames(1..51), frames(51..101));
    let found = verify(&[&one, &two], 101, 0);
    assert_eq!(figures(&found), (100, 0, 0, 0));
    assert!(found.ok && found.faults.is_empty());
    assert!(verify(&[], 1, 0).ok);
}

/// Records that were acknowledged may be gone with their file.
#[test]
fn what_was_acknowledged_is_not_missing() {
    let (file, _) = frames(51..101);
    assert!(verify(&[&file], 101, 60).ok);
}

/// The report names the record, so that its source can send it again.
#[test]
fn a_damaged_record_is_named() {
    let (mut file, starts) = frames(1..101);
    file[starts[49] + 8] ^= 1;
    let found = verify(&[&file], 101, 0);
    assert_eq!(figures(&found), (99, 1, 0, 1));
    assert_eq!(faults(&found), [(Kind::Corrupt, Some([50, 51]))]);
    assert_eq!(found.faults[0].offset, Some(starts[49] as u64));
    assert!(!found.ok);
}

/// Two damaged frames that touch are one damaged place.
#[test]
fn neighbouring_damages_are_one_fault_that_names_all_ids() {
    let (mut file, starts) = frames(1..11);
    file[starts[3] + 8] ^= 1;
    file[starts[4] + 8] ^= 1;
    let found = verify(&[&file], 11, 0);
    assert_eq!(figures(&found), (8, 1, 0, 2));
    assert_eq!(faults(&found), [(Kind::Corrupt, Some([4, 6]))]);
}

/// The end of a write that a crash has interrupted.
#[test]
fn a_torn_tail_is_counted_in_bytes() {
    let (mut file, starts) = frames(1..101);
    file.truncate(file.len() - 5);
    let torn = (file.len() - starts[99]) as u64;
    let found = verify(&[&file], 101, 0);
    assert_eq!(figures(&found), (99, 0, torn, 1));
    assert_eq!(faults(&found), [(Kind::Torn, Some([100, 101]))]);
    // The ledger had not counted it: nothing was confirmed that is lost.
    let found = verify(&[&file], 100, 0);
    assert_eq!((found.lost_records, found.ok), (0, false));
}

/// A busy buffer is not a damaged one: what the ledger does not count yet may be half written.
#[test]
fn a_write_under_way_is_no_damage() {
    let (mut file, _) = frames(1..101);
    file.truncate(file.len() - 5);
    assert!(report(&directory(&[&file], 100, 0), true).ok);
    assert!(report(&directory(&[&file[..20]], 1, 0), true).ok);
    // What it counts is there.
    let found = report(&directory(&[&file], 101, 0), true);
    assert_eq!((found.lost_records, found.ok), (1, false));
}

/// Between the look at the ledger and the look at the files, records were acknowledged and a file removed.
#[test]
fn what_is_acknowledged_meanwhile_is_not_missing() {
    let (directory, before) = with_file_removed(1);
    let found = look(&before, true, |_| ()).unwrap();
    assert!(found.ok, "{found:?}");
    drop(directory);
}

#[test]
fn the_look_begins_again_where_the_first_file_was_removed_meanwhile() {
    let (directory, before) = with_file_removed(0);
    assert!(look(&before, true, |_| ()).is_err(), "it needs another look");
    let mut snapshots = vec![Snapshot::take(directory.path()).unwrap(), before];
    let (found, ()) = inspect(|| Ok(snapshots.pop().unwrap()), |(), _| ()).unwrap();
    assert_eq!((found.files, found.ok), (2, true), "{found:?}");
}

/// Three files of ten records, of which twenty were acknowledged and one file removed after the snapshot was taken.
fn with_file_removed(number: usize) -> (TempDir, Snapshot) {
    let ((one, _), (two, _), (three, _)) = (frames(1..11), frames(11..21), frames(21..31));
    let directory = directory(&[&one, &two, &three], 31, 0);
    let before = Snapshot::take(directory.path()).unwrap();
    fs::remove_file(directory.path().join(format!("buffer-data-{number}.dat"))).unwrap();
    ledger(&directory, 31, 20, 2);
    (directory, before)
}

/// A file that was removed leaves no damaged byte behind, and is a loss all the same.
#[test]
fn a_file_that_is_gone_is_a_loss() {
    let ((one, _), (three, _)) = (frames(1..11), frames(21..31));
    let directory = directory(&[&one, b"", &three], 31, 0);
    fs::remove_file(directory.path().join("buffer-data-1.dat")).unwrap();
    let found = report(&directory, false);
    assert_eq!(figures(&found), (20, 0, 0, 10));
    assert_eq!(faults(&found), [(Kind::Missing, Some([11, 21]))]);
    assert_eq!(found.faults[0].file, None);
}

/// A backup of data files was copied over a directory that went on: between two files ids are missing, and both lie behind
/// what the ledger counts.
#[test]
fn ids_that_are_missing_between_two_files_behind_the_ledger_are_lost() {
    let ((one, _), (two, _)) = (frames(1..11), frames(21..31));
    let found = verify(&[&one, &two], 2, 0);
    assert_eq!(figures(&found), (20, 0, 0, 10));
    assert_eq!(faults(&found), [(Kind::Missing, Some([11, 21]))]);
    assert!(!found.ok);
}

/// A damaged length loses nothing, and the file is damaged all the same.
#[test]
fn a_damaged_length_loses_no_record() {
    let (mut file, starts) = frames(1..11);
    file[starts[3]] ^= 0x10;
    let found = verify(&[&file], 11, 0);
    assert_eq!(figures(&found), (9, 1, 0, 0));
    assert_eq!(faults(&found), [(Kind::Length, Some([4, 5]))]);
    assert!(!found.ok);
}

/// One whole frame of the third file at the end of the first: the ids that the second one begins with show that it does not
/// belong there.
#[test]
fn a_frame_of_a_later_file_at_the_end_of_an_earlier_one_is_misplaced() {
    let ((mut one, _), (two, _), (three, starts)) = (frames(1..11), frames(11..21), frames(21..31));
    let end = one.len() as u64;
    one.extend_from_slice(&three[starts[4]..starts[5]]);
    let found = verify(&[&one, &two, &three], 31, 0);
    assert_eq!(figures(&found), (30, 1, 0, 0));
    assert_eq!(faults(&found), [(Kind::Misplaced, None)]);
    assert_eq!(found.faults[0].offset, Some(end));
}

/// A payload of Vector's says how many events it holds, and may say too many. The file that follows knows better: what lies
/// between the two is lost, and it is said so.
#[test]
fn events_counted_in_the_last_record_go_no_further_than_the_next_file() {
    // An array of three log events.
    let payload = [&[0x0a, 6][..], &[0x0a, 0].repeat(3)].concat();
    let mut one = Vec::new();
    encode(&mut one, RecordId(1), 1, NonZeroU32::MIN, &payload);
    for (first, lost) in [(2, 0), (3, 0), (4, 0), (7, 3)] {
        let (two, _) = frames(first..11);
        let found = verify(&[&one, &two], 11, 0);
        assert_eq!((found.frames, found.lost_records), (12 - first, lost), "{first}");
    }
}

/// A data file that a backup has left behind: it holds ids that come again in the files that are read.
#[test]
fn unread_records_where_no_reader_comes_are_told() {
    let ((one, _), (two, _), (copy, _)) = (frames(1..11), frames(11..21), frames(5..9));
    let directory = directory(&[&one, &two], 21, 0);
    fs::write(directory.path().join("buffer-data-9.dat"), copy).unwrap();
    let found = report(&directory, false);
    assert_eq!((found.lost_records, found.ok), (0, false));
    assert_eq!(faults(&found), [(Kind::Misplaced, Some([5, 9]))]);
    assert_eq!(found.faults[0].file.as_deref(), Some("buffer-data-9.dat"));
}

/// The ledger in each state in which it is not to be believed.
#[test]
fn a_bad_ledger_is_the_first_fault() {
    let (file, _) = frames(1..11);
    let found = verify(&[&file], 5, 700);
    assert_eq!((faults(&found), found.ok), (vec![(Kind::Overrun, None)], false));
    let directory = directory(&[&file], 11, 0);
    for ledger in [&b"no ledger"[..], b""] {
        fs::write(directory.path().join("buffer.db"), ledger).unwrap();
        let found = report(&directory, false);
        assert_eq!((faults(&found), found.ok), (vec![(Kind::Ledger, None)], false));
    }
}

//! What may be done to a file that holds damage: of what lies behind it, all must be found, whatever comes.

use forebay::{RecordId, Refusal, storage::memory::Disk};
use forebay_types::SegmentEnd;

use super::{
    bed::{Bed, ids, refused, torn_file},
    promises::reopened,
};
use crate::support::storage::{data_file, file, ledger};

/// Truncating live data is removing it, bit by bit. How much goes is the host's to say.
#[test]
fn no_truncation_takes_a_whole_record_and_what_it_takes_is_kept() {
    let disk = Disk::new();
    let bytes = torn_file(1..=3, 100);
    let whole = data_file(1..=3).len();
    disk.put_data_file(file(0), bytes.clone());
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    assert_eq!(bed.segments()[0].end, SegmentEnd::Unfinished);
    assert_eq!(bed.guard.truncate().unwrap(), 100);
    assert_eq!(disk.cuts(), [(file(0), whole as u64, bytes[whole..].to_vec())]);
    assert_eq!(bed.guard.truncated_bytes(), 100);
    for _ in 0..3 {
        assert_eq!(refused(bed.guard.truncate()), Refusal::Truncate, "nothing is left that may go");
    }
    assert_eq!(reopened(&disk), [1, 2, 3]);
}

/// Where two frames are damaged, the end of the second may be all that leads to what lies between them.
#[test]
fn no_truncation_takes_a_damaged_frame_that_is_complete() {
    let disk = Disk::new();
    let mut bytes = data_file(1..=4);
    let last = data_file(1..=3).len();
    bytes[last + 10] ^= 1;
    disk.put_data_file(file(0), bytes.clone());
    disk.put_ledger(Some(ledger(5, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    assert_eq!(bed.segments()[0].end, SegmentEnd::Damaged);
    assert_eq!(refused(bed.guard.truncate()), Refusal::Truncate);
    assert_eq!(disk.data_file(file(0)).unwrap(), bytes);
}

/// An unfinished frame in an earlier file is no end of the buffer.
#[test]
fn no_truncation_takes_the_end_of_another_file_than_the_last() {
    let disk = Disk::new();
    disk.put_data_file(file(0), torn_file(1..=3, 100));
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::open(&disk);
    bed.append_to_next("four");
    assert_eq!(refused(bed.guard.truncate()), Refusal::Truncate);
    assert_eq!(disk.data_file(file(0)).unwrap(), torn_file(1..=3, 100));
}

/// The next opener takes all that follows a torn frame for a part of it.
#[test]
fn nothing_is_placed_behind_a_torn_frame() {
    let disk = Disk::new();
    disk.put_data_file(file(0), torn_file(1..=3, 100));
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::open(&disk);
    assert_eq!(refused(bed.append("four")), Refusal::BehindDamage);
    bed.guard.truncate().unwrap();
    bed.append("four").unwrap();
    assert_eq!(reopened(&disk), [1, 2, 3, 4]);
}

/// A second damage might hide what was placed behind a first one, and it may have been called synced by then.
#[test]
fn nothing_is_placed_behind_damage() {
    let disk = Disk::new();
    let mut bytes = data_file(1..=3);
    bytes[data_file(1..=1).len() + 10] ^= 1;
    disk.put_data_file(file(0), bytes);
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    assert_eq!(refused(bed.append("four")), Refusal::BehindDamage);
    assert_eq!(bed.append_to_next("four"), file(1));
    assert_eq!(reopened(&disk), [1, 3, 4]);
}

/// A lost record may be passed, and no whole one with it: neither in front of it nor behind it.
#[test]
fn a_loss_is_passed_with_the_record_that_follows_it() {
    let disk = Disk::new();
    let mut bytes = data_file(1..=4);
    bytes[data_file(1..=1).len() + 10] ^= 1;
    disk.put_data_file(file(0), bytes);
    disk.put_ledger(Some(ledger(5, 0, 0, 0)));
    let mut bed = Bed::open(&disk);
    assert_eq!(ids(bed.deliver(1)), [1]);
    assert_eq!(bed.guard.acknowledge(RecordId(1)).unwrap(), RecordId(1));
    for last in 2..=4 {
        let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(last));
        assert_eq!(refused(passed), Refusal::LedgerLast, "{last}");
    }
    assert_eq!(ids(bed.deliver(1)), [3]);
    bed.acknowledge(3);
    assert_eq!(reopened(&disk), [4]);
}

/// Where ids are missing in front of a file, a map says what that file holds. It knows nothing of what is appended later.
#[test]
fn what_is_appended_to_a_file_behind_missing_ids_is_delivered() {
    let disk = Disk::new();
    disk.put_data_file(file(0), data_file(1..=3));
    disk.put_data_file(file(1), data_file(10..=12));
    disk.put_ledger(Some(ledger(13, 1, 0, 0)));
    let mut bed = Bed::open(&disk);
    assert_eq!(ids(bed.deliver(u32::MAX)), [1, 2, 3, 10, 11, 12]);
    for id in 13..20 {
        bed.append("one more").unwrap();
        assert_eq!(ids(bed.deliver(u32::MAX)), [id]);
    }
    assert_eq!(bed.guard.reached_end().unwrap(), None);
    assert_eq!(bed.guard.loss_count().events, 6);
}

/// A power loss may leave a ledger whose files are empty by now, ahead of those with the records that wait. To read those
/// last, round the whole ring, would leave no number for another file.
#[test]
fn records_that_wait_behind_the_ledgers_files_leave_room_for_more() {
    let disk = Disk::new();
    disk.put_data_file(file(7), data_file(36..=45));
    disk.put_data_file(file(8), data_file(46..=61));
    for number in [9, 10, 11, 13, 14, 15] {
        disk.put_data_file(file(number), Vec::new());
    }
    disk.put_ledger(Some(ledger(79, 15, 11, 42)));
    let mut bed = Bed::open(&disk);
    assert_eq!(ids(bed.deliver(u32::MAX)), (43..=61).collect::<Vec<_>>());
    let next = bed.guard.roll().unwrap();
    assert!(next > file(8), "{next}");
    bed.append("one more").unwrap();
    assert_eq!(ids(bed.deliver(u32::MAX)), [79]);
    assert_eq!(reopened(&disk), (43..=61).chain([79]).collect::<Vec<_>>());
}

/// Between the ids of two files there is as much room as the bytes between them had. Where files are missing, no one knows
/// how much that was: what the second one holds whole behind damage counts all the same, now and when the first has gone.
#[test]
fn a_damaged_file_behind_missing_ones_is_read_as_without_the_file_before() {
    // Neither its start nor its end is whole.
    let mut bytes = data_file(101..=110);
    let (first, end) = (data_file(101..=101).len(), bytes.len());
    bytes[..first + 8].fill(0);
    bytes[end - first - 8..].fill(0);
    let deliver = |disk: &Disk| ids(Bed::open(disk).deliver(u32::MAX));
    let alone = {
        let disk = Disk::new();
        disk.put_data_file(file(3), bytes.clone());
        disk.put_ledger(Some(ledger(111, 3, 3, 100)));
        deliver(&disk)
    };
    let disk = Disk::new();
    disk.put_data_file(file(0), data_file(1..=3));
    disk.put_data_file(file(3), bytes);
    disk.put_ledger(Some(ledger(111, 3, 0, 0)));
    assert_eq!(deliver(&disk), [vec![1, 2, 3], alone.clone()].concat());
    assert_eq!(alone, (102..=109).collect::<Vec<_>>());
}

/// Delivery, and the count of what is dropped, must find the same records: each finds its place in a damaged file by the
/// ids that the ledger has passed.
#[test]
fn what_is_dropped_of_a_damaged_file_is_what_delivery_would_have_met() {
    let mut bytes = data_file(41..=60);
    let at = |id| data_file(41..id).len();
    // Two runs between damage, and nothing whole at the start nor at the end.
    bytes[..at(43) + 8].fill(0);
    bytes[at(47)..at(50) + 8].fill(0);
    bytes[at(59)..].fill(0);
    let disk = |numbers: std::ops::Range<u16>| {
        let disk = Disk::new();
        disk.put_data_file(file(3), bytes.clone());
        for number in numbers.clone() {
            disk.put_data_file(file(number), data_file(u64::from(number) + 60..=u64::from(number) + 60));
        }
        disk.put_ledger(Some(ledger(66, 5, 3, 30)));
        disk
    };
    let met: u64 =
        ids(Bed::open(&disk(4..6)).deliver(u32::MAX)).into_iter().filter(|id| *id < 61).count() as u64;
    let mut bed = Bed::open(&disk(4..6));
    bed.guard.retain_newest(0);
    bed.store(|ledger| (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(63), file(4)))
        .unwrap();
    assert!(met > 0);
    assert_eq!(bed.guard.dropped_events(), met);
}

/// The file that delivery begins in may hold what was acknowledged, in front of what waits. Where its first frame is damaged,
/// ids that the ledger has passed must not count as misplaced: they take the records behind them along.
#[test]
fn acknowledged_records_behind_damage_hide_none_that_wait() {
    let disk = Disk::new();
    let mut bytes = data_file(1..=7);
    bytes[..16].fill(0);
    disk.put_data_file(file(0), bytes);
    disk.put_data_file(file(1), data_file(8..=9));
    disk.put_ledger(Some(ledger(10, 1, 0, 6)));
    assert_eq!(ids(Bed::open(&disk).deliver(u32::MAX)), [7, 8, 9]);
    assert_eq!(reopened(&disk), [7, 8, 9]);
}

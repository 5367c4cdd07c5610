//! What may be done to a file that holds damage: of what lies behind it, all must be found, whatever comes.

use forebay::{Refusal, storage::memory::Disk};

use super::{
    bed::{Bed, refused, torn_file},
    promises::reopened,
};
use crate::support::storage::{data_file, file, ledger};

/// Cutting live data is removing it, bit by bit.
#[test]
fn no_cut_takes_a_whole_record_and_what_it_takes_is_kept() {
    let disk = Disk::new();
    let bytes = torn_file(1..=3, 100);
    let whole = data_file(1..=3).len() as u64;
    disk.put_data_file(file(0), bytes.clone());
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    assert_eq!(refused(bed.guard.truncate_file(file(0), whole)), Refusal::Cut, "not looked at");
    bed.runs(0);
    for length in [0, 8, whole - 8, whole - 1, u64::MAX] {
        assert_eq!(refused(bed.guard.truncate_file(file(0), length)), Refusal::Cut, "{length}");
    }
    bed.guard.truncate_file(file(0), whole).unwrap();
    let torn = bytes[whole as usize..].to_vec();
    assert_eq!(disk.cuts(), [(file(0), whole, torn)]);
    assert_eq!(bed.guard.cut_bytes(), 100);
}

/// Where two frames are damaged, the end of the second may be all that leads to what lies between them.
#[test]
fn no_cut_takes_a_damaged_frame_that_is_complete() {
    let disk = Disk::new();
    let mut bytes = data_file(1..=4);
    let last = data_file(1..=3).len();
    bytes[last + 10] ^= 1;
    let end = bytes.len() as u64;
    disk.put_data_file(file(0), bytes);
    disk.put_ledger(Some(ledger(5, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.runs(0);
    for length in [last as u64, last as u64 + 8, end - 1] {
        assert_eq!(refused(bed.guard.truncate_file(file(0), length)), Refusal::Cut, "{length}");
    }
}

/// Whoever opens the buffer next takes all that follows a torn frame for a part of it.
#[test]
fn nothing_is_placed_behind_a_torn_frame() {
    let disk = Disk::new();
    disk.put_data_file(file(0), torn_file(1..=3, 100));
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.guard.opened();
    assert_eq!(refused(bed.append(0, "four")), Refusal::BehindDamage);
    bed.guard.truncate_file(file(0), data_file(1..=3).len() as u64).unwrap();
    bed.append(0, "four").unwrap();
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
    assert_eq!(refused(bed.append(0, "four")), Refusal::BehindDamage);
    bed.guard.create_file(file(1)).unwrap();
    bed.append(1, "four").unwrap();
}

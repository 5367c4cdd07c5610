//! What the operator and the ring of file numbers allow, whatever a guest asks for.

use forebay::{
    Breach::{Quota, Rule},
    Refusal,
    guard::GuardError,
    storage::{StorageError, memory::Disk},
};
use forebay_types::SyncTarget;

use super::{
    bed::{Bed, refused},
    promises::reopened,
};
use crate::support::storage::{data_file, file, ledger};

/// The operator's limit holds however the guest counts.
#[test]
fn no_more_bytes_and_files_than_the_operator_allows() {
    let mut bed = Bed::opening(&Disk::new(), 1000);
    bed.guard.allow_files(3);
    bed.guard.roll().unwrap();
    bed.guard.opened().unwrap();
    let full = loop {
        if let Err(error) = bed.append("some record of some length") {
            break error;
        }
    };
    assert!(matches!(full, GuardError::Storage(StorageError::NoSpace { .. })), "{full:?}");
    let on_disk: u64 = bed.disk.data_files().iter().map(|(_, length)| length).sum();
    assert!((900..=1000).contains(&on_disk), "{on_disk}");

    bed.guard.roll().unwrap();
    bed.guard.prepare().unwrap();
    for _ in 0..10 {
        // An empty last segment, and one spare, are all that there may be.
        bed.guard.roll().unwrap();
        bed.guard.prepare().unwrap();
    }
    assert_eq!(bed.disk.data_files().len(), 3);
    assert_eq!(refused(bed.guard.discard(file(0))), Refusal::Retention);
    assert_eq!(bed.guard.refusals(), [(Rule(Refusal::Retention), 1), (Quota, 1)]);
}

/// A limit on files that is reached: what is there goes on, and no more are made.
#[test]
fn no_file_is_made_beyond_the_limit() {
    let mut bed = Bed::opening(&Disk::new(), 1 << 20);
    bed.guard.allow_files(2);
    bed.guard.roll().unwrap();
    bed.guard.opened().unwrap();
    bed.append("one").unwrap();
    bed.append_to_next("two");
    for _ in 0..10 {
        let none = bed.guard.roll();
        assert!(matches!(none, Err(GuardError::Storage(StorageError::NoSpace { .. }))), "{none:?}");
        let none = bed.guard.prepare();
        assert!(matches!(none, Err(GuardError::Storage(StorageError::NoSpace { .. }))), "{none:?}");
    }
    assert_eq!(bed.guard.refusals(), [(Quota, 20)]);
    assert_eq!(bed.disk.data_files().len(), 2);
    bed.append("three").unwrap();
}

/// Requests that wait take up memory, and a slow disk would let them grow without end.
#[test]
fn syncs_that_have_not_ended_are_bounded() {
    let mut bed = Bed::new();
    let asked = (0..1_000_000).find(|_| bed.guard.request_sync(SyncTarget::Directory).is_err());
    assert_eq!(asked, Some(131_072));
    assert_eq!(refused(bed.guard.request_sync(SyncTarget::Ledger)), Refusal::Syncs);
    bed.run_syncs();
    bed.tickets();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
}

/// A window that goes round the whole ring is taken for one that begins with its end. One number stays free.
#[test]
fn the_segments_do_not_go_round_the_ring() {
    let disk = Disk::new();
    let between = (8..65_535).chain(0..5).map(|number| (file(number), Vec::new()));
    disk.put_data_files(
        [(file(7), data_file(1..=1)), (file(5), data_file(2..=2))].into_iter().chain(between),
    );
    disk.put_ledger(Some(ledger(3, 5, 7, 0)));
    let mut bed = Bed::open(&disk);
    let full = |result| assert!(matches!(result, Err(GuardError::Storage(StorageError::NoSpace { .. }))));
    full(bed.guard.prepare());
    full(bed.guard.roll());
    bed.append("three").unwrap();
    assert_eq!(reopened(&disk), [1, 2, 3]);
}

/// Rule 3 names segments. What `discard` is to remove must be a file.
#[test]
fn a_file_that_is_not_there_is_neither_released_nor_discarded() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    for absent in [1, 7, 65_534] {
        assert_eq!(refused(bed.guard.release(file(absent))), Refusal::UnknownFile, "{absent}");
        let discarded = bed.guard.discard(file(absent));
        assert!(
            matches!(discarded, Err(GuardError::Storage(StorageError::NotFound { .. }))),
            "{absent}: {discarded:?}"
        );
    }
    assert_eq!(bed.disk.data_files().len(), 1);
}

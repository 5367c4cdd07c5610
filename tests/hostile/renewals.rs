//! After a failed sync files are written anew: a guest that writes on, removes them meanwhile, or asks for less than it
//! should, and a process that dies before all is done.

use forebay::{RecordId, Refusal, storage::SyncTarget};

use super::{
    bed::{Bed, refused},
    promises::reopened,
};
use crate::support::{
    Runs,
    storage::{file, options},
};

/// A buffer with a record in file 0 whose sync has failed, though its name and the ledger are durable.
fn after_a_failed_sync() -> Bed {
    let mut bed = Bed::new();
    for target in [SyncTarget::Directory, SyncTarget::Ledger] {
        bed.guard.request_sync(target).unwrap();
    }
    bed.run_syncs();
    bed.append(0, "one").unwrap();
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.fail_sync();
    bed
}

/// What comes behind bytes that may be on no disk would not be found after a power loss.
#[test]
fn a_file_whose_sync_has_failed_takes_no_more_before_it_is_written_anew() {
    let mut bed = after_a_failed_sync();
    assert_eq!(refused(bed.append(0, "two")), Refusal::BehindDamage);
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.run_syncs();
    bed.append(0, "two").unwrap();
    bed.sync(0);
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1, 2]);
}

/// The bytes of the new file are durable before its name leads to them. A guest that never asks for the directory's sync
/// must not have its records called synced: a power loss would bring the old file back.
#[test]
fn nothing_is_durable_before_the_name_of_the_new_file_is() {
    let mut bed = after_a_failed_sync();
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    // This one begins before the name leads to the new file.
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(0));
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(2));
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1]);
}

/// A file that is removed while it is written anew must not come back with what was acknowledged long ago.
#[test]
fn a_file_that_goes_meanwhile_stays_away() {
    let mut bed = after_a_failed_sync();
    bed.guard.create_file(file(1)).unwrap();
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.consume(0, 1);
    bed.append(1, "two").unwrap();
    bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(1), file(1))).unwrap();
    bed.guard.remove_file(file(0)).unwrap();
    bed.run_syncs();
    assert!(bed.disk.data_file(file(0)).is_none());
    bed.sync(1);
    assert_eq!(bed.guard.durable_next(), RecordId(3));
    assert!(!bed.guard.is_degraded());
}

/// Each that is written anew takes up room for a second time while it is.
#[test]
fn one_file_is_written_anew_at_a_time() {
    let mut bed = after_a_failed_sync();
    let all = bed.length(0);
    for number in 1..4 {
        bed.guard.create_file(file(number)).unwrap();
        bed.append(number, "one more").unwrap();
        bed.guard.request_sync(SyncTarget::Data(file(number))).unwrap();
        bed.fail_sync();
    }
    let bytes = bed.guard.bytes();
    let longest = (0..4).map(|number| bed.length(number)).max().unwrap();
    assert!(longest < 2 * all);
    bed.disk.set_capacity_bytes(Some(bytes + longest));
    for number in 0..4 {
        bed.guard.request_sync(SyncTarget::Data(file(number))).unwrap();
    }
    bed.run_syncs();
    assert!(!bed.guard.is_degraded(), "there was room for one");
}

/// The kernel tells of a failed write once. The next process is told that all is well, and the records are on no disk.
#[test]
fn a_failed_sync_outlives_the_process_that_it_was_told() {
    for dies in [true, false] {
        let bed = after_a_failed_sync();
        let disk = bed.disk.clone();
        if dies {
            disk.kill();
        }
        drop(bed);
        Runs::Natively.open(disk.open().unwrap(), options()).close().unwrap();
        disk.power_loss();
        assert_eq!(reopened(&disk), [1], "dies: {dies}");
    }
}

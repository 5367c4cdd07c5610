//! After a failed sync the host rewrites files: a guest that writes on, releases them meanwhile, or requests less than it
//! should, and a process that dies before all is done.

use forebay::{Durability, RecordId, Refusal, Simulation};
use forebay_types::SyncTarget;

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
    bed.store(|_| {}).unwrap();
    for target in [SyncTarget::Directory, SyncTarget::Ledger] {
        bed.guard.request_sync(target).unwrap();
    }
    bed.run_syncs();
    bed.append("one").unwrap();
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.fail_sync();
    bed
}

/// What comes behind bytes that may be on no disk would not be found after a power loss.
#[test]
fn a_file_whose_sync_has_failed_takes_no_more_before_it_is_rewritten() {
    let mut bed = after_a_failed_sync();
    assert!(bed.guard.is_degraded());
    assert_eq!(refused(bed.append("two")), Refusal::BehindDamage);
    assert!(bed.segments()[0].suspect);
    bed.guard.retry_syncs();
    bed.run_syncs();
    assert!(!bed.guard.is_degraded());
    bed.append("two").unwrap();
    bed.store(|_| {}).unwrap();
    bed.sync(0);
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1, 2]);
}

/// A guest may go on in another file. What it writes there is not durable before the file in front of it is.
#[test]
fn what_lies_behind_a_suspect_file_is_not_durable() {
    let mut bed = after_a_failed_sync();
    assert_eq!(bed.append_to_next("two"), file(1));
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.sync(1);
    assert!(bed.guard.durable_next() < RecordId(2));
    bed.guard.retry_syncs();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(3));
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1, 2]);
}

/// The bytes of the new file are durable before its name leads to them: a power loss would bring the old file back.
#[test]
fn nothing_is_durable_before_the_name_of_the_new_file_is() {
    let mut bed = after_a_failed_sync();
    bed.guard.retry_syncs();
    // This one begins before the name leads to the new file.
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    assert!(bed.run_sync() && bed.run_sync());
    assert!(bed.guard.durable_next() < RecordId(2));
    assert!(bed.tickets().len() < 4, "the ticket of the data waits for the name");
    bed.run_syncs();
    bed.guard.retry_syncs();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(2));
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1]);
}

/// The kernel takes a name for written whose sync has failed. Only a rewrite brings it to the disk, and until then no ticket
/// may say that it is there: a guest that has one makes the ledger lead to it.
#[test]
fn no_ticket_ends_while_a_name_is_in_doubt() {
    for failures in 1..4 {
        let mut bed = Bed::new();
        bed.append("one").unwrap();
        bed.store(|_| {}).unwrap();
        bed.sync(0);
        bed.tickets();
        assert_eq!(bed.append_to_next("two"), file(1));
        let name = bed.guard.request_sync(SyncTarget::Directory).unwrap();
        let data = bed.guard.request_sync(SyncTarget::Data(file(1))).unwrap();
        bed.fail_sync();
        bed.run_syncs();
        for _ in 1..failures {
            // The rewrite fails as well, and the sync of the directory that is tried beside it does not.
            bed.guard.retry_syncs();
            bed.fail_sync();
            bed.run_syncs();
            assert_eq!(bed.tickets(), [], "after {failures}");
        }
        bed.guard.retry_syncs();
        let mut ended = Vec::new();
        while ended.is_empty() && bed.run_sync() {
            ended = bed.tickets();
        }
        assert_eq!(ended, [name, data], "after {failures}");
        bed.disk.power_loss();
        assert!(bed.disk.data_file(file(1)).is_some_and(|bytes| !bytes.is_empty()), "after {failures}");
    }
}

/// A power loss before the new name is durable brings the file before back, also to a sync that was requested later.
#[test]
fn no_ticket_of_a_rewritten_file_ends_before_its_name_is_durable() {
    let mut bed = after_a_failed_sync();
    bed.guard.retry_syncs();
    // The instance that waited for the rewrite is gone. No flight that is under way covers what the next one requests:
    // another sync of the new file does.
    bed.guard.reopen();
    bed.guard.opened().unwrap();
    let late = bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    while bed.run_sync() {
        if bed.tickets().contains(&late) {
            bed.disk.power_loss();
            assert_eq!(reopened(&bed.disk), [1]);
            return;
        }
    }
    panic!("the ticket does not end");
}

/// A file that is released while it is rewritten must not come back with what was acknowledged long ago.
#[test]
fn a_file_that_goes_meanwhile_stays_away() {
    let mut bed = after_a_failed_sync();
    bed.guard.retry_syncs();
    bed.consume(1);
    assert_eq!(bed.append_to_next("two"), file(1));
    bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(1), file(1))).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    // The rewrite waits; the ledger's sync overtakes it.
    bed.run_ledger_sync();
    assert_eq!(bed.guard.release(file(0)).unwrap().files, 1);
    bed.run_syncs();
    assert!(bed.disk.data_file(file(0)).is_none());
    bed.sync(1);
    assert_eq!(bed.guard.durable_next(), RecordId(3));
    assert!(!bed.guard.is_degraded());
}

/// Each that is rewritten takes up room for a second time while it is.
#[test]
fn one_file_is_rewritten_at_a_time() {
    let mut bed = after_a_failed_sync();
    let all = bed.length(0);
    for number in 1..4 {
        assert_eq!(bed.append_to_next("one more"), file(number));
        bed.guard.request_sync(SyncTarget::Data(file(number))).unwrap();
        bed.fail_sync();
    }
    let longest = (0..4).map(|number| bed.length(number)).max().unwrap();
    assert!(longest < 2 * all);
    bed.disk.set_capacity_bytes(Some(bed.guard.bytes() + longest));
    bed.guard.retry_syncs();
    bed.run_syncs();
    assert!(!bed.guard.is_degraded(), "there was room for one");
}

/// After the death of a process that has seen a failed sync, all files are in doubt. One retry rewrites them all, one after
/// the other, whatever else is synced meanwhile: until then no batch is offered.
#[test]
fn one_retry_rewrites_every_file_that_stays() {
    let mut bed = after_a_failed_sync();
    for number in 1..6 {
        assert_eq!(bed.append_to_next("one more"), file(number));
    }
    bed.store(|ledger| ledger.writer_data_file = file(5)).unwrap();
    let disk = bed.disk.clone();
    disk.kill();
    drop(bed);
    let mut bed = Bed::open(&disk);
    assert!(bed.guard.is_degraded());
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.guard.retry_syncs();
    // Meanwhile some leave.
    bed.deliver(u32::MAX);
    bed.guard.acknowledge(RecordId(3)).unwrap();
    bed.store(|ledger| (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(3), file(3)))
        .unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    // The first began before that.
    bed.run_ledger_sync();
    bed.run_ledger_sync();
    assert_eq!(bed.guard.release(file(2)).unwrap().files, 3);
    bed.run_syncs();
    assert!(!bed.guard.is_degraded(), "{:?}", bed.segments());
    disk.power_loss();
    assert_eq!(reopened(&disk), [4, 5, 6]);
}

/// The kernel takes the name of an empty file for written as well. The next process goes on in that file, and what it has
/// synced there must not go with the name.
#[test]
fn a_failed_sync_of_a_name_outlives_the_process_that_it_was_told() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.store(|_| {}).unwrap();
    bed.sync(0);
    assert_eq!(bed.guard.roll().unwrap(), file(1));
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.fail_sync();
    let disk = bed.disk.clone();
    disk.kill();
    drop(bed);
    // Its options have no tick while the test lasts, and what is in doubt is made good at one.
    let simulation = Simulation::new();
    let buffer = Runs::Natively.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
    buffer.writer().with_durability(Durability::Synced).write("two").unwrap();
    disk.power_loss();
    drop(buffer);
    assert_eq!(reopened(&disk), [1, 2]);
}

/// A file that cannot be rewritten, as where there is no room for a copy, must not keep the others in doubt.
#[test]
fn a_rewrite_that_fails_holds_up_no_other() {
    let mut bed = after_a_failed_sync();
    for number in 1..4 {
        assert_eq!(bed.append_to_next("one more"), file(number));
        bed.guard.request_sync(SyncTarget::Data(file(number))).unwrap();
        bed.fail_sync();
    }
    bed.guard.retry_syncs();
    bed.fail_sync();
    bed.run_syncs();
    let suspects = bed.segments().iter().filter(|segment| segment.suspect).count();
    assert_eq!(suspects, 1);
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

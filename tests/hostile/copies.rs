//! Copies after a failed sync: a guest that makes them, names them or removes what they were made from in the wrong order.

use forebay::{
    RecordId, Refusal,
    storage::{Ledger, SyncTarget},
};

use super::{
    bed::{Bed, refused},
    promises::reopened,
};
use crate::support::storage::file;

/// A buffer with a record in file 0 whose sync has failed, and one behind it in file 1.
fn after_a_failed_sync() -> Bed {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.guard.create_file(file(1)).unwrap();
    bed.append(1, "two").unwrap();
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.fail_sync();
    bed.guard.create_file(file(2)).unwrap();
    bed
}

/// Copies that leave something out would hide it when they take the place of what they were made from.
#[test]
fn copies_are_made_in_order_and_used_only_when_they_are_complete() {
    let mut bed = after_a_failed_sync();
    let all = u64::MAX;
    bed.guard.create_file(file(3)).unwrap();
    assert_eq!(refused(bed.append(0, "three")), Refusal::TornEnd, "its end may be on no disk");
    bed.guard.relocate(file(1), 0, all, file(2), 0).unwrap();
    let at = bed.length(2);
    assert_eq!(
        refused(bed.guard.relocate(file(0), 0, all, file(2), at)),
        Refusal::Relocation,
        "out of order"
    );
    assert_eq!(refused(bed.guard.relocate(file(2), 0, all, file(3), 0)), Refusal::Relocation, "a mere copy");
    bed.guard.remove_file(file(2)).unwrap();
    bed.guard.create_file(file(2)).unwrap();
    bed.guard.relocate(file(0), 0, all, file(2), 0).unwrap();
    let names = |ledger: &mut Ledger| ledger.writer_data_file = file(2);
    assert_eq!(refused(bed.store(names)), Refusal::LedgerFiles, "file 1 is not copied");
    let at = bed.length(2);
    bed.guard.relocate(file(1), 0, all, file(2), at).unwrap();
    bed.store(names).unwrap();
    assert_eq!(refused(bed.store(|ledger| ledger.writer_data_file = file(1))), Refusal::LedgerFiles);
}

/// What a file was copied from is the only durable place of its records until the copies are durable and named; and the copy
/// is when it is in use.
#[test]
fn neither_a_source_nor_its_copy_goes_while_it_is_all_there_is() {
    let mut bed = after_a_failed_sync();
    for source in [0, 1] {
        let at = bed.length(2);
        bed.guard.relocate(file(source), 0, u64::MAX, file(2), at).unwrap();
    }
    bed.sync(2);
    assert_eq!(refused(bed.guard.remove_file(file(0))), Refusal::Retention, "the copy is not in use");
    bed.store(|ledger| ledger.writer_data_file = file(2)).unwrap();
    assert_eq!(refused(bed.guard.remove_file(file(2))), Refusal::Retention, "the copy is in use");
    assert_eq!(
        refused(bed.guard.remove_file(file(0))),
        Refusal::Retention,
        "file 1 would be read before the copy"
    );
    bed.guard.remove_file(file(1)).unwrap();
    bed.sync(2);
    bed.guard.remove_file(file(0)).unwrap();
    assert_eq!(
        bed.guard.durable_next(),
        RecordId(0),
        "a power loss would bring file 0 back, as far as it goes"
    );
    bed.store(|ledger| ledger.reader_data_file = file(2)).unwrap();
    bed.sync(2);
    assert_eq!(bed.guard.durable_next(), RecordId(3));
    assert_eq!(reopened(&bed.disk), [1, 2]);
}

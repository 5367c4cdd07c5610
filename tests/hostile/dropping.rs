//! What leaves: a component drops records that no consumer has read only where the host sees a reason, and no more than that
//! asks for. It removes no file that the stored ledger names.

use forebay::{NewRecord, RecordId, Refusal, guard::GuardError, storage::memory::Disk};
use forebay_types::SyncTarget;

use super::{
    bed::{Bed, refused},
    promises::reopened,
};
use crate::support::storage::file;

/// A bed with data files of four records each, and one record in the last.
fn filled(disk: &Disk, max_bytes: u64, files: u16) -> Bed {
    let mut bed = Bed::opening(disk, max_bytes);
    bed.guard.opened().unwrap();
    for _ in 0..files {
        bed.append_to_next("a record");
        for _ in 0..3 {
            bed.append("a record").unwrap();
        }
    }
    bed.append_to_next("a record");
    bed.store(|ledger| ledger.writer_data_file = file(files)).unwrap();
    bed.sync(files);
    bed
}

/// A ledger that drops so many files from the front.
fn drop_files(bed: &mut Bed, files: u16) -> Result<(), GuardError> {
    bed.store(|ledger| {
        (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(u64::from(files) * 4), file(files));
    })
}

/// Puts records on offer, and does something while they wait.
fn while_offered<T>(bed: &mut Bed, records: usize, action: impl FnOnce(&mut Bed) -> T) -> T {
    bed.guard.offer(vec![NewRecord::new("a record"); records]);
    let done = action(bed);
    bed.guard.take_offer();
    done
}

/// Has the ledger synced, and removes files from the front. Gives how many.
fn release(bed: &mut Bed, through: u16) -> u32 {
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    bed.guard.release(file(through)).unwrap().files
}

/// `drop-oldest` is for a full buffer. A component must not empty one that has room, however much it says is on offer.
#[test]
fn nothing_is_dropped_while_there_is_room() {
    let mut bed = filled(&Disk::new(), 1 << 20, 5);
    bed.guard.drop_oldest();
    let stored = bed.guard.ledger();
    for files in [1, 5] {
        assert_eq!(refused(drop_files(&mut bed, files)), Refusal::DropWithoutNeed, "{files}");
        let offered = while_offered(&mut bed, 100, |bed| drop_files(bed, files));
        assert_eq!(refused(offered), Refusal::DropWithoutNeed, "{files}");
    }
    assert_eq!((bed.guard.ledger(), bed.guard.dropped_events()), (stored, 0));
    assert_eq!(bed.guard.refused(), 4);
}

/// A full buffer makes room for what is on offer, and keeps the rest.
#[test]
fn no_more_is_dropped_than_what_is_on_offer_needs_and_one_file() {
    let disk = Disk::new();
    let bytes = filled(&disk, 1 << 20, 5).guard.bytes();
    for (offered, most) in [(1, 2), (4, 2), (5, 3), (8, 3), (9, 4)] {
        let mut bed = filled(&Disk::new(), bytes, 5);
        bed.guard.drop_oldest();
        let too_many = while_offered(&mut bed, offered, |bed| drop_files(bed, most + 1));
        assert_eq!(refused(too_many), Refusal::DropWithoutNeed, "{offered}");
        while_offered(&mut bed, offered, |bed| drop_files(bed, most)).unwrap();
        let again = while_offered(&mut bed, offered, |bed| drop_files(bed, most + 1));
        assert_eq!(refused(again), Refusal::DropWithoutNeed, "{offered}: what was dropped leaves yet");
        release(&mut bed, most - 1);
        let again = while_offered(&mut bed, offered, |bed| drop_files(bed, most + 1));
        assert_eq!(refused(again), Refusal::DropWithoutNeed, "{offered}: there is room now");
        assert_eq!(bed.guard.dropped_events(), u64::from(most) * 4, "{offered}");
    }
}

/// A limit in events is a limit as well.
#[test]
fn too_many_events_let_the_oldest_go() {
    let mut bed = filled(&Disk::new(), 1 << 20, 5);
    bed.guard.drop_oldest();
    bed.guard.allow_events(22);
    assert_eq!(refused(while_offered(&mut bed, 1, |bed| drop_files(bed, 1))), Refusal::DropWithoutNeed);
    assert_eq!(refused(while_offered(&mut bed, 2, |bed| drop_files(bed, 3))), Refusal::DropWithoutNeed);
    while_offered(&mut bed, 2, |bed| drop_files(bed, 2)).unwrap();
}

/// What the operator retains stays, and only what lies before it may go although there is room.
#[test]
fn as_many_of_the_newest_events_stay_as_the_operator_retains() {
    let mut bed = filled(&Disk::new(), 1 << 20, 5);
    assert_eq!(refused(drop_files(&mut bed, 1)), Refusal::LedgerLast, "the operator lets nothing go");
    bed.guard.retain_newest(9);
    assert_eq!(refused(drop_files(&mut bed, 4)), Refusal::DropWithoutNeed);
    drop_files(&mut bed, 3).unwrap();
    assert_eq!((bed.guard.dropped_events(), bed.guard.dropped_beyond_retention()), (12, 12));
    assert_eq!(refused(drop_files(&mut bed, 4)), Refusal::DropWithoutNeed);
}

/// A disk that stays full although a file has left is full of other things. All records would go for nothing.
#[test]
fn dropping_stops_where_a_removal_makes_no_room_on_a_full_disk() {
    let disk = Disk::new();
    let mut bed = filled(&disk, 1 << 20, 5);
    bed.guard.drop_oldest();
    disk.set_capacity_bytes(Some(0));
    assert!(bed.append("no room").is_err());
    assert_eq!(refused(drop_files(&mut bed, 2)), Refusal::DropWithoutNeed, "one at a time");
    drop_files(&mut bed, 1).unwrap();
    assert!(bed.append("no room").is_err());
    assert_eq!(refused(drop_files(&mut bed, 2)), Refusal::DropWithoutNeed, "the first has not left");
    assert_eq!(release(&mut bed, 0), 1);
    for _ in 0..3 {
        assert!(bed.append("no room").is_err());
        assert_eq!(refused(drop_files(&mut bed, 2)), Refusal::DropWithoutNeed, "it did not help");
    }
    assert_eq!((bed.guard.dropped_events(), bed.guard.refused()), (4, 0), "the logic cannot know");

    // Once there was room, a disk that is full again is another matter.
    disk.set_capacity_bytes(None);
    bed.append("room").unwrap();
    disk.set_capacity_bytes(Some(0));
    assert!(bed.append("no room").is_err());
    drop_files(&mut bed, 2).unwrap();
}

/// A record that needs more than the file that went gets another.
#[test]
fn a_long_record_on_a_full_disk_has_as_many_files_dropped_as_it_is_long() {
    let disk = Disk::new();
    let mut bed = filled(&disk, 1 << 20, 5);
    bed.guard.drop_oldest();
    disk.set_capacity_bytes(Some(0));
    let long = "x".repeat(usize::try_from(bed.length(0)).unwrap());
    for files in [1, 2] {
        assert!(bed.append(&long).is_err());
        drop_files(&mut bed, files).unwrap();
        release(&mut bed, files - 1);
    }
    assert!(bed.append(&long).is_err());
    assert_eq!(refused(drop_files(&mut bed, 3)), Refusal::DropWithoutNeed);
}

/// The newest record was confirmed a moment ago. A full disk is no reason to lose it: nothing comes in its place.
#[test]
fn a_full_disk_never_drops_the_newest_record() {
    let disk = Disk::new();
    let mut bed = Bed::open(&disk);
    bed.append_to_next("one");
    bed.append("two").unwrap();
    bed.guard.drop_oldest();
    assert_eq!(bed.guard.roll().unwrap(), file(1));
    bed.sync(0);
    bed.sync(1);
    disk.set_capacity_bytes(Some(0));
    assert!(bed.append("no room").is_err());
    let dropped = bed.store(|ledger| {
        (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(2), file(1));
        ledger.writer_data_file = file(1);
    });
    assert_eq!(refused(dropped), Refusal::DropWithoutNeed);
}

/// The next logic goes by the ledger that was stored last, and not by the one that is durable.
#[test]
fn a_file_that_the_stored_ledger_names_is_not_removed() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.append_to_next("two");
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.sync(1);
    bed.consume(1);
    bed.store(|ledger| ledger.reader_data_file = file(1)).unwrap();
    bed.sync(1);
    bed.store(|ledger| ledger.reader_data_file = file(0)).unwrap();
    assert_eq!(refused(bed.guard.release(file(0))), Refusal::Retention);
    bed.store(|ledger| ledger.reader_data_file = file(1)).unwrap();
    assert_eq!(bed.guard.release(file(0)).unwrap().files, 1);
    assert_eq!(reopened(&bed.disk), [2]);
}

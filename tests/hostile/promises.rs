//! Each promise of the host, and a guest that tries to break it.

use forebay::{
    Buffer, RecordId, Refusal,
    guard::GuardError,
    storage::{Ledger, StorageError, SyncTarget, memory::Disk},
};

use super::bed::{Bed, NO_BATCH, every_file, refused, torn_file};
use crate::support::{
    Runs,
    storage::{data_file, file, ledger, options},
};

/// Opens what is on the disk with logic in order, and gives the ids that it delivers.
pub(super) fn reopened(disk: &Disk) -> Vec<u64> {
    disk.kill();
    let buffer: Buffer = Runs::Natively.open(disk.open().unwrap(), options());
    let reader = buffer.reader();
    let mut ids = Vec::new();
    loop {
        let records = reader.try_next_batch(100).unwrap();
        if records.is_empty() {
            return ids;
        }
        ids.extend(records.iter().map(|record| record.id().0));
    }
}

/// A guest that says nothing of syncs, or asks for fewer than are needed, must not have a record called synced.
#[test]
fn nothing_is_durable_before_the_host_has_seen_all_its_syncs() {
    let targets = [SyncTarget::Data(file(0)), SyncTarget::Directory, SyncTarget::Ledger];
    for missing in targets {
        let mut bed = Bed::new();
        bed.append(0, "one").unwrap();
        bed.store(|_| {}).unwrap();
        for target in targets.into_iter().filter(|target| *target != missing) {
            bed.guard.request_sync(target).unwrap();
        }
        bed.run_syncs();
        assert_eq!(bed.guard.durable_next(), RecordId(0), "without {missing:?}");
        bed.guard.request_sync(missing).unwrap();
        bed.run_syncs();
        assert_eq!(bed.guard.durable_next(), RecordId(2));
    }
}

/// A sync of a file that was removed says nothing of the one that has its name now.
#[test]
fn a_sync_that_began_before_a_file_was_made_anew_does_not_cover_it() {
    let mut bed = Bed::new();
    bed.append(0, "a record that is longer than the next").unwrap();
    bed.store(|_| {}).unwrap();
    bed.sync(0);
    bed.consume(0, 1);
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.guard.remove_file(file(0)).unwrap();
    bed.guard.create_file(file(0)).unwrap();
    bed.append(0, "short").unwrap();
    bed.store(|_| {}).unwrap();
    bed.run_syncs();
    assert!(bed.guard.durable_next() < RecordId(3), "the second record may be on no disk");
}

/// What was cut is no longer there for a sync to make durable; what is written in its place is another matter.
#[test]
fn a_sync_that_began_before_a_cut_does_not_cover_what_is_written_behind_it() {
    let disk = Disk::new();
    disk.put_data_file(file(0), torn_file(1..=3, 1000));
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.runs(0);
    bed.guard.opened();
    let whole = data_file(1..=3).len() as u64;
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.guard.truncate_file(file(0), whole).unwrap();
    bed.append(0, "in place of what was torn").unwrap();
    bed.store(|_| {}).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(4), "the records that were there, and no more");
}

/// Whoever opens the buffer next believes the ledger: a reader's file that has moved past records loses them.
#[test]
fn the_ledgers_reader_passes_no_file_with_unacknowledged_records() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.guard.create_file(file(1)).unwrap();
    bed.append(1, "two").unwrap();
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    let passed = bed.store(|ledger| ledger.reader_data_file = file(1));
    assert_eq!(refused(passed), Refusal::LedgerFiles);
    bed.consume(0, 1);
    bed.store(|ledger| ledger.reader_data_file = file(1)).unwrap();
    let back = bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(0), file(1)));
    assert_eq!(refused(back), Refusal::LedgerFiles, "nor does it go back, round the whole ring");
    assert_eq!(reopened(&bed.disk), [2]);
}

/// Records behind the file that the ledger names as the writer's are not looked for by everybody.
#[test]
fn the_ledgers_writer_does_not_go_back() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.guard.create_file(file(1)).unwrap();
    bed.append(1, "two").unwrap();
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    let back = bed.store(|ledger| ledger.writer_data_file = file(0));
    assert_eq!(refused(back), Refusal::LedgerFiles);
    let away = bed.store(|ledger| ledger.writer_data_file = file(7));
    assert_eq!(refused(away), Refusal::UnknownFile);
}

/// The shortest way to lose everything: say that it was acknowledged.
#[test]
fn a_ledger_that_acknowledges_what_nobody_has_is_refused() {
    let mut bed = Bed::new();
    for payload in ["one", "two", "three"] {
        bed.append(0, payload).unwrap();
    }
    bed.store(|_| {}).unwrap();
    for last in 1..=3 {
        let said = bed.store(|ledger| ledger.reader_last_record = RecordId(last));
        assert_eq!(refused(said), Refusal::LedgerLast, "delivered to nobody");
    }
    bed.deliver(0).unwrap();
    bed.guard.acknowledged(RecordId(2));
    let said = bed.store(|ledger| ledger.reader_last_record = RecordId(3));
    assert_eq!(refused(said), Refusal::LedgerLast, "delivered, and not acknowledged");
    bed.store(|ledger| ledger.reader_last_record = RecordId(2)).unwrap();
    let back = bed.store(|ledger| ledger.reader_last_record = RecordId(1));
    assert_eq!(refused(back), Refusal::LedgerLast, "what is acknowledged stays so");
}

/// On opening the ledger may pass lost events, and says how many: what is whole is not lost.
#[test]
fn on_opening_no_ledger_passes_a_whole_record() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(5..=9));
    disk.put_ledger(Some(ledger(10, 3, 3, 4)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(7));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    bed.guard.create_file(file(4)).unwrap();
    let passed = bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(4), file(4)));
    assert_eq!(refused(passed), Refusal::LedgerFiles);
    let jumped = bed.store(|ledger| ledger.writer_next_record = RecordId(1 << 60));
    assert_eq!(refused(jumped), Refusal::LedgerNext, "ids that were never given are not lost");
    assert_eq!(reopened(&disk), [5, 6, 7, 8, 9]);
}

/// Where the ledger is lost, only the frames say where the buffer begins.
#[test]
fn without_a_ledger_a_new_one_begins_at_the_lowest_record() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(5..=9));
    disk.put_data_file(file(4), data_file(10..=12));
    disk.put_ledger(None);
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.runs(3);
    bed.runs(4);
    assert_eq!(refused(bed.guard.store_ledger(ledger(13, 4, 4, 4))), Refusal::LedgerFiles);
    assert_eq!(refused(bed.guard.store_ledger(ledger(13, 4, 3, 5))), Refusal::LedgerLast);
    bed.guard.store_ledger(ledger(13, 4, 3, 4)).unwrap();
    assert_eq!(reopened(&disk), ids_of(5..=12));
}

/// Where the reader's file comes behind the writer's, logic in order begins with the writer's and goes on by the ids,
/// whichever way round the ring they lead.
#[test]
fn a_ledger_that_spans_the_whole_ring_is_put_in_order() {
    let disk = Disk::new();
    disk.put_data_file(file(3), Vec::new());
    disk.put_data_file(file(4), data_file(1..=3));
    disk.put_data_file(file(7), data_file(4..=6));
    disk.put_data_file(file(0), data_file(7..=9));
    disk.put_ledger(Some(ledger(10, 3, 4, 0)));
    assert_eq!(reopened(&disk), ids_of(1..=9));
}

/// A process that dies before it has stored the ledger leaves records that it does not count.
#[test]
fn records_beyond_the_ledgers_end_move_it_forward() {
    let disk = Disk::new();
    disk.put_data_file(file(0), data_file(1..=9));
    disk.put_ledger(Some(ledger(5, 0, 0, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.guard.opened();
    // It has looked at nothing, and goes on where the ledger ends.
    assert_eq!(refused(bed.append(0, "a second 5")), Refusal::Conflict);
    bed.guard.create_file(file(1)).unwrap();
    assert_eq!(bed.guard.next_id(), RecordId(10));
    assert_eq!(refused(bed.append_as(1, "a second 5", 0, RecordId(5))), Refusal::Conflict);
    let length = bed.length(0);
    assert_eq!(refused(bed.guard.truncate_file(file(0), length - 8)), Refusal::Cut);
    bed.append(1, "ten").unwrap();
    assert_eq!(reopened(&disk), ids_of(1..=10));
}

/// Ids that are skipped are taken for lost, and ids that come twice hide a record.
#[test]
fn ids_are_neither_skipped_nor_repeated() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    let at = bed.length(0);
    for id in [0, 1, 3, u64::MAX] {
        assert_eq!(refused(bed.append_as(0, "two", at, RecordId(id))), Refusal::Conflict, "{id}");
    }
    for wrong in [0, at - 1, at + 1, u64::MAX] {
        assert_eq!(refused(bed.append_as(0, "two", wrong, RecordId(2))), Refusal::Conflict, "{wrong}");
    }
    for (first, count) in [(0, 2), (1, 1), (1, u32::MAX), (u32::MAX, 1)] {
        let (batch, _) = bed.guard.offer(vec!["two".into()]);
        let placed = bed.guard.append(batch, first, count, file(0), at, RecordId(2));
        bed.guard.take_offer();
        assert_eq!(refused(placed), Refusal::BatchOrder);
    }
    let none = bed.guard.append(NO_BATCH, 0, 1, file(0), at, RecordId(2));
    assert_eq!(refused(none), Refusal::UnknownBatch);
    let counts = bed.guard.refusals();
    assert_eq!(counts, [(Refusal::UnknownBatch, 1), (Refusal::BatchOrder, 4), (Refusal::Conflict, 8)]);
    assert_eq!(bed.guard.refused(), 13);
}

/// Files are read in the order of the ring: a record in an earlier one is never come to, or hides those behind it.
#[test]
fn records_are_not_placed_before_those_that_wait() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(1..=3));
    disk.put_data_file(file(4), data_file(4..=6));
    disk.put_data_file(file(5), Vec::new());
    disk.put_ledger(Some(ledger(7, 5, 3, 0)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.guard.opened();
    assert_eq!(refused(bed.append(3, "seven")), Refusal::FileOrder);
    bed.append(4, "seven").unwrap();
    bed.append(5, "eight").unwrap();
    assert_eq!(refused(bed.append(4, "nine")), Refusal::FileOrder);
    assert_eq!(reopened(&disk), ids_of(1..=8));
}

/// The file with the only copy of a record is the last thing to be without.
#[test]
fn a_file_with_unacknowledged_records_is_not_removed() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.append(0, "two").unwrap();
    bed.store(|_| {}).unwrap();
    assert_eq!(refused(bed.guard.remove_file(file(0))), Refusal::Retention);
    bed.consume(0, 1);
    assert_eq!(refused(bed.guard.remove_file(file(0))), Refusal::Retention, "the second is still there");
    bed.acknowledge(2);
    bed.guard.remove_file(file(0)).unwrap();
}

/// The operator's limit holds however the guest counts.
#[test]
fn no_more_bytes_and_files_than_the_operator_allows() {
    let mut bed = Bed::opening(&Disk::new(), 1000);
    bed.guard.allow_files(3);
    bed.guard.create_file(file(0)).unwrap();
    bed.guard.opened();
    let full = loop {
        if let Err(error) = bed.append(0, "some record of some length") {
            break error;
        }
    };
    assert!(matches!(full, GuardError::Storage(StorageError::NoSpace { .. })), "{full:?}");
    let on_disk: u64 = bed.disk.data_files().iter().map(|(_, length)| length).sum();
    assert!((900..=1000).contains(&on_disk), "{on_disk}");

    let made = every_file().filter(|file| bed.guard.create_file(*file).is_ok()).count();
    assert_eq!((made, bed.disk.data_files().len()), (2, 3));
    let counts = bed.guard.refusals();
    assert_eq!(counts, [(Refusal::Quota, 1 + u64::from(u16::MAX) - 3)]);
}

/// Requests that wait take up memory, and a slow disk would let them grow without end.
#[test]
fn syncs_that_have_not_ended_are_bounded() {
    let mut bed = Bed::new();
    let asked = (0..1_000_000).find(|_| bed.guard.request_sync(SyncTarget::Directory).is_err());
    assert_eq!(asked, Some(131_072));
    assert_eq!(refused(bed.guard.request_sync(SyncTarget::Ledger)), Refusal::Syncs);
    bed.run_syncs();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
}

/// A ledger is what the next process believes: numbers that name nothing must not get into it.
#[test]
fn a_ledger_that_is_nonsense_is_refused() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.store(|_| {}).unwrap();
    let stored = bed.guard.ledger();
    let wrong: [fn(&mut Ledger); 5] = [
        |ledger| ledger.writer_next_record = RecordId(0),
        |ledger| ledger.writer_next_record = RecordId(1),
        |ledger| ledger.writer_next_record = RecordId(u64::MAX),
        |ledger| ledger.reader_last_record = RecordId(u64::MAX),
        |ledger| ledger.reader_data_file = file(65_534),
    ];
    for change in wrong {
        refused(bed.store(change));
    }
    assert_eq!(bed.guard.ledger(), stored);
    assert_eq!(bed.disk.ledger(), stored);
}

fn ids_of(ids: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    ids.collect()
}

/// A file that came to nothing goes with the instance that made it. A sync of names that began before says nothing of one
/// that is made under its number now.
#[test]
fn a_sync_that_began_before_a_leftover_went_does_not_cover_its_successor() {
    let mut bed = Bed::new();
    bed.guard.create_file(file(1)).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.guard.reopen();
    bed.guard.opened();
    bed.guard.create_file(file(1)).unwrap();
    bed.append(1, "one").unwrap();
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.guard.request_sync(SyncTarget::Data(file(1))).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert!(bed.guard.durable_next() < RecordId(2), "its name may be on no disk");
}

/// A window that goes round the whole ring is taken for one that begins with its end.
#[test]
fn the_ledger_does_not_go_round_the_ring() {
    let mut bed = Bed::new();
    bed.guard.create_file(file(7)).unwrap();
    bed.append(7, "one").unwrap();
    bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(7), file(7))).unwrap();
    bed.guard.create_file(file(6)).unwrap();
    assert_eq!(refused(bed.append(6, "two")), Refusal::FileOrder);
    assert_eq!(refused(bed.store(|ledger| ledger.writer_data_file = file(6))), Refusal::LedgerFiles);
    assert_eq!(reopened(&bed.disk), [1]);
}

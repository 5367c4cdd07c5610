//! Each promise of the host, and a guest that tries to break it.

use forebay::{
    Buffer, RecordId, Refusal,
    storage::{Ledger, memory::Disk},
};
use forebay_types::SyncTarget;

use super::bed::{Bed, NO_BATCH, refused, torn_file};
use crate::support::{
    Runs,
    storage::{data_file, file, ledger, options},
};

/// Opens what is on the disk with well-behaved logic, and gives the ids that it delivers.
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

/// A guest that says nothing of syncs, or requests fewer than are needed, must not have a record called synced.
#[test]
fn nothing_is_durable_before_the_host_has_seen_all_its_syncs() {
    let targets = [SyncTarget::Data(file(0)), SyncTarget::Directory, SyncTarget::Ledger];
    for missing in targets {
        let mut bed = Bed::new();
        bed.append("one").unwrap();
        bed.store(|_| {}).unwrap();
        for target in targets.into_iter().filter(|target| *target != missing) {
            bed.guard.request_sync(target).unwrap();
        }
        bed.run_syncs();
        assert!(bed.guard.durable_next() < RecordId(2), "without {missing:?}");
        bed.guard.request_sync(missing).unwrap();
        bed.run_syncs();
        assert_eq!(bed.guard.durable_next(), RecordId(2));
    }
}

/// A sync of a file that was removed says nothing of the one that has its name now. Of all numbers only that of the spare
/// comes again before the whole ring has passed.
#[test]
fn a_sync_that_began_before_a_file_was_made_again_does_not_cover_it() {
    let mut bed = Bed::new();
    bed.append("zero").unwrap();
    bed.consume(1);
    assert_eq!(bed.guard.prepare().unwrap(), file(1));
    for target in [SyncTarget::Data(file(1)), SyncTarget::Directory] {
        bed.guard.request_sync(target).unwrap();
    }
    bed.guard.discard(file(1)).unwrap();
    assert_eq!(bed.append_to_next("one"), file(1));
    bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(1), file(1))).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert!(bed.guard.durable_next() < RecordId(3), "neither its bytes nor its name may be on any disk");
    bed.sync(0);
    bed.sync(1);
    assert_eq!(bed.guard.durable_next(), RecordId(3));
}

/// What was truncated is no longer there for a sync to make durable; what is written in its place is another matter.
#[test]
fn a_sync_that_began_before_a_truncation_does_not_cover_what_is_written_in_its_place() {
    let disk = Disk::new();
    disk.put_data_file(file(0), torn_file(1..=3, 1000));
    disk.put_ledger(Some(ledger(4, 0, 0, 0)));
    let mut bed = Bed::open(&disk);
    bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    bed.guard.truncate().unwrap();
    bed.append("in place of what was torn").unwrap();
    bed.store(|_| {}).unwrap();
    bed.guard.request_sync(SyncTarget::Directory).unwrap();
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert_eq!(bed.guard.durable_next(), RecordId(4), "the records that were there, and no more");
}

/// A guest may believe that all is well once its ticket has ended. So it ends when that is so, however many syncs fail.
#[test]
fn a_ticket_ends_only_when_what_it_covers_is_durable() {
    let mut bed = Bed::new();
    bed.sync(0);
    bed.tickets();
    bed.append("one").unwrap();
    bed.store(|_| {}).unwrap();
    let data = bed.guard.request_sync(SyncTarget::Data(file(0))).unwrap();
    let ledger = bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.fail_sync();
    bed.run_syncs();
    assert!(bed.tickets().is_empty(), "the second comes behind the first");
    for _ in 0..3 {
        bed.guard.retry_syncs();
        bed.fail_sync();
        assert!(bed.tickets().is_empty());
    }
    bed.guard.retry_syncs();
    bed.run_syncs();
    assert_eq!(bed.tickets(), [data, ledger]);
    bed.disk.power_loss();
    assert_eq!(reopened(&bed.disk), [1]);
}

/// The next opener believes the ledger: a reader's file that has moved past records loses them.
#[test]
fn the_ledgers_reader_passes_no_file_with_unacknowledged_records() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.append_to_next("two");
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    let passed = bed.store(|ledger| ledger.reader_data_file = file(1));
    assert_eq!(refused(passed), Refusal::LedgerFiles);
    bed.consume(1);
    bed.store(|ledger| ledger.reader_data_file = file(1)).unwrap();
    let behind = bed.store(|ledger| ledger.writer_data_file = file(0));
    assert_eq!(refused(behind), Refusal::LedgerFiles, "nor does it come behind the writer's");
    assert_eq!(reopened(&bed.disk), [2]);
}

/// Records behind the file that the ledger names as the writer's are not looked for by every program.
#[test]
fn the_ledgers_writer_does_not_go_back() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.append_to_next("two");
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    let back = bed.store(|ledger| ledger.writer_data_file = file(0));
    assert_eq!(refused(back), Refusal::LedgerFiles);
    let away = bed.store(|ledger| ledger.writer_data_file = file(7));
    assert_eq!(refused(away), Refusal::UnknownFile);
}

/// The shortest way to lose everything: say that it was acknowledged.
#[test]
fn a_ledger_that_acknowledges_what_no_consumer_has_is_refused() {
    let mut bed = Bed::new();
    for payload in ["one", "two", "three"] {
        bed.append(payload).unwrap();
    }
    bed.store(|_| {}).unwrap();
    for last in 1..=3 {
        let said = bed.store(|ledger| ledger.reader_last_record = RecordId(last));
        assert_eq!(refused(said), Refusal::LedgerLast, "not delivered");
    }
    bed.deliver(3);
    bed.guard.acknowledge(RecordId(2)).unwrap();
    let said = bed.store(|ledger| ledger.reader_last_record = RecordId(3));
    assert_eq!(refused(said), Refusal::LedgerLast, "delivered, and not acknowledged");
    bed.store(|ledger| ledger.reader_last_record = RecordId(2)).unwrap();
    let back = bed.store(|ledger| ledger.reader_last_record = RecordId(1));
    assert_eq!(refused(back), Refusal::LedgerLast, "what is acknowledged stays so");
}

/// A consumer may acknowledge any id, also one that it was not given yet. That passes nothing.
#[test]
fn an_acknowledgement_of_what_was_not_delivered_passes_nothing() {
    let mut bed = Bed::new();
    for payload in ["one", "two", "three"] {
        bed.append(payload).unwrap();
    }
    bed.deliver(1);
    assert_eq!(bed.guard.acknowledge(RecordId(u64::MAX)).unwrap(), RecordId(1));
    let said = bed.store(|ledger| ledger.reader_last_record = RecordId(2));
    assert_eq!(refused(said), Refusal::LedgerLast);
}

/// Only the operator says whether records may go that no consumer has read, and then whole segments go.
#[test]
fn a_ledger_drops_whole_segments_from_the_front_and_only_where_the_operator_allows_it() {
    let drops = |bed: &mut Bed, last, reader| {
        bed.store(|ledger| {
            (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(last), file(reader));
            ledger.writer_data_file = file(1);
        })
    };
    let mut bed = Bed::new();
    for payload in ["one", "two"] {
        bed.append(payload).unwrap();
    }
    bed.append_to_next("three");
    bed.append("four").unwrap();
    assert_eq!(refused(drops(&mut bed, 2, 1)), Refusal::LedgerLast, "the operator did not allow it");
    bed.guard.retain_newest(0);
    for (last, reader) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        assert_eq!(refused(drops(&mut bed, last, reader)), Refusal::LedgerLast, "no whole segments: {last}");
    }
    assert_eq!(refused(drops(&mut bed, 1, 1)), Refusal::LedgerFiles);
    drops(&mut bed, 2, 1).unwrap();
    assert_eq!(bed.guard.dropped_events(), 2);
    assert_eq!(reopened(&bed.disk), [3, 4]);
}

/// What is left is not dropped with what goes, also where its first frame is damaged and the host cannot tell at a glance
/// which ids it has.
#[test]
fn a_drop_passes_nothing_of_a_damaged_segment_that_is_left() {
    let disk = Disk::new();
    let mut bytes = data_file(3..=6);
    bytes[..16].fill(0);
    disk.put_data_file(file(0), data_file(1..=2));
    disk.put_data_file(file(1), bytes);
    disk.put_data_file(file(2), data_file(7..=8));
    disk.put_ledger(Some(ledger(9, 2, 0, 0)));
    let mut bed = Bed::open(&disk);
    bed.guard.retain_newest(0);
    for last in [6, 5, 4] {
        let dropped = bed
            .store(|ledger| (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(last), file(1)));
        assert_eq!(refused(dropped), Refusal::LedgerLast, "{last}");
    }
    bed.store(|ledger| (ledger.reader_last_record, ledger.reader_data_file) = (RecordId(2), file(1)))
        .unwrap();
    assert_eq!(reopened(&disk), [4, 5, 6, 7, 8]);
}

/// On opening the ledger may pass lost events, and says how many: what is whole is not lost.
#[test]
fn on_opening_no_ledger_passes_a_whole_record() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(5..=9));
    disk.put_ledger(Some(ledger(10, 3, 3, 4)));
    let mut bed = Bed::opening(&disk, 1 << 20);
    bed.guard.drop_oldest();
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(7));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    assert_eq!(bed.guard.roll().unwrap(), file(4));
    let passed = bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(4), file(4)));
    assert_eq!(refused(passed), Refusal::LedgerFiles);
    let dropped = bed.store(|ledger| *ledger = crate::support::storage::ledger(10, 4, 4, 9));
    assert_eq!(refused(dropped), Refusal::LedgerLast, "no room is needed yet");
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
    assert_eq!(bed.guard.load_ledger().unwrap(), ledger(13, 4, 3, 4));
    assert_eq!(refused(bed.guard.store_ledger(ledger(13, 4, 4, 4))), Refusal::LedgerFiles);
    assert_eq!(refused(bed.guard.store_ledger(ledger(13, 4, 3, 5))), Refusal::LedgerLast);
    bed.guard.store_ledger(ledger(13, 4, 3, 4)).unwrap();
    assert_eq!(reopened(&disk), ids_of(5..=12));
}

/// Where the reader's file comes behind the writer's, well-behaved logic begins with the writer's and goes on by the ids,
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
    let mut bed = Bed::open(&disk);
    assert_eq!(bed.guard.next_id(), RecordId(10));
    let back = bed.store(|ledger| ledger.writer_next_record = RecordId(5));
    assert_eq!(refused(back), Refusal::LedgerNext);
    assert_eq!(refused(bed.guard.truncate()), Refusal::Truncate);
    bed.append("ten").unwrap();
    assert_eq!(reopened(&disk), ids_of(1..=10));
}

/// A record that was placed twice would be delivered twice, and one of another batch is none of this one.
#[test]
fn each_record_of_a_batch_is_placed_once_and_in_order() {
    let mut bed = Bed::new();
    let (batch, sizes) = bed.guard.offer(vec!["one".into(), "two".into(), "three".into()]);
    assert_eq!(sizes.len(), 3);
    for count in [0, 4, u32::MAX] {
        assert_eq!(refused(bed.guard.append(batch, count)), Refusal::BatchCount, "{count}");
    }
    bed.guard.append(batch, 2).unwrap();
    assert_eq!(refused(bed.guard.append(batch, 2)), Refusal::BatchCount, "one is left");
    assert_eq!(refused(bed.guard.append(NO_BATCH, 1)), Refusal::UnknownBatch);
    bed.guard.append(batch, 1).unwrap();
    assert_eq!(refused(bed.guard.append(batch, 1)), Refusal::BatchCount, "none is left");
    bed.guard.take_offer();
    assert_eq!(refused(bed.guard.append(batch, 1)), Refusal::UnknownBatch, "the call is over");
    assert_eq!(reopened(&bed.disk), [1, 2, 3]);
}

/// Files are read in the order of the ring: a reader never reaches a record in an earlier one, or that record hides those behind
/// it. So there is one place for a record, and it is not the guest's to say.
#[test]
fn records_go_behind_all_that_wait() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(1..=3));
    disk.put_data_file(file(4), data_file(4..=6));
    disk.put_data_file(file(5), Vec::new());
    disk.put_ledger(Some(ledger(7, 5, 3, 0)));
    let mut bed = Bed::open(&disk);
    bed.append("seven").unwrap();
    assert_eq!(bed.guard.roll().unwrap(), file(6));
    bed.append("eight").unwrap();
    assert_eq!(disk.data_files().into_iter().filter(|(_, bytes)| *bytes > 0).count(), 4);
    assert_eq!(reopened(&disk), ids_of(1..=8));
}

/// The file with the only copy of a record is the last thing to be without.
#[test]
fn a_file_with_unacknowledged_records_is_not_removed() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.append("two").unwrap();
    bed.append_to_next("three");
    bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
    bed.sync(1);
    assert_eq!(refused(bed.guard.release(file(0))), Refusal::Retention);
    assert_eq!(refused(bed.guard.discard(file(0))), Refusal::Retention);
    bed.consume(1);
    bed.sync(1);
    assert_eq!(refused(bed.guard.release(file(0))), Refusal::Retention, "the second is still there");
    bed.acknowledge(2);
    bed.store(|ledger| ledger.reader_data_file = file(1)).unwrap();
    assert_eq!(refused(bed.guard.release(file(0))), Refusal::Retention, "a power loss leaves the old ledger");
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert_eq!(bed.guard.release(file(1)).unwrap().files, 1, "the last one stays");
    assert_eq!(bed.disk.data_files().len(), 1);
    assert_eq!(reopened(&bed.disk), [3]);
}

/// What stands outside the reading order may hold the only copy of a record, for as long as no ledger has passed it.
#[test]
fn a_file_outside_that_no_ledger_has_passed_is_not_discarded() {
    let disk = Disk::new();
    disk.put_data_file(file(3), data_file(5..=9));
    disk.put_data_file(file(9), data_file(6..=7));
    disk.put_ledger(Some(ledger(10, 3, 3, 4)));
    let mut bed = Bed::open(&disk);
    assert_eq!(refused(bed.guard.discard(file(9))), Refusal::Retention);
    bed.consume(9);
    assert_eq!(refused(bed.guard.discard(file(9))), Refusal::Retention, "a power loss leaves the old ledger");
    bed.guard.request_sync(SyncTarget::Ledger).unwrap();
    bed.run_syncs();
    assert!(bed.guard.discard(file(9)).unwrap() > 0);
}

/// A ledger is what the next process believes: numbers that name nothing must not get into it.
#[test]
fn a_ledger_that_is_nonsense_is_refused() {
    let mut bed = Bed::new();
    bed.append("one").unwrap();
    bed.store(|_| {}).unwrap();
    let stored = bed.guard.ledger();
    let wrong: [fn(&mut Ledger); 6] = [
        |ledger| ledger.writer_next_record = RecordId(0),
        |ledger| ledger.writer_next_record = RecordId(1),
        |ledger| ledger.writer_next_record = RecordId(u64::MAX),
        |ledger| ledger.reader_last_record = RecordId(u64::MAX),
        |ledger| ledger.reader_data_file = file(65_534),
        |ledger| ledger.writer_data_file = file(65_534),
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

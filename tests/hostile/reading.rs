//! What a guest says that it has read.

use forebay::{RecordId, Refusal, logic::Run};

use super::bed::{Bed, NO_LIMIT, ids, refused};
use crate::support::storage::file;

/// Whoever reads must get each record, once, in order, and nothing that is none.
#[test]
fn runs_that_are_forged_repeated_or_left_out_deliver_nothing() {
    let mut bed = Bed::new();
    for payload in ["one", "two", "three"] {
        bed.append(0, payload).unwrap();
    }
    let mut honest = bed.runs(0);
    let whole = honest.remove(0);
    let forged: [fn(&mut Run); 7] = [
        |run| run.offset += 8,
        |run| run.bytes -= 1,
        |run| run.first_id = RecordId(2),
        |run| run.next_id = RecordId(9),
        |run| run.records = 2,
        |run| run.records = u32::MAX,
        |run| run.file = file(1),
    ];
    for forge in forged {
        let mut run = whole;
        forge(&mut run);
        bed.guard.start_reading();
        bed.runs(0);
        assert!(bed.guard.collect(&[run]).is_none(), "{run:?}");
    }
    bed.guard.start_reading();
    assert!(bed.guard.collect(&[whole]).is_none(), "not read in this call");
    bed.guard.start_reading();
    bed.runs(0);
    assert!(bed.guard.collect(&[whole, whole]).is_none(), "twice");
    assert_eq!(bed.deliver(0).map(ids), Some(vec![1, 2, 3]), "and nothing was delivered before");
}

/// A guest that leaves out a record must not be believed when it says that there was none.
#[test]
fn what_was_left_out_is_not_passed() {
    let mut bed = Bed::new();
    for number in 0..3 {
        bed.guard.create_file(file(number)).unwrap();
        bed.append(number, "a record").unwrap();
    }
    bed.store(|ledger| ledger.writer_data_file = file(2)).unwrap();
    assert_eq!(bed.deliver(0).map(ids), Some(vec![1]));
    assert!(bed.deliver(2).is_none(), "the record in file 1 comes first");
    bed.guard.acknowledged(RecordId(1));
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(2));
    assert_eq!(refused(passed), Refusal::LedgerLast);
}

/// Delivery stands at the end of a file that goes. What is written to one of the same name lies before that, and waits.
#[test]
fn a_file_that_is_made_anew_is_delivered_from_its_start() {
    let mut bed = Bed::new();
    bed.append(0, "a record that is longer than the next").unwrap();
    bed.store(|_| {}).unwrap();
    bed.consume(0, 1);
    bed.guard.remove_file(file(0)).unwrap();
    bed.guard.create_file(file(0)).unwrap();
    bed.append(0, "short").unwrap();
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(2));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    assert_eq!(bed.deliver(0).map(ids), Some(vec![2]));
}

/// Where nothing waits, an empty file before the one that was read last may take the next record.
#[test]
fn a_record_in_a_file_that_delivery_has_left_behind_is_come_to() {
    let mut bed = Bed::new();
    bed.append(0, "one").unwrap();
    bed.guard.create_file(file(1)).unwrap();
    bed.guard.create_file(file(2)).unwrap();
    bed.append(2, "two").unwrap();
    bed.store(|ledger| ledger.writer_data_file = file(2)).unwrap();
    bed.consume(0, 1);
    bed.consume(2, 2);
    bed.append(1, "three").unwrap();
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(3));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    assert_eq!(bed.deliver(1).map(ids), Some(vec![3]));
}

/// Offsets are none of a guest's making: a frame that lies in a payload is no record.
#[test]
fn a_scan_starts_only_where_a_frame_can_start() {
    let mut bed = Bed::new();
    let mut inner = Vec::new();
    forebay_frame::encode(&mut inner, RecordId(2), 0, std::num::NonZeroU32::MIN, b"a frame in a payload");
    let (batch, _) = bed.guard.offer(vec![forebay::NewRecord::new(inner)]);
    bed.guard.append(batch, 0, 1, file(0), 0, RecordId(1)).unwrap();
    bed.guard.take_offer();
    for offset in (1..bed.length(0)).chain([u64::MAX]) {
        assert_eq!(refused(bed.guard.scan(file(0), offset, NO_LIMIT)), Refusal::Offset, "{offset}");
    }
}

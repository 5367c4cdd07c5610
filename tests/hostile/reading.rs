//! Reading: the guest says how many records may be delivered, and never which.

use forebay::{RecordId, Refusal};

use super::{
    bed::{Bed, ids, refused},
    promises::reopened,
};
use crate::support::storage::file;

/// A consumer gets each record once, in order, and nothing that is none, whatever number the guest answers.
#[test]
fn any_number_delivers_the_next_records_once_and_in_order() {
    for counts in [[0, 1, 2, 0], [3, 0, 0, 0], [u32::MAX, u32::MAX, 1, 7], [1, u32::MAX, 0, 1]] {
        let mut bed = Bed::new();
        for payload in ["one", "two", "three"] {
            bed.append(payload).unwrap();
        }
        let delivered: Vec<u64> = counts.into_iter().flat_map(|count| ids(bed.deliver(count))).collect();
        assert_eq!(delivered, [1, 2, 3], "{counts:?}");
    }
}

/// A record that was not delivered is waited for, whatever the guest says of it.
#[test]
fn what_was_not_delivered_is_not_passed() {
    let mut bed = Bed::new();
    for number in 0..3 {
        assert_eq!(bed.append_to_next("a record"), file(number));
    }
    bed.store(|ledger| ledger.writer_data_file = file(2)).unwrap();
    assert_eq!(ids(bed.deliver(1)), [1]);
    assert_eq!(bed.guard.acknowledge(RecordId(3)).unwrap(), RecordId(1));
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(2));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    assert_eq!(
        bed.guard.reached_end().unwrap(),
        Some(RecordId(2)),
        "a guest that gives no more withholds it"
    );
    assert_eq!(ids(bed.deliver(u32::MAX)), [2, 3]);
    assert_eq!(bed.guard.reached_end().unwrap(), None);
}

/// Delivery may stand in a spare's number, or behind the end of what it has read. What comes next is met all the same.
#[test]
fn delivery_goes_on_behind_files_that_leave() {
    let mut bed = Bed::new();
    bed.append("a record that is longer than the next").unwrap();
    bed.consume(1);
    bed.guard.prepare().unwrap();
    bed.guard.discard(file(1)).unwrap();
    assert_eq!(bed.append_to_next("short"), file(1));
    bed.store(|ledger| (ledger.reader_data_file, ledger.writer_data_file) = (file(1), file(1))).unwrap();
    bed.sync(1);
    assert_eq!(bed.guard.release(file(0)).unwrap().files, 1);
    let passed = bed.store(|ledger| ledger.reader_last_record = RecordId(2));
    assert_eq!(refused(passed), Refusal::LedgerLast);
    assert_eq!(ids(bed.deliver(u32::MAX)), [2]);
}

/// A frame that lies in a payload is no record.
#[test]
fn a_frame_in_a_payload_is_not_delivered() {
    let mut bed = Bed::new();
    let mut inner = Vec::new();
    forebay_frame::encode(&mut inner, RecordId(2), 0, std::num::NonZeroU32::MIN, b"a frame in a payload");
    let (batch, _) = bed.guard.offer(vec![forebay::NewRecord::new(inner.clone())]);
    bed.guard.append(batch, 1).unwrap();
    bed.guard.take_offer();
    let delivered = bed.deliver(u32::MAX);
    assert_eq!(delivered.len(), 1);
    assert_eq!((delivered[0].id, &delivered[0].payload[..]), (RecordId(1), &inner[..]));
    assert_eq!(reopened(&bed.disk), [1]);
}

/// Both limits hold; a record that is longer than the limit comes alone, or no reader would ever pass it.
#[test]
fn no_more_bytes_are_delivered_than_were_asked_for() {
    let mut bed = Bed::new();
    for _ in 0..10 {
        bed.append(&"x".repeat(100)).unwrap();
    }
    let frame_bytes = bed.length(0) / 10;
    for (max_bytes, wanted) in
        [(3 * frame_bytes, 3), (1, 1), (3 * frame_bytes - 1, 2), (frame_bytes, 1), (u64::MAX, 3)]
    {
        let records = bed.guard.deliver(u32::MAX, max_bytes).unwrap();
        assert_eq!(records.len(), wanted, "{max_bytes} bytes");
    }
}

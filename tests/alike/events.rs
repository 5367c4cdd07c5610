//! Records of several events: each takes as many ids. Our frames say how many; in Vector's they are counted in the payload.
//! There is no directory at hand that Vector wrote with such records, so these tests make the frames that it would write.

use std::num::NonZeroU32;

use forebay::{Buffer, NewRecord, RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{file, ledger, options},
};

/// Vector's `EventArray` of so many logs, in protobuf: field 1, a message whose field 1 repeats.
fn event_array(events: u8) -> Vec<u8> {
    let logs: Vec<u8> = (0..events).flat_map(|_| [0x0a, 2, b'h', b'i']).collect();
    [&[0x0a, u8::try_from(logs.len()).unwrap()], &logs[..]].concat()
}

/// A data file of Vector's: each record has an id, and so many events in its payload. The padding says nothing.
fn vector_file(records: &[(u64, u8)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &(id, events) in records {
        forebay_frame::encode(&mut bytes, RecordId(id), 1, NonZeroU32::MIN, &event_array(events));
    }
    bytes
}

/// All records with the number of their events.
fn read(buffer: &Buffer) -> Vec<(u64, u32)> {
    let records = buffer.reader().try_next_batch(100).unwrap();
    records.iter().map(|record| (record.id().0, record.events().get())).collect()
}

/// The frames say how many events they hold, so what is lost with one is known exactly.
#[test]
fn a_damaged_record_costs_as_many_events_as_it_held() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let several = |events| NewRecord::new("payload").with_events(NonZeroU32::new(events).unwrap());
        let receipt = buffer.writer().write_batch([1, 3, 5, 2].map(several).into()).unwrap();
        assert_eq!(receipt.last_id, Some(RecordId(10)), "{runs:?}: the last record's first event");
        buffer.close().unwrap();

        let mut bytes = disk.data_file(file(0)).unwrap();
        // Each frame has 48 bytes; this is the payload of the third.
        bytes[2 * 48 + 8] ^= 1;
        disk.put_data_file(file(0), bytes);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [(1, 1), (2, 3), (10, 2)], "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 5, "{runs:?}");
    }
}

/// Taken for one event each, they would leave gaps: events would be called lost that are there.
#[test]
fn events_of_vectors_records_are_counted_in_their_payload() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), vector_file(&[(1, 3), (4, 1)]));
        disk.put_data_file(file(1), vector_file(&[(5, 2), (7, 4)]));
        disk.put_ledger(Some(ledger(11, 1, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [(1, 3), (4, 1), (5, 2), (7, 4)], "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.next_id), (0, RecordId(11)), "{runs:?}");
        buffer.reader().ack_through(RecordId(7));
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(10), "{runs:?}");
    }
}

/// A payload that counts more events than its record has ids would swallow the records behind it, in its file or in the
/// next: their ids are right.
#[test]
fn the_next_id_is_right_where_a_payload_counts_more_events() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), vector_file(&[(1, 9), (3, 9)]));
        disk.put_data_file(file(1), vector_file(&[(5, 1), (6, 9)]));
        disk.put_ledger(Some(ledger(8, 1, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [(1, 2), (3, 2), (5, 1), (6, 2)], "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.next_id), (0, RecordId(8)), "{runs:?}");
    }
}

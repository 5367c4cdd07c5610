//! Records say how many events they hold, or it is counted.

use forebay_frame::{CountSource, decode};

use crate::data_file::DataFile;

/// A protobuf field that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len > 0x7f {
        field.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    field.push(u8::try_from(len).unwrap());
    field.extend(bytes);
    field
}

/// Vector's `EventArray` of so many events, in one of its three kinds.
pub(crate) fn event_array(kind: u8, events: u32) -> Vec<u8> {
    let event = field(1, b"an event with some text in it, longer than one byte can say: .................");
    field(kind, &event.repeat(events as usize))
}

fn counted(metadata: u32, payload: &[u8]) -> (u32, CountSource) {
    let mut file = DataFile::default();
    file.push(1, metadata, 1, payload);
    let frame = decode(&file.bytes).unwrap();
    (frame.events.get(), frame.count_source)
}

// What Vector wrote does not say how many events it holds, and the ledger counts events.
#[test]
fn events_of_vectors_records_are_counted() {
    for kind in 1..=3 {
        for events in [1, 2, 5, 300] {
            assert_eq!(counted(1, &event_array(kind, events)), (events, CountSource::Payload));
        }
    }
    let split = [event_array(1, 2), event_array(1, 3)].concat();
    assert_eq!(counted(1, &split).0, 5, "a message may come in pieces");
    let others = [field(9, b"new"), vec![8 << 3, 0xff, 1], vec![7 << 3 | 5, 1, 2, 3, 4], event_array(2, 4)];
    assert_eq!(counted(1, &others.concat()).0, 4, "unknown fields do not matter");
}

// A count that cannot be read must not stop anything.
#[test]
fn what_cannot_be_counted_is_one_event() {
    let mut cut = event_array(1, 3);
    cut.pop();
    for payload in
        [&cut[..], b"", b"plain text", &[0x0a], &[0x0b, 0x0c], &[0xff; 40], &field(1, b""), &field(4, b"x")]
    {
        assert_eq!(counted(1, payload), (1, CountSource::Payload), "{payload:?}");
    }
    assert_eq!(counted(0, &event_array(1, 3)), (1, CountSource::Frame), "not Vector's events");
}

// Whatever else writes this format may put something into the padding. The count is then not certain: it may have been
// ours, and damaged.
#[test]
fn strange_padding_does_not_change_the_count() {
    for (metadata, count) in [(1, (3, CountSource::Payload)), (0, (1, CountSource::Assumed))] {
        let mut file = DataFile::default();
        file.push(1, metadata, 1, &event_array(1, 3));
        let root = file.bytes.len() - 32;
        for padding in [root + 4..root + 8, root + 28..root + 32] {
            let mut bytes = file.bytes.clone();
            bytes[padding].copy_from_slice(&[9, 0, 0, 0]);
            let frame = decode(&bytes).unwrap();
            assert_eq!((frame.events.get(), frame.count_source), count);
        }
    }
}

//! Ids only rise, and say how many events a record holds where its frame does not.

use forebay_frame::{CountSource, Damage, RecordId, Step, Surroundings, assess, decode};

use crate::data_file::{DataFile, Walked, walk, walk_from};

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

fn events(walked: &Walked) -> Vec<(u64, u32)> {
    let event = |step: &Step| match step {
        Step::Whole { id, events, .. } => Some((id.0, events.get())),
        _ => None,
    };
    walked.steps.iter().filter_map(event).collect()
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
    assert_eq!(counted(1, &others.concat()).0, 4, "fields that nobody knows yet do not matter");
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

// A protobuf payload may only look like Vector's. The next record's id knows better.
#[test]
fn a_counted_number_gives_way_to_the_next_id() {
    for (next, count) in [(11, 1), (12, 2), (13, 3), (14, 3), (20, 3)] {
        let mut file = DataFile::default();
        file.push(10, 1, 1, &event_array(1, 3));
        file.push(next, 0, 1, b"next");
        let walked = walk(&file.bytes, file.around());
        assert_eq!(events(&walked), [(10, count), (next, 1)]);
    }
}

// Our own count is vouched for: an id that goes back behind it is a fault.
#[test]
fn a_stated_number_does_not_give_way() {
    let mut file = DataFile::default();
    file.push(10, 1, 3, &event_array(1, 3));
    file.push(12, 0, 1, b"back");
    file.push(13, 0, 1, b"next");
    let walked = walk(&file.bytes, file.around());
    assert_eq!(events(&walked), [(10, 3), (13, 1)]);
    let back = &file.records[1];
    let corrupt = Step::Corrupt { offset: back.start as u64, bytes: (back.end - back.start) as u64 };
    assert_eq!(walked.steps[1], corrupt);
}

// An old block in a new place must not make anybody deliver a record twice.
#[test]
fn a_frame_whose_id_goes_back_is_refused() {
    let mut file = DataFile::default();
    for id in [5, 6, 3, 6, 7] {
        file.push(id, 0, 1, b"payload");
    }
    assert_eq!(walk(&file.bytes, file.around()).ids(), [5, 6, 7]);
}

// Records that were lost leave gaps, and the ledger may lag behind.
#[test]
fn ids_may_skip_and_pass_the_ceiling() {
    let mut file = DataFile::default();
    for id in [5, 6, 100, 1 << 40] {
        file.push(id, 0, 1, b"payload");
    }
    let around = Surroundings { ceiling: RecordId(6), ..file.around() };
    assert_eq!(walk(&file.bytes, around).ids(), [5, 6, 100, 1 << 40]);
}

// A device that writes a block to the wrong place: taking it for what it says would refuse every record from there to
// where it belongs.
#[test]
fn a_block_from_further_on_costs_only_what_it_overwrote() {
    let file = DataFile::of(1, (0..100_u8).map(|i| [i; 24]));
    for (from, to, len) in [(4096, 512, 512), (4096, 0, 512), (5120, 1024, 1024), (2048, 1984, 64)] {
        let mut bytes = file.bytes.clone();
        bytes.copy_within(from..from + len, to);
        let walked = walk(&bytes, file.around());
        let expected: Vec<u64> = file
            .records
            .iter()
            .filter(|record| record.end <= to || record.start >= to + len)
            .map(|record| record.id)
            .collect();
        assert_eq!(walked.ids(), expected, "{len} bytes from {from} to {to}");
    }
}

// Nor may an old block make a reader that knows no id refuse the records in front of it.
#[test]
fn a_block_from_further_back_costs_only_what_it_overwrote() {
    let file = DataFile::of(1000, (0..100_u8).map(|i| [i; 24]));
    let mut bytes = file.bytes.clone();
    bytes.copy_within(0..512, 4096);
    let around = Surroundings { floor: RecordId(1), exact: false, ceiling: RecordId(u64::MAX) };
    for start in [0, 1024] {
        let walked = walk_from(&bytes, start as u64, around);
        let expected: Vec<u64> = file
            .records
            .iter()
            .filter(|record| record.start >= start && (record.end <= 4096 || record.start >= 4096 + 512))
            .map(|record| record.id)
            .collect();
        assert_eq!(walked.ids(), expected);
    }
}

// A damaged id may be one that was lost before; the records between must not pay for it.
#[test]
fn a_damaged_id_does_not_make_others_strays() {
    let file = DataFile::of(1, (0..20_u8).map(|i| [i; 24]));
    let mut bytes = file.bytes.clone();
    let id_at = |record: usize| file.records[record].end - 24;
    bytes[file.records[4].start + 10] ^= 1;
    bytes[id_at(6)] = 5;
    assert_eq!(walk(&bytes, file.around()).missing(&file), [&file.records[4], &file.records[6]]);
}

// A damaged length in front must not make a record of what would not have been one with it.
#[test]
fn an_old_frame_with_a_damaged_length_is_refused() {
    let file = DataFile::of(5, [b"old"; 3]);
    let mut bytes = file.bytes.clone();
    bytes[0] = 1;
    for (floor, exact) in [(5, true), (5, false), (4, true), (4, false)] {
        let around = Surroundings { floor: RecordId(floor), exact, ceiling: RecordId(9) };
        assert_eq!(assess(&mut &bytes[..], 0, around), Ok(Damage::Length { frame_bytes: 48 }), "{around:?}");
    }
    for (floor, exact) in [(6, true), (6, false)] {
        let around = Surroundings { floor: RecordId(floor), exact, ceiling: RecordId(9) };
        assert_eq!(assess(&mut &bytes[..], 0, around), Ok(Damage::Corrupt { bytes: 48 }), "{around:?}");
    }
}

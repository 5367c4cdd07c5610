//! Frames at the end of a file that do not belong there: what leads back from there is no proof.

use forebay_frame::{Fences, RecordId};

use crate::{
    data_file::DataFile,
    map::reader::{ids, read},
};

fn texts(first_id: u64, records: usize) -> DataFile {
    DataFile::of(first_id, vec![[b't'; 100]; records])
}

/// Where the next file goes on with higher ids, records are missing here: they are not those in the payload of a torn one.
#[test]
fn a_torn_frame_is_not_made_up_for_by_its_payload() {
    let mut file = texts(1, 15);
    let (torn_at, nested) = (file.bytes.len(), texts(14, 8));
    file.push(16, 0, 1, &[b"8 bytes ", &nested.bytes[..]].concat());
    let end_of_nested = torn_at + 16 + nested.records[5].end;
    let fences = Fences { min: Some(RecordId(1)), end: Some(RecordId(40)) };
    assert_eq!(ids(&read(&file.bytes[..end_of_nested], fences)), (1..=15).collect::<Vec<_>>());
}

/// A run of frames that begins with ids that were read before is a copy, also where its last ids would be new.
#[test]
fn what_is_left_of_a_copy_behind_lost_bytes_does_not_count() {
    let mut file = texts(1, 15);
    file.bytes.extend([0xee; 64]);
    file.bytes.extend(texts(12, 8).bytes);
    for end in [None, Some(RecordId(40))] {
        let fences = Fences { min: Some(RecordId(1)), end };
        assert_eq!(ids(&read(&file.bytes, fences)), (1..=15).collect::<Vec<_>>());
    }
}

/// A frame that was written twice, and its followers once, are all there.
#[test]
fn a_repeated_frame_costs_none_behind_it() {
    let mut file = texts(1, 15);
    file.bytes.extend(texts(15, 8).bytes);
    let fences = Fences { min: Some(RecordId(1)), end: Some(RecordId(40)) };
    assert_eq!(ids(&read(&file.bytes, fences)), (1..=22).collect::<Vec<_>>());
}

/// A misplaced sector may end a file with a frame. The longer run in front of it counts, to which no chain leads then.
#[test]
fn a_misplaced_sector_at_the_end_costs_only_what_it_overwrote() {
    let payloads = (0..20).map(|record| vec![b't'; if record == 9 { 4000 } else { 200 }]);
    let file = DataFile::of(85, payloads);
    let mut bytes = file.bytes.clone();
    bytes[file.records[5].start..file.records[6].end].fill(0xee);
    // A length prefix from elsewhere, that ends within the run.
    let prefix = file.records[6].start;
    bytes[prefix..prefix + 8].copy_from_slice(&400_u64.to_be_bytes());
    bytes.truncate(file.records[17].start);
    bytes.extend([0xdd; 72]);
    bytes.extend(texts(90, 2).bytes);
    let expected: Vec<u64> = (85..90).chain(92..102).collect();
    let fences = Fences { min: Some(RecordId(85)), end: Some(RecordId(108)) };
    assert_eq!(ids(&read(&bytes, fences)), expected);
}

//! Frames that a device has written to the wrong place, beside payloads that are data files: what comes from elsewhere says
//! nothing of what belongs here.

use forebay_frame::{Fences, FileMap, RecordId};

use crate::{
    data_file::DataFile,
    map::reader::{fences, ids, invented_nothing, read},
};

/// Records from 50 on, of which record 55 has this payload, and one behind it is as long.
fn holding(payload: &[u8]) -> DataFile {
    DataFile::of(
        50,
        (50..80).map(|id| match id {
            55 => payload.to_vec(),
            75 => vec![b'l'; 700],
            _ => vec![b'a'; 100],
        }),
    )
}

/// The payload is a data file of these ids.
fn nesting(inner: std::ops::Range<u64>) -> DataFile {
    let copy = DataFile::of(inner.start, inner.map(|id| vec![b'n'; 8 + id as usize % 3 * 16])).bytes;
    holding(&[vec![b'p'; 24], copy].concat())
}

/// Overwrites the start of a record, 8 bytes of its payload too, and the end of the one before it.
fn lose_start(bytes: &mut [u8], file: &DataFile, record: usize) {
    let start = file.records[record].start;
    bytes[start - 24..start + 16].fill(0x55);
}

/// Overwrites the end of a record.
fn lose_end(bytes: &mut [u8], file: &DataFile, record: usize) {
    let end = file.records[record].end;
    bytes[end - 32..end].fill(0x55);
}

/// Frames with the ids of another file stand at the start. The trailer of record 55 is left, and possible only by the fences.
#[test]
fn ids_from_elsewhere_do_not_hide_the_end_of_the_frame_around_a_payload() {
    for elsewhere in [1_u64, 20, 900] {
        let file = nesting(56..58);
        let mut bytes = file.bytes.clone();
        let other = DataFile::of(elsewhere, [b"from elsewhere"; 9]).bytes;
        bytes[..other.len()].copy_from_slice(&other);
        lose_start(&mut bytes, &file, 5);
        // Up to here no chain leads.
        for record in 6..9 {
            bytes[file.records[record].start..file.records[record].end].fill(0x55);
        }
        let delivered = read(&bytes, fences(&file));
        invented_nothing(&delivered, &file);
        assert!(ids(&delivered).ends_with(&(59..80).collect::<Vec<_>>()), "{:?}", ids(&delivered));
    }
}

/// A sector of another place lies in the middle of a frame, whose length prefix is left, in front of frames in its payload.
#[test]
fn frames_from_elsewhere_in_a_frame_do_not_bring_its_payload_to_light() {
    let inner = DataFile::of(56, [[b'n'; 8]; 2]).bytes;
    let other = DataFile::of(20, [[b'o'; 8]; 3]).bytes;
    let mut file = holding(&[vec![0; 600], inner, vec![b'x'; 40]].concat());
    let around = file.records[5].clone();
    let bytes = &mut file.bytes;
    bytes[around.start + 400..around.start + 400 + other.len()].copy_from_slice(&other);
    bytes[around.end - 32..around.end + 60].fill(0x55);
    for record in [2, 8] {
        bytes[file.records[record].start..file.records[record].end].fill(0x55);
    }
    let delivered = read(&file.bytes, fences(&file));
    invented_nothing(&delivered, &file);
    assert_eq!(delivered.len(), 26);
}

/// The trailer of an earlier record stands in front of a frame, and leads back into the middle of a payload.
#[test]
fn a_trailer_from_elsewhere_does_not_cut_a_frame_in_two() {
    let inner = DataFile::of(54, [[b'n'; 8]; 2]).bytes;
    let payload = [vec![b'p'; 24], inner, vec![b'x'; 400]].concat();
    let payloads = (50..60).map(|id| match id {
        52 => vec![b'l'; 600],
        53 => payload.clone(),
        _ => vec![b'a'; 100],
    });
    let file = DataFile::of(50, payloads);
    let mut bytes = file.bytes.clone();
    lose_start(&mut bytes, &file, 3);
    let (from, to) = (file.records[2].end, file.records[7].start);
    bytes[file.records[4].start..to + 8].fill(0x55);
    bytes[to - 32..to].copy_from_slice(&file.bytes[from - 32..from]);
    assert_eq!(ids(&read(&bytes, fences(&file))), [50, 51, 57, 58, 59]);
}

/// The file was cut within a record whose payload is a data file. The next one shows that more records are missing.
#[test]
fn what_begins_with_the_payload_of_a_torn_frame_is_payload() {
    let file = nesting(56..60);
    let around = &file.records[5];
    let inner_end = around.start + 8 + around.payload.len();
    for end in [None, Some(RecordId(56)), Some(RecordId(80))] {
        let delivered = read(&file.bytes[..inner_end], Fences { end, ..fences(&file) });
        assert_eq!(ids(&delivered), [50, 51, 52, 53, 54], "{end:?}");
    }
}

/// Two whole frames have one id. Neither is known to be payload, and one of them is.
#[test]
fn of_two_frames_with_one_id_that_may_be_payload_neither_counts() {
    let file = nesting(56..58);
    let mut bytes = file.bytes.clone();
    lose_start(&mut bytes, &file, 5);
    lose_end(&mut bytes, &file, 5);
    // Record 57 stands alone.
    for lost in [6, 8] {
        bytes[file.records[lost].start..file.records[lost].end].fill(0x55);
    }
    let expected: Vec<u64> = (50..54).chain(59..80).collect();
    assert_eq!(ids(&read(&bytes, fences(&file))), expected);
}

/// A copy of a true record is as good as that record.
#[test]
fn of_two_equal_frames_one_counts() {
    let mut file = nesting(56..59);
    let (lost, copied) = (file.records[5].clone(), file.records[7].clone());
    let copy = file.bytes[copied.start..copied.end].to_vec();
    let mut bytes = std::mem::take(&mut file.bytes);
    bytes[lost.start..copied.start].fill(0x55);
    bytes[lost.start + 40..lost.start + 40 + copy.len()].copy_from_slice(&copy);
    bytes[copied.end..file.records[9].start].fill(0x55);
    assert!(ids(&read(&bytes, fences(&file))).contains(&57));
}

/// What a frame can hold is no evidence against another file, however many records it seems to be.
#[test]
fn a_run_that_may_be_payload_is_worth_one_record() {
    let worth = |inner| {
        let file = nesting(inner);
        let mut bytes = file.bytes.clone();
        lose_start(&mut bytes, &file, 5);
        lose_end(&mut bytes, &file, 5);
        bytes[file.records[6].start..file.records[14].end].fill(0x55);
        let Ok(map) = FileMap::of(&mut &bytes[..], fences(&file));
        (map.records(), map.worth())
    };
    let ((few, of_few), (many, of_many)) = (worth(56..57), worth(56..61));
    assert_eq!(many - few, 4);
    assert!(of_many <= of_few, "{of_few}, {of_many}");
}

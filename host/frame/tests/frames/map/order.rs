//! Ids only rise.

use forebay_frame::Fences;

use crate::{
    data_file::DataFile,
    map::reader::{fences, ids, missing, read},
};

// An old block in a new place must not make anybody deliver a record twice.
#[test]
fn a_frame_whose_id_goes_back_is_refused() {
    let mut file = DataFile::default();
    for id in [5, 6, 3, 6, 7] {
        file.push(id, 0, 1, b"payload");
    }
    assert_eq!(ids(&read(&file.bytes, fences(&file))), [5, 6, 7]);
}

// Records that were lost leave gaps.
#[test]
fn ids_may_skip() {
    let mut file = DataFile::default();
    for id in [5, 6, 100, 1 << 40] {
        file.push(id, 0, 1, b"payload");
    }
    assert_eq!(ids(&read(&file.bytes, Fences { end: None, ..fences(&file) })), [5, 6, 100, 1 << 40]);
}

// A device that writes a block to the wrong place: taking it for what it says would refuse every record from there to
// where it belongs.
#[test]
fn a_block_from_further_on_costs_only_what_it_overwrote() {
    let file = DataFile::of(1, (0..100_u8).map(|i| [i; 24]));
    for (from, to, len) in [(4096, 512, 512), (4096, 0, 512), (5120, 1024, 1024), (2048, 1984, 64)] {
        let mut bytes = file.bytes.clone();
        bytes.copy_within(from..from + len, to);
        let delivered = read(&bytes, fences(&file));
        let expected: Vec<u64> = file
            .records
            .iter()
            .filter(|record| record.end <= to || record.start >= to + len)
            .map(|record| record.id)
            .collect();
        assert_eq!(ids(&delivered), expected, "{len} bytes from {from} to {to}");
    }
}

// Nor may an old block make a reader that knows no id refuse the records in front of it.
#[test]
fn a_block_from_further_back_costs_only_what_it_overwrote() {
    let file = DataFile::of(1000, (0..100_u8).map(|i| [i; 24]));
    let mut bytes = file.bytes.clone();
    bytes.copy_within(0..512, 4096);
    let expected: Vec<u64> = file
        .records
        .iter()
        .filter(|record| record.end <= 4096 || record.start >= 4096 + 512)
        .map(|record| record.id)
        .collect();
    for fences in [fences(&file), Fences::default()] {
        assert_eq!(ids(&read(&bytes, fences)), expected);
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
    assert_eq!(missing(&file, &read(&bytes, fences(&file))), [&file.records[4], &file.records[6]]);
}

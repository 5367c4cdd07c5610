//! Payloads that are data files, or pieces of them. Nothing in them counts unless their frame lost both ends and their ids are
//! exactly among the missing ones.

use forebay_frame::{Fences, RecordId};
use proptest::{collection::vec, prelude::*};

use crate::{
    data_file::DataFile,
    map::reader::{fences, ids, invented_nothing, missing, read},
};

/// How the payloads of a file are made from another data file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payloads {
    /// The whole file.
    Copies,
    /// The file without its first and its last bytes.
    Pieces,
    /// The whole file, and again.
    Twice,
    /// Several copies, with text between them.
    Mixed,
}

/// A file of `records` records, whose payloads are made from a data file with ids from `inner_first` on.
pub(crate) fn nested(records: usize, inner_first: u64, payloads: Payloads) -> DataFile {
    let inner = DataFile::of(inner_first, (0..5_u8).map(|i| vec![b'a' + i; usize::from(i) * 7])).bytes;
    DataFile::of(
        3,
        (0..records).map(|i| match payloads {
            Payloads::Copies => inner.clone(),
            Payloads::Pieces => inner[16 + 8 * i..inner.len() - 20 - 8 * i].to_vec(),
            Payloads::Twice => inner.repeat(2),
            Payloads::Mixed => [&b"text"[..], &[b'x'; 12], &inner, &inner[..60], &inner].concat(),
        }),
    )
}

pub(crate) fn nested_files() -> impl Iterator<Item = (String, DataFile)> {
    [Payloads::Copies, Payloads::Twice, Payloads::Pieces, Payloads::Mixed].into_iter().flat_map(|payloads| {
        (1..=8).map(move |inner_first| {
            (format!("{payloads:?} from {inner_first}"), nested(4, inner_first, payloads))
        })
    })
}

/// With both fences, and without the one behind.
fn knowledge(file: &DataFile) -> [Fences; 2] {
    [fences(file), Fences { end: None, ..fences(file) }]
}

#[test]
fn no_damaged_byte_brings_a_payloads_frame_to_light() {
    for (name, file) in nested_files() {
        for record in &file.records {
            for byte in record.start..record.end {
                for change in [0x01, 0x10, 0x80, 0xff] {
                    let mut bytes = file.bytes.clone();
                    bytes[byte] ^= change;
                    let delivered = read(&bytes, fences(&file));
                    invented_nothing(&delivered, &file);
                    let missing = missing(&file, &delivered);
                    assert!(
                        missing.iter().all(|lost| *lost == record),
                        "{name}, byte {byte} ^ {change:#x}: {delivered:?}"
                    );
                }
            }
        }
    }
}

/// Inserted bytes move true frames off the multiples of 8, and frames in their payloads onto them.
#[test]
fn no_inserted_byte_brings_a_payloads_frame_to_light() {
    for in_front in 0..8_usize {
        for inserted in 1..8_usize {
            let inner = |first_id| {
                DataFile::of(first_id, (0..3_u8).map(|i| vec![b'a' + i; usize::from(i) * 7])).bytes
            };
            let payloads = (4..9).map(|id| [vec![b'x'; in_front], inner(id)].concat());
            let file = DataFile::of(3, payloads);
            let mut bytes = file.bytes.clone();
            bytes.splice(20..20, std::iter::repeat_n(b'y', inserted));
            for fences in knowledge(&file) {
                invented_nothing(&read(&bytes, fences), &file);
            }
        }
    }
}

#[test]
fn no_cut_brings_a_payloads_frame_to_light() {
    for (name, file) in nested_files() {
        for len in 0..file.bytes.len() {
            let whole = file.records.iter().filter(|record| record.end <= len);
            let whole: Vec<u64> = whole.map(|record| record.id).collect();
            // What follows a torn write goes on where the last whole record ended, or is not there yet.
            let next = whole.last().map_or(3, |id| id + 1);
            for end in [None, Some(RecordId(next))] {
                let delivered = read(&file.bytes[..len], Fences { end, ..fences(&file) });
                assert_eq!(ids(&delivered), whole, "{name}, cut at {len}, {end:?}");
                invented_nothing(&delivered, &file);
            }
        }
    }
}

#[test]
fn frames_in_frames_in_frames_stay_payloads() {
    let mut file = DataFile::of(1, [b"innermost"; 3]);
    for _ in 0..3 {
        let copy = file.bytes.clone();
        file = DataFile::of(1, [&copy[..], b"between", &copy]);
    }
    for byte in (0..file.bytes.len()).step_by(5) {
        let mut bytes = file.bytes.clone();
        bytes[byte] ^= 0x24;
        for fences in knowledge(&file) {
            let delivered = read(&bytes, fences);
            invented_nothing(&delivered, &file);
            let missing = missing(&file, &delivered);
            assert!(missing.iter().all(|lost| (lost.start..lost.end).contains(&byte)));
        }
        invented_nothing(&read(&file.bytes[..byte], Fences { end: None, ..fences(&file) }), &file);
    }
}

// A payload may start where a frame's payload starts, so that the frames in it point at its own beginning.
#[test]
fn the_rest_of_a_data_file_is_no_record() {
    for inner_first in [1, 50] {
        let inner = DataFile::of(inner_first, [&b"inner"[..], b"another", b""]).bytes;
        let file = DataFile::of(20, [&inner[8..], b"text", &inner[8..], &inner[8..]]);
        for byte in 0..file.bytes.len() {
            let mut bytes = file.bytes.clone();
            bytes[byte] ^= 0x81;
            for fences in knowledge(&file) {
                for len in [bytes.len(), bytes.len() - 3] {
                    invented_nothing(&read(&bytes[..len], fences), &file);
                }
                let mut cut = file.bytes[..byte].to_vec();
                invented_nothing(&read(&cut, fences), &file);
                cut.resize(byte + 100, 0);
                invented_nothing(&read(&cut, fences), &file);
            }
        }
    }
}

// A copy fills more ids than are missing. At the end of the newest file it is not known how many are.
#[test]
fn a_copy_whose_frame_lost_both_ends_is_not_believed() {
    for inner_first in 1..=8 {
        for payloads in [Payloads::Copies, Payloads::Twice] {
            let file = nested(6, inner_first, payloads);
            for record in &file.records[..5] {
                let mut bytes = file.bytes.clone();
                bytes[record.start..record.start + 8].fill(0xff);
                bytes[record.end - 32..record.end].fill(0xff);
                for len in [bytes.len(), bytes.len() - 3] {
                    for fences in knowledge(&file) {
                        invented_nothing(&read(&bytes[..len], fences), &file);
                    }
                }
            }
        }
    }
}

#[test]
fn a_copy_behind_another_damage_stays_in_its_frame() {
    for (name, file) in nested_files() {
        for (lost, held) in file.records.iter().zip(&file.records[1..]) {
            let mut bytes = file.bytes.clone();
            bytes[lost.start..lost.end].fill(0xff);
            let before: Vec<u64> =
                file.records.iter().filter(|r| r.end <= lost.start).map(|r| r.id).collect();
            for len in (held.start + 8..held.end).filter(|len| len % 8 != 0) {
                let delivered = read(&bytes[..len], Fences { end: None, ..fences(&file) });
                assert_eq!(ids(&delivered), before, "{name}, {} lost, cut at {len}", lost.id);
            }
            bytes[held.end - 40] ^= 1;
            for fences in knowledge(&file) {
                let delivered = read(&bytes[..bytes.len() - 3], fences);
                invented_nothing(&delivered, &file);
                let lost = |id: u64| id == lost.id || id == held.id || id == file.records[3].id;
                assert!(missing(&file, &delivered).iter().all(|record| lost(record.id)), "{name}");
            }
        }
    }
}

#[test]
fn a_cut_copy_does_not_fill_a_gap() {
    for (name, file) in nested_files() {
        let mut damaged = file.bytes.clone();
        damaged[file.records[0].start + 20] ^= 0xff;
        for len in file.records[2].start..file.bytes.len() {
            let delivered = read(&damaged[..len], Fences { end: None, ..fences(&file) });
            invented_nothing(&delivered, &file);
            let whole = file.records.iter().filter(|record| record.end <= len).count() - 1;
            assert_eq!(delivered.len(), whole, "{name}, cut at {len}: {delivered:?}");
        }
    }
}

#[test]
fn a_frame_written_over_the_end_of_another_is_no_record() {
    let file = DataFile::of(1, [vec![1; 30], vec![2; 300], vec![3; 30]]);
    let over = DataFile::of(2, [b"not what record 2 holds"]).bytes;
    let mut bytes = file.bytes.clone();
    let end = file.records[1].end;
    bytes[end - over.len()..end].copy_from_slice(&over);
    for fences in knowledge(&file) {
        assert_eq!(ids(&read(&bytes, fences)), [1, 3]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    // One failed sector hits several frames, and uncovers payloads from their middle on.
    #[test]
    fn no_overwritten_stretch_brings_a_payloads_frame_to_light(
        inner_first in 1..8_u64,
        payloads in prop_oneof![Just(Payloads::Copies), Just(Payloads::Pieces), Just(Payloads::Mixed)],
        start in 0..2000_usize,
        garbage in prop_oneof![vec(any::<u8>(), 1..600), vec(Just(0_u8), 1..600)],
        end_is_known in any::<bool>(),
    ) {
        let file = nested(5, inner_first, payloads);
        let start = start % file.bytes.len();
        let end = (start + garbage.len()).min(file.bytes.len());
        let mut bytes = file.bytes.clone();
        bytes[start..end].copy_from_slice(&garbage[..end - start]);
        let delivered = read(&bytes, knowledge(&file)[usize::from(end_is_known)]);
        invented_nothing(&delivered, &file);
    }

    // With ids that cannot stand here, nothing that happens to a file makes a record of what a payload holds.
    #[test]
    fn copies_with_other_ids_are_never_believed(
        inner_first in 20..1000_u64,
        payloads in prop_oneof![Just(Payloads::Copies), Just(Payloads::Pieces), Just(Payloads::Mixed)],
        damages in vec((0..2000_usize, vec(any::<u8>(), 1..300)), 1..4),
        cut in 0..500_usize,
    ) {
        let cut = if cut % 8 == 0 { 0 } else { cut };
        let file = nested(5, inner_first, payloads);
        let mut bytes = file.bytes.clone();
        for (start, garbage) in damages {
            let start = start % bytes.len() / 8 * 8;
            let end = (start + garbage.len() / 8 * 8).min(bytes.len());
            bytes[start..end].copy_from_slice(&garbage[..end - start]);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        invented_nothing(&read(&bytes, fences(&file)), &file);
    }
}

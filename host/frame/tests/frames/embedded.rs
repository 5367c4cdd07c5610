//! Payloads that are data files, or pieces of them, with ids that could stand where they are: somebody ships a buffer
//! through a buffer. Nothing in them may ever be taken for a record.

use forebay_frame::Surroundings;
use proptest::{collection::vec, prelude::*};

use crate::data_file::{DataFile, walk};

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

// The payload's frames come to light when the frame around them is damaged.
#[test]
fn no_damaged_byte_brings_a_payloads_frame_to_light() {
    for (name, file) in nested_files() {
        for record in &file.records {
            for byte in record.start..record.end {
                for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                    let mut bytes = file.bytes.clone();
                    bytes[byte] ^= change;
                    let walked = walk(&bytes, file.around());
                    walked.invented_nothing(&file);
                    let missing = walked.missing(&file);
                    assert!(
                        missing.iter().all(|lost| *lost == record),
                        "{name}, byte {byte} ^ {change:#x}: {walked:?}"
                    );
                }
            }
        }
    }
}

// A cut that happens to fall between two frames of a payload makes a file that ends with a whole frame.
#[test]
fn no_cut_brings_a_payloads_frame_to_light() {
    for (name, file) in nested_files() {
        for len in 0..file.bytes.len() {
            let walked = walk(&file.bytes[..len], file.around());
            walked.invented_nothing(&file);
            let whole = file.records.iter().filter(|record| record.end <= len).count();
            assert_eq!(walked.delivered.len(), whole, "{name}, cut at {len}: {walked:?}");
        }
    }
}

// Nesting has no end.
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
        let walked = walk(&bytes, file.around());
        walked.invented_nothing(&file);
        assert!(walked.missing(&file).iter().all(|lost| (lost.start..lost.end).contains(&byte)));
        walk(&file.bytes[..byte], file.around()).invented_nothing(&file);
    }
}

// A payload may even start where a frame's payload starts, so that the frames in it point at its own beginning. Their ids
// tell them apart.
#[test]
fn the_rest_of_a_data_file_is_no_record() {
    for inner_first in [1, 50] {
        let inner = DataFile::of(inner_first, [&b"inner"[..], b"another", b""]).bytes;
        let file = DataFile::of(20, [&inner[8..], b"text", &inner[8..], &inner[8..]]);
        for byte in 0..file.bytes.len() {
            let mut bytes = file.bytes.clone();
            bytes[byte] ^= 0x81;
            for len in [bytes.len(), bytes.len() - 3] {
                walk(&bytes[..len], file.around()).invented_nothing(&file);
            }
            let mut cut = file.bytes[..byte].to_vec();
            walk(&cut, file.around()).invented_nothing(&file);
            cut.resize(byte + 100, 0);
            walk(&cut, file.around()).invented_nothing(&file);
            // A walk that does not know the id goes by what the ledger leaves room for.
            let around = Surroundings { exact: false, ..file.around() };
            walk(&file.bytes[..byte], around).invented_nothing(&file);
        }
    }
}

// Where a frame's start and end are both lost, the copy that it held looks like what it is a copy of. It is followed by
// bytes that are nothing.
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
                    walk(&bytes[..len], file.around()).invented_nothing(&file);
                }
            }
        }
    }
}

// A damage hides where the next frame starts. If that one is damaged as well, or cut, what it holds must stay in it.
#[test]
fn a_copy_behind_another_damage_stays_in_its_frame() {
    for (name, file) in nested_files() {
        for (lost, held) in file.records.iter().zip(&file.records[1..]) {
            let mut bytes = file.bytes.clone();
            bytes[lost.start..lost.end].fill(0xff);
            // Not where a frame in the payload ends: then the file would end with a whole frame.
            for len in (held.start + 8..held.end).filter(|len| len % 8 != 0) {
                let walked = walk(&bytes[..len], file.around());
                walked.invented_nothing(&file);
                assert_eq!(
                    walked.delivered.len(),
                    file.records.iter().filter(|r| r.end <= lost.start).count()
                );
            }
            bytes[held.end - 40] ^= 1;
            let walked = walk(&bytes[..bytes.len() - 3], file.around());
            walked.invented_nothing(&file);
            let lost = |id: u64| id == lost.id || id == held.id || id == file.records[3].id;
            assert!(walked.missing(&file).iter().all(|record| lost(record.id)), "{name}: {walked:?}");
        }
    }
}

// What was lost before leaves a gap in the ids. What a cut frame holds must not fill it.
#[test]
fn a_cut_copy_does_not_fill_a_gap() {
    for (name, file) in nested_files() {
        let mut damaged = file.bytes.clone();
        damaged[file.records[0].start + 20] ^= 0xff;
        for len in file.records[2].start..file.bytes.len() {
            let walked = walk(&damaged[..len], file.around());
            walked.invented_nothing(&file);
            let whole = file.records.iter().filter(|record| record.end <= len).count() - 1;
            assert_eq!(walked.delivered.len(), whole, "{name}, cut at {len}: {walked:?}");
        }
    }
}

// A device that writes a block to the wrong place may put a frame where another one ends.
#[test]
fn a_frame_written_over_the_end_of_another_is_no_record() {
    let file = DataFile::of(1, [vec![1; 30], vec![2; 300], vec![3; 30]]);
    let over = DataFile::of(2, [b"not what record 2 holds"]).bytes;
    let mut bytes = file.bytes.clone();
    let end = file.records[1].end;
    bytes[end - over.len()..end].copy_from_slice(&over);
    assert_eq!(walk(&bytes, file.around()).ids(), [1, 3]);
}

proptest! {
    // One failed sector hits several frames, and uncovers payloads from their middle on.
    #[test]
    fn no_overwritten_stretch_brings_a_payloads_frame_to_light(
        inner_first in 1..8_u64,
        payloads in prop_oneof![Just(Payloads::Copies), Just(Payloads::Pieces), Just(Payloads::Mixed)],
        start in 0..2000_usize,
        garbage in prop_oneof![vec(any::<u8>(), 1..600), vec(Just(0_u8), 1..600)],
    ) {
        let file = nested(5, inner_first, payloads);
        let start = start % file.bytes.len();
        let end = (start + garbage.len()).min(file.bytes.len());
        let mut bytes = file.bytes.clone();
        bytes[start..end].copy_from_slice(&garbage[..end - start]);
        let walked = walk(&bytes, file.around());
        walked.invented_nothing(&file);
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
            // Whole words: half a delimiter may be any other.
            let start = start % bytes.len() / 8 * 8;
            let end = (start + garbage.len() / 8 * 8).min(bytes.len());
            bytes[start..end].copy_from_slice(&garbage[..end - start]);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let walked = walk(&bytes, file.around());
        let inner = |(id, _): &(u64, Vec<u8>)| *id >= inner_first;
        prop_assert!(!walked.delivered.iter().any(inner), "{:?}", walked.steps);
    }
}

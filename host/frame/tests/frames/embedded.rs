//! Payloads that are data files, or pieces of them, with ids that could stand where they are: somebody ships a buffer
//! through a buffer. Nothing in them may ever be taken for a record.

use proptest::{collection::vec, prelude::*};

use crate::data_file::{DataFile, walk};

/// How the payloads of a file are made from another data file.
#[derive(Clone, Copy, Debug)]
enum Payloads {
    /// The whole file.
    Copies,
    /// The file without its first and its last bytes.
    Pieces,
    /// Several copies, with text between them.
    Mixed,
}

/// A file of `records` records, whose payloads are made from a data file with ids from `inner_first` on.
fn nested(records: usize, inner_first: u64, payloads: Payloads) -> DataFile {
    let inner = DataFile::of(inner_first, (0..5_u8).map(|i| vec![b'a' + i; usize::from(i) * 7])).bytes;
    DataFile::of(
        3,
        (0..records).map(|i| match payloads {
            Payloads::Copies => inner.clone(),
            Payloads::Pieces => inner[16 + 8 * i..inner.len() - 20 - 8 * i].to_vec(),
            Payloads::Mixed => [&b"text"[..], &[b'x'; 12], &inner, &inner[..60], &inner].concat(),
        }),
    )
}

fn nested_files() -> impl Iterator<Item = (String, DataFile)> {
    [Payloads::Copies, Payloads::Pieces, Payloads::Mixed].into_iter().flat_map(|payloads| {
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
}

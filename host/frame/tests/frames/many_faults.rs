//! Several faults in a file cost the records that they hit.

use proptest::{collection::vec, prelude::*};

use crate::data_file::{DataFile, Walked, walk};

const SECTOR: usize = 512;

/// What became of the end of the file.
#[derive(Clone, Copy, Debug)]
enum Tail {
    Whole,
    Torn(usize),
    Unwritten(usize),
}

fn tails() -> impl Strategy<Value = Tail> {
    prop_oneof![
        Just(Tail::Whole),
        (1..300_usize).prop_map(Tail::Torn),
        (1..3000_usize).prop_map(Tail::Unwritten)
    ]
}

/// Files without anything in their payloads that looks like a frame.
fn files() -> impl Strategy<Value = DataFile> {
    let payloads = vec((vec(any::<u8>(), 1..200), 1..4_u32), 30..80);
    (1..1000_u64, payloads).prop_map(|(first_id, payloads)| {
        let mut file = DataFile::default();
        let mut id = first_id;
        for (payload, events) in payloads {
            file.push(id, 0, events, &payload);
            id += u64::from(events);
        }
        file
    })
}

/// All that is lost was hit: `hit` tells of a stretch of the file.
fn lost_only(
    walked: &Walked,
    file: &DataFile,
    hit: impl Fn(usize, usize) -> bool,
) -> Result<(), TestCaseError> {
    for record in walked.missing(file) {
        prop_assert!(
            hit(record.start, record.end),
            "lost {}..{}: {:?}",
            record.start,
            record.end,
            walked.steps
        );
    }
    Ok(())
}

// A frame states three times how long it is. One that is left is enough where the next frame is found from behind, and two
// are enough to find the one before.
#[test]
fn one_length_of_three_is_enough() {
    let file = DataFile::of(1, (1..30_u8).map(|i| vec![i; usize::from(i) * 5]));
    for record in &file.records[..file.records.len() - 1] {
        for left in 0..3 {
            let mut bytes = file.bytes.clone();
            for (i, other) in file.records.iter().enumerate() {
                let root = other.end - 32;
                let lengths = [other.start..other.start + 8, root + 20..root + 24, root + 24..root + 28];
                for (j, length) in lengths.into_iter().enumerate() {
                    let damaged =
                        if other == record { j != left } else { other.id > record.id && i % 3 == j };
                    // The first states more than the file has: as if the frame were cut.
                    let damage = if j == 0 { &[0, 0, 0, 0, 0x70, 0, 0, 0][..] } else { &[0x5a; 4] };
                    if damaged {
                        bytes[length].copy_from_slice(damage);
                    }
                }
            }
            let walked = walk(&bytes, file.around());
            assert_eq!(walked.missing(&file), Vec::<&_>::new(), "{record:?}, {left}: {:?}", walked.steps);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30000, ..ProptestConfig::default() })]

    // Power fails while pages are written in any order; later a sector fails.
    #[test]
    fn lost_sectors_cost_the_records_in_them(
        file in files(),
        sectors in vec((0..200_usize, prop_oneof![Just(0_u8), Just(0xff), Just(0xa5)]), 1..4),
        tail in tails(),
    ) {
        let mut bytes = file.bytes.clone();
        let mut written = bytes.len();
        if let Tail::Torn(cut) | Tail::Unwritten(cut) = tail {
            written -= cut.min(written - 1);
            bytes.truncate(written);
        }
        let mut lost = Vec::new();
        for (sector, filler) in sectors {
            let start = sector * SECTOR % written / SECTOR * SECTOR;
            let end = (start + SECTOR).min(written);
            bytes[start..end].fill(filler);
            lost.push((start, end));
        }
        if let Tail::Unwritten(zeros) = tail {
            bytes.resize(written + zeros, 0);
        }
        let walked = walk(&bytes, file.around());
        walked.invented_nothing(&file);
        lost_only(&walked, &file, |start, end| {
            end > written || lost.iter().any(|lost| lost.0 < end && lost.1 > start)
        })?;
    }

    // One fault must not take away what protects against the other.
    #[test]
    fn two_flipped_bits_cost_their_records(file in files(), bits in vec(any::<prop::sample::Index>(), 2)) {
        let mut bytes = file.bytes.clone();
        let bits: Vec<usize> = bits.iter().map(|bit| bit.index(bytes.len() * 8)).collect();
        for bit in &bits {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let walked = walk(&bytes, file.around());
        walked.invented_nothing(&file);
        lost_only(&walked, &file, |start, end| bits.iter().any(|bit| (start..end).contains(&(bit / 8))))?;
    }

    // Whatever lies in a directory, opening it ends.
    #[test]
    fn no_bytes_stop_a_walk(bytes in vec(prop_oneof![Just(0_u8), Just(0x28), Just(0xff), any::<u8>()], 0..400)) {
        walk(&bytes, DataFile::default().around());
    }

    // Frames put together at random contradict each other in every way.
    #[test]
    fn no_pieces_of_frames_stop_a_walk(file in files(), pieces in vec((0..4000_usize, 0..50_usize), 1..60)) {
        let mut bytes = Vec::new();
        for (start, words) in pieces {
            let start = start * 8 % file.bytes.len();
            bytes.extend(&file.bytes[start..(start + words * 8).min(file.bytes.len())]);
        }
        let walked = walk(&bytes, file.around());
        let written = |(id, payload): &(u64, Vec<u8>)| {
            file.records.iter().any(|record| record.id == *id && record.payload == *payload)
        };
        prop_assert!(walked.delivered.iter().all(written));
    }
}

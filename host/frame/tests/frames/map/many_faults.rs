//! Several faults in a file cost the records that they hit.

use forebay_frame::Fences;
use proptest::{collection::vec, prelude::*};

use crate::{
    data_file::{DataFile, Record},
    map::reader::{Delivered, fences, invented_nothing, map, missing, read},
};

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
    delivered: &[Delivered],
    file: &DataFile,
    hit: impl Fn(usize, usize) -> bool,
) -> Result<(), TestCaseError> {
    for record in missing(file, delivered) {
        prop_assert!(hit(record.start, record.end), "lost {}..{}", record.start, record.end);
    }
    Ok(())
}

// A frame states three times how long it is. Two are enough, wherever other frames have lost one.
#[test]
fn two_lengths_of_three_are_enough() {
    let file = DataFile::of(1, (1..30_u8).map(|i| vec![i; usize::from(i) * 5]));
    // The first states more than the file has, as if the frame were torn; the second is possible.
    let damages = [&[0, 0, 0, 0, 0x70, 0, 0, 0][..], &(-28_i32).to_le_bytes(), &[0x5a; 4]];
    for record in &file.records[..file.records.len() - 1] {
        for (lost, payload_is_damaged) in
            [(0, false), (1, false), (2, false), (0, true), (1, true), (2, true)]
        {
            let mut bytes = file.bytes.clone();
            bytes[record.start + 8] ^= u8::from(payload_is_damaged);
            for (i, other) in file.records.iter().enumerate() {
                let root = other.end - 32;
                let lengths = [other.start..other.start + 8, root + 20..root + 24, root + 24..root + 28];
                for (j, (length, damage)) in lengths.into_iter().zip(damages).enumerate() {
                    if if other == record { j == lost } else { other.id > record.id && i % 3 == j } {
                        bytes[length].copy_from_slice(damage);
                    }
                }
            }
            let delivered = read(&bytes, fences(&file));
            let expected = if payload_is_damaged { vec![record] } else { vec![] };
            assert_eq!(missing(&file, &delivered), expected, "{lost}");
        }
    }
}

// Which id comes next is told by the event count, and that may be damaged.
#[test]
fn a_damaged_count_does_not_cost_the_next_record() {
    let mut file = DataFile::default();
    for i in 0..10 {
        file.push(1 + 3 * i, 0, 3, b"three events");
    }
    for (record, next) in file.records.iter().zip(&file.records[1..]) {
        for padding in [record.end - 28, record.end - 4] {
            let mut bytes = file.bytes.clone();
            bytes[padding] ^= 1;
            bytes[next.start] ^= 1;
            for len in [bytes.len(), bytes.len() - 3] {
                let delivered = read(&bytes[..len], fences(&file));
                let whole = file.records.iter().filter(|record| record.end <= len).count();
                assert_eq!(delivered.len(), whole);
            }
        }
    }
}

// A sector fails, and the last write did not end: the two have nothing to do with each other.
#[test]
fn a_cut_end_does_not_spread_to_another_damage() {
    let file = DataFile::of(1, (0..20_u8).map(|i| vec![i; 300]));
    let (lost, cut) = (&file.records[4], &file.records[19]);
    for len in (cut.start..cut.start + 60).chain([cut.end]) {
        let mut bytes = file.bytes[..len].to_vec();
        bytes[lost.start..lost.end].fill(0xff);
        let delivered = read(&bytes, fences(&file));
        let expected = if len < cut.end { vec![lost, cut] } else { vec![lost] };
        assert_eq!(missing(&file, &delivered), expected, "cut at {len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

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
            bytes.resize(written + 5 * zeros / 3, 0);
        }
        let delivered = read(&bytes, fences(&file));
        invented_nothing(&delivered, &file);
        lost_only(&delivered, &file, |start, end| {
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
        let delivered = read(&bytes, fences(&file));
        invented_nothing(&delivered, &file);
        lost_only(&delivered, &file, |start, end| bits.iter().any(|bit| (start..end).contains(&(bit / 8))))?;
    }

    // Whatever lies in a directory, opening it ends.
    #[test]
    fn any_bytes_have_a_map(bytes in vec(prop_oneof![Just(0_u8), Just(0x28), Just(0xff), any::<u8>()], 0..400)) {
        map(&bytes, Fences::default());
    }

    // Frames put together at random contradict each other in every way.
    #[test]
    fn any_pieces_of_frames_have_a_map(file in files(), pieces in vec((0..4000_usize, 0..50_usize), 1..60)) {
        let mut bytes = Vec::new();
        for (start, words) in pieces {
            let start = start * 8 % file.bytes.len();
            bytes.extend(&file.bytes[start..(start + words * 8).min(file.bytes.len())]);
        }
        let delivered = read(&bytes, fences(&file));
        let written = |delivered: &Delivered| {
            let is_it = |record: &Record| record.id == delivered.id && record.payload == delivered.payload;
            file.records.iter().any(is_it)
        };
        prop_assert!(delivered.iter().all(written));
    }
}

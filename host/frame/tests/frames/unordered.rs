//! Files in which ids come in any order, as dead letters do.

use std::num::NonZeroU32;

use forebay_frame::{RecordId, Source, UnorderedStep, UnorderedWalk, encode};

use crate::{
    data_file::DataFile,
    map::{
        cost::{BLOCK, Counted, FailsOnce, Harm, Shrinking, damaged, point},
        embedded::nested_files,
    },
};

/// What a walk has found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Ids, events, metadata and payloads.
    letters: Vec<(u64, u32, u32, Vec<u8>)>,
    /// Start and length.
    damaged: Vec<(u64, u64)>,
    unfinished: Option<(u64, u64)>,
}

impl Found {
    fn ids(&self) -> Vec<u64> {
        self.letters.iter().map(|letter| letter.0).collect()
    }
}

/// Goes through a file. Checks what holds for every walk: it leaves no hole and ends with the file.
#[track_caller]
fn walk<S: Source>(source: S) -> Result<Found, S::Error> {
    let len = source.len();
    let mut walk = UnorderedWalk::new(source);
    let mut found = Found::default();
    let mut at = 0;
    while let Some(step) = walk.next()? {
        let (start, bytes) = match step {
            UnorderedStep::Whole { offset, frame } => {
                let letter = (frame.id.0, frame.events.get(), frame.metadata, frame.payload.to_vec());
                found.letters.push(letter);
                (offset, frame.bytes)
            }
            UnorderedStep::Damaged { offset, bytes } => {
                found.damaged.push((offset, bytes));
                (offset, bytes)
            }
            UnorderedStep::Unfinished { offset, bytes } => {
                assert_eq!(offset + bytes, len, "an unfinished frame is the last");
                found.unfinished = Some((offset, bytes));
                (offset, bytes)
            }
        };
        assert!(start == at && bytes > 0, "a hole at {at}");
        at += bytes;
        assert_eq!(walk.offset(), at);
    }
    assert_eq!(at, len);
    Ok(found)
}

fn read(bytes: &[u8]) -> Found {
    let Ok(found) = walk(bytes);
    found
}

/// Letters whose ids go up and down, and come again.
fn letters() -> DataFile {
    let mut file = DataFile::default();
    for (i, id) in (0..).zip([7_u64, 3, 600, 200, 1, 1, 2, 9]) {
        let payload: Vec<u8> = (0..=u8::MAX).cycle().skip(i).take(i * 37).collect();
        file.push(id, id as u32 % 3, 1 + i as u32 % 4, &payload);
    }
    file
}

fn all_but(file: &DataFile, lost: usize) -> Vec<u64> {
    file.records.iter().enumerate().filter(|(index, _)| *index != lost).map(|(_, record)| record.id).collect()
}

#[test]
fn all_letters_come_as_they_were_written() {
    let file = letters();
    let found = read(&file.bytes);
    let written: Vec<_> = file
        .records
        .iter()
        .map(|record| (record.id, record.events, record.metadata, record.payload.clone()))
        .collect();
    assert_eq!(found, Found { letters: written, ..Found::default() });
    assert_eq!(read(&[]), Found::default());
}

#[test]
fn a_flipped_bit_costs_at_most_its_letter() {
    let file = letters();
    for (index, record) in file.records.iter().enumerate() {
        for bit in record.start * 8..record.end * 8 {
            let mut bytes = file.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = read(&bytes);
            let is_lost = found.letters.len() < file.records.len();
            let expected = if is_lost { all_but(&file, index) } else { all_but(&file, usize::MAX) };
            assert_eq!(found.ids(), expected, "bit {bit}");
            let (start, length) = (record.start as u64, (record.end - record.start) as u64);
            assert_eq!(found.damaged, if is_lost { vec![(start, length)] } else { vec![] }, "bit {bit}");
            assert_eq!(found.unfinished, None, "bit {bit}");
        }
    }
}

/// Three numbers say how long a frame is. Two are enough, wherever the other faults are.
#[test]
fn damaged_lengths_cost_no_letter() {
    let file = letters();
    for which in 0..3 {
        let mut bytes = file.bytes.clone();
        for record in &file.records {
            let length = [
                record.start..record.start + 8,
                record.end - 12..record.end - 8,
                record.end - 8..record.end - 4,
            ];
            bytes[length[which].clone()].fill(0x5a);
        }
        let found = read(&bytes);
        assert_eq!((found.ids(), found.damaged), (all_but(&file, usize::MAX), vec![]), "{which}");
    }
}

#[test]
fn a_lost_sector_costs_the_letters_in_it() {
    let file = letters();
    for filler in [0, 0xff, 0x5a] {
        for start in (0..file.bytes.len()).step_by(8) {
            let end = (start + 128).min(file.bytes.len());
            let mut bytes = file.bytes.clone();
            bytes[start..end].fill(filler);
            let found = read(&bytes);
            let untouched = file.records.iter().filter(|record| record.end <= start || record.start >= end);
            let untouched: Vec<u64> = untouched.map(|record| record.id).collect();
            let mut rest = found.letters.iter();
            for id in &untouched {
                assert!(rest.any(|letter| letter.0 == *id), "{start}, {filler:#x}: {id} is lost");
            }
            let is_written = |letter: &&(u64, u32, u32, Vec<u8>)| {
                file.records.iter().any(|record| (record.id, &record.payload) == (letter.0, &letter.3))
            };
            assert_eq!(found.letters.iter().filter(is_written).count(), found.letters.len());
        }
    }
}

/// What a crash has left of a write is the only thing that may be overwritten.
#[test]
fn a_torn_write_is_unfinished_from_its_start_on() {
    let file = letters();
    for len in 0..file.bytes.len() {
        for zeros in [0, 3, 8, 4096] {
            let mut bytes = file.bytes[..len].to_vec();
            let whole = file.records.iter().filter(|record| record.end <= len).count();
            let end = file.records[..whole].last().map_or(0, |record| record.end);
            bytes.resize(len + zeros, 0);
            let found = read(&bytes);
            if found.letters.len() == whole + 1 {
                // Zeros were what was to be written.
                continue;
            }
            assert_eq!(found.ids(), all_but(&file, usize::MAX)[..whole], "cut at {len}, {zeros} zeros");
            let rest = ((end) as u64, (bytes.len() - end) as u64);
            let is_complete = found.unfinished.is_none();
            assert!(
                found.unfinished == (rest.1 > 0).then_some(rest) || is_complete && zeros > 0,
                "cut at {len}, {zeros} zeros: {found:?}"
            );
        }
    }
}

/// A record may be a data file. Its frames are no letters as long as one end of the frame around them is left.
#[test]
fn no_damaged_byte_brings_a_payloads_frame_to_light() {
    for (name, file) in nested_files() {
        for (index, record) in file.records.iter().enumerate() {
            for damage in [0..1, 0..8, record.end - record.start - 32..record.end - record.start] {
                let mut bytes = file.bytes.clone();
                for byte in damage.clone() {
                    bytes[record.start + byte] ^= 0xff;
                }
                let found = read(&bytes);
                let expected = if damage.len() == 32 && index + 1 == file.records.len() {
                    continue;
                } else if damage.len() == 32 {
                    all_but(&file, index)
                } else {
                    all_but(&file, usize::MAX)
                };
                assert_eq!(found.ids(), expected, "{name}, {damage:?} of {}", record.id);
            }
        }
    }
}

#[test]
fn a_letter_longer_than_a_block_is_found() {
    let long: Vec<u8> = (0..251_u8).cycle().take(3 * BLOCK).collect();
    let mut file = DataFile::default();
    for (id, payload) in [(9, &b"before"[..]), (3, &long), (5, b"between"), (3, &long), (1, b"behind")] {
        file.push(id, 0, 1, payload);
    }
    assert_eq!(read(&file.bytes).ids(), [9, 3, 5, 3, 1]);
    let mut bytes = file.bytes.clone();
    bytes[file.records[1].start + 99] ^= 1;
    assert_eq!(read(&bytes).ids(), [9, 5, 3, 1]);
    bytes[file.records[3].start + 5] ^= 1;
    assert_eq!(read(&bytes).ids(), [9, 5, 3, 1]);
}

#[test]
fn a_walk_costs_reading_in_proportion_to_the_file() {
    let no_trailer = |frame: &mut [u8]| frame.iter_mut().rev().take(16).for_each(|byte| *byte = 0x77);
    let kinds: [(&str, Harm<'_>); 4] = [
        ("no damage", &|_, _| ()),
        ("length", &|frame, _| frame[0] = 1),
        ("checksum", &|frame, _| *frame.iter_mut().rev().nth(31).unwrap() ^= 1),
        ("length and trailer", &|frame, _| {
            frame[0] = 1;
            no_trailer(frame);
        }),
    ];
    let cost = |bytes: &[u8], what: &str| {
        let mut source = Counted { bytes, read: 0, longest: 0 };
        let Ok(_) = walk(&mut source);
        let times = source.read / bytes.len() as u64;
        assert!(times <= 20, "{what}: read {times} times");
        assert!(source.longest <= BLOCK, "{what}: {} bytes at once", source.longest);
    };
    for payload_bytes in [0, 24, 500, 5000] {
        for (kind, damage) in kinds {
            let bytes = damaged(payload_bytes, damage);
            cost(&bytes, kind);
            cost(&bytes[..bytes.len() - 3], kind);
        }
    }
    let mut nested = vec![0; 1 << 20];
    let (mut start, mut end) = (8, nested.len());
    while start + 200 < end {
        let archive = (end - start - 8) as u64;
        nested[start..start + 8].copy_from_slice(&archive.to_be_bytes());
        point(&mut nested, start, end, start as u64);
        (start, end) = (start + 8, end - 32);
    }
    cost(&nested, "nested");
}

/// A read that fails is no damage: the bytes may be there the next time.
#[test]
fn a_failed_read_can_be_tried_again() {
    let mut file = DataFile::of(1, (0..100_u8).map(|i| vec![i; 50 * usize::from(i)]));
    for record in file.records.iter().step_by(7) {
        file.bytes[record.start + 3] ^= 1;
        file.bytes[record.end - 10] ^= 1;
    }
    let expected = read(&file.bytes).ids();
    for reads in 0.. {
        let mut walk = UnorderedWalk::new(FailsOnce { bytes: &file.bytes, reads_left: Some(reads) });
        let (mut ids, mut has_failed) = (Vec::new(), false);
        loop {
            match walk.next() {
                Ok(Some(UnorderedStep::Whole { frame, .. })) => ids.push(frame.id.0),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(()) => has_failed = true,
            }
        }
        assert_eq!(ids, expected, "after {reads} reads");
        if !has_failed {
            assert!(reads > 2, "there was something to fail");
            break;
        }
    }
}

/// A file that is truncated while it is read must end the walk, not the process.
#[test]
fn a_file_that_becomes_shorter_ends_the_walk() {
    let file = DataFile::of(1, (0..50_u8).map(|i| vec![i; 50]));
    for len in (0..file.bytes.len()).step_by(13) {
        let Ok(found) = walk(Shrinking(&file.bytes[..len], file.bytes.len() as u64));
        assert_eq!(found.letters.len(), file.records.iter().filter(|record| record.end <= len).count());
    }
}

/// Vector's records do not say how many events they hold. One that is a dead letter says it.
#[test]
fn a_letter_says_how_many_events_it_holds() {
    let mut bytes = Vec::new();
    encode(&mut bytes, RecordId(7), 1, NonZeroU32::new(4).unwrap(), b"four events");
    encode(&mut bytes, RecordId(8), 1, NonZeroU32::MIN, b"one event");
    let events: Vec<u32> = read(&bytes).letters.iter().map(|letter| letter.1).collect();
    assert_eq!(events, [4, 1]);
}

//! A map costs reading and memory in proportion to the file, whatever is in it.

use forebay_frame::{Fences, FileMap, RecordId, Source, frame_bytes};

use crate::{
    data_file::DataFile,
    map::{
        damage::Rng,
        reader::{fences, ids, read},
    },
};

pub(crate) const BLOCK: usize = 256 * 1024;

/// A file that counts what is read of it.
pub(crate) struct Counted<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) read: u64,
    pub(crate) longest: usize,
}

impl Source for Counted<'_> {
    type Error = std::convert::Infallible;

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error> {
        let read = self.bytes.read_at(offset, into)?;
        self.read += read as u64;
        self.longest = self.longest.max(into.len());
        Ok(read)
    }
}

/// Damages a frame, given how far the end of the file is from its start.
pub(crate) type Harm<'a> = &'a dyn Fn(&mut [u8], u64);

/// A file of 2 MiB, each frame of which was damaged in the same way.
pub(crate) fn damaged(payload_bytes: usize, damage: Harm<'_>) -> Vec<u8> {
    let frames = (2 << 20) / frame_bytes(payload_bytes as u64);
    let mut file = DataFile::of(1, (0..frames).map(|i| vec![(i % 251) as u8; payload_bytes]));
    for record in &file.records {
        let to_end = (file.bytes.len() - record.start) as u64;
        damage(&mut file.bytes[record.start..record.end], to_end);
    }
    file.bytes
}

/// Makes a root that ends at `end` and points at the payload of a frame at `start`. Its checksum is wrong.
pub(crate) fn point(bytes: &mut [u8], start: usize, end: usize, id: u64) {
    let root = end - 32;
    let padded = i32::try_from(end - start - 40).unwrap();
    bytes[root + 8..root + 16].copy_from_slice(&id.to_le_bytes());
    bytes[root + 20..root + 24].copy_from_slice(&(-padded - 20).to_le_bytes());
    bytes[root + 24..root + 28].copy_from_slice(&padded.to_le_bytes());
}

/// A file of which one read fails.
pub(crate) struct FailsOnce<'a> {
    pub(crate) bytes: &'a [u8],
    /// How many reads succeed before.
    pub(crate) reads_left: Option<u32>,
}

impl Source for FailsOnce<'_> {
    type Error = ();

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, ()> {
        if let Some(left) = self.reads_left {
            self.reads_left = left.checked_sub(1);
            self.reads_left.ok_or(())?;
        }
        self.bytes.read_at(offset, into).map_err(|never| match never {})
    }
}

/// Maps a file; checks what was read, in all and at once.
#[track_caller]
fn check(bytes: &[u8], what: &str) -> FileMap {
    let mut source = Counted { bytes, read: 0, longest: 0 };
    let fences = Fences { min: Some(RecordId(1)), end: None };
    let Ok(map) = FileMap::of(&mut source, fences);
    let times = source.read / bytes.len() as u64;
    assert!(times <= 20, "{what}: read {times} times");
    assert!(source.longest <= BLOCK, "{what}: {} bytes at once", source.longest);
    map
}

#[test]
fn damage_everywhere_is_read_a_few_times() {
    let far = |frame: &mut [u8], to_end: u64| frame[..8].copy_from_slice(&(to_end - 8).to_be_bytes());
    let no_trailer = |frame: &mut [u8]| frame.iter_mut().rev().take(16).for_each(|byte| *byte = 0x77);
    let kinds: [(&str, Harm<'_>); 7] = [
        ("no damage", &|_, _| ()),
        ("length", &|frame, _| frame[0] = 1),
        ("checksum", &|frame, _| *frame.iter_mut().rev().nth(31).unwrap() ^= 1),
        ("id", &|frame, _| *frame.iter_mut().rev().nth(23).unwrap() ^= 0x55),
        ("length and trailer", &|frame, _| {
            frame[0] = 1;
            no_trailer(frame);
        }),
        ("length to the end", &far),
        ("length to the end, and trailer", &|frame, to_end| {
            far(frame, to_end);
            no_trailer(frame);
        }),
    ];
    for payload_bytes in [0, 24, 500, 5000] {
        for (kind, damage) in kinds {
            let bytes = damaged(payload_bytes, damage);
            for bytes in [&bytes[..], &bytes[..bytes.len() - 3]] {
                check(bytes, &format!("{kind}, payloads of {payload_bytes}"));
            }
        }
    }
}

// A payload can be made so that every place in it looks like the end of the frame around it.
#[test]
fn trailers_that_all_point_at_one_payload_cost_a_little_each() {
    let mut bytes = vec![0; 2 << 20];
    for end in (40..bytes.len()).step_by(32) {
        point(&mut bytes, 0, end, 1);
    }
    for tail in [0, 5] {
        bytes.resize((2 << 20) + tail, 1);
        let mut source = Counted { bytes: &bytes, read: 0, longest: 0 };
        FileMap::of(&mut source, Fences::default()).unwrap();
        // Each of the 65,536 is checked with two reads of less than 512 bytes.
        assert!(source.read <= 40 * bytes.len() as u64, "read {} bytes", source.read);
    }
}

// Frames around frames around frames, none of which is whole.
#[test]
fn nested_claims_cost_a_little_each() {
    let mut bytes = vec![0; 1 << 20];
    let (mut start, mut end) = (8, bytes.len());
    while start + 200 < end {
        let archive = (end - start - 8) as u64;
        bytes[start..start + 8].copy_from_slice(&archive.to_be_bytes());
        point(&mut bytes, start, end, start as u64);
        (start, end) = (start + 8, end - 32);
    }
    for tail in [0, 5] {
        bytes.resize((1 << 20) + tail, 1);
        check(&bytes, "nested");
    }
}

#[test]
fn frames_in_any_order_cost_no_more() {
    let mut rng = Rng(1);
    let mut file = DataFile::default();
    for _ in 0..40_000 {
        file.push(1 + rng.next() % 1_000_000, 0, 1, b"any");
    }
    check(&file.bytes, "any order");
    // Runs that all contradict each other.
    let mut file = DataFile::default();
    for run in 0..2_000 {
        for id in 0..20 {
            file.push(1 + 7 * (run * 31 % 2_000) + id, 0, 1, b"runs");
        }
    }
    check(&file.bytes, "runs");
}

#[test]
fn a_length_without_a_trailer_is_not_read_at_once() {
    let mut file = DataFile::of(1, vec![[7; 100]; 20_000]);
    let to_end = (file.bytes.len() - 8) as u64;
    file.bytes[..8].copy_from_slice(&to_end.to_be_bytes());
    assert_eq!(check(&file.bytes, "one length").records(), 20_000);
}

// A read that fails is no damage.
#[test]
fn a_failed_read_fails_the_map() {
    let mut file = DataFile::of(1, (0..200_u8).map(|i| vec![i; 50 * usize::from(i)]));
    for record in file.records.iter().step_by(7) {
        file.bytes[record.start + 3] ^= 1;
        file.bytes[record.end - 10] ^= 1;
    }
    let expected = FileMap::of(&mut &file.bytes[..], Fences::default()).unwrap();
    for reads in 0.. {
        let mut source = FailsOnce { bytes: &file.bytes, reads_left: Some(reads) };
        match FileMap::of(&mut source, Fences::default()) {
            Ok(map) => {
                assert_eq!(map, expected);
                assert!(reads > 10, "there was something to fail");
                break;
            }
            Err(()) => assert!(reads < 100_000),
        }
    }
}

// The one case in which more than a block is taken into memory, and not for longer than needed.
#[test]
fn a_frame_longer_than_a_block_is_delivered() {
    let long: Vec<u8> = (0..251_u8).cycle().take(3 * BLOCK).collect();
    let file = DataFile::of(1, [&b"before"[..], &long, b"between", &long, b"behind"]);
    assert_eq!(read(&file.bytes, fences(&file)).len(), 5);
    for byte in [file.records[1].start + 2, file.records[3].end - 10] {
        let mut bytes = file.bytes.clone();
        bytes[byte] ^= 0xff;
        assert_eq!(read(&bytes, fences(&file)).len(), 5);
        bytes[file.records[3].start + 99] ^= 0xff;
        assert_eq!(ids(&read(&bytes, fences(&file))), [1, 2, 3, 5]);
    }
}

/// A file that is shorter than it says.
pub(crate) struct Shrinking<'a>(pub(crate) &'a [u8], pub(crate) u64);

impl Source for Shrinking<'_> {
    type Error = std::convert::Infallible;

    fn len(&self) -> u64 {
        self.1
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error> {
        self.0.read_at(offset, into)
    }
}

// A file that is truncated while it is read must not end the process.
#[test]
fn a_file_that_becomes_shorter_has_a_map() {
    let file = DataFile::of(1, (0..50_u8).map(|i| vec![i; 50]));
    for len in (0..file.bytes.len()).step_by(13) {
        let mut source = Shrinking(&file.bytes[..len], file.bytes.len() as u64);
        let Ok(map) = FileMap::of(&mut source, Fences::default());
        let whole = file.records.iter().filter(|record| record.end <= len).count();
        assert_eq!(map.records(), whole as u64, "{len} bytes");
    }
}

// Run by hand, in release.
#[test]
#[ignore = "measures time"]
fn how_long_a_map_takes() {
    for payload_bytes in [24, 200, 4000, 100_000] {
        let frame_bytes = payload_bytes + 40;
        let file = DataFile::of(1, vec![vec![7; payload_bytes]; (128 << 20) / frame_bytes]);
        for (what, at) in [("payload", 8), ("length", 5)] {
            for record in [&file.records[5], &file.records[file.records.len() / 2]] {
                for torn in [0, 3] {
                    let mut bytes = file.bytes[..file.bytes.len() - torn].to_vec();
                    bytes[record.start + at] ^= 1;
                    let start = std::time::Instant::now();
                    let map = FileMap::of(&mut &bytes[..], Fences::default()).unwrap();
                    let took = start.elapsed();
                    println!(
                        "{payload_bytes} {what} {torn}: {took:?}, {} of {}",
                        map.records(),
                        file.records.len()
                    );
                }
            }
        }
    }
}

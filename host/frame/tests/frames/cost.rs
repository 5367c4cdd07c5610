//! Reading a file costs time and memory in proportion to it, whatever is in it.

use forebay_frame::{Damage, RecordId, Source, Step, Surroundings, Walker, assess, frame_bytes};

use crate::data_file::{DataFile, walk};

const BLOCK: usize = 256 * 1024;

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

/// Walks through a file; gives how many bytes were read, and how many at most at once.
fn cost(bytes: &[u8]) -> (u64, usize) {
    let mut source = Counted { bytes, read: 0, longest: 0 };
    let around = Surroundings { floor: RecordId(1), exact: true, ceiling: RecordId(1 << 40) };
    let mut walker = Walker::new(&mut source, 0, around);
    while walker.next().unwrap().is_some() {}
    (source.read, source.longest)
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

// The commonest damage must not make anybody read the rest of the file.
#[test]
fn a_damaged_payload_is_told_from_its_frame_alone() {
    let mut file = DataFile::of(1, vec![[7; 200]; 20_000]);
    file.bytes[100] ^= 1;
    let mut source = Counted { bytes: &file.bytes, read: 0, longest: 0 };
    assert_eq!(assess(&mut source, 0, file.around()), Ok(Damage::Corrupt { bytes: 240 }));
    assert!(source.read <= 2 * BLOCK as u64, "read {} bytes", source.read);
}

// A buffer that was damaged all over, or made to be, must not hold up its opening.
#[test]
fn damage_everywhere_is_read_a_few_times() {
    let far = |frame: &mut [u8], to_end: u64| frame[..8].copy_from_slice(&(to_end - 8).to_be_bytes());
    let no_root = |frame: &mut [u8]| frame.iter_mut().rev().take(16).for_each(|byte| *byte = 0x77);
    let kinds: [(&str, Harm<'_>); 6] = [
        ("no damage", &|_, _| ()),
        ("length", &|frame, _| frame[0] = 1),
        ("checksum", &|frame, _| *frame.iter_mut().rev().nth(31).unwrap() ^= 1),
        ("length and root", &|frame, _| {
            frame[0] = 1;
            no_root(frame);
        }),
        ("length to the end", &far),
        ("length to the end, and root", &|frame, to_end| {
            far(frame, to_end);
            no_root(frame);
        }),
    ];
    for payload_bytes in [0, 24, 500, 5000] {
        for (kind, damage) in kinds {
            let bytes = damaged(payload_bytes, damage);
            for bytes in [&bytes[..], &bytes[..bytes.len() - 3]] {
                let (read, longest) = cost(bytes);
                let times = read / bytes.len() as u64;
                assert!(times <= 20, "{kind}, payloads of {payload_bytes}: read {times} times");
                assert!(longest <= BLOCK, "{kind}: {longest} bytes at once");
            }
        }
    }
}

/// Makes a root that ends at `end` and points at the payload of a frame at `start`. Its checksum is wrong.
pub(crate) fn point(bytes: &mut [u8], start: usize, end: usize, id: u64) {
    let root = end - 32;
    let padded = i32::try_from(end - start - 40).unwrap();
    bytes[root + 8..root + 16].copy_from_slice(&id.to_le_bytes());
    bytes[root + 20..root + 24].copy_from_slice(&(-padded - 20).to_le_bytes());
    bytes[root + 24..root + 28].copy_from_slice(&padded.to_le_bytes());
}

// A payload can be made so that every place in it looks like the end of the frame around it.
#[test]
fn roots_that_all_point_at_one_payload_are_not_all_believed() {
    let mut bytes = vec![0; 2 << 20];
    for end in (40..bytes.len()).step_by(32) {
        point(&mut bytes, 0, end, 1);
    }
    for tail in [0, 5] {
        bytes.resize((2 << 20) + tail, 1);
        let (read, longest) = cost(&bytes);
        assert!(read <= 20 * bytes.len() as u64, "read {read} bytes");
        assert!(longest <= BLOCK);
    }
}

// Frames around frames around frames, none of which is whole.
#[test]
fn nested_claims_are_not_all_checked() {
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
        let (read, _) = cost(&bytes);
        assert!(read <= 20 * bytes.len() as u64, "read {read} bytes");
    }
}

// Ids that skip are checked against what follows, and what follows may be long and damaged.
#[test]
fn many_skipped_ids_do_not_check_a_long_frame_each() {
    let mut file = DataFile::default();
    for i in 0..500 {
        file.push(10 + 10 * i, 0, 1, b"skips");
    }
    file.push(10_000, 0, 1, &vec![7; 1 << 20]);
    let long = file.records[500].clone();
    file.bytes[long.start + 8] ^= 1;
    file.bytes.extend([1; 5]);
    let (read, _) = cost(&file.bytes);
    assert!(read <= 20 * file.bytes.len() as u64, "read {read} bytes");
}

// Only so many frames with damaged lengths are kept in mind at a time.
#[test]
fn any_number_of_lengths_may_be_damaged() {
    let mut file = DataFile::of(1, vec![b""; 150_000]);
    for record in &file.records {
        file.bytes[record.start] = 1;
    }
    file.bytes.truncate(file.bytes.len() - 3);
    assert_eq!(walk(&file.bytes, file.around()).delivered.len(), file.records.len() - 1);
}

// The one case in which more than a block is taken into memory, and not for longer than needed.
#[test]
fn a_frame_longer_than_a_block_is_delivered() {
    let long: Vec<u8> = (0..251_u8).cycle().take(3 * BLOCK).collect();
    let file = DataFile::of(1, [&b"before"[..], &long, b"between", &long, b"behind"]);
    assert_eq!(walk(&file.bytes, file.around()).delivered.len(), 5);
    for byte in [file.records[1].start + 2, file.records[3].end - 10] {
        let mut bytes = file.bytes.clone();
        bytes[byte] ^= 0xff;
        assert_eq!(walk(&bytes, file.around()).delivered.len(), 5);
        bytes[file.records[3].start + 99] ^= 0xff;
        assert_eq!(walk(&bytes, file.around()).ids(), [1, 2, 3, 5]);
    }
}

// A long frame that is not there must not be made room for.
#[test]
fn a_length_without_a_root_is_not_read_at_once() {
    let mut file = DataFile::of(1, vec![[7; 100]; 20_000]);
    let to_end = (file.bytes.len() - 8) as u64;
    file.bytes[..8].copy_from_slice(&to_end.to_be_bytes());
    let (_, longest) = cost(&file.bytes);
    assert!(longest <= BLOCK, "{longest} bytes at once");
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

// A read that fails is no damage: the bytes may be there the next time.
#[test]
fn a_failed_read_can_be_tried_again() {
    let mut file = DataFile::of(1, (0..200_u8).map(|i| vec![i; 50 * usize::from(i)]));
    for record in file.records.iter().step_by(7) {
        file.bytes[record.start + 3] ^= 1;
        file.bytes[record.end - 10] ^= 1;
    }
    let bytes = &file.bytes[..file.bytes.len() - 3];
    let expected = walk(bytes, file.around());
    for reads in 0.. {
        let mut walker = Walker::new(FailsOnce { bytes, reads_left: Some(reads) }, 0, file.around());
        let mut steps: Vec<Step> = Vec::new();
        let mut failed = 0;
        loop {
            match walker.next() {
                Ok(Some(step)) => steps.push(step),
                Ok(None) => break,
                Err(()) => failed += 1,
            }
        }
        assert_eq!(steps, expected.steps, "after {reads} reads");
        if failed == 0 {
            assert!(reads > 10, "there was something to fail");
            break;
        }
    }
}

// A file that is cut while it is read must end the walk, not the process.
#[test]
fn a_file_that_becomes_shorter_ends_the_walk() {
    struct Shrinking<'a>(&'a [u8], u64);
    impl Source for Shrinking<'_> {
        type Error = std::convert::Infallible;
        fn len(&self) -> u64 {
            self.1
        }
        fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error> {
            self.0.read_at(offset, into)
        }
    }
    let file = DataFile::of(1, (0..50_u8).map(|i| vec![i; 50]));
    for len in (0..file.bytes.len()).step_by(13) {
        let source = Shrinking(&file.bytes[..len], file.bytes.len() as u64);
        let mut walker = Walker::new(source, 0, file.around());
        let mut steps = 0;
        while walker.next().unwrap().is_some() {
            steps += 1;
            assert!(steps < 1000);
        }
    }
}

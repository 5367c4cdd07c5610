//! What is there and is not what was written.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{NAME, all_known, begun_again, events, last_lines, make, opened, peek, told};

const BLOCK: usize = 4096;

/// What has become of the file.
#[derive(Clone, Copy, Debug)]
enum File {
    AsItWas,
    Missing,
    Empty,
    Cut(usize),
    /// One byte of each of these blocks is another: two slots, and what was written between syncs.
    Flipped(&'static [usize]),
    /// Each byte is this one.
    Filled(u8),
    /// As many times what it was.
    TwentyTimes,
}

const FILES: [File; 21] = [
    File::AsItWas,
    File::Missing,
    File::Empty,
    File::Cut(1),
    File::Cut(11),
    File::Cut(BLOCK - 1),
    File::Cut(BLOCK),
    File::Cut(BLOCK + 1),
    File::Cut(2 * BLOCK - 1),
    File::Cut(2 * BLOCK),
    File::Cut(2 * BLOCK + 1),
    File::Cut(3 * BLOCK - 1),
    File::Flipped(&[0]),
    File::Flipped(&[1]),
    File::Flipped(&[2]),
    File::Flipped(&[0, 1]),
    File::Flipped(&[1, 2]),
    File::Flipped(&[0, 1, 2]),
    File::Filled(0xff),
    File::Filled(0),
    File::TwentyTimes,
];

/// Gives whether a whole block is left.
fn damage(path: &Path, file: File) -> bool {
    let path = path.join(NAME);
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 3 * BLOCK);
    match file {
        File::AsItWas => {}
        File::Missing => {
            fs::remove_file(path).unwrap();
            return false;
        }
        File::Empty => bytes.clear(),
        File::Cut(length) => bytes.truncate(length),
        File::Flipped(blocks) => blocks.iter().for_each(|block| bytes[block * BLOCK + 100] ^= 1),
        File::Filled(byte) => bytes.fill(byte),
        File::TwentyTimes => bytes = bytes.repeat(20),
    }
    fs::write(path, bytes).unwrap();
    match file {
        File::Cut(length) => length >= BLOCK,
        File::Flipped(blocks) => blocks.len() < 3,
        File::Empty | File::Filled(_) => false,
        _ => true,
    }
}

/// Any block that is left is enough to know how many events there were; without one the counting begins with what is there.
/// Either way all that waits is delivered, nothing is said about it, and afterwards the file is as good as new.
#[test]
fn every_state_of_the_file_opens_and_counts_as_documented() {
    for file in FILES {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        make(path);
        let is_known = damage(path, file);
        let what = format!("{file:?}");
        let expected = if is_known { all_known() } else { begun_again() };
        assert_eq!(told(path).map(events), is_known.then_some(events(expected)), "{what}");
        assert!(peek(path).assert_quiet_success().stdout == last_lines(), "{what}");
        let counted = opened(path, &what);
        assert_eq!(events(counted), events(expected), "{what}");
        if !matches!(file, File::Cut(_) | File::Flipped(_)) {
            // From an older block it is not known how long the frames were that are gone.
            assert_eq!(counted, expected, "{what}");
        }
        assert_eq!(told(path), Some(counted), "{what}");
        assert_eq!(opened(path, &what), counted, "{what}: the second time");
    }
}

/// With the ledger gone as well the frames say what is there. What was acknowledged may come again; what was not, must.
#[test]
fn without_a_ledger_no_state_of_the_file_costs_a_record() {
    for file in FILES {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        make(path);
        let is_known = damage(path, file);
        fs::remove_file(path.join("buffer.db")).unwrap();
        let ended = peek(path);
        assert!(ended.code == Some(0) && ended.stdout.ends_with(&last_lines()), "{file:?}: {ended}");
        // A block from before the last acknowledgements brings some of them back.
        if matches!(file, File::AsItWas | File::TwentyTimes) {
            assert!(is_known && ended.stdout == last_lines(), "{file:?}: {ended}");
        }
    }
}

/// The operator has gone back to this version for a while. The file is kept for the other one to the last byte, and a person is
/// told why nothing is known.
#[test]
fn a_file_of_a_later_version_is_kept_and_said_to_be_one() {
    for blocks in [0..1, 1..2, 0..3] {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        make(path);
        let mut bytes = fs::read(path.join(NAME)).unwrap();
        for block in blocks.clone() {
            let block = &mut bytes[block * BLOCK..][..BLOCK];
            block[8..12].copy_from_slice(&1000_u32.to_le_bytes());
            let checksum = crc32fast::hash(&block[..BLOCK - 4]).to_le_bytes();
            block[BLOCK - 4..].copy_from_slice(&checksum);
        }
        fs::write(path.join(NAME), &bytes).unwrap();
        let what = format!("{blocks:?}");
        assert_eq!(told(path), None, "{what}");
        let ended = peek(path);
        assert!(ended.code == Some(0) && ended.stdout == last_lines(), "{what}: {ended}");
        assert!(ended.stderr.lines().count() == 1 && ended.stderr.contains("later version"), "{ended}");
        for _ in 0..2 {
            assert_eq!(opened(path, &what), begun_again(), "{what}");
        }
        assert!(fs::read(path.join(NAME)).unwrap() == bytes, "{what}");
    }
}

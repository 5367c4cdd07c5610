//! Makes data files and damages them, always in the same way for the same seed.

use crate::data_file::{DataFile, Record};

/// A generator of random numbers, `SplitMix64`.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A file of about `bytes`, with records of one of several shapes.
pub(crate) fn file(rng: &mut Rng, bytes: usize) -> DataFile {
    let mut file = DataFile::default();
    let mut id = 1 + rng.next() % 10_000;
    let shape = rng.below(6);
    let fixed = rng.below(300);
    let most_events = if rng.one_in(3) { 5 } else { 1 };
    loop {
        let len = match shape {
            0 => fixed,
            1 => rng.below(40),
            2 | 3 => rng.below(400),
            4 => rng.below(3000),
            _ => rng.below(20) * rng.below(20) * rng.below(10),
        };
        let payload = match rng.below(12) {
            0 => vec![0; len],
            1 => b"the quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(len).collect(),
            2 if shape > 1 => copies(rng, id, len),
            _ => rng.noise(len),
        };
        if file.bytes.len() + payload.len() + 48 > bytes {
            return file;
        }
        let events = 1 + rng.below(most_events) as u32;
        file.push(id, 0, events, &payload);
        id += u64::from(events);
    }
}

/// A payload that is a data file.
fn copies(rng: &mut Rng, id: u64, len: usize) -> Vec<u8> {
    let near = id.saturating_sub(3).max(1) + rng.next() % 6;
    let first = if rng.one_in(2) { near } else { 1 + rng.next() % 10_000 };
    let payload_bytes = rng.below(50);
    let count = len / (payload_bytes + 48);
    let mut inner = DataFile::of(first, (0..count).map(|_| rng.noise(payload_bytes))).bytes;
    if rng.one_in(4) {
        inner.splice(0..0, *b"some text");
    }
    inner
}

/// One damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One bit, half of the time in a length prefix.
    Bit,
    /// A length statement, overwritten.
    Length,
    /// A sector of zeros or noise.
    Zeroed(usize),
    Noise(usize),
    /// A sector as it was in an older file.
    Stale(usize),
    /// Two sectors, exchanged.
    Swapped(usize),
    /// A sector, written where another one belongs as well.
    Misplaced(usize),
    /// Two neighbouring frames, exchanged.
    SwappedFrames,
    /// The end of the file is missing.
    Truncated,
    /// The file goes on with zeros or noise.
    Grown,
}

pub(crate) const SECTORS: [usize; 2] = [512, 4096];

/// Damages a file; gives the stretches that it changed.
pub(crate) fn damage(
    rng: &mut Rng,
    kind: Kind,
    bytes: &mut Vec<u8>,
    file: &DataFile,
    older: &DataFile,
) -> Vec<(usize, usize)> {
    let sector = |rng: &mut Rng, len: usize, size: usize| {
        let start = rng.below(len.div_ceil(size)) * size;
        (start, (start + size).min(len))
    };
    if bytes.len() < 100 {
        return Vec::new();
    }
    match kind {
        Kind::Bit => {
            let record = record(rng, file);
            let byte = match rng.below(4) {
                0 | 1 => record.start + rng.below(8),
                2 => record.end - 12 + rng.below(8),
                _ => rng.below(bytes.len()),
            };
            let Some(changed) = bytes.get_mut(byte) else { return Vec::new() };
            *changed ^= 1 << rng.below(8);
            vec![(byte, byte + 1)]
        }
        Kind::Length => {
            let record = record(rng, file);
            let (start, len) = [(record.start, 8), (record.end - 12, 4), (record.end - 8, 4)][rng.below(3)];
            if start + len > bytes.len() {
                return Vec::new();
            }
            let number = match rng.below(3) {
                0 => rng.next(),
                1 => 32 + 8 * (rng.next() % 2000),
                _ => 0,
            };
            if len == 8 {
                bytes[start..start + 8].copy_from_slice(&number.to_be_bytes());
            } else {
                bytes[start..start + 4].copy_from_slice(&number.to_le_bytes()[..4]);
            }
            vec![(start, start + len)]
        }
        Kind::Zeroed(size) => {
            let (start, end) = sector(rng, bytes.len(), size);
            bytes[start..end].fill(0);
            vec![(start, end)]
        }
        Kind::Noise(size) => {
            let (start, end) = sector(rng, bytes.len(), size);
            let noise = rng.noise(end - start);
            bytes[start..end].copy_from_slice(&noise);
            vec![(start, end)]
        }
        Kind::Stale(size) => {
            let (start, end) = sector(rng, bytes.len().min(older.bytes.len()), size);
            bytes[start..end].copy_from_slice(&older.bytes[start..end]);
            vec![(start, end)]
        }
        Kind::Swapped(size) => {
            let whole = bytes.len() / size;
            if whole < 2 {
                return Vec::new();
            }
            let (a, b) = (rng.below(whole) * size, rng.below(whole) * size);
            let other = bytes[a..a + size].to_vec();
            bytes.copy_within(b..b + size, a);
            bytes[b..b + size].copy_from_slice(&other);
            vec![(a, a + size), (b, b + size)]
        }
        Kind::Misplaced(size) => {
            let whole = bytes.len() / size;
            if whole < 2 {
                return Vec::new();
            }
            let (from, to) = (rng.below(whole) * size, rng.below(whole) * size);
            bytes.copy_within(from..from + size, to);
            vec![(to, to + size)]
        }
        Kind::SwappedFrames => {
            let index = rng.below(file.records.len().max(2) - 1);
            let Some([a, b]) = file.records.get(index..index + 2) else { return Vec::new() };
            if b.end > bytes.len() {
                return Vec::new();
            }
            bytes[a.start..b.end].rotate_left(a.end - a.start);
            vec![(a.start, b.end)]
        }
        Kind::Truncated => {
            let len = bytes.len() - 1 - rng.below(600).min(bytes.len() - 1);
            let changed = (len, bytes.len());
            bytes.truncate(len);
            vec![changed]
        }
        Kind::Grown => {
            let more = 1 + rng.below(2000);
            let noise = if rng.one_in(2) { rng.noise(more) } else { vec![0; more] };
            bytes.extend(noise);
            Vec::new()
        }
    }
}

fn record<'a>(rng: &mut Rng, file: &'a DataFile) -> &'a Record {
    &file.records[rng.below(file.records.len())]
}

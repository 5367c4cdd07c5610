//! Checksums of any stretch of a file, at the price of reading its two ends.

use crc32fast::Hasher;

use crate::{
    layout::{to_u64, to_usize},
    source::Source,
    window::{BLOCK, File, Window},
};

/// How far apart the places are of which the checksum is kept, in bytes.
const STEP: u64 = 512;

/// The checksums of the bytes from the start of a stretch up to every 512th of it.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    start: u64,
    checksums: Vec<u32>,
}

impl Prefixes {
    /// Reads the stretch once.
    pub(crate) fn of<S: Source>(file: &mut File<'_, S>, start: u64, end: u64) -> Result<Self, S::Error> {
        let mut window = Window::default();
        let mut hasher = Hasher::new();
        let mut checksums = vec![0];
        let mut at = start;
        while at.saturating_add(STEP) <= end {
            let held = window.at(file, at, to_usize(STEP))?;
            let wanted = held.len().min(BLOCK).min(to_usize(end - at));
            let mut steps = 0;
            for step in held.get(..wanted).unwrap_or_default().chunks_exact(to_usize(STEP)) {
                hasher.update(step);
                checksums.push(hasher.clone().finalize());
                steps += 1;
            }
            if steps == 0 {
                break;
            }
            at += steps * STEP;
        }
        Ok(Self { start, checksums })
    }

    /// The checksum of the bytes from the start of the stretch up to `end`, which is not before it.
    pub(crate) fn up_to<S: Source>(
        &self,
        file: &mut File<'_, S>,
        window: &Window,
        end: u64,
    ) -> Result<Option<u32>, S::Error> {
        let offset = end.saturating_sub(self.start);
        let Some(known) = self.checksums.get(to_usize(offset / STEP)) else { return Ok(None) };
        let rest = to_usize(offset % STEP);
        let from = end - to_u64(rest);
        let mut bytes = [0; 512];
        let Some(into) = bytes.get_mut(..rest) else { return Ok(None) };
        match window.held_from(from).get(..rest) {
            Some(held) => into.copy_from_slice(held),
            None if file.read_at(from, into)? < rest => return Ok(None),
            None => {}
        }
        Ok(Some(extend(*known, into)))
    }
}

/// The checksum of what `checksum` is of, followed by `bytes`.
pub(crate) fn extend(checksum: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(checksum);
    hasher.update(bytes);
    hasher.finalize()
}

/// What a checksum contributes to the checksum of something that is `bytes` longer: for a text A and a text B of that
/// length, the checksum of AB is `shift(checksum of A, bytes) ^ checksum of B`.
///
/// A checksum is a polynomial over GF(2) modulo the one of CRC-32, with its highest coefficient in bit 0. A byte more is a
/// multiplication by x^8.
pub(crate) fn shift(checksum: u32, bytes: u64) -> u32 {
    let mut shifted = checksum;
    let mut left = bytes;
    // x^8, then its square for each bit of the length.
    let mut power = 1 << 23;
    while left > 0 {
        if left & 1 == 1 {
            shifted = multiply(shifted, power);
        }
        power = multiply(power, power);
        left >>= 1;
    }
    shifted
}

/// The product of two polynomials modulo that of CRC-32.
fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..32).rev() {
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = if b & 1 == 1 { b >> 1 ^ 0xedb8_8320 } else { b >> 1 };
    }
    product
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Bytes that differ from run to run of the seed only.
    fn noise(seed: u32, len: usize) -> Vec<u8> {
        let mut state = seed | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_le_bytes()[1]
            })
            .collect()
    }

    #[test]
    fn the_checksum_of_any_slice_follows_from_two_prefixes() {
        let bytes = noise(7, 20_000);
        let mut source = &bytes[..];
        for start in [0, 8, 520] {
            let mut file = File { source: &mut source, len: 20_000 };
            let window = Window::default();
            let prefixes = Prefixes::of(&mut file, start, 20_000).unwrap();
            for (from, to) in [(0, 0), (0, 1), (3, 515), (511, 513), (512, 1024), (777, 19_999), (0, 19_480)]
            {
                let (from, to) = (start + from, (start + to).min(20_000));
                let a = prefixes.up_to(&mut file, &window, from).unwrap().unwrap();
                let b = prefixes.up_to(&mut file, &window, to).unwrap().unwrap();
                let slice = &bytes[to_usize(from)..to_usize(to)];
                assert_eq!(shift(a, to - from) ^ b, crc32fast::hash(slice), "{from}..{to}");
            }
        }
    }

    #[test]
    fn a_shifted_checksum_joins_two_texts() {
        for len in [0, 1, 2, 7, 8, 255, 1000, 4096] {
            let (a, b) = (noise(3, 100), noise(5, len));
            let joined = shift(crc32fast::hash(&a), to_u64(len)) ^ crc32fast::hash(&b);
            assert_eq!(joined, crc32fast::hash(&[a, b].concat()));
        }
    }
}

//! A parser and an encoder of frames, kept apart from `host/frame`: the reference must not share its mistakes.
//!
//! A frame is a big-endian length of what follows it, the payload padded to 8 bytes, and a trailer of 32 bytes: checksum, events
//! beyond the first, id, metadata, the negative distance from that field to the payload, the payload's length, and a checksum of the
//! events. All fields of the trailer are little-endian. The checksum is CRC-32 of id and metadata, both big-endian, and the payload.

use std::ops::Range;

use anyhow::{Context as _, Result, ensure};

/// The length prefix, in bytes.
pub const PREFIX_BYTES: usize = 8;
/// The trailer, in bytes.
pub const TRAILER_BYTES: usize = 32;
/// Where in the trailer the distance to the payload stands, in bytes from its start.
pub const POINTER_AT: usize = 20;
/// Where in the trailer the payload's length stands, in bytes from its start.
pub const PAYLOAD_LENGTH_AT: usize = 24;

/// A frame in an undamaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The record's id.
    pub id: u64,
    /// Where the frame stands in its file, in bytes.
    pub frame: Range<usize>,
    /// Where its payload stands in its file, in bytes.
    pub payload: Range<usize>,
}

/// All frames of an undamaged file. An error if anything in it is not as Forebay writes it.
pub fn parse(file: &[u8]) -> Result<Vec<Parsed>> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let frame = parse_one(file, at).with_context(|| format!("no whole frame at {at}"))?;
        at = frame.frame.end;
        frames.push(frame);
    }
    Ok(frames)
}

fn parse_one(file: &[u8], at: usize) -> Result<Parsed> {
    let prefix = file.get(at..at + PREFIX_BYTES).context("the length prefix is not whole")?;
    let behind = usize::try_from(u64::from_be_bytes(prefix.try_into()?))?;
    ensure!(behind >= TRAILER_BYTES && behind.is_multiple_of(8), "a length of {behind} bytes");
    let end = at + PREFIX_BYTES + behind;
    let frame = file.get(at..end).context("the frame is not whole")?;
    let trailer = &frame[frame.len() - TRAILER_BYTES..];
    let number = |from: usize| {
        u32::from_le_bytes([trailer[from], trailer[from + 1], trailer[from + 2], trailer[from + 3]])
    };
    let id = u64::from_le_bytes(trailer[8..16].try_into()?);
    let length = usize::try_from(number(PAYLOAD_LENGTH_AT))?;
    let start = at + PREFIX_BYTES;
    let payload = file.get(start..start + length).context("the payload is not whole")?;
    ensure!(frame == encode(id, payload), "another frame than that of record {id}");
    Ok(Parsed { id, frame: at..end, payload: start..start + length })
}

/// Whether these bytes, which are as long as a frame, are that frame, though at most one of its three lengths is another.
pub fn is_but_for_a_length(bytes: &[u8], frame: &[u8]) -> bool {
    let trailer = frame.len() - TRAILER_BYTES;
    let (pointer, length) = (trailer + POINTER_AT, trailer + PAYLOAD_LENGTH_AT);
    let is_same = |range: &Range<usize>| bytes[range.clone()] == frame[range.clone()];
    let lengths = [0..PREFIX_BYTES, pointer..pointer + 4, length..length + 4];
    is_same(&(PREFIX_BYTES..pointer)) && lengths.iter().filter(|length| is_same(length)).count() >= 2
}

/// The frame of a record of one event without metadata.
pub fn encode(id: u64, payload: &[u8]) -> Vec<u8> {
    let padded = payload.len().next_multiple_of(8);
    let mut frame = Vec::with_capacity(PREFIX_BYTES + padded + TRAILER_BYTES);
    frame.extend_from_slice(&((padded + TRAILER_BYTES) as u64).to_be_bytes());
    frame.extend_from_slice(payload);
    frame.resize(PREFIX_BYTES + padded, 0);
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&id.to_be_bytes());
    checksum.update(&0u32.to_be_bytes());
    checksum.update(payload);
    frame.extend_from_slice(&checksum.finalize().to_le_bytes());
    frame.extend_from_slice(&0u32.to_le_bytes());
    frame.extend_from_slice(&id.to_le_bytes());
    frame.extend_from_slice(&0u32.to_le_bytes());
    frame.extend_from_slice(&(-((padded + POINTER_AT) as i32)).to_le_bytes());
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&0u32.to_le_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference takes the undamaged file for granted, so a file that is not whole must not pass for one.
    #[test]
    fn a_file_with_any_flipped_bit_is_not_parsed() {
        let file = [encode(1, b"one"), encode(2, b""), encode(3, b"12345678")].concat();
        let ids: Vec<u64> = parse(&file).unwrap().iter().map(|frame| frame.id).collect();
        assert_eq!(ids, [1, 2, 3]);
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&damaged).is_err(), "bit {bit}");
        }
        assert!(parse(&file[..file.len() - 1]).is_err());
    }
}

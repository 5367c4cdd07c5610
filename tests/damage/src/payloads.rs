//! The payloads of a base directory.

use crate::{
    frame::{self, PREFIX_BYTES, TRAILER_BYTES},
    random::Random,
};

/// A mix of payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Up to 64 bytes each in files of 16 KiB, up to 600 in files of 16 MiB.
    Small,
    /// From none to a quarter of a file; short ones as often as long ones.
    Mixed,
    /// As [`Mixed`](Self::Mixed), but a third of the payloads hold frames or data files.
    Nested,
}

impl Mix {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Small, Self::Mixed, Self::Nested];
}

/// A frame inside a payload. It was never a record of the buffer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested {
    /// The id that it states.
    pub id: u64,
    /// Its own payload.
    pub payload: Vec<u8>,
    /// Where it stands in the frame around it, in bytes from that one's start.
    pub at: usize,
    /// The length prefix of the frame around it.
    pub outer_prefix: [u8; PREFIX_BYTES],
    /// The trailer of the frame around it.
    pub outer_trailer: [u8; TRAILER_BYTES],
    /// The length of the frame around it, in bytes.
    pub outer_bytes: usize,
}

impl Nested {
    /// A record inside of a payload, at an offset from the start of that payload.
    pub fn inside(outer_id: u64, outer: &[u8], id: u64, payload: Vec<u8>, offset: usize) -> Self {
        let outer = frame::encode(outer_id, outer);
        let outer_prefix = *outer.first_chunk().unwrap_or(&[0; PREFIX_BYTES]);
        let outer_trailer = *outer.last_chunk().unwrap_or(&[0; TRAILER_BYTES]);
        let at = PREFIX_BYTES + offset;
        Self { id, payload, at, outer_prefix, outer_trailer, outer_bytes: outer.len() }
    }

    /// Whether it stands somewhere in a file, and neither end of the frame around it stands at its place beside it. One of its own
    /// three lengths may be false, as that of a true frame may.
    pub fn is_without_ends(&self, file: &[u8]) -> bool {
        let frame = frame::encode(self.id, &self.payload);
        let places = file.windows(frame.len()).enumerate();
        let places = places.filter(|(_, window)| frame::is_but_for_a_length(window, &frame));
        let mut places = places.map(|(place, _)| place);
        places.any(|place| {
            let start = place.checked_sub(self.at);
            let stands = |offset: usize, bytes: &[u8]| {
                let from = start.map(|start| start + offset);
                from.and_then(|from| file.get(from..from + bytes.len())) == Some(bytes)
            };
            !stands(0, &self.outer_prefix) && !stands(self.outer_bytes - TRAILER_BYTES, &self.outer_trailer)
        })
    }
}

/// Enough payloads to fill `total_bytes` with their frames, the first for record 1, and the frames nested in them.
pub fn payloads(
    mix: Mix,
    file_bytes: usize,
    total_bytes: usize,
    random: &mut Random,
) -> (Vec<Vec<u8>>, Vec<Nested>) {
    let (mut payloads, mut nested) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    while bytes < total_bytes {
        let id = payloads.len() as u64 + 1;
        let payload = match mix {
            Mix::Small => {
                let length = random.below(if file_bytes > 1 << 20 { 600 } else { 65 });
                random.bytes(length)
            }
            Mix::Nested if random.percent(33) => {
                let (payload, inner) = nesting(id, file_bytes / 8, &payloads, random);
                let inner = inner.into_iter();
                nested.extend(
                    inner.map(|(at, inner_id, inner)| Nested::inside(id, &payload, inner_id, inner, at)),
                );
                payload
            }
            Mix::Mixed | Mix::Nested => {
                let length = random.length(0..file_bytes / 4);
                random.bytes(length)
            }
        };
        bytes += frame::encode(id, &payload).len();
        payloads.push(payload);
    }
    (payloads, nested)
}

/// The frames in a payload that copy no true one: offset in the payload, id, and payload of each.
type Inner = Vec<(usize, u64, Vec<u8>)>;

/// A payload that holds frames, of about `limit` bytes at most.
fn nesting(outer_id: u64, limit: usize, earlier: &[Vec<u8>], random: &mut Random) -> (Vec<u8>, Inner) {
    let mut nested = Vec::new();
    // Half of them start where a frame may start.
    let mut payload = if random.percent(50) { Vec::new() } else { random.bytes(8) };
    if random.percent(25) {
        payload.pop();
    }
    // The ids of a data file of another buffer, or those that are due here.
    let first_id = match random.below(4) {
        0 => 1,
        1 => outer_id,
        2 => outer_id + 1,
        _ => outer_id.saturating_sub(2).max(1),
    };
    let copies = random.percent(25);
    let count = random.within(1..12);
    for id in first_id..first_id + count as u64 {
        let copy = earlier.get(id as usize - 1).filter(|_| copies);
        let inner = copy.cloned().unwrap_or_else(|| {
            let length = random.length(0..limit / 4);
            random.bytes(length)
        });
        if payload.len() + inner.len() + 48 > limit {
            break;
        }
        let at = payload.len();
        payload.extend(frame::encode(id, &inner));
        if copy.is_none() {
            nested.push((at, id, inner));
        }
    }
    if random.percent(30) {
        let length = random.below(64);
        payload.extend(random.bytes(length));
    }
    (payload, nested)
}

//! What the records of a base directory hold.

use crate::{frame, random::Random};

/// A kind of load.
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

/// A record that a payload holds as a frame. It never was a record of the buffer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested {
    /// The record whose payload holds it.
    pub host_id: u64,
    /// The id that its frame states.
    pub id: u64,
    /// Its own payload.
    pub payload: Vec<u8>,
}

/// The payloads of records 1 to n, where n is what fills so many bytes of data files, and what is nested in them.
pub fn payloads(mix: Mix, file_bytes: usize, total_bytes: usize, random: &mut Random) -> (Vec<Vec<u8>>, Vec<Nested>) {
    let (mut payloads, mut nested) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    while bytes < total_bytes {
        let id = payloads.len() as u64 + 1;
        let payload = match mix {
            Mix::Small => {
                let length = random.below(if file_bytes > 1 << 20 { 600 } else { 65 });
                random.bytes(length)
            }
            Mix::Nested if random.percent(33) => nesting(id, file_bytes / 8, &payloads, &mut nested, random),
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

/// A payload of about so many bytes at most that holds frames.
fn nesting(host_id: u64, limit: usize, former: &[Vec<u8>], nested: &mut Vec<Nested>, random: &mut Random) -> Vec<u8> {
    // Half of them start where a frame may start.
    let mut payload = if random.percent(50) { Vec::new() } else { random.bytes(8) };
    if random.percent(25) {
        payload.pop();
    }
    // The ids of a data file of another buffer, or those that are due here.
    let first_id = match random.below(4) {
        0 => 1,
        1 => host_id,
        2 => host_id + 1,
        _ => host_id.saturating_sub(2).max(1),
    };
    let copies = random.percent(25);
    let count = random.within(1..12);
    for id in first_id..first_id + count as u64 {
        let copy = former.get(id as usize - 1).filter(|_| copies);
        let inner = copy.cloned().unwrap_or_else(|| {
            let length = random.length(0..limit / 4);
            random.bytes(length)
        });
        if payload.len() + inner.len() + 48 > limit {
            break;
        }
        payload.extend(frame::encode(id, &inner));
        if copy.is_none() {
            nested.push(Nested { host_id, id, payload: inner });
        }
    }
    if random.percent(30) {
        let length = random.below(64);
        payload.extend(random.bytes(length));
    }
    payload
}

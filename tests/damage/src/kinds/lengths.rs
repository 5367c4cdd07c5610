//! False lengths: one of the three statements of a frame's length, and only one.

use super::{Done, frame};
use crate::{
    bed::{Bed, Spot},
    frame::{PAYLOAD_LENGTH_AT, POINTER_AT, PREFIX_BYTES, TRAILER_BYTES},
    random::Random,
};

pub(super) fn falsify(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let spot = frame(bed, random)?;
    let trailer = bed.range(spot).end - TRAILER_BYTES;
    let (name, at, bytes) = match random.below(10) {
        0..7 => ("prefix", spot.at, PREFIX_BYTES),
        7 | 8 => ("pointer", trailer + POINTER_AT, 4),
        _ => ("payload length", trailer + PAYLOAD_LENGTH_AT, 4),
    };
    let mut statement = bed.file(spot.file).get(at..at + bytes)?.to_vec();
    if name == "prefix" && random.percent(40) {
        statement = false_prefix(bed, spot, random).to_be_bytes().to_vec();
    } else {
        // A prefix is big-endian: the bits that still make a possible length are at its end.
        let low_bits = if random.percent(60) { 32 } else { bytes * 8 };
        for _ in 0..random.within(1..4) {
            let bit = random.below(low_bits);
            let byte = if name == "prefix" { bytes - 1 - bit / 8 } else { bit / 8 };
            statement[byte] ^= 1 << (bit % 8);
        }
    }
    let place = bed.overwrite(spot.file, at, &statement)?;
    let id = bed.placed(spot).id;
    Some((vec![place], format!("{name} of record {id} is false, at {at} of file {}", spot.file)))
}

/// A length that a frame can have: to the end of another frame, to the end of the file, beyond it, or anywhere.
fn false_prefix(bed: &Bed<'_>, spot: Spot, random: &mut Random) -> u64 {
    let length = bed.file(spot.file).len();
    let end = match random.below(4) {
        0 => {
            let other = *random.pick(bed.spots());
            bed.range(other).end
        }
        1 => length,
        2 => length + 8 * random.within(1..1000),
        _ => spot.at + 8 * random.within(5..5 + length / 8),
    };
    end.saturating_sub(spot.at + PREFIX_BYTES) as u64
}

//! Flipped bits.

use super::{Done, file_with_bytes, frame};
use crate::{bed::Bed, frame::PREFIX_BYTES, random::Random};

pub(super) fn flip(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let (file, at) = if random.percent(40) {
        let spot = frame(bed, random)?;
        (spot.file, spot.at + random.below(PREFIX_BYTES))
    } else {
        let file = file_with_bytes(bed, random)?;
        (file, random.below(bed.file(file).len()))
    };
    let bit = random.below(8);
    let byte = bed.file(file).get(at)? ^ 1 << bit;
    let place = bed.overwrite(file, at, &[byte])?;
    Some((vec![place], format!("bit {bit} flipped at {at} of file {file}")))
}

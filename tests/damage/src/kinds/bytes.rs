//! Bytes that were put in or taken out, so that what follows them has moved.

use super::{Done, file_with_bytes};
use crate::{bed::Bed, random::Random};

/// How many bytes: few of them, or a sector.
fn count(random: &mut Random) -> usize {
    match random.below(4) {
        0 => 1,
        1 => random.within(2..65),
        2 => 8 * random.within(1..9),
        _ => *random.pick(&[512, 4096]),
    }
}

pub(super) fn insert(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let file = file_with_bytes(bed, random)?;
    let at = random.below(bed.file(file).len());
    let count = count(random);
    let bytes = if random.percent(50) { vec![0; count] } else { random.bytes(count) };
    let place = bed.insert(file, at, &bytes)?;
    Some((vec![place], format!("{count} bytes inserted at {at} of file {file}")))
}

pub(super) fn remove(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let file = file_with_bytes(bed, random)?;
    let length = bed.file(file).len();
    let at = random.below(length);
    let end = (at + count(random)).min(length);
    let place = bed.remove(file, at..end)?;
    Some((vec![place], format!("{} bytes removed at {at} of file {file}", end - at)))
}

//! Files that have become shorter or longer.

use super::{Done, any_file, file_with_bytes, frame};
use crate::{bed::Bed, random::Random};

pub(super) fn truncate(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let (file, at) = if random.percent(40) {
        let spot = frame(bed, random)?;
        (spot.file, spot.at)
    } else {
        let file = file_with_bytes(bed, random)?;
        (file, random.below(bed.file(file).len()))
    };
    let place = bed.remove(file, at..bed.file(file).len())?;
    Some((vec![place], format!("file {file} truncated to {at} bytes")))
}

pub(super) fn grow(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let file = any_file(bed, random)?;
    let count = random.length(1..8192);
    let (bytes, what) = match random.below(3) {
        0 => (vec![0; count], "zeros"),
        1 => (random.bytes(count), "noise"),
        _ => {
            // Whole frames first, of which the last may be torn: what a write to the wrong file leaves.
            let from = frame(bed, random)?;
            let rest = bed.file(from.file).get(from.at..)?;
            (rest[..count.min(rest.len())].to_vec(), "bytes of frames")
        }
    };
    let place = bed.insert(file, bed.file(file).len(), &bytes)?;
    Some((vec![place], format!("file {file} grown by {} {what}", bytes.len())))
}

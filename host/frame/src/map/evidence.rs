//! What speaks for and against frames that no chain leads to.

use std::ops::Range;

use crate::{
    id::RecordId,
    layout::{OVERHEAD_BYTES, ROOT, ROOT_BYTES, Root, to_usize},
    map::{
        frames::{Frames, Prefix},
        piece::Piece,
    },
    source::Source,
};

/// What a device loses at once, in bytes.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// Whether a length prefix follows the trailer of a frame whose id is none of these: it was written for another place, too.
pub(crate) fn follows_other<S: Source>(
    frames: &mut Frames<'_, S>,
    prefix: u64,
    ids: &Range<RecordId>,
) -> Result<bool, S::Error> {
    let Some(offset) = prefix.checked_sub(ROOT_BYTES) else { return Ok(false) };
    let trailer = frames.window.peek::<S, ROOT>(&mut frames.file, offset)?;
    let root: Option<Root> = trailer.map(|trailer| zerocopy::transmute!(trailer));
    let id = root.filter(|root| root.padded().is_some()).map(|root| RecordId(root.id.get()));
    Ok(id.is_some_and(|id| !ids.contains(&id)))
}

/// Whether so many missing ids fit into so many bytes.
pub(crate) fn fits(missing: u64, bytes: u64, most_events: u32) -> bool {
    missing.div_ceil(u64::from(most_events.max(1))).saturating_mul(OVERHEAD_BYTES) <= bytes
}

/// Whether a run that nothing follows ends where a file can break off: at the start of a sector, at another length prefix, or
/// at zeros up to the end of the sector. A frame can do without its last 8 bytes.
pub(crate) fn may_break_off<S: Source>(frames: &mut Frames<'_, S>, last: &Piece) -> Result<bool, S::Error> {
    let into_sector = last.end % SECTOR_BYTES;
    if into_sector == 0
        || last.undelimited && into_sector <= 8
        || frames.prefix(last.end)? != Prefix::Impossible
    {
        return Ok(true);
    }
    let rest = to_usize(SECTOR_BYTES - into_sector);
    let held = frames.window.at(&mut frames.file, last.end, rest)?;
    Ok(held.get(..rest).is_some_and(|rest| rest.iter().all(|byte| *byte == 0)))
}

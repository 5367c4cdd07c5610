//! What speaks for and against frames that no chain leads to.

use std::ops::Range;

use crate::{
    id::RecordId,
    layout::{OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT, ROOT_BYTES, Root, to_usize},
    map::{
        fences::Fences,
        frames::{Frames, Prefix},
        piece::{Item, Piece},
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

/// The ids that the frame in front of these items can have, of those that are possible here. Frames from elsewhere say nothing of
/// it.
pub(crate) fn ids_in_front(items: &[Item], ids: Range<RecordId>, fences: Fences) -> Range<RecordId> {
    let is_from_here = |piece: &Piece| fences.admit(piece) && ids.start <= piece.first_id;
    let first = items.iter().find(|item| item.whole().is_none_or(is_from_here)).and_then(Item::whole);
    ids.start..first.map_or(ids.end, |piece| piece.first_id)
}

/// Which of the items from `next` on is the first that may be no payload of the frame whose length prefix stands at a place and
/// leads to `end`.
///
/// Whatever follows it: in the sector where its payload starts, this is its payload. A whole frame that reaches over the end of a
/// sector shows that the next one was written with it.
pub(crate) fn behind_certain_payload(items: &[Item], next: usize, prefix: u64, end: u64) -> usize {
    let mut next = next;
    let mut payload_to = (prefix + PAYLOAD_OFFSET + 1).next_multiple_of(SECTOR_BYTES);
    while let Some(item) = items.get(next).filter(|item| item.end() <= end) {
        let reaches_over = item.whole().is_some() && item.offset() < payload_to;
        if !reaches_over && item.end() > payload_to {
            break;
        }
        payload_to = payload_to.max(item.end().next_multiple_of(SECTOR_BYTES));
        next += 1;
    }
    next
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

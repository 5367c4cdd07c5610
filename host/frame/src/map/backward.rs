//! The backward chain: each trailer says where its frame starts, and there the frame before ends.

use std::ops::Range;

use crate::{
    events,
    id::RecordId,
    layout::{self, ALIGNMENT, DELIMITER, OVERHEAD_BYTES, ROOT, Root, to_usize},
    map::{
        frames::Frames,
        piece::{Item, Piece, push},
    },
    source::Source,
    window::{File, Window},
};

/// How many frames with a damaged length prefix a chain holds at most. Behind more of them it ends.
const SINGLES_MAX: usize = 65_536;

/// Frames one after the other.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The frames whose extent the length prefix does not tell, from the last to the first: start and end.
    singles: Vec<(u64, u64)>,
}

impl Chain {
    /// Goes back from `end` as long as two length statements of each frame agree, `limit` at the lowest. Where the length prefix
    /// is not one of them, the frame must be whole or have a possible id: the trailer may be an old one.
    pub(crate) fn back_from<S: Source>(
        frames: &mut Frames<'_, S>,
        end: u64,
        limit: u64,
        ids: Range<RecordId>,
    ) -> Result<Self, S::Error> {
        let mut window = Window::default();
        let mut chain = Self { start: end, end, singles: Vec::new() };
        if end % ALIGNMENT != 0 {
            return Ok(chain);
        }
        let mut ids = ids;
        // The id of a frame without its length prefix: the frame in front of it must lead to that.
        let mut follower = None;
        while let Some(trailer) = window.before::<S, ROOT>(&mut frames.file, chain.start)? {
            let settled = settled_start(&mut frames.file, &window, chain.start, limit, trailer)?;
            let Some((start, by_prefix)) = settled else { break };
            let root: Root = zerocopy::transmute!(trailer);
            let id = RecordId(root.id.get());
            if let Some(follower) = follower.take() {
                let leads_on = match piece(frames, &window, start, chain.start)? {
                    Some(piece) => piece.continues_with(follower),
                    // Of a damaged frame with its length prefix, the id may be what is damaged.
                    None => by_prefix || events::may_follow(&root, follower),
                };
                if !leads_on {
                    break;
                }
            }
            if !by_prefix {
                let is_frame = ids.contains(&id) || piece(frames, &window, start, chain.start)?.is_some();
                if chain.singles.len() == SINGLES_MAX || !is_frame {
                    break;
                }
                chain.singles.push((start, chain.start));
                follower = Some(id);
            }
            ids.end = ids.end.min(id).max(ids.start);
            chain.start = start;
        }
        Ok(chain)
    }

    /// Looks at each of its frames.
    pub(crate) fn items<S: Source>(&self, frames: &mut Frames<'_, S>) -> Result<Vec<Item>, S::Error> {
        let mut items = Vec::new();
        let mut at = self.start;
        for (start, end) in self.singles.iter().rev() {
            at = frames.walk(at, *start, &mut items)?;
            if at != *start {
                break;
            }
            let item = frames.item(*start, *end)?;
            push(&mut items, item);
            at = *end;
        }
        frames.walk(at, self.end, &mut items)?;
        Ok(items)
    }
}

/// The frame between two places, if its checksum agrees: from the bytes in memory, if they are there.
fn piece<S: Source>(
    frames: &mut Frames<'_, S>,
    window: &Window,
    start: u64,
    end: u64,
) -> Result<Option<Piece>, S::Error> {
    match window.held_from(start).get(..to_usize(end - start)) {
        Some(frame) => Ok(Piece::decode(start, frame)),
        None => frames.piece(start, end),
    }
}

/// Where the frame with this trailer starts, if two of its length statements agree; and whether its length prefix is one of
/// them.
pub(crate) fn settled_start<S: Source>(
    file: &mut File<'_, S>,
    window: &Window,
    end: u64,
    limit: u64,
    trailer: [u8; ROOT],
) -> Result<Option<(u64, bool)>, S::Error> {
    let root: Root = zerocopy::transmute!(trailer);
    let [by_pointer, by_length] = stated_starts(&root, end, limit);
    for start in [by_pointer, by_length].into_iter().flatten() {
        if end_by_prefix(file, window, start)? == Some(end) {
            return Ok(Some((start, true)));
        }
    }
    Ok(by_pointer.filter(|_| by_pointer == by_length).map(|start| (start, false)))
}

/// Where a frame starts by its trailer's pointer, and by its length.
#[inline]
pub(crate) fn stated_starts(root: &Root, end: u64, limit: u64) -> [Option<u64>; 2] {
    let start = |padded: u64| end.checked_sub(padded + OVERHEAD_BYTES).filter(|start| *start >= limit);
    let by_length = (!root.is_blank()).then(|| root.padded_by_length());
    [root.padded_by_pointer().and_then(start), by_length.and_then(start)]
}

/// Where a frame ends by its length prefix.
pub(crate) fn end_by_prefix<S: Source>(
    file: &mut File<'_, S>,
    window: &Window,
    start: u64,
) -> Result<Option<u64>, S::Error> {
    let prefix = window.peek::<S, DELIMITER>(file, start)?;
    Ok(prefix.and_then(layout::stated_frame_bytes).map(|bytes| start.saturating_add(bytes)))
}

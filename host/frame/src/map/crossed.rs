//! Where what is left of a frame reaches into a whole one.

use std::{collections::VecDeque, ops::Range};

use crate::{
    id::RecordId,
    map::{frames::Frames, piece::Item, scan::scan},
    source::Source,
};

/// Drops the broken frames that begin the backward chain within a whole frame: that one is where it is, and what reaches into
/// it is not. Gives where the chain starts now.
pub(crate) fn drop_crossed<S: Source>(
    frames: &mut Frames<'_, S>,
    at: u64,
    back: &mut VecDeque<Item>,
    ids: Range<RecordId>,
) -> Result<u64, S::Error> {
    let len = frames.file.len;
    if back.front().is_some_and(|item| item.whole().is_none()) {
        let first_whole = back.iter().find(|item| item.whole().is_some()).map_or(len, Item::offset);
        let items = scan(frames, at, first_whole, ids)?;
        let crosses = |start: u64| {
            items.iter().any(|item| item.is_plain() && item.offset() < start && start < item.end())
        };
        while back.front().is_some_and(|item| item.whole().is_none() && crosses(item.offset())) {
            back.pop_front();
        }
    }
    Ok(back.front().map_or(len, Item::offset))
}

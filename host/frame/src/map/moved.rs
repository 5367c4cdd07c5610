//! Frames that no longer start at a multiple of 8, because bytes were inserted into the file or removed from it. They do not
//! count, but what lies in them is still payload: there, frames that never counted may now start at a multiple of 8.

use std::ops::Range;

use crate::{
    id::RecordId,
    layout::{ALIGNMENT, OVERHEAD_BYTES, ROOT, ROOT_BYTES, Root},
    map::frames::{Frames, Prefix},
    source::Source,
    window::Window,
};

/// What trailers at other places than multiples of 8 say of their frames.
pub(crate) struct Moved {
    /// Where frames start, in file order.
    starts: Vec<u64>,
    /// The end of the longest of the frames that start here or before.
    ends: Vec<u64>,
}

impl Moved {
    /// Looks between two places for trailers that agree with themselves and state a possible id.
    pub(crate) fn between<S: Source>(
        frames: &mut Frames<'_, S>,
        start: u64,
        end: u64,
        ids: &Range<RecordId>,
    ) -> Result<Self, S::Error> {
        let mut found: Vec<(u64, u64)> = Vec::new();
        let mut window = Window::default();
        let mut at = start;
        while at.saturating_add(ROOT_BYTES) < end {
            let held = window.at(&mut frames.file, at, ROOT)?;
            let mut looked_at = 0;
            for (offset, trailer) in (at..end).zip(held.windows(ROOT)) {
                looked_at += 1;
                let frame_end = offset.saturating_add(ROOT_BYTES);
                if frame_end % ALIGNMENT != 0 && frame_end <= end {
                    let frame_start = frame_start(trailer, frame_end, ids);
                    found.extend(frame_start.filter(|from| *from >= start).map(|from| (from, frame_end)));
                }
            }
            if looked_at == 0 {
                break;
            }
            at += looked_at;
        }
        // The next frame starts where one ends: its length prefix may be all that is left of it.
        for (_, end) in found.clone() {
            if let Prefix::EndsAt(next_end) = frames.prefix(end)? {
                found.push((end, next_end));
            }
        }
        found.sort_unstable();
        let starts = found.iter().map(|(start, _)| *start).collect();
        let mut longest = 0;
        let ends = found.iter().map(|(_, end)| {
            longest = longest.max(*end);
            longest
        });
        Ok(Self { starts, ends: ends.collect() })
    }

    /// Whether one of the frames holds everything between two places.
    pub(crate) fn hold(&self, start: u64, end: u64) -> bool {
        let before = self.starts.partition_point(|frame| *frame < start);
        let longest = before.checked_sub(1).and_then(|last| self.ends.get(last));
        longest.is_some_and(|longest| *longest >= end)
    }
}

/// Where the frame with this trailer starts.
fn frame_start(trailer: &[u8], end: u64, ids: &Range<RecordId>) -> Option<u64> {
    let root: Root = zerocopy::transmute!(*trailer.first_chunk::<ROOT>()?);
    let padded = root.padded()?;
    let bytes = padded.saturating_add(OVERHEAD_BYTES);
    ids.contains(&RecordId(root.id.get())).then(|| end.checked_sub(bytes)).flatten()
}

//! Frames by what their roots say, for those whose delimiters are damaged.
//!
//! They are found in one pass over a file and kept, so that looking for the ends of many bad frames costs no more than
//! looking for the end of one. Some whose delimiters are not damaged are among them.

use std::{collections::BinaryHeap, ops::Range};

use zerocopy::FromBytes;

use crate::{
    damage::{Source, Surroundings},
    id::RecordId,
    layout::{self, DELIMITER, ROOT, Root, to_u64, to_usize},
    window::{File, Window},
};

/// How many are kept at a time. Where there are more, the pass is made again for the rest.
const KEPT: usize = 64 * 1024;

/// The frames in a stretch of a file.
#[derive(Debug)]
pub(crate) struct Orphans {
    /// Where the stretch starts.
    start: u64,
    /// Frames that start before this are all known.
    known_to: u64,
    /// Where they start and end, by start.
    frames: Vec<(u64, u64)>,
}

impl Orphans {
    /// Finds the frames in a stretch whose ids can be missing at its start.
    pub(crate) fn find<S: Source>(
        file: &mut File<'_, S>,
        window: &mut Window,
        stretch: Range<u64>,
        around: Surroundings,
    ) -> Result<Self, S::Error> {
        let ids = around.candidates();
        let mut kept = BinaryHeap::new();
        let mut known_to = stretch.end;
        let mut base = stretch.start;
        loop {
            let block = window.at(file, base, ROOT + DELIMITER)?;
            let usable = block.len().min(to_usize(stretch.end.saturating_sub(base)));
            let block = block.get(..usable).unwrap_or_default();
            for (i, root) in roots(block) {
                if !ids.contains(&RecordId(root.id.get())) {
                    continue;
                }
                let at = base + to_u64(i);
                let start =
                    start_by_pointer(root, at).filter(|start| (stretch.start..known_to).contains(start));
                let Some(start) = start else { continue };
                let frame = (start, at + to_u64(ROOT));
                let skip = start.checked_sub(base).map_or(usize::MAX, to_usize);
                let delimiter = block.get(skip..).and_then(<[u8]>::first_chunk).copied();
                if delimiter.and_then(layout::stated_frame_bytes) != Some(frame.1 - frame.0) {
                    kept.push(frame);
                }
            }
            while kept.len() > KEPT {
                known_to = kept.pop().map_or(known_to, |(start, _)| start);
            }
            if usable < ROOT + DELIMITER {
                return Ok(Self { start: stretch.start, known_to, frames: kept.into_sorted_vec() });
            }
            base += to_u64((usable - ROOT) / DELIMITER * DELIMITER);
        }
    }

    /// Whether it knows all frames that start at an offset.
    pub(crate) fn covers(&self, offset: u64) -> bool {
        offset == self.start || (self.start..self.known_to).contains(&offset)
    }

    /// The ends of the frames that start at an offset.
    pub(crate) fn ends(&self, offset: u64) -> impl Iterator<Item = u64> {
        let from = self.frames.partition_point(|&(start, _)| start < offset);
        let frames = self.frames.get(from..).unwrap_or_default();
        frames.iter().take_while(move |&&(start, _)| start == offset).map(|&(_, end)| end)
    }
}

/// What may be roots in a block, with their indices.
fn roots(block: &[u8]) -> impl Iterator<Item = (usize, &Root)> {
    let roots = block.windows(ROOT).step_by(DELIMITER).filter_map(|root| Root::ref_from_bytes(root).ok());
    roots.enumerate().map(|(i, root)| (i * DELIMITER, root))
}

/// Where the frame starts whose root is at `at`.
fn start_by_pointer(root: &Root, at: u64) -> Option<u64> {
    at.checked_sub(root.padded_by_pointer()?)?.checked_sub(to_u64(DELIMITER))
}

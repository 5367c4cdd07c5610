//! The frames of a file, found from its end backwards.
//!
//! A frame states three times where it starts and ends: in its delimiter, in its root's pointer and in its root's payload
//! length. Two that agree are believed. If the file's end is the end of a frame, then that frame's root says where it
//! starts, which is the end of the frame before it, and so on, whatever became of ids and payloads. No frame *inside* a
//! payload is ever on this trail: the last root in the file belongs to a true frame, and its pointer leads over the whole
//! of it to the end of the one before.
//!
//! Where the end of the file is not the end of a frame there is no trail.

use zerocopy::transmute;

use crate::{
    damage::Source,
    layout::{self, ALIGNMENT, DELIMITER, OVERHEAD_BYTES, ROOT, Root, to_u64},
    window::{BLOCK, File, Window},
};

/// About how many bytes lie between two marks.
const SPAN_BYTES: u64 = 4 * 1024;

/// How many zeros are skipped at a time.
const BLOCK_OF_ZEROS: usize = 64;

/// The trail from a file's end down to an offset.
#[derive(Debug)]
pub(crate) struct Trail {
    /// The offset down to which it was followed.
    from: u64,
    /// The lowest end of a frame on it, the file's length if there is no trail.
    low: u64,
    /// Some of the places on it, falling, the file's length first. From each the places below are found again, so that
    /// memory stays small.
    marks: Vec<u64>,
    /// From here on the file holds nothing but zeros: a tail that was never written.
    zeros_from: u64,
    window: Window,
}

impl Trail {
    /// Follows the trail from the end of the file down to an offset.
    pub(crate) fn follow<S: Source>(file: &mut File<'_, S>, from: u64) -> Result<Self, S::Error> {
        let mut trail = Self {
            from,
            low: file.len,
            marks: vec![file.len],
            zeros_from: file.len,
            window: Window::default(),
        };
        let mut mark = file.len;
        if file.len.saturating_sub(from) % ALIGNMENT != 0 {
            // Whole frames do not lead from there to the end.
            trail.find_zeros(file)?;
            return Ok(trail);
        }
        while let Some(start) = trail.start_of_frame_before(file, trail.low)? {
            if start < from {
                break;
            }
            trail.low = start;
            if mark - start >= SPAN_BYTES {
                mark = start;
                trail.marks.push(start);
            }
        }
        if trail.is_empty(file) {
            trail.find_zeros(file)?;
        }
        Ok(trail)
    }

    /// Whether it answers for an offset.
    pub(crate) fn covers(&self, offset: u64) -> bool {
        self.from <= offset
    }

    /// Whether the end of the file is not the end of a frame.
    pub(crate) fn is_empty<S>(&self, file: &File<'_, S>) -> bool {
        self.low == file.len
    }

    /// Whether there is nothing but zeros from an offset on.
    pub(crate) fn is_unwritten(&self, offset: u64) -> bool {
        offset >= self.zeros_from
    }

    /// The first place on the trail behind an offset; the end of the file if there is no trail.
    pub(crate) fn next<S: Source>(&mut self, file: &mut File<'_, S>, offset: u64) -> Result<u64, S::Error> {
        debug_assert!(self.covers(offset));
        if offset < self.low {
            return Ok(self.low);
        }
        let above = self.marks.partition_point(|&mark| mark > offset);
        let mut place = above.checked_sub(1).and_then(|i| self.marks.get(i)).copied().unwrap_or(file.len);
        // What follows goes backwards over this stretch; those who ask go forwards.
        let first = offset.max(place.saturating_sub(to_u64(BLOCK)));
        self.window.at(file, first, layout::to_usize(place - first))?;
        while let Some(start) = self.start_of_frame_before(file, place)? {
            if start <= offset {
                break;
            }
            place = start;
        }
        Ok(place)
    }

    /// Where the frame starts that ends at `end`, if two of its three statements agree.
    fn start_of_frame_before<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        end: u64,
    ) -> Result<Option<u64>, S::Error> {
        let Some(root) = self.window.before::<S, ROOT>(file, end)? else { return Ok(None) };
        let root: Root = transmute!(root);
        let start = |padded: u64| end.checked_sub(padded.checked_add(OVERHEAD_BYTES)?);
        let by_length = start(root.padded_by_length());
        let by_pointer = root.padded_by_pointer().and_then(start);
        if by_length == by_pointer {
            return Ok(by_length);
        }
        for start in [by_length, by_pointer].into_iter().flatten() {
            let delimiter = self.window.peek::<S, DELIMITER>(file, start)?;
            if delimiter.and_then(layout::stated_frame_bytes) == Some(end - start) {
                return Ok(Some(start));
            }
        }
        Ok(None)
    }

    fn find_zeros<S: Source>(&mut self, file: &mut File<'_, S>) -> Result<(), S::Error> {
        self.skip_zeros::<S, BLOCK_OF_ZEROS>(file)?;
        self.skip_zeros::<S, 1>(file)
    }

    /// Goes back over zeros, `N` at a time.
    fn skip_zeros<S: Source, const N: usize>(&mut self, file: &mut File<'_, S>) -> Result<(), S::Error> {
        while self.zeros_from > self.from && self.window.before(file, self.zeros_from)? == Some([0; N]) {
            self.zeros_from -= to_u64(N);
        }
        Ok(())
    }
}

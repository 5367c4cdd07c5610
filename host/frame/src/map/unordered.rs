//! Goes through a file in which any id may come anywhere, and more than once: one of dead letters.

use std::collections::VecDeque;

use crate::{
    decode::{self, Frame},
    id::RecordId,
    layout::{to_u64, to_usize},
    map::{
        frames::{Frames, Prefix},
        scan::{Extent, extents},
    },
    source::Source,
    window::{File, Window},
};

/// What lies next in a file of frames in any order. Offsets and lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnorderedStep<'a> {
    /// A whole frame, checked. It says itself how many events it holds.
    Whole {
        /// Where it starts.
        offset: u64,
        /// The frame.
        frame: Frame<'a>,
    },
    /// Bytes that are lost.
    Damaged {
        /// Where they start.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// An unfinished frame that ends the file: nothing behind it is whole, and it is not complete.
    Unfinished {
        /// Where it starts.
        offset: u64,
        /// How many bytes of it there are.
        bytes: u64,
    },
}

/// Goes from frame to frame, as long as two of the three length statements of each agree. At the first place where they do
/// not, it looks for frames in the rest of the file, in time in proportion to its length.
///
/// Where a frame has lost both ends, nothing tells a record from a copy in its payload: ids may be any.
#[derive(Debug)]
pub struct UnorderedWalk<S> {
    source: S,
    /// As long as the file was when the walk began.
    len: u64,
    window: Window,
    offset: u64,
    /// What the rest of the file holds, once that was looked for.
    rest: Option<VecDeque<Extent>>,
}

/// What was found at a place.
enum Place {
    Frame {
        end: u64,
        is_whole: bool,
    },
    /// Bytes of no frame, up to the next one.
    Gap {
        end: u64,
    },
    /// No frame follows.
    Rest,
}

impl<S: Source> UnorderedWalk<S> {
    /// Starts at the start of a file.
    pub fn new(source: S) -> Self {
        Self { len: source.len(), source, window: Window::default(), offset: 0, rest: None }
    }

    /// Where the next step starts, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What lies next; `None` at the end of the file. After an error the same step can be tried again.
    #[expect(
        clippy::should_implement_trait,
        reason = "reading can fail, and a step that failed can be tried again"
    )]
    pub fn next(&mut self) -> Result<Option<UnorderedStep<'_>>, S::Error> {
        let offset = self.offset;
        if offset >= self.len {
            return Ok(None);
        }
        let file = File { source: &mut self.source, len: self.len };
        let mut frames = Frames { file, window: std::mem::take(&mut self.window) };
        let place = place(&mut frames, offset, &mut self.rest);
        self.window = frames.window;
        let (end, is_whole) = match place? {
            Place::Frame { end, is_whole } => (end, is_whole),
            Place::Gap { end } => (end, false),
            Place::Rest => {
                self.offset = self.len;
                return Ok(Some(UnorderedStep::Unfinished { offset, bytes: self.len - offset }));
            }
        };
        self.offset = end;
        let bytes = end - offset;
        let held = self.window.held_from(offset).get(..to_usize(bytes)).filter(|_| is_whole);
        Ok(Some(match held.and_then(whole_frame) {
            Some(frame) => UnorderedStep::Whole { offset, frame },
            None => UnorderedStep::Damaged { offset, bytes },
        }))
    }
}

/// The frame that these bytes are, all of them.
fn whole_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let plain = decode::decode(bytes).ok().filter(|frame| frame.bytes == to_u64(bytes.len()));
    plain.or_else(|| decode::decode_undelimited(bytes).ok())
}

fn place<S: Source>(
    frames: &mut Frames<'_, S>,
    offset: u64,
    rest: &mut Option<VecDeque<Extent>>,
) -> Result<Place, S::Error> {
    if rest.is_none() {
        if let Some(end) = frames.settled_end(offset)? {
            let piece = frames.piece(offset, end)?;
            // What is left of a damaged frame may state a false end.
            let is_certain = piece.is_some_and(|piece| !piece.undelimited);
            if is_certain || end == frames.file.len || frames.settled_end(end)?.is_some() {
                return frame(frames, offset, end);
            }
        }
        let any = RecordId(0)..RecordId(u64::MAX);
        *rest = Some(extents(frames, offset, frames.file.len, any)?.into());
    }
    let Some(rest) = rest else { return Ok(Place::Rest) };
    while rest.front().is_some_and(|extent| extent.end <= offset) {
        rest.pop_front();
    }
    let Some(next) = rest.front() else { return Ok(Place::Rest) };
    if next.start <= offset {
        let end = if next.by_prefix { frames.settled_end(offset)? } else { None };
        let end = end.filter(|end| *end <= next.end).unwrap_or(next.end);
        return frame(frames, offset, end);
    }
    // Where the length prefix leads to another frame, what is between the two is payload.
    let end = match frames.prefix(offset)? {
        Prefix::EndsAt(end) if rest.iter().any(|extent| extent.start == end) => end,
        _ => next.start,
    };
    Ok(Place::Gap { end })
}

fn frame<S: Source>(frames: &mut Frames<'_, S>, offset: u64, end: u64) -> Result<Place, S::Error> {
    let is_whole = frames.piece(offset, end)?.is_some();
    Ok(Place::Frame { end, is_whole })
}

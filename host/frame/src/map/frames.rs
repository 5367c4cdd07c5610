//! Looks at places in a file: does a frame's extent stand there, and is the frame whole?

use crate::{
    checksum,
    layout::{self, DELIMITER, OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT, ROOT_BYTES, Root, to_u64, to_usize},
    map::piece::{Item, Piece, push},
    source::Source,
    window::{BLOCK, File, Window},
};

/// What the length prefix at a place says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// No frame has such a length, or fewer than 8 bytes are here.
    Impossible,
    /// The frame ends here, by the prefix alone.
    EndsAt(u64),
    /// The frame would end here, which is behind the file's end.
    BeyondFile(u64),
}

/// A file, and what of it is in memory.
pub(crate) struct Frames<'a, S> {
    pub(crate) file: File<'a, S>,
    pub(crate) window: Window,
}

impl<'a, S: Source> Frames<'a, S> {
    pub(crate) fn new(source: &'a mut S) -> Self {
        let len = source.len();
        Self { file: File { source, len }, window: Window::default() }
    }

    /// What the length prefix at a place says.
    pub(crate) fn prefix(&mut self, offset: u64) -> Result<Prefix, S::Error> {
        let bytes = self.window.at(&mut self.file, offset, DELIMITER)?.first_chunk().copied();
        Ok(self.says(offset, bytes))
    }

    fn says(&self, offset: u64, prefix: Option<[u8; DELIMITER]>) -> Prefix {
        match prefix.and_then(layout::stated_frame_bytes).map(|bytes| offset.saturating_add(bytes)) {
            Some(end) if end <= self.file.len => Prefix::EndsAt(end),
            Some(end) => Prefix::BeyondFile(end),
            None => Prefix::Impossible,
        }
    }

    /// The end of the frame at a place, if its length prefix and one statement of the trailer agree on it.
    pub(crate) fn settled_end(&mut self, offset: u64) -> Result<Option<u64>, S::Error> {
        let Prefix::EndsAt(end) = self.prefix(offset)? else { return Ok(None) };
        let trailer = self.window.peek::<S, ROOT>(&mut self.file, end - ROOT_BYTES)?;
        let agrees = trailer.is_some_and(|trailer| {
            let root: Root = zerocopy::transmute!(trailer);
            root.states(end - offset - OVERHEAD_BYTES)
        });
        Ok(agrees.then_some(end))
    }

    /// Goes from frame to frame as long as length prefixes and trailers agree, `to` at the most. Gives where it ended.
    pub(crate) fn walk(&mut self, mut at: u64, to: u64, items: &mut Vec<Item>) -> Result<u64, S::Error> {
        while let Some(end) = self.settled_end(at)?.filter(|end| *end <= to) {
            let item = self.item(at, end)?;
            push(items, item);
            at = end;
        }
        Ok(at)
    }

    /// The frame between two places.
    pub(crate) fn item(&mut self, offset: u64, end: u64) -> Result<Item, S::Error> {
        let piece = self.piece(offset, end)?;
        Ok(piece.map_or(Item::Broken { offset, end }, Item::Whole))
    }

    /// The frame between two places, if its checksum agrees.
    pub(crate) fn piece(&mut self, offset: u64, end: u64) -> Result<Option<Piece>, S::Error> {
        let bytes = to_usize(end - offset);
        // A long frame is taken into memory only if it is whole, and only for its event count.
        if bytes > BLOCK && !self.checksum_agrees(offset, end)? {
            return Ok(None);
        }
        let Some(frame) = self.window.at(&mut self.file, offset, bytes)?.get(..bytes) else {
            return Ok(None);
        };
        Ok(Piece::decode(offset, frame))
    }

    /// Whether the checksum agrees of a frame that is too long to be taken into memory unseen.
    fn checksum_agrees(&mut self, offset: u64, end: u64) -> Result<bool, S::Error> {
        let Some(trailer) = self.window.peek::<S, ROOT>(&mut self.file, end - ROOT_BYTES)? else {
            return Ok(false);
        };
        let root: Root = zerocopy::transmute!(trailer);
        let lengths = root.possible_lengths(end - offset - OVERHEAD_BYTES);
        let mut hasher = checksum::after_header(root.id.get(), root.metadata.get());
        let mut done = 0;
        let start = offset.saturating_add(PAYLOAD_OFFSET);
        for length in lengths {
            while done < length {
                let wanted = to_usize(length - done).min(BLOCK);
                let bytes =
                    self.window.at(&mut self.file, start.saturating_add(done), wanted.min(DELIMITER))?;
                let Some(bytes) = bytes.get(..wanted.min(bytes.len())).filter(|bytes| !bytes.is_empty())
                else {
                    return Ok(false);
                };
                hasher.update(bytes);
                done += to_u64(bytes.len());
            }
            if hasher.clone().finalize() == root.checksum.get() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the file holds zeros alone from a place on.
    pub(crate) fn is_zero_from(&mut self, start: u64) -> Result<bool, S::Error> {
        let mut at = start;
        while at < self.file.len {
            let held = self.window.at(&mut self.file, at, 1)?;
            if held.is_empty() || held.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at = at.saturating_add(held.len().try_into().unwrap_or(u64::MAX));
        }
        Ok(true)
    }
}

/// Whether a frame of so many bytes lies at an offset, by its checksum. Reads it in blocks: it may be longer than memory.
pub fn is_whole<S: Source>(source: &mut S, offset: u64, frame_bytes: u64) -> Result<bool, S::Error> {
    let end = offset.saturating_add(frame_bytes);
    if frame_bytes < OVERHEAD_BYTES || end > source.len() {
        return Ok(false);
    }
    Frames::new(source).checksum_agrees(offset, end)
}

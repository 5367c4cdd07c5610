//! Looks at places in a file and says what stands there.
//!
//! Everything is read block by block, however long a frame claims to be. What is looked at in vain is charged to an
//! account in proportion to the file's length; when it is used up, only what is near is looked at. So a file that was
//! made to waste time cannot.

use std::ops::Range;

use crc32fast::Hasher;
use zerocopy::transmute;

use crate::{
    checksum,
    damage::Source,
    events,
    id::RecordId,
    layout::{
        self, ALIGNMENT, DELIMITER, MAX_PAYLOAD_BYTES, OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT, ROOT_BYTES,
        Root, to_u64, to_usize,
    },
    window::{File, Window},
};

/// How many times its length may be read of a file in vain.
const CREDIT_PER_BYTE: u64 = 8;

/// How many bytes may be read in vain at a time when the account is used up.
const FREE_BYTES: u64 = 4 * 1024;

/// Looks for frames.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) window: Window,
    /// How many bytes may still be read in vain.
    credit_bytes: u64,
}

/// What stands at a place.
pub(crate) enum Look {
    /// A whole frame. `next` is the lowest id that may follow.
    Whole { id: RecordId, next: RecordId, end: u64 },
    /// What has the shape of a frame, but not an id that may stand here.
    Stray,
    /// No frame.
    Nothing,
}

impl Search {
    pub(crate) fn new(file_len: u64) -> Self {
        Self { window: Window::default(), credit_bytes: file_len.saturating_mul(CREDIT_PER_BYTE) }
    }

    /// Whether `start..end` is a frame with a fitting id in which at most the numbers are damaged that say how long its
    /// parts are.
    pub(crate) fn is_intact<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        start: u64,
        end: u64,
        fits: impl FnOnce(RecordId) -> bool,
    ) -> Result<bool, S::Error> {
        let Some(padded) = (end - start).checked_sub(OVERHEAD_BYTES) else { return Ok(false) };
        if padded % ALIGNMENT != 0 || padded > MAX_PAYLOAD_BYTES || !self.affords(padded) {
            return Ok(false);
        }
        let Some(root) = self.window.peek::<S, ROOT>(file, end - ROOT_BYTES)? else { return Ok(false) };
        let root: Root = transmute!(root);
        if !fits(RecordId(root.id.get())) {
            return Ok(false);
        }
        let payload = start + PAYLOAD_OFFSET;
        let mut hasher = checksum::after_header(root.id.get(), root.metadata.get());
        let mut taken = 0;
        for payload_bytes in root.possible_lengths(padded) {
            self.hash(file, &mut hasher, payload + taken..payload + payload_bytes)?;
            taken = payload_bytes;
            if hasher.clone().finalize() == root.checksum.get() {
                return Ok(true);
            }
        }
        self.charge(padded);
        Ok(false)
    }

    /// The id of the whole frame at a place, if there is one.
    pub(crate) fn id_at<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        place: u64,
    ) -> Result<Option<RecordId>, S::Error> {
        let any = RecordId(0)..RecordId(u64::MAX);
        match self.look(file, place, file.len, &any)? {
            Look::Whole { id, .. } => Ok(Some(id)),
            Look::Stray | Look::Nothing => Ok(None),
        }
    }

    /// Looks at one place.
    pub(crate) fn look<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        at: u64,
        bound: u64,
        ids: &Range<RecordId>,
    ) -> Result<Look, S::Error> {
        let delimiter = self.window.peek::<S, DELIMITER>(file, at)?;
        let Some(bytes) = delimiter.and_then(layout::stated_frame_bytes) else { return Ok(Look::Nothing) };
        let end = at.saturating_add(bytes);
        if end > bound {
            return Ok(Look::Nothing);
        }
        let Some(root) = self.window.peek::<S, ROOT>(file, end - ROOT_BYTES)? else {
            return Ok(Look::Nothing);
        };
        let root: Root = transmute!(root);
        if root.padded() != Some(bytes - OVERHEAD_BYTES) {
            return Ok(Look::Nothing);
        }
        let id = RecordId(root.id.get());
        if !ids.contains(&id) {
            return Ok(Look::Stray);
        }
        let payload_bytes = u64::from(root.payload_bytes.get());
        let mut hasher = checksum::after_header(id.0, root.metadata.get());
        let payload = at + PAYLOAD_OFFSET;
        self.hash(file, &mut hasher, payload..payload + payload_bytes)?;
        if hasher.finalize() != root.checksum.get() {
            self.charge(payload_bytes);
            return Ok(Look::Nothing);
        }
        let events = events::stated(&root).map_or(1, |events| events.get().into());
        Ok(Look::Whole { id, next: id.after(events), end })
    }

    fn hash<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        hasher: &mut Hasher,
        range: Range<u64>,
    ) -> Result<(), S::Error> {
        let mut at = range.start;
        while at < range.end {
            let block = self.window.at(file, at, 1)?;
            let wanted = block.len().min(to_usize(range.end - at));
            if wanted == 0 {
                // The file has become shorter.
                break;
            }
            hasher.update(block.get(..wanted).unwrap_or_default());
            at += to_u64(wanted);
        }
        Ok(())
    }

    /// Whether so many bytes may be read in vain.
    pub(crate) fn affords(&self, bytes: u64) -> bool {
        bytes <= self.credit_bytes.max(FREE_BYTES)
    }

    /// So many bytes were read in vain.
    pub(crate) fn charge(&mut self, bytes: u64) {
        self.credit_bytes = self.credit_bytes.saturating_sub(bytes);
    }
}

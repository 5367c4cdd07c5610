//! From a frame to its record.

use std::num::NonZeroU32;

use thiserror::Error;
use zerocopy::FromBytes;

use crate::{
    checksum,
    events::{self, CountSource},
    id::RecordId,
    layout::{self, DELIMITER, ROOT, Root, to_u64, to_usize},
};

/// A frame whose checksum agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The id of the record's first event.
    pub id: RecordId,
    /// What the writer says about the payload; no meaning here, except that 1 is Vector's `EventArray`.
    pub metadata: u32,
    /// How many events the record holds, and how many ids it takes.
    pub events: NonZeroU32,
    /// How `events` is known.
    pub count_source: CountSource,
    /// The record's bytes. They start [`PAYLOAD_OFFSET`](crate::PAYLOAD_OFFSET) behind the frame's start.
    pub payload: &'a [u8],
    /// The length of the whole frame, delimiter and all.
    pub bytes: u64,
}

impl Frame<'_> {
    /// The id after the record's last event.
    pub fn next_id(&self) -> RecordId {
        self.id.after(self.events.get().into())
    }

    /// The lowest id that may follow. Where the events were not counted in the frame, the count may be too high; that ids rise is
    /// certain.
    pub fn lowest_next_id(&self) -> RecordId {
        match self.count_source {
            CountSource::Frame => self.next_id(),
            CountSource::Payload | CountSource::Assumed => self.id.after(1),
        }
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end before the frame does. What is there may or may not be damaged.
    #[error("the frame is {needed} bytes long at least, and fewer are here")]
    Incomplete {
        /// How many bytes are needed from the frame's start on.
        needed: u64,
    },
    /// The length in front is one that no frame has.
    #[error("no frame has the length that stands in front of this one")]
    Delimiter,
    /// What the root says about the payload's place or length is not so.
    #[error("the frame's root and its length do not agree")]
    Root,
    /// The payload, the id, the metadata or the checksum itself has changed.
    #[error("the frame's checksum does not agree")]
    Checksum,
}

/// Decodes the frame that starts at the beginning of `bytes`, which may be followed by anything.
///
/// Takes only what Vector and this crate write: the payload directly in front of the root. What stands in padding does
/// not matter.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((delimiter, rest)) = bytes.split_first_chunk::<DELIMITER>() else {
        return Err(FrameError::Incomplete { needed: to_u64(DELIMITER) });
    };
    let needed = layout::stated_frame_bytes(*delimiter).ok_or(FrameError::Delimiter)?;
    match rest.get(..to_usize(needed - to_u64(DELIMITER))) {
        Some(archive) => decode_archive(archive),
        None => Err(FrameError::Incomplete { needed }),
    }
}

/// How long the frame that starts at the beginning of `bytes` is at least, if fewer bytes are here: what [`decode`] answers
/// with [`FrameError::Incomplete`], without a look at the frame itself.
pub fn incomplete(bytes: &[u8]) -> Option<u64> {
    let Some(delimiter) = bytes.first_chunk::<DELIMITER>() else { return Some(to_u64(DELIMITER)) };
    layout::stated_frame_bytes(*delimiter).filter(|needed| *needed > to_u64(bytes.len()))
}

/// Decodes the frame that `bytes` is, all of it, where its length, pointer or payload length are damaged: for
/// [`Stretch::Undelimited`](crate::Stretch::Undelimited). The checksum decides, as it covers everything else.
pub fn decode_undelimited(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let (padded, root) = match bytes.get(DELIMITER..).and_then(<[u8]>::split_last_chunk::<ROOT>) {
        Some((padded, root)) if to_u64(padded.len()) % layout::ALIGNMENT == 0 => (padded, root),
        Some(_) => return Err(FrameError::Root),
        None => return Err(FrameError::Incomplete { needed: layout::OVERHEAD_BYTES }),
    };
    let root = Root::ref_from_bytes(root).map_err(|_| FrameError::Root)?;
    let mut known = 0;
    let mut hasher = checksum::after_header(root.id.get(), root.metadata.get());
    for payload_bytes in root.possible_lengths(to_u64(padded.len())) {
        let payload = padded.get(..to_usize(payload_bytes)).ok_or(FrameError::Root)?;
        hasher.update(payload.get(known..).unwrap_or_default());
        known = payload.len();
        if hasher.clone().finalize() == root.checksum.get() {
            return Ok(frame(root, payload, bytes.len()));
        }
    }
    Err(FrameError::Checksum)
}

/// Decodes payload, padding and root.
#[inline]
fn decode_archive(archive: &[u8]) -> Result<Frame<'_>, FrameError> {
    let (padded, root) = archive.split_last_chunk::<ROOT>().ok_or(FrameError::Root)?;
    let root = Root::ref_from_bytes(root).map_err(|_| FrameError::Root)?;
    if root.padded() != Some(to_u64(padded.len())) {
        return Err(FrameError::Root);
    }
    let payload = padded.get(..to_usize(root.payload_bytes.get().into())).ok_or(FrameError::Root)?;
    if checksum::of_record(root.id.get(), root.metadata.get(), payload) != root.checksum.get() {
        return Err(FrameError::Checksum);
    }
    Ok(frame(root, payload, DELIMITER + archive.len()))
}

#[inline]
fn frame<'a>(root: &Root, payload: &'a [u8], bytes: usize) -> Frame<'a> {
    let (events, count_source) = events::count(root, payload);
    Frame {
        id: RecordId(root.id.get()),
        metadata: root.metadata.get(),
        events,
        count_source,
        payload,
        bytes: to_u64(bytes),
    }
}

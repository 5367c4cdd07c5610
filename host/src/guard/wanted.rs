//! Where the records go that a scan comes to.

use std::num::NonZeroU32;

use bytes::Bytes;
use forebay_frame::Frame;

use super::{
    ReadRecord,
    found::{Followed, Found},
    kept::Kept,
    scan::Verified,
};

/// Who wants the records of a scan.
#[derive(Debug, Default)]
pub(super) enum Wanted {
    /// Nobody: only the spans are wanted.
    #[default]
    Nothing,
    /// The logic, which is reading.
    ToRead(Kept),
    /// The host itself.
    ToWalk(Vec<Verified>),
}

impl Wanted {
    /// Takes the records that follow each other from an offset on.
    pub(super) fn follow<'a>(
        &mut self,
        at: u64,
        bytes: &'a [u8],
        block: &Bytes,
        found: &mut Found,
    ) -> Followed<'a> {
        match self {
            Self::Nothing => found.follow(at, bytes, |_, _| {}),
            Self::ToRead(kept) => {
                let followed =
                    found.follow(at, bytes, |_, frame| kept.keep(read(frame, frame.events, block)));
                kept.lies_in(block);
                followed
            }
            Self::ToWalk(records) => found.follow(at, bytes, |offset, frame| {
                records.push(Verified::new(offset, frame, frame.events));
            }),
        }
    }

    /// Takes one record, of so many events.
    pub(super) fn keep(&mut self, at: u64, frame: &Frame<'_>, events: NonZeroU32, block: &Bytes) {
        match self {
            Self::Nothing => {}
            Self::ToRead(kept) => {
                kept.keep(read(frame, events, block));
                kept.lies_in(block);
            }
            Self::ToWalk(records) => records.push(Verified::new(at, frame, events)),
        }
    }
}

/// A record for the consumer. Whoever hands it out says which incarnation it is of.
#[inline]
fn read(frame: &Frame<'_>, events: NonZeroU32, block: &Bytes) -> ReadRecord {
    ReadRecord {
        id: frame.id,
        incarnation: 0,
        events,
        metadata: frame.metadata,
        payload: block.slice_ref(frame.payload),
        frame_bytes: frame.bytes,
    }
}

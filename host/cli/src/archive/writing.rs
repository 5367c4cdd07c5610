//! Records into an archive.

use std::io::Write;

use anyhow::Context as _;
use forebay::RecordId;
use forebay_core::ReadRecord;

use super::ends::{End, Head};
use crate::remembered::Remembered;

/// An archive that is being written.
pub(crate) struct ArchiveWriter<W> {
    into: W,
    records: u64,
    events: u64,
    frames: Vec<u8>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive of the records from this id on, and of a buffer's options.
    pub(crate) fn new(mut into: W, first_id: RecordId, options: &Remembered) -> anyhow::Result<Self> {
        let options = if options.is_empty() { Vec::new() } else { padded(options.text()?) };
        let head = Head {
            first_id: first_id.0,
            options_bytes: u64::try_from(options.len())?,
            options_checksum: crc32fast::hash(&options).into(),
        };
        into.write_all(&head.encode()).and_then(|()| into.write_all(&options)).context(CANNOT_WRITE)?;
        Ok(Self { into, records: 0, events: 0, frames: Vec::new() })
    }

    /// Adds records. Their ids are above those that were added before.
    pub(crate) fn add(&mut self, records: &[ReadRecord]) -> anyhow::Result<()> {
        self.frames.clear();
        for record in records {
            let ReadRecord { id, metadata, events, payload, .. } = record;
            forebay_frame::encode(&mut self.frames, *id, *metadata, *events, payload);
            self.records = self.records.saturating_add(1);
            self.events = self.events.saturating_add(events.get().into());
        }
        self.into.write_all(&self.frames).context(CANNOT_WRITE)
    }

    /// Ends the archive. `first_id` may have become higher, `next_id` is the id behind all records. Gives how many there are, and what it was written to.
    pub(crate) fn finish(mut self, first_id: RecordId, next_id: RecordId) -> anyhow::Result<(u64, W)> {
        let Self { records, events, .. } = self;
        let end = End { records, events, next_id: next_id.0, first_id: first_id.0 };
        self.into.write_all(&end.encode()).and_then(|()| self.into.flush()).context(CANNOT_WRITE)?;
        Ok((records, self.into))
    }
}

/// A text, with newlines up to a multiple of 8: frames begin there.
fn padded(mut text: String) -> Vec<u8> {
    while !text.len().is_multiple_of(8) {
        text.push('\n');
    }
    text.into_bytes()
}

const CANNOT_WRITE: &str = "cannot write the archive";

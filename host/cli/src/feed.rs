//! From stdin into the buffer.

use std::{
    io::{self, Stdin},
    ops::ControlFlow,
};

use bytes::Bytes;
use forebay::{NewRecord, Pending, Writer};

use crate::{args::InputFraming, framing::Input};

/// Reads records and hands them to the buffer.
pub(crate) struct Feed {
    input: Input<Stdin>,
    writer: Writer,
    metadata: u32,
}

/// A batch that was handed over.
pub(crate) struct Sent {
    pub(crate) pending: Pending,
    /// All payloads together.
    pub(crate) bytes: u64,
    /// The longest frame.
    pub(crate) longest_frame: u64,
}

impl Feed {
    /// Records of at most `max_record` bytes from stdin into a buffer.
    pub(crate) fn new(framing: InputFraming, max_record: u64, writer: Writer, metadata: u32) -> Self {
        Self { input: Input::new(io::stdin(), framing, max_record), writer, metadata }
    }

    /// Hands over everything that comes, batch by batch, until stdin ends or `sent` has enough. All that was handed over
    /// before an error was seen has been given to `sent`.
    pub(crate) fn run(mut self, mut sent: impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        while let Some(batch) = self.input.next_batch()? {
            let records: Vec<NewRecord> = batch
                .into_iter()
                .map(|payload| NewRecord::new(payload).with_metadata(self.metadata))
                .collect();
            let bytes = payload_bytes(&records);
            let longest_frame = records.iter().map(NewRecord::frame_bytes).max().unwrap_or(0);
            let pending = self.writer.submit(records)?;
            if sent(Sent { pending, bytes, longest_frame }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The bytes of all payloads.
pub(crate) fn payload_bytes(records: &[NewRecord]) -> u64 {
    let bytes = |payload: &Bytes| u64::try_from(payload.len()).unwrap_or(u64::MAX);
    records.iter().fold(0, |sum: u64, record| sum.saturating_add(bytes(&record.payload)))
}

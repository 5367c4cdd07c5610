//! What one step of delivery gives.

use forebay_types::FileId;

use super::Met;
use crate::{record::ReadRecord, usage::Run};

/// Records that were read, in the runs that they came in.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) records: Vec<ReadRecord>,
    pub(crate) runs: Vec<Run>,
}

impl Delivered {
    pub(super) fn add(&mut self, file: FileId, met: &Met<'_>) {
        let Met { offset, frame, events, block, .. } = met;
        let next_id = met.next_id();
        match self.runs.last_mut() {
            Some(run)
                if run.file == file
                    && run.next_id == frame.id
                    && run.offset.saturating_add(run.bytes) == *offset =>
            {
                run.bytes = run.bytes.saturating_add(frame.bytes);
                run.next_id = next_id;
                run.records = run.records.saturating_add(1);
            }
            _ => self.runs.push(Run {
                file,
                offset: *offset,
                bytes: frame.bytes,
                first_id: frame.id,
                next_id,
                records: 1,
            }),
        }
        self.records.push(ReadRecord {
            id: frame.id,
            incarnation: 0,
            events: *events,
            metadata: frame.metadata,
            payload: block.slice_ref(frame.payload),
            frame_bytes: frame.bytes,
        });
    }
}

//! A look at the records that wait. It leases and acknowledges nothing, and goes by the files alone.

use std::path::Path;

use forebay::storage::native::{ReadOnly, Snapshot, SnapshotError};
use forebay_api::{
    Code, Failure, LOOK_BYTES_MAX, LOOK_RECORDS_MAX, LookAnswer, LookQuery, LookRecord,
    framing::{JsonRecord, Shown},
};
use forebay_core::look::Look;

/// How many records are read at a time, and how many bytes of frames.
const READ_RECORDS: u32 = 256;
const READ_BYTES: u64 = 256 << 10;

pub(super) fn look(directory: &Path, query: &LookQuery) -> Result<LookAnswer, Failure> {
    let looked = Snapshot::look(|| Snapshot::take(directory), |snapshot| records(snapshot, query));
    looked.map_err(|error| Failure::new(Code::Refused, error.to_string()))
}

fn records(snapshot: &Snapshot, query: &LookQuery) -> Result<LookAnswer, SnapshotError> {
    let mut look = Look::new(Box::new(ReadOnly::of(snapshot)?))?;
    let (from, last) = (query.from.unwrap_or(0), query.last.unwrap_or(u64::MAX));
    let mut answer = LookAnswer::default();
    let mut bytes = 0_usize;
    loop {
        let records = look.next_records(READ_RECORDS, READ_BYTES)?;
        if records.is_empty() {
            return Ok(answer);
        }
        for record in records {
            let id = record.id.0;
            if id < from {
                continue;
            }
            if id > last {
                return Ok(answer);
            }
            bytes = bytes.saturating_add(record.payload.len());
            let is_full = answer.records.len() == LOOK_RECORDS_MAX || bytes > LOOK_BYTES_MAX;
            if is_full && !answer.records.is_empty() {
                answer.next = Some(id);
                return Ok(answer);
            }
            let (events, metadata) = (record.events, record.metadata);
            let shown = Shown { id, events, metadata, payload: &record.payload };
            answer
                .records
                .push(LookRecord { incarnation: record.incarnation, record: JsonRecord::from(shown) });
        }
    }
}

//! A look at the records that wait. It leases and acknowledges nothing, and goes by the files alone.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use forebay::{
    RecordId,
    storage::{
        Checkpoint,
        native::{ReadOnly, Snapshot, SnapshotError},
    },
};
use forebay_api::{
    Code, Failure, LOOK_BYTES_MAX, LOOK_RECORDS_MAX, LookAnswer, LookQuery, LookRecord,
    framing::{JsonRecord, Shown},
};
use forebay_core::look::Look;
use tracing::subscriber::NoSubscriber;

/// How many records are read at a time, and how many bytes of frames.
const READ_RECORDS: u32 = 256;
const READ_BYTES: u64 = 256 << 10;

/// Where the last look ended: a client that goes through the records page by page goes on there.
pub(super) type Bookmark = Mutex<Option<Checkpoint>>;

pub(super) fn look(directory: &Path, query: &LookQuery, bookmark: &Bookmark) -> Result<LookAnswer, Failure> {
    let known = *bookmark.lock().unwrap_or_else(PoisonError::into_inner);
    let take = || Snapshot::take(directory);
    // What is wrong with the files was logged when the buffer was opened.
    let looked = tracing::subscriber::with_default(NoSubscriber::default(), || {
        Snapshot::look(take, |snapshot| records(snapshot, query, known))
    });
    let (answer, known) = looked.map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
    if known.is_some() {
        *bookmark.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
    Ok(answer)
}

/// The records, and a place that lies before the next page.
fn records(
    snapshot: &Snapshot,
    query: &LookQuery,
    known: Option<Checkpoint>,
) -> Result<(LookAnswer, Option<Checkpoint>), SnapshotError> {
    let mut look = Look::new(Box::new(ReadOnly::of(snapshot)?))?;
    let (from, last) = (query.from.unwrap_or(0), query.last.unwrap_or(u64::MAX));
    look.skip_to(RecordId(from), known)?;
    let mut answer = LookAnswer::default();
    let mut bytes = 0_usize;
    loop {
        let before = look.checkpoint();
        let records = look.next_records(READ_RECORDS, READ_BYTES)?;
        if records.is_empty() {
            return Ok((answer, before));
        }
        for record in records {
            let id = record.id.0;
            if id < from {
                continue;
            }
            if id > last {
                return Ok((answer, before));
            }
            bytes = bytes.saturating_add(record.payload.len());
            let is_full = answer.records.len() == LOOK_RECORDS_MAX || bytes > LOOK_BYTES_MAX;
            if is_full && !answer.records.is_empty() {
                answer.next = Some(id);
                return Ok((answer, before));
            }
            let (events, metadata) = (record.events, record.metadata);
            let shown = Shown { id, events, metadata, payload: &record.payload };
            answer
                .records
                .push(LookRecord { incarnation: record.incarnation, record: JsonRecord::from(shown) });
        }
    }
}

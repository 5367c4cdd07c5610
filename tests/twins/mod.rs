//! The scenarios of the tests that Vector's buffer has, through our API. `docs/ledger-operations.md` says which of ours
//! is the twin of which of Vector's, and why some have none.

mod acknowledgements;
mod basic;
mod checkpoint;
mod configuration;
mod foreign_files;
mod initialization;
mod invariants;
mod known_errors;
mod last_write;
mod refusals;
mod size_limits;

use forebay::{Buffer, NewRecord};

/// A record of this many events whose frame has this many bytes.
fn record(events: u32, frame_bytes: usize) -> NewRecord {
    NewRecord::new(vec![b'x'; frame_bytes - 40]).with_events(events.try_into().unwrap())
}

/// Reads all that is there now, and acknowledges nothing. Gives id and number of events of each record.
#[track_caller]
fn read_events(buffer: &Buffer) -> Vec<(u64, u32)> {
    let records = buffer.reader().try_next_batch(10_000).unwrap();
    records.iter().map(|record| (record.id().0, record.events().get())).collect()
}

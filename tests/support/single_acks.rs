//! Acknowledgements one by one, as a program's own work: `tests/counts` and `tests/bench` count what they cost from outside.

use anyhow::{Context as _, Result, ensure};
use forebay::Buffer;

/// How many records are there to be acknowledged.
pub const BACKLOG: usize = 4000;

/// How many records are read in one call.
const READ: usize = 100;

/// Writes [`BACKLOG`] records with this payload and reads all of them. Acknowledges so many of them, each by itself.
pub fn acknowledge(buffer: &Buffer, payload: &'static [u8], number: usize) -> Result<()> {
    ensure!(number <= BACKLOG, "there are {BACKLOG} records");
    buffer.writer().write_batch(vec![payload.into(); BACKLOG])?;
    let mut left = BACKLOG;
    let mut acknowledged = 0;
    while left > 0 {
        let records = buffer.reader().next_batch(READ)?.context("it is open")?;
        left = left.saturating_sub(records.len());
        for record in records {
            if acknowledged < number {
                record.ack();
                acknowledged += 1;
            }
        }
    }
    Ok(())
}

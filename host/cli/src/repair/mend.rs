//! What stays of a data file, copied into the one that takes its place.

use std::{io::Write, num::NonZeroU32};

use anyhow::{Context as _, ensure};
use forebay::storage::native::DataFileReader;
use forebay_frame::{Source as _, decode_undelimited, encode};

use super::plan::Piece;

/// How much is copied at a time.
const BLOCK_BYTES: u64 = 1 << 20;

pub(super) fn copy(
    source: &mut DataFileReader,
    pieces: &[Piece],
    into: &mut dyn Write,
) -> anyhow::Result<()> {
    for piece in pieces {
        match *piece {
            Piece::Whole { offset, bytes } => {
                let mut at = offset;
                let end = offset.saturating_add(bytes);
                while at < end {
                    let block = read(source, at, (end - at).min(BLOCK_BYTES))?;
                    into.write_all(&block).context("cannot write to the new data file")?;
                    at = at.saturating_add(u64::try_from(block.len())?);
                }
            }
            Piece::Undelimited { offset, bytes, events } => {
                let damaged = read(source, offset, bytes)?;
                let mended = encoded_again(&damaged, events)?;
                into.write_all(&mended).context("cannot write to the new data file")?;
            }
        }
    }
    Ok(())
}

/// The frame with the lengths that it should have.
fn encoded_again(damaged: &[u8], events: u64) -> anyhow::Result<Vec<u8>> {
    let frame = decode_undelimited(damaged)?;
    let events =
        u32::try_from(events).ok().and_then(NonZeroU32::new).context("a record has a count of events")?;
    let mut mended = Vec::with_capacity(damaged.len());
    encode(&mut mended, frame.id, frame.metadata, events, frame.payload);
    Ok(mended)
}

fn read(source: &mut DataFileReader, offset: u64, bytes: u64) -> anyhow::Result<Vec<u8>> {
    let mut block = vec![0; usize::try_from(bytes)?];
    let read = source.read_at(offset, &mut block)?;
    ensure!(read == block.len(), "another program has truncated the data file that is being repaired");
    Ok(block)
}

//! What a ledger may say. One pure predicate over the facts, asked at each `store-ledger`.
//!
//! The next opener believes the ledger. So it must lead to everything that waits, and to nothing twice.

use forebay_types::{Ledger, RecordId, Refusal};

use crate::segments::Segments;

/// The ledger that is stored, and how far another may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The ledger that was stored last; `None` in a new directory.
    pub(crate) stored: Option<Ledger>,
    /// The file that both ends name while there are no segments.
    pub(crate) first_file: forebay_types::FileId,
    /// The last event that the ledger may pass: everything up to it is acknowledged or lost.
    pub(crate) passable: RecordId,
    /// The operator lets the oldest segments go when there is no room. Then the id of the first record in the file that the new
    /// ledger leads to, or behind that file: it was read, and is no fence.
    pub(crate) first_left: Option<RecordId>,
}

/// What a ledger does that may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes what is acknowledged or lost, and nothing else.
    Fine,
    /// It passes so many segments from the front as a whole, with events that wait.
    Drops(usize),
}

/// Whether a ledger may be stored over these facts, and what it does.
pub(crate) fn may_store(new: Ledger, segments: &Segments, bounds: &Bounds) -> Result<Verdict, Refusal> {
    if new.writer_next_record != segments.next_id() {
        return Err(Refusal::LedgerNext);
    }
    let last = new.reader_last_record;
    if last >= new.writer_next_record || bounds.stored.is_some_and(|stored| last < stored.reader_last_record)
    {
        return Err(Refusal::LedgerLast);
    }
    if segments.order().is_empty() {
        let names_it = new.reader_data_file == bounds.first_file && new.writer_data_file == bounds.first_file;
        let passes_nothing = last <= bounds.passable;
        return match (names_it, passes_nothing) {
            (false, _) => Err(Refusal::UnknownFile),
            (true, false) => Err(Refusal::LedgerLast),
            (true, true) => Ok(Verdict::Fine),
        };
    }
    let (Some(reader), Some(writer)) =
        (segments.position(new.reader_data_file), segments.position(new.writer_data_file))
    else {
        return Err(Refusal::UnknownFile);
    };
    if reader > writer {
        return Err(Refusal::LedgerFiles);
    }
    if let Some(stored) = bounds.stored.and_then(|stored| segments.position(stored.writer_data_file))
        && writer < stored
        && segments.next_id() > last.after(1)
    {
        // A power loss would leave a window without the segments behind the writer's. Nothing may wait there.
        return Err(Refusal::LedgerFiles);
    }
    let end_before_reader = segments.records_end_before(reader).ok_or(Refusal::LedgerFiles)?;
    if end_before_reader > last.after(1) {
        return Err(Refusal::LedgerFiles);
    }
    if last <= bounds.passable {
        return Ok(Verdict::Fine);
    }
    // Whole segments from the front, and nothing of the first that is left.
    let first_left = bounds.first_left.filter(|_| reader > 0);
    let drops_whole = first_left.is_some_and(|first_left| last.after(1) <= first_left.max(end_before_reader));
    if drops_whole { Ok(Verdict::Drops(reader)) } else { Err(Refusal::LedgerLast) }
}

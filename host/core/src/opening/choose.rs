//! The ledger to go by, made from what was decided.

use std::ops::Range;

use forebay_types::{FileId, Ledger, RecordId};
use tracing::warn;

use super::{decide::Decision, frames::Frames, order::leads_to_everything};
use crate::storage::StorageError;

/// What the ledger in a directory is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerState {
    /// It counts. Or there is nothing yet.
    #[default]
    Good,
    /// There are data files, and no ledger that can be read.
    Missing,
    /// It is damaged or out of date, and another one counts.
    Replaced,
    /// It has passed more than was ever written, and another one counts.
    Overrun,
    /// It counts. Only its last acknowledged event differs from that at the last close: these events were acknowledged since,
    /// or are not any more.
    Doubtful(Range<RecordId>),
}

impl LedgerState {
    /// Whether the ledger in the directory does not count.
    pub(super) fn does_not_count(&self) -> bool {
        match self {
            Self::Missing | Self::Replaced | Self::Overrun => true,
            Self::Good | Self::Doubtful(_) => false,
        }
    }
}

/// The ledger to go by, `None` if there is nothing; and what the one in the directory is worth.
pub(super) fn choose(
    decision: Decision,
    live: Option<Ledger>,
    copy: Option<Ledger>,
    frames: &mut Frames<'_>,
) -> Result<(Option<Ledger>, LedgerState), StorageError> {
    let chosen = match decision {
        Decision::Begin => None,
        Decision::Trust => live,
        Decision::TakeCopy => copy,
        Decision::CompareFields => match (live, copy) {
            (Some(live), Some(copy)) => Some(compare_fields(live, copy, frames)?),
            _ => live,
        },
        Decision::BuildFromFrames => build(frames)?,
    };
    let chosen = match chosen {
        Some(ledger) => Some(within_reach(ledger, copy, frames)?),
        None => None,
    };
    let mut state = match (live, chosen) {
        (None, Some(_)) => LedgerState::Missing,
        (Some(live), Some(chosen)) if live != chosen => LedgerState::Replaced,
        _ => LedgerState::Good,
    };
    let mut chosen = chosen.map(turn_round);
    if let Some(ledger) = &mut chosen {
        let taken_back = take_back_overrun(*ledger, copy, frames)?;
        if taken_back != *ledger && state == LedgerState::Good {
            state = LedgerState::Overrun;
        }
        *ledger = taken_back;
    }
    if live.is_none() && chosen.is_some() {
        warn!(
            ?decision,
            ?chosen,
            "the ledger (buffer.db) is missing: Forebay goes by another one, and may deliver some records again"
        );
    }
    if let (Some(live), Some(chosen)) = (live, chosen)
        && live != chosen
    {
        warn!(
            ?decision,
            ?live,
            ?chosen,
            "the ledger (buffer.db) is damaged or out of date: Forebay goes by another one, and may deliver some records again"
        );
    }
    Ok((chosen, state))
}

/// Vector's reader may have gone one file ahead of its writer. The order never fills the ring, so these two files are the
/// order, the other way round.
fn turn_round(ledger: Ledger) -> Ledger {
    if ledger.writer_data_file.steps_to(ledger.reader_data_file) == 1 {
        return Ledger {
            writer_data_file: ledger.reader_data_file,
            reader_data_file: ledger.writer_data_file,
            ..ledger
        };
    }
    ledger
}

/// A ledger in front of all that is there.
fn build(frames: &mut Frames<'_>) -> Result<Option<Ledger>, StorageError> {
    let (mut first, mut last) = (None, None);
    for file in frames.nonempty() {
        let runs = &frames.extent(file)?.runs;
        let (start, end) = (runs.iter().map(|run| run.start).min(), runs.iter().map(|run| run.end).max());
        first = first.into_iter().chain(start.map(|start| (start, file))).min();
        last = last.max(end.map(|end| (end, file)));
    }
    let (Some((first, reader)), Some((end, writer))) = (first, last) else {
        // Nothing is whole. The files stay where they are.
        let file = frames.nonempty().first().copied().unwrap_or(FileId::FIRST);
        return Ok(Some(Ledger { writer_data_file: file, reader_data_file: file, ..Ledger::EMPTY }));
    };
    Ok(Some(Ledger {
        writer_next_record: end,
        writer_data_file: writer,
        reader_data_file: reader,
        reader_last_record: first.max(RecordId::FIRST).before(),
    }))
}

/// The ledger after a power loss: a field that neither the copy nor the frames agree with is taken from the copy.
///
/// Where the frames agree with the ledger, another program had the buffer since, or the ledger reached the disk before the
/// copy did.
fn compare_fields(live: Ledger, copy: Ledger, frames: &mut Frames<'_>) -> Result<Ledger, StorageError> {
    let mut ledger = live;
    ledger.reader_last_record = better_last(live, copy, frames)?;
    ledger.writer_next_record = better_next(ledger, copy, frames)?;
    better_files(ledger, copy, frames)
}

/// One that has passed every record, among them some that the copy has not, is not believed.
fn better_last(live: Ledger, copy: Ledger, frames: &mut Frames<'_>) -> Result<RecordId, StorageError> {
    let (live, copy) = (live.reader_last_record, copy.reader_last_record);
    if live <= copy || frames.reaches(live)? || !frames.reaches(copy.after(1))? {
        return Ok(live);
    }
    Ok(copy)
}

/// Ids that were given to nothing that is there, and were not given when the copy was made, are given again. Where nothing
/// is left that could be asked, the ledger stands.
fn better_next(ledger: Ledger, copy: Ledger, frames: &mut Frames<'_>) -> Result<RecordId, StorageError> {
    let next = ledger.writer_next_record;
    if next <= copy.writer_next_record || frames.reaches(next.before())? {
        return Ok(next);
    }
    // Frames from before what is acknowledged say nothing of what came behind it.
    let end = frames.end()?.filter(|end| *end > ledger.reader_last_record);
    Ok(end.map_or(next, |end| copy.writer_next_record.max(end).min(next)))
}

/// Where reader and writer are: each from the copy if with it, and not without it, everything unread is met.
fn better_files(ledger: Ledger, copy: Ledger, frames: &mut Frames<'_>) -> Result<Ledger, StorageError> {
    let (reader_data_file, writer_data_file) = (copy.reader_data_file, copy.writer_data_file);
    if (ledger.reader_data_file, ledger.writer_data_file) == (reader_data_file, writer_data_file) {
        return Ok(ledger);
    }
    let candidates = [
        ledger,
        Ledger { reader_data_file, ..ledger },
        Ledger { writer_data_file, ..ledger },
        Ledger { writer_data_file, reader_data_file, ..ledger },
    ];
    for candidate in candidates {
        if leads_to_everything(candidate, frames)? {
            return Ok(candidate);
        }
    }
    // Then the ids in the files decide.
    Ok(ledger)
}

/// A billion events a second give no id beyond this one in a century.
const LAST_POSSIBLE_ID: RecordId = RecordId(1 << 62);

/// A next id that no buffer can have come to is damaged, unless a frame reaches as far: believed, it would leave no ids for what
/// is written.
fn within_reach(
    ledger: Ledger,
    copy: Option<Ledger>,
    frames: &mut Frames<'_>,
) -> Result<Ledger, StorageError> {
    let next = ledger.writer_next_record;
    if next <= LAST_POSSIBLE_ID || frames.reaches(next.before())? {
        return Ok(ledger);
    }
    let possible = |id: &RecordId| *id <= LAST_POSSIBLE_ID;
    let copied = copy.map(|copy| copy.writer_next_record).filter(possible);
    let behind_acknowledged = Some(ledger.reader_last_record.after(1)).filter(possible);
    let writer_next_record = copied.max(frames.end()?).max(behind_acknowledged).unwrap_or(RecordId::FIRST);
    Ok(Ledger { writer_next_record, ..ledger })
}

/// No event can be acknowledged that was never written. Where neither the ledger's own next id nor any frame reaches as far
/// as its last acknowledged event, that number is damaged: believed, it would pass every record that waits.
fn take_back_overrun(
    ledger: Ledger,
    copy: Option<Ledger>,
    frames: &mut Frames<'_>,
) -> Result<Ledger, StorageError> {
    let last = ledger.reader_last_record;
    if last < ledger.writer_next_record || frames.reaches(last)? {
        return Ok(ledger);
    }
    let in_front = frames.first_holding(ledger.reader_data_file, RecordId(0))?;
    let lowest = match in_front {
        Some(first) => Some(first),
        None => frames.lowest_from(RecordId(0))?,
    };
    // Where nothing is found to be whole, a second look with the bounds of neighbours may find records.
    let first = lowest.unwrap_or(RecordId::FIRST);
    let copied = copy.map(|copy| copy.reader_last_record).filter(|copied| *copied < last);
    let reader_last_record = copied.unwrap_or(first.before());
    Ok(Ledger {
        writer_next_record: ledger.writer_next_record.max(reader_last_record.after(1)),
        reader_last_record,
        ..ledger
    })
}

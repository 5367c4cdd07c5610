//! Opening: the facts, the ledger to go by and the place where delivery starts, from whatever is in the directory.
//!
//! It ends on any content, changes nothing, and finds the same each time. The order of things: the sidecar's checkpoints are
//! checked against the frames, [`decide`](decide::decide) says which ledger counts, [`order`] puts the files in reading
//! order, and the last of them is walked to its end.

mod choose;
mod decide;
mod frames;
mod order;

use std::error::Error;

use forebay_types::{FileId, Ledger, RecordId};
use tracing::warn;

pub use self::choose::LedgerState;
use self::{
    choose::choose,
    decide::{Observed, decide},
    frames::Frames,
    order::reading_order,
};
use crate::{
    reader::{Files, Reader, UnreadableLog},
    segments::{Segment, Segments, WalkedEnd},
    storage::{Backend, Checkpoint, Memo, Recalled, StorageError},
};

/// What an opening has found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) segments: Segments,
    /// The ledger to go by; `None` in a new directory.
    pub(crate) ledger: Option<Ledger>,
    /// The ledger as it was there.
    pub(crate) live: Option<Ledger>,
    pub(crate) ledger_state: LedgerState,
    /// What the sidecar remembers.
    pub(crate) memo: Option<Memo>,
    pub(crate) is_same_boot: bool,
    /// The checkpoints that stand: frames that end there were checked.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// The newest file ends with damage that may hide ids.
    pub(crate) hides_ids: bool,
    /// The id behind the last whole record.
    pub(crate) frames_end: RecordId,
}

impl Findings {
    /// Looks at a directory.
    pub(crate) fn look(
        backend: &mut dyn Backend,
        reader: &mut Reader,
        log: &mut UnreadableLog,
    ) -> Result<Self, StorageError> {
        let live = backend.load_ledger()?;
        let all =
            backend.list_files()?.into_iter().map(|(file, bytes)| Segment::found(file, bytes)).collect();
        let recalled = backend.recall();
        let mut segments = Segments::new(Vec::new(), all, RecordId::FIRST);

        if let Some(memo) = recalled.as_ref().map(|recalled| &recalled.memo) {
            segments.recall_bounds(&memo.bounds, live.unwrap_or(memo.ledger).writer_next_record);
        }
        let mut frames =
            Frames::new(Files { backend: &mut *backend, segments: &mut segments, log: &mut *log }, reader);
        let standing = standing(recalled.as_ref(), &mut frames)?;
        for at in &standing {
            frames.files.segments.note_anchor(*at);
        }
        let copy = recalled.as_ref().map(|recalled| recalled.memo.ledger);
        let decision = decide(Observed {
            has_ledger: live.is_some(),
            has_copy: copy.is_some(),
            copy_stands: !standing.is_empty(),
            agree: live.is_some() && live == copy,
            is_untouched: recalled.as_ref().is_some_and(|recalled| recalled.is_ledger_untouched),
            is_same_boot: recalled.as_ref().is_some_and(|recalled| recalled.same_boot),
            has_frames: !frames.nonempty().is_empty(),
        });
        let (ledger, ledger_state) = choose(decision, live, copy, &mut frames)?;
        let ledger_state = doubt(ledger_state, live, recalled.as_ref());
        let order = match ledger {
            Some(ledger) => reading_order(ledger, &mut frames)?,
            None => Vec::new(),
        };

        // After a power loss bytes before a checkpoint may be missing, of what was not synced.
        let is_usable = |recalled: &Recalled| recalled.same_boot || recalled.clean;
        let checkpoints = if recalled.as_ref().is_some_and(is_usable) { standing } else { Vec::new() };
        segments.put_in_order(&order);
        segments.raise_next_id(ledger.map_or(RecordId::FIRST, |ledger| ledger.writer_next_record));
        let forget = |segments: &mut Segments| {
            segments.forget_damage();
            if ledger_state.does_not_count() {
                segments.doubt_front();
            }
        };
        forget(&mut segments);
        for checkpoint in &checkpoints {
            segments.note_checkpoint(*checkpoint);
        }
        let mut files = Files { backend, segments: &mut segments, log };
        let mut frames_end = find_end(&mut files, reader)?;
        files.segments.end_is_known();
        if files.segments.last().is_some_and(|last| last.walked.end != WalkedEnd::Whole) {
            // The next id says what a damaged file may hold, as the file that follows will once there is one. So a look
            // before the next write and a look after it find the same.
            forget(files.segments);
            frames_end = find_end(&mut files, reader)?;
        }

        let hides_ids = segments
            .last()
            .is_some_and(|last| last.walked.end == WalkedEnd::Damaged && last.walked.whole_end < last.bytes);
        let ledger = ledger.map(|ledger| within(ledger, &segments));
        let is_same_boot = recalled.as_ref().is_some_and(|recalled| recalled.same_boot);
        if is_same_boot && recalled.as_ref().is_some_and(|recalled| recalled.memo.is_degraded) {
            warn!("an fsync failed before the buffer was opened: Forebay rewrites all data files");
            segments.all_suspect();
        }
        let memo = recalled.map(|recalled| recalled.memo);
        Ok(Self {
            segments,
            ledger,
            live,
            ledger_state,
            memo,
            is_same_boot,
            checkpoints,
            hides_ids,
            frames_end,
        })
    }

    /// The checkpoint where delivery starts: the last in the front segment that lies before the first unread event.
    pub(crate) fn first_checkpoint(&self, first_unread: RecordId) -> Option<Checkpoint> {
        let front = self.segments.front()?.file;
        let before = |at: &&Checkpoint| at.file == front && at.next_id <= first_unread;
        self.checkpoints.iter().filter(before).max_by_key(|at| at.offset).copied()
    }
}

/// A ledger that counts, and in which one number alone has changed since the last close, is in doubt. It stands: what another
/// program has delivered does not come again.
fn doubt(state: LedgerState, live: Option<Ledger>, recalled: Option<&Recalled>) -> LedgerState {
    let in_question = || recalled?.in_question(&live?);
    let Some(ids) = in_question().filter(|_| state == LedgerState::Good) else { return state };
    let (first_id, last_id) = (ids.start.0, ids.end.before().0);
    warn!(
        first_id,
        last_id,
        "since the buffer was closed these records were acknowledged, or are not any more, and nothing else has changed: \
         unless another program has read from it, the ledger (buffer.db) is damaged"
    );
    LedgerState::Doubtful(ids)
}

/// The checkpoints at which a frame ends that should.
fn standing(recalled: Option<&Recalled>, frames: &mut Frames<'_>) -> Result<Vec<Checkpoint>, StorageError> {
    let mut standing = Vec::new();
    for at in recalled.map(|recalled| recalled.memo.checkpoints.clone()).unwrap_or_default() {
        match frames.stands(at) {
            Ok(true) => standing.push(at),
            // It may well stand: which ledger counts must not depend on what else is open.
            Err(error) if error.is_for_want_of_descriptors() => return Err(error),
            // What cannot be read is met again when it is needed.
            Ok(false) | Err(_) => {}
        }
    }
    Ok(standing)
}

/// The next records come behind all that is there: the last file is walked to its end, and the files before it as long as
/// nothing is whole in those behind them.
fn find_end(files: &mut Files<'_>, reader: &mut Reader) -> Result<RecordId, StorageError> {
    let mut frames_end = RecordId(0);
    let order: Vec<FileId> = files.segments.order().iter().rev().map(|segment| segment.file).collect();
    for file in order {
        match reader.walk_through(files, file, |_| {}) {
            Ok(()) => {}
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        }
        let end = files.segments.get(file).map_or(RecordId(0), |segment| segment.walked.next_id);
        files.segments.raise_next_id(end);
        if end > RecordId(0) {
            frames_end = end;
            break;
        }
    }
    // Ids outside the order are not given again either.
    let outside = files.segments.outside_ends();
    files.segments.raise_next_id(outside);
    Ok(frames_end)
}

/// The same ledger, naming segments.
fn within(ledger: Ledger, segments: &Segments) -> Ledger {
    let (Some(front), Some(last)) = (segments.front(), segments.last()) else {
        let file = ledger.writer_data_file;
        let free = segments.free_file(file).unwrap_or(file);
        return Ledger {
            writer_data_file: free,
            reader_data_file: free,
            writer_next_record: segments.next_id(),
            ..ledger
        };
    };
    let is_in_order = |file| segments.position(file).is_some();
    let writer_data_file =
        if is_in_order(ledger.writer_data_file) { ledger.writer_data_file } else { last.file };
    Ledger {
        writer_next_record: segments.next_id(),
        writer_data_file,
        reader_data_file: front.file,
        ..ledger
    }
}

/// Logs that something could not be found out now, and is met again later.
pub(crate) fn warn_not_yet(what: &str, error: &StorageError) {
    let error: &dyn Error = error;
    warn!(error, "{what} cannot be read yet");
}

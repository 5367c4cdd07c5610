//! The sidecar: what is remembered for the next opening, and what is made of it at this one.

use forebay_types::{FileId, Ledger, RecordId};
use tracing::debug;

use super::{Guard, syncing::Ledgers};
use crate::{
    opening::{Findings, warn_not_yet},
    segments::WalkedEnd,
    storage::{Checkpoint, Memo, StorageError},
    usage::{Present, Spot, reconcile},
};

/// How many files get checkpoints: the last one, and those before it in case a power loss takes it.
const CHECKPOINTED_FILES: usize = 3;

/// What is kept from the look at the directory until the logic has opened the buffer.
#[derive(Debug)]
pub(super) struct Before {
    memo: Option<Memo>,
    is_same_boot: bool,
    /// The ledger before the logic saw it.
    ledger: Option<Ledger>,
    first_checkpoint: Option<Checkpoint>,
    pub(super) hides_ids: bool,
    /// The id behind the last whole record.
    pub(super) frames_end: RecordId,
    /// How long the data files were then: logic may remove files as it opens the buffer.
    lengths: Vec<Spot>,
}

impl Guard {
    pub(super) fn take_in(&mut self, found: Findings) {
        let first_unread = found.ledger.map_or(RecordId::FIRST, |ledger| ledger.first_unread());
        let first_checkpoint = found.first_checkpoint(first_unread);
        let Findings {
            segments, ledger, live, ledger_state, memo, is_same_boot, hides_ids, frames_end, ..
        } = found;
        let lengths = segments.iter().map(|segment| (segment.file, segment.bytes)).collect();
        self.ledgers = Ledgers::found(live, ledger);
        self.ledger_state = ledger_state;
        if is_same_boot && memo.as_ref().is_some_and(|memo| memo.is_degraded) {
            self.ledgers.is_unsafe = ledger.is_some();
        }
        self.segments = segments;
        self.note_found();
        self.before =
            Some(Before { memo, is_same_boot, ledger, first_checkpoint, hides_ids, frames_end, lengths });
    }

    /// The logic has opened the buffer: delivery starts, and what has gone through it is settled.
    pub(super) fn start(&mut self, before: &Before) {
        let ledger = self.ledgers.stored.unwrap_or(Ledger::EMPTY);
        let first_unread = ledger.first_unread();
        self.reader.start(&self.segments, first_unread, before.first_checkpoint);
        if let Some(live) = self.ledgers.live {
            self.reader.miss_files(&self.segments, live.reader_data_file);
        }
        self.settle_usage(before);
    }

    /// Where the first record that waits lies, and what has gone through the buffer until now.
    fn settle_usage(&mut self, before: &Before) {
        let next_id = self.segments.next_id();
        let ledger = self.ledgers.stored.unwrap_or(Ledger::EMPTY);
        let ledger = Ledger { writer_next_record: next_id, ..ledger };
        let first_unread = ledger.first_unread();
        self.counters.place = Some((ledger.reader_data_file, 0));
        let place = self.first_unread_spot().unwrap_or_else(|error| {
            warn_not_yet("the first record that waits", &error);
            self.counters.place
        });
        self.counters.reader = before.first_checkpoint.filter(|at| at.next_id <= first_unread);
        let end = self.segments.last().map(|last| (last.file, last.bytes));
        let to_end = place.zip(end).and_then(|(place, end)| self.segments.bytes_between(place, end));
        let waiting_bytes = to_end.unwrap_or(0);
        let went_on = |memo: &&Memo| memo.ledger.reader_last_record < ledger.reader_last_record;
        let noted = before.memo.as_ref().filter(went_on).and_then(|memo| memo.place);
        let moved = noted
            .zip(place.or(end))
            .and_then(|(from, to)| bytes_between(before.lengths.iter().copied(), from, to));
        let sent_bytes = moved.unwrap_or(0);
        let (found, is_same_boot) = (before.ledger, before.is_same_boot);
        let present = Present { is_same_boot, found, ledger, waiting_bytes, sent_bytes };
        let usage = reconcile(before.memo.as_ref(), &present);
        debug!(?usage, "what has gone through the buffer until now");
        self.counters.open(usage);
        self.counters.place = place.or(end).or(self.counters.place);
    }

    /// Where the first record that waits begins; `None` if none does.
    fn first_unread_spot(&mut self) -> Result<Option<Spot>, StorageError> {
        let (mut files, reader) = self.files();
        let waits = reader.next_undelivered(&mut files)?.is_some();
        Ok(self.reader.spot().filter(|_| waits))
    }

    /// Notes what may help the next opening.
    pub(super) fn remember(&mut self) {
        self.remember_at(self.ledgers.stored);
    }

    /// A ledger is about to be stored. Files may leave when it is, so what they say of the ids in others is noted first.
    pub(super) fn remember_bounds(&mut self, file: FileId) -> Result<(), StorageError> {
        if self.ledgers.stored.is_some_and(|stored| stored.reader_data_file != file) {
            let (mut files, reader) = self.files();
            if reader.min_id(&mut files, file)?.is_some() {
                self.segments.keep_bounds(file);
            }
        }
        if self.segments.take_bounds_changed() {
            self.remember();
        }
        Ok(())
    }

    /// The same, with a ledger that is about to be stored.
    pub(super) fn remember_at(&mut self, ledger: Option<Ledger>) {
        // Before the logic has opened the buffer nothing is known that was not noted before.
        if let Some(memo) = self.memo_at(ledger).filter(|_| self.before.is_none()) {
            self.counters.noted(memo.ledger);
            self.backend.remember(&memo);
        }
    }

    /// What is to be noted.
    pub(super) fn memo(&self) -> Option<Memo> {
        self.memo_at(self.ledgers.stored)
    }

    fn memo_at(&self, ledger: Option<Ledger>) -> Option<Memo> {
        let ledger = Ledger { writer_next_record: self.segments.next_id(), ..ledger? };
        let checkpoints = self.checkpoints(ledger.reader_last_record);
        Some(Memo {
            ledger,
            usage: self.counters.usage(),
            place: self.counters.place,
            checkpoints,
            bounds: self.segments.bounds_to_remember(),
            is_degraded: self.is_degraded(),
            may_drop: self.room.lets_go(),
        })
    }

    /// Ends of frames in files that are whole up to there: of the last acknowledged record, and of what is known and what is
    /// durable of the newest files.
    fn checkpoints(&self, passed: RecordId) -> Vec<Checkpoint> {
        let is_clean = |file: FileId| {
            self.segments.get(file).is_some_and(|segment| segment.walked.end == WalkedEnd::Whole)
        };
        let newest = self.segments.order().iter().rev().filter(|segment| segment.walked.next_id > passed);
        let newest = newest.take(CHECKPOINTED_FILES).flat_map(|segment| {
            let walked = (segment.walked.whole_end, segment.walked.next_id);
            let durable = (segment.durability.bytes, segment.durability.next_id);
            [walked, durable].map(|(offset, next_id)| Checkpoint { file: segment.file, offset, next_id })
        });
        let mut checkpoints: Vec<Checkpoint> = self.counters.reader.into_iter().chain(newest).collect();
        checkpoints.retain(|at| at.offset > 0 && at.next_id > RecordId::FIRST && is_clean(at.file));
        checkpoints
    }
}

/// How many bytes lie between two places, in files of these lengths.
fn bytes_between(files: impl Iterator<Item = Spot> + Clone, from: Spot, to: Spot) -> Option<u64> {
    if from.0 == to.0 {
        return to.1.checked_sub(from.1);
    }
    let steps = from.0.steps_to(to.0);
    let first = files.clone().find_map(|(file, length)| (file == from.0).then_some(length))?;
    let first = first.checked_sub(from.1)?;
    let between = files.filter(|(file, _)| (1..steps).contains(&from.0.steps_to(*file)));
    let between = between.fold(first, |sum, (_, length)| sum.saturating_add(length));
    Some(between.saturating_add(to.1))
}

//! What becomes of the records that were handed to the buffer.

use forebay::{Buffer, NewRecord, Pending, Receipt, RecordId, WriteError, WriteErrorKind};
use tracing::warn;

use crate::{
    access::{Outcome, Sent},
    args::{BufferArgs, WhenFull},
    exit::Exit,
    framing::Counts,
    print,
    room::Room,
    signals::Signals,
};

/// How often a batch is written again. A program that takes away each new data file must not hold up all that follows.
const REWRITES_MAX: usize = 8;

/// Waits for answers and adds them up.
pub(crate) struct Answers {
    signals: Signals,
    room: Room,
    tally: Tally,
}

/// What has become of all records so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) first_id: Option<RecordId>,
    pub(crate) last_id: Option<RecordId>,
    pub(crate) rejected: u64,
    /// Those that were given up after their data file was taken away.
    pub(crate) lost: u64,
    /// The events that came back because their data file was taken away.
    came_back: u64,
}

impl Answers {
    /// Answers of a buffer with these options. `is_read`: this process itself makes room by reading.
    pub(crate) fn new(args: &BufferArgs, is_read: bool, signals: &Signals) -> Self {
        let is_emptied = is_read || args.when_full == WhenFull::DropOldest;
        Self {
            signals: signals.clone(),
            room: Room::new(args.sizes().1, args.max_events, is_emptied),
            tally: Tally::default(),
        }
    }

    /// Waits for what became of a batch. Records whose data file another program takes away are written again, behind those
    /// that were handed over meanwhile.
    fn wait(&mut self, sent: Sent) -> Result<Receipt, WriteError> {
        let Sent { outcome, mut bytes, longest_frame } = sent;
        let pending = match outcome {
            Outcome::Pending(pending) => pending,
            Outcome::Answered { receipt, rejected } => {
                self.tally.add(bytes, &receipt, rejected);
                return Ok(receipt);
            }
        };
        let mut answer = self.answer(pending, longest_frame);
        for _ in 0..REWRITES_MAX {
            let error = match answer {
                Err(error) if is_taken_away(&error) => error,
                answer => return self.settle(bytes, answer),
            };
            let Some(writer) = self.signals.with_buffer(Buffer::writer) else {
                return Ok(self.lose(bytes, error));
            };
            warn!(records = error.records.len(), "records that were lost with a data file are written again");
            let again = payload_bytes(&error.records);
            self.tally.add(bytes.saturating_sub(again), &error.written, 0);
            bytes = again;
            let submitted = writer.submit(error.records);
            answer = match submitted.and_then(|pending| self.answer(pending, longest_frame)) {
                // A signal has ended writing.
                Err(error) if error.kind == WriteErrorKind::Closed => return Ok(self.lose(bytes, error)),
                answer => answer,
            };
        }
        self.settle(bytes, answer)
    }

    /// As [`wait`](Self::wait). What a signal has kept from being placed is no error: it is counted at the end.
    pub(crate) fn wait_or_stop(&mut self, sent: Sent) -> Result<Receipt, WriteError> {
        match self.wait(sent) {
            Err(error) if error.kind == WriteErrorKind::Closed && self.signals.caught().is_some() => {
                Ok(Receipt::default())
            }
            answer => answer,
        }
    }

    /// Counts what became of a batch whose payloads have so many bytes.
    fn settle(&mut self, bytes: u64, answer: Result<Receipt, WriteError>) -> Result<Receipt, WriteError> {
        match answer {
            Ok(receipt) => {
                self.tally.add(bytes, &receipt, 0);
                Ok(receipt)
            }
            // A part that found room before the buffer was closed is reported, and the rest refused.
            Err(error) if error.is_full() || is_cut_short(&error) => {
                let bytes = bytes.saturating_sub(payload_bytes(&error.records));
                // What a signal has cut short is not placed, and counted at the end.
                let refused = if error.is_full() { count(error.records.len()) } else { 0 };
                self.tally.add(bytes, &error.written, refused);
                if refused > 0 {
                    self.room.refuses(&error);
                }
                Ok(error.written)
            }
            Err(error) if is_taken_away(&error) => Ok(self.lose(bytes, error)),
            Err(error) => Err(error),
        }
    }

    fn answer(&mut self, mut pending: Pending, longest_frame: u64) -> Result<Receipt, WriteError> {
        let answer = pending.try_take().unwrap_or_else(|| {
            self.room.waits(longest_frame, &self.signals);
            pending.wait()
        });
        if let Err(WriteError { kind: WriteErrorKind::TakenAway { first, next, .. }, .. }) = &answer {
            self.tally.came_back = self.tally.came_back.saturating_add(next.0.saturating_sub(first.0));
        }
        answer
    }

    /// The records that come back are given up.
    fn lose(&mut self, bytes: u64, error: WriteError) -> Receipt {
        self.tally.add(bytes.saturating_sub(payload_bytes(&error.records)), &error.written, 0);
        self.tally.lost = self.tally.lost.saturating_add(count(error.records.len()));
        warn!(records = error.records.len(), %error, "records are lost");
        error.written
    }

    /// How many of the records that were read a signal has kept from being placed.
    pub(crate) fn unplaced(&self, read: &Counts) -> u64 {
        let Tally { records, rejected, lost, .. } = self.tally;
        let settled = records.saturating_add(rejected).saturating_add(lost);
        if self.signals.caught().is_some() { read.records().saturating_sub(settled) } else { 0 }
    }

    /// What has become of all that was waited for.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How a command ends that has written: whether every record was taken, and is there. So many events were in data files
    /// that were taken away, by the buffer's own account.
    ///
    /// After a signal, not all of the records may be placed that were read from stdin.
    pub(crate) fn exit(&self, taken_away: u64, read: &Counts) -> Exit {
        let Tally { records, rejected, lost, came_back, .. } = self.tally;
        let mut said = vec![format!("{} written", print::count(records, "record"))];
        said.extend(read.said_of_overlong());
        let unplaced = self.unplaced(read);
        if unplaced > 0 {
            said.push(format!(
                "{unplaced} read from standard input and not placed before the signal's time was over"
            ));
        }
        if rejected > 0 {
            said.push(format!("{rejected} refused for want of room"));
        }
        if lost > 0 {
            said.push(format!("{lost} lost because another program took their data file away"));
        }
        let gone = taken_away.saturating_sub(came_back);
        if gone > 0 {
            let events = print::count(gone, "event");
            said.push(format!(
                "{events} lost that the buffer had kept: another program took the data file away"
            ));
        }
        if said.len() == 1 {
            return Exit::Done;
        }
        print::say(&said.join(", "));
        Exit::No
    }
}

fn is_taken_away(error: &WriteError) -> bool {
    matches!(error.kind, WriteErrorKind::TakenAway { .. })
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

/// The bytes of all payloads.
fn payload_bytes(records: &[NewRecord]) -> u64 {
    records.iter().fold(0, |sum, record| sum.saturating_add(count(record.payload.len())))
}

/// Whether the buffer was closed when only a part of the batch had found room.
fn is_cut_short(error: &WriteError) -> bool {
    error.kind == WriteErrorKind::Closed && error.written.records > 0
}

impl Tally {
    /// Counts a batch of which so many bytes of payload were placed.
    fn add(&mut self, bytes: u64, receipt: &Receipt, rejected: u64) {
        self.records = self.records.saturating_add(count(receipt.records));
        self.bytes = self.bytes.saturating_add(bytes);
        self.first_id = self.first_id.or(receipt.first_id);
        self.last_id = receipt.last_id.max(self.last_id);
        self.rejected = self.rejected.saturating_add(rejected);
    }
}

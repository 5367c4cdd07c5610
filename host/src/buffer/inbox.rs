//! What callers and threads want of a buffer, until the thread that holds its core takes it.

use std::{collections::VecDeque, ops::Range};

use forebay_types::RecordId;
use tokio::sync::oneshot;

use super::{
    combining,
    error::{WriteError, WriteErrorKind},
    options::Durability,
    receipt::{Receipt, WriteResult},
    redelivery::{Delivery, Nack},
    setting_aside::Asker,
    sync_latency::EndedSync,
    unable::{Stop, Unable},
};
use crate::{NewRecord, guard::Gone};

/// Records that wait to be placed, and the writer who waits for the answer.
#[derive(Debug)]
pub(super) struct PendingWrite {
    /// Those that are neither placed nor on offer.
    pub(super) records: VecDeque<NewRecord>,
    /// How many are not placed.
    pub(super) left: usize,
    /// Those that are placed.
    placed: Placed,
    pub(super) durability: Durability,
    /// Until when the records may wait for room; `None` for as long as it takes.
    pub(super) deadline_ns: Option<u64>,
    /// `None` once the caller has been answered.
    pub(super) reply: Option<oneshot::Sender<WriteResult>>,
}

impl PendingWrite {
    pub(super) fn new(
        records: Vec<NewRecord>,
        durability: Durability,
        deadline_ns: Option<u64>,
        reply: oneshot::Sender<WriteResult>,
    ) -> Self {
        Self {
            left: records.len(),
            records: records.into(),
            placed: Placed::default(),
            durability,
            deadline_ns,
            reply: Some(reply),
        }
    }

    /// How many records are on offer.
    pub(super) fn on_offer(&self) -> usize {
        self.left.saturating_sub(self.records.len())
    }

    /// How many records are placed.
    pub(super) fn placed(&self) -> usize {
        self.placed.receipt.records
    }

    /// The next record was placed, under this id.
    pub(super) fn place(&mut self, id: RecordId, record: NewRecord) {
        self.left = self.left.saturating_sub(1);
        self.placed.receipt.add(id);
        self.placed.next = id.after(record.events.get().into());
        if self.durability == Durability::Synced {
            self.placed.records.push((id, record));
        }
    }

    /// The next records were offered and not placed.
    pub(super) fn put_back(&mut self, mut records: VecDeque<NewRecord>) {
        records.append(&mut self.records);
        self.records = records;
    }

    /// Tells the writer that it ends here.
    pub(super) fn fail(self, unable: &Unable) {
        if let Some(reply) = self.reply {
            let answer = self.placed.unsynced(unable, self.records.into());
            // The writer may have gone.
            let _ = reply.send(Err(answer));
        }
    }

    /// All that will be placed is placed. The others come back in this error. Gives what waits for a sync, if anything does.
    pub(super) fn complete(mut self, refusal: Option<WriteError>) -> Option<AwaitingSync> {
        let reply = self.reply.take()?;
        let refused = refusal.map(|error| WriteError { records: self.records.into(), ..error });
        let waiting = AwaitingSync { placed: self.placed, refused, reply };
        if self.durability == Durability::Synced && waiting.placed.receipt.records > 0 {
            return Some(waiting);
        }
        waiting.synced();
        None
    }
}

/// The records of one write that are in the buffer.
#[derive(Debug, Default)]
struct Placed {
    receipt: Receipt,
    /// The id behind them.
    next: RecordId,
    /// The records themselves, as long as they are not as durable as their writer wants them.
    records: Vec<(RecordId, NewRecord)>,
}

impl Placed {
    /// The error for a write that ended before all of it was placed and synced. `others` were not placed.
    fn unsynced(self, unable: &Unable, others: Vec<NewRecord>) -> WriteError {
        let written = if self.records.is_empty() { self.receipt } else { Receipt::default() };
        let placed = self.records.into_iter().map(|(_, record)| record);
        let records = placed.chain(others).collect();
        WriteError {
            kind: unable.clone().into(),
            written,
            records,
            storage: unable.storage(),
            why_full: None,
        }
    }
}

/// A writer who waits until what was placed is durable.
#[derive(Debug)]
pub(super) struct AwaitingSync {
    placed: Placed,
    /// What was not placed, and why.
    refused: Option<WriteError>,
    reply: oneshot::Sender<WriteResult>,
}

impl AwaitingSync {
    /// The id behind the last record.
    pub(super) fn next(&self) -> RecordId {
        self.placed.next
    }

    /// The events of its records, from `done` on.
    pub(super) fn events(&self, done: RecordId) -> Range<RecordId> {
        self.placed.receipt.first_id.unwrap_or(self.placed.next).max(done)..self.placed.next
    }

    /// The records are as durable as their writer wants them.
    pub(super) fn synced(self) {
        let written = self.placed.receipt;
        // The writer may have gone.
        let _ = self.reply.send(match self.refused {
            None => Ok(written),
            Some(error) => Err(WriteError { written, ..error }),
        });
    }

    /// Some of the records are lost: those with events in any of these ranges.
    pub(super) fn vanished(self, lost: &[Gone]) {
        let (Some(begin), Some(end)) = (lost.first(), lost.last()) else { return self.synced() };
        let (first, next) = (begin.ids.start, end.ids.end);
        let kind = match lost.iter().find_map(|gone| gone.taken_away.as_ref()) {
            Some(reason) => WriteErrorKind::TakenAway { first, next, reason: reason.to_string() },
            None => WriteErrorKind::Vanished { first, next },
        };
        let mut error = WriteError::new(kind, Vec::new());
        for (id, record) in self.placed.records {
            let next = id.after(record.events.get().into());
            if lost.iter().any(|Gone { ids, .. }| ids.start < next && id < ids.end) {
                error.records.push(record);
            } else {
                error.written.add(id);
            }
        }
        error.records.extend(self.refused.into_iter().flat_map(WriteError::into_records));
        let _ = self.reply.send(Err(error));
    }

    /// The records will not become durable.
    pub(super) fn fail(self, unable: &Unable) {
        let others = self.refused.map(WriteError::into_records).unwrap_or_default();
        let _ = self.reply.send(Err(self.placed.unsynced(unable, others)));
    }
}

/// What a consumer says of records that were delivered to it, on its way in.
#[derive(Debug)]
pub(super) enum Ack {
    /// This delivery of a record is done with.
    One(Delivery),
    /// All records up to and including this one are done with, whichever delivery it was.
    Through(RecordId),
    /// This delivery of a record came to nothing.
    Nack(Box<Nack>),
    /// This delivery of a record is to become a dead letter, and its consumer waits for that.
    SetAside(Box<Nack>, Asker),
    /// The consumer has dropped the handle of a delivery. It may have said before, in another way, that it is done with.
    Dropped(Box<Nack>),
}

/// Everything that waits to be looked at.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) writes: Vec<PendingWrite>,
    pub(super) acks: Vec<Ack>,
    pub(super) syncs: Vec<EndedSync>,
    pub(super) tick: bool,
    /// All who wait for a change are to look again, and the core at what it has left undone.
    pub(super) look_again: bool,
    /// The time has come to deliver a record again.
    pub(super) redelivery_due: bool,
}

impl Work {
    /// Nothing but acknowledgements of single records, which may wait for more.
    pub(super) fn may_wait(&self) -> bool {
        let others_are_empty = self.writes.is_empty() && self.syncs.is_empty();
        let is_time = self.tick || self.look_again || self.redelivery_due;
        others_are_empty && !is_time && self.acks.iter().all(|ack| matches!(ack, Ack::One(_)))
    }

    /// Nothing but that time has come, if even that.
    pub(super) fn is_clock_alone(&self) -> bool {
        self.writes.is_empty() && self.acks.is_empty() && self.syncs.is_empty()
    }
}

impl combining::Work for Work {
    fn is_empty(&self) -> bool {
        self.is_clock_alone() && !self.tick && !self.look_again && !self.redelivery_due
    }

    fn turn_away(self) {
        for write in self.writes {
            write.fail(&Stop::Closed.into());
        }
    }
}

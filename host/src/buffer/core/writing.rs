//! The writing side of the core: what waits to be placed, and who waits to hear of it.

use std::collections::VecDeque;

use forebay_frame::RecordId;
use tracing::warn;

use super::{Core, Writing};
use crate::{
    buffer::{
        error::{Stop, Unable, WriteError},
        inbox::{AwaitingSync, PendingWrite},
        options::Durability,
        receipt::Receipt,
    },
    guard::Placement,
    logic::{Logic, WhenFull},
    record::NewRecord,
    storage::Amount,
};

/// What one call of the logic is offered at the most: its lists stay small, and no caller waits for long.
const OFFER_RECORDS_MAX: usize = 4096;
const OFFER_BYTES_MAX: u64 = 8 << 20;

/// What may wait for room in memory after its writer has been answered.
const ACCEPTED_BYTES_MAX: u64 = 16 << 20;

impl Core {
    /// Offers what waits to the logic, oldest first, until all is placed or it takes no more.
    pub(super) fn place_backlog(&mut self) {
        while !self.backlog.is_empty() && !self.full {
            let ended = (self.writing == Writing::Ended).then_some(Stop::Closed);
            if let Some(stop) = self.stop.clone().or(ended) {
                let stopped = stop.into();
                self.backlog.drain(..).for_each(|write| write.fail(&stopped));
                return;
            }
            let records = self.gather();
            let (batch, sizes) = self.guard().offer(records);
            let result = self.lives.call(|logic| logic.write(batch.0, &sizes));
            // However the call ended, what the guard has placed is placed.
            let placement = self.guard().take_offer();
            self.forget_dropped();
            let all_placed = placement.placed == placement.records.len();
            self.share_out(placement);
            match self.note(result) {
                // Until all is safe again after a failed sync it is as if there were no room.
                Ok(Some(())) | Err(Unable::Degraded) if !all_placed => match self.options.when_full {
                    WhenFull::Block | WhenFull::DropOldest => self.full = true,
                    WhenFull::Reject => self.reject_first(),
                },
                // What was not placed is offered to the fresh instance, if there is one.
                Ok(_) | Err(Unable::Degraded) => {}
                // Not a lack of room: whoever waits hears of it.
                Err(unable) => self.backlog.drain(..).for_each(|write| write.fail(&unable)),
            }
        }
        self.answer_accepted();
    }

    /// Those who asked for no more are answered although their records wait for room, as long as not too much does.
    fn answer_accepted(&mut self) {
        let mut bytes = 0_u64;
        for write in &mut self.backlog {
            bytes = write.records.iter().fold(bytes, |sum, record| sum.saturating_add(record.frame_bytes()));
            if bytes > ACCEPTED_BYTES_MAX {
                break;
            }
            if write.durability == Durability::Accepted
                && let Some(reply) = write.reply.take()
            {
                let receipt = Receipt { records: write.left + write.receipt.records, ..Receipt::default() };
                // Nobody may be waiting any more.
                let _ = reply.send(Ok(receipt));
            }
        }
    }

    /// Takes records from the front of the backlog, as many as one offer may hold.
    fn gather(&mut self) -> Vec<NewRecord> {
        let mut offer = Vec::new();
        let mut bytes = 0_u64;
        for write in &mut self.backlog {
            let room = OFFER_RECORDS_MAX - offer.len();
            let count = write
                .records
                .iter()
                .take(room)
                .take_while(|record| {
                    let is_first = bytes == 0;
                    bytes = bytes.saturating_add(record.frame_bytes());
                    is_first || bytes <= OFFER_BYTES_MAX
                })
                .count();
            if offer.is_empty() && count == write.records.len() {
                offer = std::mem::take(&mut write.records).into();
            } else {
                offer.extend(write.records.drain(..count));
            }
            if !write.records.is_empty() {
                break;
            }
        }
        offer
    }

    /// Tells those who wait what became of the records on offer, oldest first, and gives them back what was not placed.
    fn share_out(&mut self, placement: Placement) {
        let mut records = placement.records.into_iter();
        let mut id = placement.first_id.unwrap_or(RecordId(0));
        let mut placed = placement.placed;
        while placed > 0 {
            let Some(mut write) = self.backlog.pop_front() else { break };
            let count = write.left.min(placed);
            for record in records.by_ref().take(count) {
                write.receipt.add(id);
                id = id.after(record.events.get().into());
            }
            placed -= count;
            write.left -= count;
            if write.left == 0 {
                self.complete(write, id);
            } else {
                self.backlog.push_front(write);
            }
        }
        for write in &mut self.backlog {
            let on_offer = write.left - write.records.len();
            if on_offer == 0 {
                break;
            }
            let mut back: VecDeque<NewRecord> = records.by_ref().take(on_offer).collect();
            back.append(&mut write.records);
            write.records = back;
        }
        debug_assert!(records.next().is_none(), "every record has a writer");
    }

    /// The writer who is first in line gets back what does not fit.
    fn reject_first(&mut self) {
        if let Some(mut write) = self.backlog.pop_front() {
            write.receipt.rejected = std::mem::take(&mut write.records).into();
            let rejected = write.receipt.rejected.iter().fold(Amount::default(), |sum, record| {
                sum.plus(Amount::new(record.events.get().into(), record.frame_bytes()))
            });
            self.guard().rejected(rejected);
            let next = self.guard().next_id();
            self.complete(write, next);
        }
    }

    /// What waits will not be placed any more. A writer of whose records some are in the buffer gets a receipt for them,
    /// and the others back.
    pub(super) fn end_backlog(&mut self) {
        let mut dropped = 0;
        while let Some(first) = self.backlog.front() {
            if first.reply.is_none() {
                dropped += first.left;
            }
            if first.receipt.records > 0 {
                self.reject_first();
            } else if let Some(write) = self.backlog.pop_front() {
                write.fail(&Stop::Closed.into());
            }
        }
        if dropped > 0 {
            warn!(records = dropped, "records that were accepted found no room before the buffer was closed");
        }
    }

    /// All that will be placed of a write is placed, below the id `next`.
    fn complete(&mut self, mut write: PendingWrite, next: RecordId) {
        let Some(reply) = write.reply.take() else { return };
        if write.durability == Durability::Synced && write.receipt.records > 0 {
            self.awaiting_sync.push_back(AwaitingSync { next, receipt: write.receipt, reply });
        } else {
            // Nobody may be waiting any more.
            let _ = reply.send(Ok(write.receipt));
        }
    }

    /// Somebody waits for records to be durable of which no sync was asked for yet.
    pub(super) fn flush_for_waiters(&mut self) {
        if self.guard().is_degraded() {
            // What was asked for has failed with the sync that did.
            self.flushed = RecordId(0);
            return;
        }
        let wanted = self.awaiting_sync.back().map_or(RecordId(0), |waiting| waiting.next);
        if wanted > self.flushed && self.stop.is_none() {
            loop {
                let next = self.guard().next_id();
                let told = self.lives.call(Logic::flush);
                match self.note(told) {
                    Ok(None) => {}
                    Err(Unable::Degraded) => break,
                    Ok(Some(())) | Err(_) => {
                        self.flushed = next;
                        break;
                    }
                }
            }
        }
    }

    /// Answers those whose records are durable by the guard's own account.
    pub(super) fn answer_durable(&mut self) {
        if let Some(stop) = &self.stop {
            for waiting in self.awaiting_sync.drain(..) {
                let _ = waiting.reply.send(Err(Unable::from(stop.clone()).into()));
            }
            return;
        }
        if self.awaiting_sync.is_empty() || self.guard().is_degraded() {
            return;
        }
        // What is done with needs no disk, and is never synced for its own sake: nobody must wait for that.
        let durable = self.guard().durable_next().max(self.done);
        while let Some(waiting) = self.awaiting_sync.pop_front_if(|waiting| waiting.next <= durable) {
            let first = waiting.receipt.first_id.unwrap_or(waiting.next).max(self.done);
            let answer = match self.guard().vanished(&(first..waiting.next)) {
                Some(ids) => Err(WriteError::Vanished { first: ids.start, next: ids.end }),
                None => Ok(waiting.receipt),
            };
            let _ = waiting.reply.send(answer);
        }
    }
}

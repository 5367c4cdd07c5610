//! The writing side of the core: what waits to be placed, and who waits to hear of it.

use std::collections::VecDeque;

use forebay_types::RecordId;
use tracing::warn;

use super::{Core, Writing};
use crate::{
    NewRecord,
    buffer::{
        error::{WriteError, WriteErrorKind},
        inbox::{AwaitingSync, PendingWrite},
        options::Durability,
        receipt::Receipt,
        unable::{Stop, Unable},
        why_full::WhyFull,
    },
    guard::Placement,
    logic::{Logic, WhenFull},
    parking::wake_held,
};

/// What one call of the logic is offered at the most: its lists stay small, and no caller waits for long.
const OFFER_RECORDS_MAX: usize = 4096;
const OFFER_BYTES_MAX: u64 = 8 << 20;

/// What may wait for room in memory after its writer has been answered.
const ACCEPTED_BYTES_MAX: u64 = 16 << 20;

impl Core {
    /// Where nothing becomes durable, those writes come back that are to be, before any of them is placed.
    fn refuse_unsyncable(&mut self) {
        if self.backlog.iter().all(|write| write.durability != Durability::Synced) {
            return;
        }
        let Some(unable) = self.cannot_sync() else { return };
        let is_refused = |write: &PendingWrite| write.durability == Durability::Synced;
        let refused: VecDeque<_>;
        (refused, self.backlog) = self.backlog.drain(..).partition(is_refused);
        for write in refused {
            write.fail(&unable);
        }
    }

    fn cannot_sync(&mut self) -> Option<Unable> {
        self.guard().cannot_sync().map(|reason| Unable::CannotSync(reason.to_owned()))
    }

    /// Offers what waits to the logic, oldest first, until all is placed or it takes no more. What may not wait for room comes
    /// back then.
    pub(super) fn place_backlog(&mut self) {
        self.refuse_unsyncable();
        self.offer_backlog();
        while self.refuse_overdue() {
            self.offer_backlog();
        }
        self.answer_accepted();
    }

    fn offer_backlog(&mut self) {
        while !self.backlog.is_empty() && !self.full && !self.turn.is_over(&mut self.lives) {
            let ended = (self.writing == Writing::Ended).then_some(Stop::Closed);
            if let Some(stop) = self.stop.clone().or(ended) {
                let stopped = stop.into();
                self.backlog.drain(..).for_each(|write| write.fail(&stopped));
                return;
            }
            let guard = self.lives.guard();
            if guard.is_degraded() {
                // Until a retry has made a failed sync good it is as if there were no room.
                self.storage_error = None;
                self.no_room();
                continue;
            }
            wake_held();
            let (batch, sizes) = guard.offer(gather(&mut self.backlog));
            let result = self.lives.call(|logic| logic.write(batch, &sizes));
            // However the call ended, what the guard has placed is placed.
            let all_placed = self.take_offer();
            self.storage_error = if all_placed { None } else { self.guard().last_cause() };
            self.forget_dropped();
            self.complete_placed();
            match self.note(result) {
                Ok(Some(())) if !all_placed => self.no_room(),
                // What was not placed is offered to the fresh instance, if there is one.
                Ok(_) => {}
                // Not a lack of room: the writers hear of it.
                Err(unable) => self.backlog.drain(..).for_each(|write| write.fail(&unable)),
            }
        }
    }

    /// What is first in line finds no room: it waits, or comes back.
    fn no_room(&mut self) {
        let first = self.backlog.front().and_then(|write| write.records.front());
        let needed = NewRecord::amount(first);
        self.why_full = WhyFull::of(self.lives.guard(), needed, self.storage_error.as_ref());
        match self.options.when_full {
            WhenFull::Reject => {
                if let Some(write) = self.backlog.pop_front() {
                    self.refuse(write, WriteErrorKind::Full);
                }
            }
            _ => self.full = true,
        }
    }

    /// Hands back what may not wait for room any longer. Whether the first in line was among it: the next may need less.
    fn refuse_overdue(&mut self) -> bool {
        if self.backlog.iter().all(|write| write.deadline_ns.is_none()) {
            return false;
        }
        let now_ns = self.lives.now_ns();
        let is_overdue = |write: &PendingWrite| write.deadline_ns.is_some_and(|deadline| deadline <= now_ns);
        let is_first_overdue = self.backlog.front().is_some_and(is_overdue);
        let overdue: VecDeque<_>;
        (overdue, self.backlog) = self.backlog.drain(..).partition(is_overdue);
        for write in overdue {
            self.refuse(write, WriteErrorKind::Full);
        }
        self.full &= !is_first_overdue;
        is_first_overdue && !self.backlog.is_empty()
    }

    /// The soonest time at which a record may not wait for room any longer.
    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        self.backlog.iter().filter_map(|write| write.deadline_ns).min()
    }

    /// Answers [`Durability::Accepted`] writers early, up to [`ACCEPTED_BYTES_MAX`] of backlog.
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
                let receipt = Receipt { records: write.left + write.placed(), ..Receipt::default() };
                write.deadline_ns = None;
                // The writer may have gone.
                let _ = reply.send(Ok(receipt));
            }
        }
    }

    /// Takes the offer back from the guard, and notes what was placed of each write. Whether that is all of it.
    pub(super) fn take_offer(&mut self) -> bool {
        let Placement { records, placed, first_id } = self.guard().take_offer();
        let all_placed = placed == records.len();
        let mut records = records.into_iter();
        let (mut id, mut placed) = (first_id.unwrap_or(RecordId(0)), placed);
        for write in &mut self.backlog {
            let on_offer = write.on_offer();
            if on_offer == 0 {
                break;
            }
            let count = on_offer.min(placed);
            for record in records.by_ref().take(count) {
                let next = id.after(record.events.get().into());
                write.place(id, record);
                id = next;
            }
            placed -= count;
            if count < on_offer {
                write.put_back(records.by_ref().take(on_offer - count).collect());
            }
        }
        debug_assert!(records.next().is_none(), "every record has a writer");
        all_placed
    }

    /// Answers the writes that are placed in whole.
    fn complete_placed(&mut self) {
        while let Some(write) = self.backlog.pop_front_if(|write| write.left == 0) {
            self.awaiting_sync.extend(write.complete(None));
        }
    }

    /// Hands back those records of a write that are not placed.
    fn refuse(&mut self, write: PendingWrite, kind: WriteErrorKind) {
        self.guard().rejected(NewRecord::amount(&write.records));
        let storage = self.storage_error.clone().filter(|_| kind == WriteErrorKind::Full);
        let why_full = (kind == WriteErrorKind::Full).then_some(self.why_full);
        let error = WriteError { storage, why_full, ..WriteError::new(kind, Vec::new()) };
        self.awaiting_sync.extend(write.complete(Some(error)));
    }

    /// What waits will not be placed any more: it comes back to its writers.
    pub(super) fn end_backlog(&mut self) {
        let mut dropped = 0;
        for write in std::mem::take(&mut self.backlog) {
            if write.reply.is_none() {
                dropped += write.left;
            }
            if write.placed() > 0 {
                self.refuse(write, WriteErrorKind::Closed);
            } else {
                write.fail(&Stop::Closed.into());
            }
        }
        if dropped > 0 {
            warn!(records = dropped, "records that were accepted found no room before the buffer was closed");
        }
    }

    /// Requests the syncs that waiting writers need, where none was requested yet. All who come while one is in flight share the
    /// next request.
    pub(super) fn flush_for_waiters(&mut self) {
        let wanted = self.awaiting_sync.back().map_or(RecordId(0), AwaitingSync::next);
        if wanted <= self.flushed || self.guard().is_degraded() || self.guard().is_last_in_flight() {
            return;
        }
        if self.stop.is_some() {
            return;
        }
        let is_gathering =
            self.gathering.is_under_way(&self.awaiting_sync, self.done, &mut self.lives, &self.schedule);
        if !is_gathering {
            wake_held();
            loop {
                let next = self.guard().next_id();
                let told = self.lives.call(Logic::flush);
                if !matches!(self.note(told), Ok(None)) {
                    self.gathering.note_request(self.lives.now_ns());
                    self.flushed = next;
                    break;
                }
            }
        }
    }

    /// Answers those whose records are durable by the guard's own account.
    pub(super) fn answer_durable(&mut self) {
        if let Some(stop) = &self.stop {
            let stopped = stop.clone().into();
            self.awaiting_sync.drain(..).for_each(|waiting| waiting.fail(&stopped));
            return;
        }
        if self.awaiting_sync.is_empty() || self.guard().is_degraded() {
            return;
        }
        if let Some(unable) = self.cannot_sync() {
            self.awaiting_sync.drain(..).for_each(|waiting| waiting.fail(&unable));
            return;
        }
        // What is acknowledged needs no disk, and is never synced for its own sake.
        let durable = self.guard().durable_next().max(self.done);
        while let Some(waiting) = self.awaiting_sync.pop_front_if(|waiting| waiting.next() <= durable) {
            let mut events = waiting.events(self.done);
            let mut lost = Vec::new();
            while let Some(gone) = self.guard().vanished(&events) {
                events.start = gone.ids.end;
                lost.push(gone);
            }
            waiting.vanished(&lost);
        }
    }
}

/// Takes records from the front of the backlog, as many as one offer may hold.
fn gather(backlog: &mut VecDeque<PendingWrite>) -> Vec<NewRecord> {
    let mut offer = Vec::new();
    let mut bytes = 0_u64;
    for write in backlog {
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

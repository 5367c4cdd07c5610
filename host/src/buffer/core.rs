//! A buffer's core: the logic, and everything that only one thread at a time may touch.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use forebay_frame::RecordId;
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::{
    Options,
    error::Stop,
    in_flight::InFlight,
    inbox::{AwaitingSync, PendingWrite, Work},
    options::{Durability, WhenFull},
    shared::Shared,
    status::Status,
};
use crate::{
    guard::{Guard, Placement, ReadRecord},
    logic::{CallError, Logic, LogicError},
    record::NewRecord,
};

/// What one call of the logic is offered at the most: its lists stay small, and no caller waits for long.
const OFFER_RECORDS_MAX: usize = 4096;
const OFFER_BYTES_MAX: u64 = 8 << 20;

/// What is read ahead for consumers that take single records.
const READ_RECORDS_MIN: usize = 256;
const READ_RECORDS_MAX: usize = 4096;
const READ_BYTES_MAX: u64 = 1 << 20;

/// The start of the logic's time: it sees nanoseconds since the process first opened a buffer.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time as the logic sees it.
pub(super) fn now_ns() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What a consumer gets when it asks for records.
#[derive(Debug)]
pub(super) enum Taken {
    Records(Vec<ReadRecord>),
    /// None for now; the receiver is told when to ask again.
    Wait(oneshot::Receiver<()>),
    /// None, and there will be none.
    End,
}

pub(super) struct Core {
    logic: Box<dyn Logic>,
    options: Options,
    /// Why nothing more is done.
    stop: Option<Stop>,
    writing_ended: bool,
    backlog: VecDeque<PendingWrite>,
    /// The logic took less than it was offered; nothing has happened since that could have made room.
    full: bool,
    awaiting_sync: VecDeque<AwaitingSync>,
    /// The id below which a sync of everything has been asked for.
    flushed: RecordId,
    ready: VecDeque<ReadRecord>,
    expected: RecordId,
    lost: u64,
    in_flight: InFlight,
    waiting_readers: Vec<oneshot::Sender<()>>,
    waiting_for_syncs: Vec<oneshot::Sender<()>>,
    tick_wanted: bool,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("backlog", &self.backlog.len()).field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl Core {
    /// A core over logic that has opened its buffer; `expected` is the first event that is not acknowledged.
    pub(super) fn new(logic: Box<dyn Logic>, options: Options, expected: RecordId) -> Self {
        Self {
            logic,
            options,
            stop: None,
            writing_ended: false,
            backlog: VecDeque::new(),
            full: false,
            awaiting_sync: VecDeque::new(),
            flushed: RecordId(0),
            ready: VecDeque::new(),
            expected,
            lost: 0,
            in_flight: InFlight::default(),
            waiting_readers: Vec::new(),
            waiting_for_syncs: Vec::new(),
            tick_wanted: false,
        }
    }

    /// Does all that waits, in the order in which it makes room: syncs that ended, acknowledgements, time, writes.
    pub(super) fn serve(&mut self, shared: &Arc<Shared>) {
        let mut worked = false;
        loop {
            let work = shared.inbox.take();
            if work.is_empty() {
                break;
            }
            worked = true;
            self.take_in(work, shared);
            self.place_backlog();
            self.flush_for_waiters();
            self.answer_durable();
            self.wake();
        }
        if worked {
            self.want_tick(shared);
        }
    }

    fn take_in(&mut self, work: Work, shared: &Arc<Shared>) {
        let makes_room = !work.syncs.is_empty() || !work.acks.is_empty() || work.tick;
        for (target, result) in work.syncs {
            self.guard().sync_ended(target, &result);
        }
        while let Some((ticket, ok)) = self.guard().next_synced() {
            let told = self.logic.synced(ticket, ok);
            self.note(told);
        }
        if !work.acks.is_empty() {
            for ack in work.acks {
                self.in_flight.acknowledge(ack);
            }
            if let Some(through) = self.in_flight.advance() {
                let told = self.logic.acknowledge(through);
                self.note(told);
            }
        }
        if work.tick {
            self.tick(shared);
        }
        self.backlog.extend(work.writes);
        if makes_room {
            self.full = false;
        }
    }

    fn tick(&mut self, shared: &Arc<Shared>) {
        self.tick_wanted = false;
        let now = now_ns();
        match self.logic.tick(now) {
            Ok(u64::MAX) => {}
            Ok(next) => {
                self.tick_wanted = true;
                shared.tick_at(Instant::now() + Duration::from_nanos(next.saturating_sub(now)));
            }
            Err(error) => self.note(Err(error)),
        }
    }

    /// After work was done, the logic's clock must move on until it says that it need not.
    fn want_tick(&mut self, shared: &Arc<Shared>) {
        if !self.tick_wanted && self.stop.is_none() {
            self.tick_wanted = true;
            shared.tick_at(Instant::now() + self.options.sync_interval);
        }
    }

    /// Offers what waits to the logic, oldest first, until all is placed or it takes no more.
    fn place_backlog(&mut self) {
        while !self.backlog.is_empty() && !self.full {
            if let Some(stop) = self.write_stop() {
                self.backlog.drain(..).for_each(|write| write.fail(&stop));
                return;
            }
            let records = self.gather();
            let (batch, sizes) = self.guard().offer(records);
            let result = self.logic.write(batch.0, &sizes);
            // However the call ended, what the guard has placed is placed.
            let placement = self.guard().take_offer();
            let all_placed = placement.placed == placement.records.len();
            self.share_out(placement);
            if result.is_err() {
                self.note(result);
                // An error that leaves the logic in order is not a reason to offer the same again at once.
                self.full = self.stop.is_none();
            } else if !all_placed {
                match self.options.when_full {
                    WhenFull::Block => self.full = true,
                    WhenFull::Reject => self.reject_first(),
                }
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
            let next = self.guard().next_id();
            self.complete(write, next);
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
    fn flush_for_waiters(&mut self) {
        let wanted = self.awaiting_sync.back().map_or(RecordId(0), |waiting| waiting.next);
        if wanted > self.flushed && self.stop.is_none() {
            self.flushed = self.guard().next_id();
            let told = self.logic.flush();
            self.note(told);
        }
    }

    /// Answers those whose records are durable by the guard's own account.
    fn answer_durable(&mut self) {
        if self.guard().sync_failed() {
            self.stop.get_or_insert(Stop::SyncFailed);
        }
        if let Some(stop) = &self.stop {
            for waiting in self.awaiting_sync.drain(..) {
                let _ = waiting.reply.send(Err(stop.clone().into()));
            }
            return;
        }
        let durable = self.guard().durable_next();
        while let Some(waiting) = self.awaiting_sync.pop_front_if(|waiting| waiting.next <= durable) {
            let _ = waiting.reply.send(Ok(waiting.receipt));
        }
    }

    /// Something has changed: whoever waits for it looks again.
    fn wake(&mut self) {
        let mut awake = std::mem::take(&mut self.waiting_readers);
        if self.guard().is_sync_idle() {
            awake.append(&mut self.waiting_for_syncs);
        }
        for waiting in awake {
            // Whoever waited may have gone.
            let _ = waiting.send(());
        }
    }

    /// Gives the next records, at most so many.
    pub(super) fn take_records(&mut self, max_records: usize) -> Result<Taken, Stop> {
        if let Some(stop @ Stop::Failed(_)) = &self.stop {
            return Err(stop.clone());
        }
        if self.is_delivery_paused() {
            return Ok(self.wait_to_read());
        }
        if self.ready.is_empty() {
            self.read_ahead(max_records)?;
        }
        let mut taken = Vec::new();
        while taken.len() < max_records && !self.is_delivery_paused() {
            let Some(record) = self.ready.pop_front() else { break };
            self.deliver(&record);
            taken.push(record);
        }
        Ok(match taken.is_empty() {
            false => Taken::Records(taken),
            true if self.writing_ended => Taken::End,
            true => self.wait_to_read(),
        })
    }

    fn read_ahead(&mut self, wanted: usize) -> Result<(), Stop> {
        let wanted = wanted.clamp(READ_RECORDS_MIN, READ_RECORDS_MAX);
        self.guard().start_reading();
        let runs = self.logic.read(u32::try_from(wanted).unwrap_or(u32::MAX), READ_BYTES_MAX);
        let collected = runs.and_then(|runs| {
            self.guard().collect(&runs).ok_or_else(|| CallError::Failed {
                reason: "it read what is not in the buffer".to_owned(),
            })
        });
        match collected {
            Ok(records) => {
                self.ready.extend(records);
                Ok(())
            }
            Err(error) => {
                let stop = Stop::from(&error);
                self.note(Err(error));
                Err(stop)
            }
        }
    }

    fn deliver(&mut self, record: &ReadRecord) {
        if record.id > self.expected {
            let lost = record.id.0 - self.expected.0;
            self.lost = self.lost.saturating_add(lost);
            warn!(first_id = self.expected.0, events = lost, "events are lost: no file holds them");
        }
        let next = record.id.after(record.events.get().into());
        self.expected = next;
        if !self.options.peek {
            self.in_flight.deliver(record.id, next, record.frame_bytes);
        }
    }

    fn is_delivery_paused(&self) -> bool {
        self.in_flight.records() >= self.options.max_unacknowledged_records
            || self.in_flight.bytes() >= self.options.max_unacknowledged_bytes
    }

    fn wait_to_read(&mut self) -> Taken {
        let (wake, receiver) = oneshot::channel();
        self.waiting_readers.push(wake);
        Taken::Wait(receiver)
    }

    /// No more records will be written: what was accepted becomes durable, and readers come to an end.
    pub(super) fn end_writing(&mut self) {
        if !self.writing_ended {
            self.place_backlog();
            self.writing_ended = true;
            self.backlog.drain(..).for_each(|write| write.fail(&Stop::Closed));
            let told = self.logic.close_writer();
            self.note(told);
            self.wake();
        }
    }

    /// A receiver that is told when no sync is outstanding any more; `None` if that is so now.
    pub(super) fn wait_for_syncs(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.guard().is_sync_idle() {
            return None;
        }
        let (wake, receiver) = oneshot::channel();
        self.waiting_for_syncs.push(wake);
        Some(receiver)
    }

    /// Nothing more will be done: the storage may note that it was left in order.
    pub(super) fn close(mut self) -> Option<Stop> {
        self.guard().close();
        self.stop
    }

    /// Figures of the buffer as it is now.
    pub(super) fn status(&mut self) -> Status {
        let figures = self.logic.status().unwrap_or_default();
        let unacknowledged = (self.in_flight.records(), self.in_flight.bytes());
        let (lost, waiting) = (self.lost, self.backlog.iter().map(|write| write.left).sum());
        Status::new(self.guard(), &figures, unacknowledged, lost, waiting)
    }

    fn guard(&mut self) -> &mut Guard {
        self.logic.guard()
    }

    fn write_stop(&self) -> Option<Stop> {
        self.stop.clone().or_else(|| self.writing_ended.then_some(Stop::Closed))
    }

    /// Takes note of how a call of the logic ended. A refusal leaves it in order; a failure ends it.
    fn note(&mut self, result: Result<(), CallError>) {
        match result {
            Ok(()) => {}
            Err(CallError::Refused(LogicError::Degraded)) => {
                self.stop.get_or_insert(Stop::SyncFailed);
            }
            Err(CallError::Refused(error)) => warn!(%error, "the buffer's logic refused a call"),
            Err(failure) => {
                error!(error = %failure, "the buffer has stopped");
                self.stop.get_or_insert_with(|| Stop::from(&failure));
                self.wake();
            }
        }
    }
}

//! A buffer's core: the logic, and everything that only one thread at a time may touch.

mod acknowledging;
mod calls;
mod closing;
mod draining;
mod dropping;
mod gathering;
mod reading;
mod turns;
mod writing;

use std::{collections::VecDeque, sync::Arc, time::Duration};

pub use draining::DrainReport;
use forebay_core::throttle::Throttle;
use forebay_types::RecordId;
pub(super) use reading::Taken;
use tokio::sync::oneshot;

use self::{dropping::Drops, gathering::Gathering, turns::Turn};
use super::{
    Options,
    combining::Serve,
    dead_letters::DeadLetters,
    in_flight::InFlight,
    inbox::{Ack, AwaitingSync, PendingWrite, Work},
    lives::Lives,
    redelivery::Redelivery,
    schedule::Schedule,
    status::Status,
    sync_latency::SyncRecord,
    unable::Stop,
    why_full::WhyFull,
};
use crate::{
    guard::{Guard, Loss, ReadRecord},
    logic::Logic,
    parking::HeldWakes,
    storage::{StorageError, SyncTarget},
};

/// The shortest time between two ticks.
const TICK_MIN: Duration = Duration::from_millis(1);

/// How far writing has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// No new records are taken; it ends when those that wait for room are placed.
    Ending,
    Ended,
}

pub(super) struct Core {
    lives: Lives,
    schedule: Arc<Schedule>,
    options: Options,
    /// Why nothing more is done.
    stop: Option<Stop>,
    writing: Writing,
    backlog: VecDeque<PendingWrite>,
    /// The logic took less than it was offered; nothing has happened since that could have made room.
    full: bool,
    /// The storage error that the logic met when it last took less than it was offered.
    storage_error: Option<Arc<StorageError>>,
    /// What was lacking then.
    why_full: WhyFull,
    awaiting_sync: VecDeque<AwaitingSync>,
    gathering: Gathering,
    /// The id below which a sync of everything has been asked for.
    flushed: RecordId,
    syncs: SyncRecord,
    ready: VecDeque<ReadRecord>,
    /// The record that waits although the logic gave none when it was last asked.
    withheld: Option<RecordId>,
    drops: Drops,
    in_flight: InFlight,
    /// Acknowledgements of single records that wait for more.
    acks: Vec<Ack>,
    redelivery: Redelivery,
    dead_letters: DeadLetters,
    /// The id below which everything was acknowledged or dropped since the buffer was opened; 0 if nothing was yet.
    done: RecordId,
    /// Readers, and callers that wait for the buffer to run empty.
    waiting_for_change: Vec<oneshot::Sender<()>>,
    waiting_for_syncs: Vec<oneshot::Sender<()>>,
    /// A panic has left anything half done: nothing of it is believed any more.
    is_broken: bool,
    tick_wanted: bool,
    turn: Turn,
    refusals_said: Throttle,
    withheld_said: Throttle,
    pause_said: Throttle,
    leases_said: Throttle,
    /// When leases are looked at next.
    lease_timer_ns: Option<u64>,
    expired_leases: u64,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("backlog", &self.backlog.len())
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl Serve for Core {
    type Work = Work;
    type Wakes = HeldWakes;

    fn hold_wakes() -> HeldWakes {
        HeldWakes::new()
    }

    /// Does what waits in the order in which it makes room: syncs that ended, acknowledgements, time, writes.
    fn serve(&mut self, work: Work) {
        // All who wait have heard of a panic.
        let _ = self.contained(|core| core.serve_all(work));
        self.note_urgency();
    }
}

impl Core {
    fn serve_all(&mut self, work: Work) {
        if self.is_broken {
            self.backlog.extend(work.writes);
            self.turn_all_away();
            return;
        }
        let Some(work) = self.hold_acks(work) else { return };
        // The logic says itself when it wants the next tick after one.
        let has_changed = !work.is_clock_alone();
        self.turn = Turn::begin(self.lives.now_ns());
        self.take_in(work);
        self.forget_dropped();
        self.place_backlog();
        if self.turn.end() {
            self.schedule.go_on_at(after(self.lives.now_ns(), TICK_MIN));
        }
        self.end_drained_writing();
        self.flush_for_waiters();
        // The next sync goes first: there may be many to answer.
        self.schedule.sync_callers.wake_one();
        self.answer_durable();
        self.wake();
        if let Some(deadline_ns) = self.next_deadline_ns() {
            self.schedule.look_again_at(deadline_ns);
        }
        // For writers that wait for room, a tick is the time to try again: the disk may have some.
        if has_changed || !self.backlog.is_empty() {
            self.want_tick();
        }
    }

    /// A core over logic that has opened its buffer.
    pub(super) fn new(mut lives: Lives, options: Options, schedule: Arc<Schedule>) -> Self {
        lives.guard().rest();
        Self {
            lives,
            schedule,
            options,
            stop: None,
            writing: Writing::Open,
            backlog: VecDeque::new(),
            full: false,
            storage_error: None,
            why_full: WhyFull::Logic,
            awaiting_sync: VecDeque::new(),
            gathering: Gathering::default(),
            flushed: RecordId(0),
            syncs: SyncRecord::default(),
            ready: VecDeque::new(),
            withheld: None,
            drops: Drops::default(),
            in_flight: InFlight::default(),
            acks: Vec::new(),
            redelivery: Redelivery::default(),
            dead_letters: DeadLetters::default(),
            done: RecordId(0),
            waiting_for_change: Vec::new(),
            waiting_for_syncs: Vec::new(),
            is_broken: false,
            tick_wanted: false,
            turn: Turn::default(),
            refusals_said: Throttle::default(),
            withheld_said: Throttle::default(),
            pause_said: Throttle::default(),
            leases_said: Throttle::default(),
            lease_timer_ns: None,
            expired_leases: 0,
        }
    }

    fn take_in(&mut self, work: Work) {
        let makes_room = !work.syncs.is_empty() || !work.acks.is_empty() || work.tick;
        if self.writing == Writing::Ending {
            work.writes.into_iter().for_each(|write| write.fail(&Stop::Closed.into()));
        } else {
            self.backlog.extend(work.writes);
        }
        for sync in work.syncs {
            match sync.target {
                SyncTarget::DeadLetters => self.dead_letters_ended(&sync.result),
                _ => self.sync_ended(&sync),
            }
        }
        self.tell_durable();
        if !work.acks.is_empty() {
            self.take_acks(work.acks);
        }
        // What was acknowledged in time has no lease any more.
        if work.redelivery_due {
            self.redelivery.timer_ended(self.lives.now_ns());
            self.end_leases();
        }
        self.bury();
        if let Some(due_ns) = self.redelivery.set_timer() {
            self.schedule.redeliver_at(due_ns);
        }
        if work.tick {
            self.tick();
        }
        if makes_room {
            self.full = false;
        }
    }

    /// What was dropped is neither delivered any more nor waited for.
    fn forget_dropped(&mut self) {
        let (dropped, beyond) = (self.guard().dropped_events(), self.guard().dropped_beyond_retention());
        let newly = self.drops.newly(dropped, beyond);
        if newly.0 == 0 {
            return;
        }
        let last = self.guard().passed();
        let in_flight = self.in_flight.drop_through(last);
        self.redelivery.drop_through(last);
        self.dead_letters.drop_through(last);
        while self.ready.pop_front_if(|record| record.id <= last).is_some() {}
        self.drops.add(newly, in_flight, last.0);
        let now_ns = self.lives.now_ns();
        self.drops.say(now_ns);
        // No writer need wait any more until they are on the disk.
        self.done = self.done.max(last.after(1));
        // What comes next may have been acknowledged before its turn.
        self.pass_acknowledged();
    }

    /// Tells the logic what is durable.
    fn tell_durable(&mut self) {
        // Most turns begin with nothing to tell: the clock is not asked for that.
        while self.guard().has_durable()
            && !self.turn.is_over(&mut self.lives)
            && let Some(ticket) = self.guard().next_durable()
        {
            let told = self.lives.call(|logic| logic.synced(ticket));
            let _ = self.note(told);
        }
    }

    fn tick(&mut self) {
        self.tick_wanted = false;
        let now = self.lives.now_ns();
        self.drops.say(now);
        self.guard().retry_syncs();
        self.guard().note_time();
        let told = self.lives.call(|logic| logic.tick(now));
        let told = self.note(told);
        let interval_ns = after(0, self.options.sync_interval.max(TICK_MIN));
        let overdue = self.guard().sync_overdue(now, interval_ns);
        match told {
            // Until something changes there is nothing to do.
            Ok(Some(u64::MAX)) if overdue.is_none() && !self.guard().is_degraded() => self.guard().rest(),
            Ok(Some(next)) => {
                self.tick_wanted = true;
                let now = self.lives.now_ns();
                let retry = after(now, self.options.sync_interval);
                let next = if self.guard().is_degraded() { next.min(retry) } else { next };
                let next = next.min(overdue.unwrap_or(u64::MAX));
                self.schedule.tick_at(next.max(after(now, TICK_MIN)));
            }
            // What it could not do now it tries again, as does its successor.
            Ok(None) | Err(_) => self.want_tick(),
        }
    }

    /// After something has changed, the logic's clock must move on until it says that it need not.
    fn want_tick(&mut self) {
        if !self.tick_wanted && self.stop.is_none() {
            self.tick_wanted = true;
            // Even where every tick is to sync, no thread spins.
            let interval = self.options.sync_interval.max(TICK_MIN);
            self.schedule.tick_at(after(self.lives.now_ns(), interval));
        }
    }

    /// Something has changed: all who wait for it look again.
    fn wake(&mut self) {
        let mut awake = std::mem::take(&mut self.waiting_for_change);
        if self.is_sync_idle() {
            awake.append(&mut self.waiting_for_syncs);
        }
        for waiting in awake {
            // The waiting caller may have gone.
            let _ = waiting.send(());
        }
    }

    /// How many events waited in data files that were taken away.
    pub(super) fn events_taken_away(&mut self) -> u64 {
        self.lives.guard().events_taken_away()
    }

    /// Figures of the buffer as it is now.
    pub(super) fn status(&mut self) -> Status {
        let told = self.lives.call(Logic::status);
        let figures = self.note(told).ok().flatten().unwrap_or_default();
        let waiting = self.backlog.iter().map(|write| write.left).sum();
        let (restarts, replacements) = (self.lives.restarts(), self.lives.replacements());
        let fell_back = self.lives.fell_back().map(ToOwned::to_owned);
        let stopped = self.stop.as_ref().map(ToString::to_string);
        self.guard().note_time();
        let status = Status::new(self.lives.guard(), &figures, &self.in_flight, &self.dead_letters, waiting);
        let (delivery_paused, expired_leases) = (self.is_delivery_paused(), self.expired_leases);
        let storage_error = self.storage_error.as_ref().map(ToString::to_string);
        let SyncRecord { latency: sync_latency, failed: failed_syncs, last_error } = &self.syncs;
        let (sync_latency, failed_syncs, last_sync_error) =
            (*sync_latency, *failed_syncs, last_error.clone());
        let status = Status { delivery_paused, expired_leases, storage_error, ..status };
        let status = Status { sync_latency, failed_syncs, last_sync_error, ..status };
        Status { restarts, replacements, fell_back, stopped, withheld: self.withheld, ..status }
    }

    /// The losses that were found since this was called last.
    pub(super) fn take_losses(&mut self) -> Vec<Loss> {
        self.guard().take_losses()
    }

    fn is_sync_idle(&mut self) -> bool {
        self.is_broken || self.guard().has_landed() && self.dead_letters.is_idle()
    }

    fn guard(&mut self) -> &mut Guard {
        self.lives.guard()
    }
}

/// The time so much later.
fn after(now_ns: u64, interval: Duration) -> u64 {
    now_ns.saturating_add(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX))
}

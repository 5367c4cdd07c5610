//! How long the next sync waits for callers whose records the last one has made durable: many write again at once, and with the
//! others they need one sync instead of two.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use forebay_types::RecordId;

use super::after;
use crate::buffer::{inbox::AwaitingSync, lives::Lives, schedule::Schedule};

/// The part of the last sync's time for which the next one waits.
const PART: u64 = 10;

/// Below that the wait costs more than it saves, and beyond it no caller is to be held up.
const GATHER_MIN: Duration = Duration::from_micros(50);
const GATHER_MAX: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// When callers last needed a sync.
    requested_ns: Option<u64>,
    awaited: Option<Awaited>,
}

#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// How many callers waited when the last sync ended, those among them that it has answered.
    callers: usize,
    until_ns: u64,
    is_timer_set: bool,
}

impl Gathering {
    /// A sync was requested that callers wait for.
    pub(super) fn note_request(&mut self, now_ns: u64) {
        *self = Self { requested_ns: Some(now_ns), awaited: None };
    }

    /// A sync of a data file has ended well, and none of so many callers was answered yet.
    pub(super) fn begin(&mut self, callers: usize, lives: &Lives) {
        let Some(requested_ns) = self.requested_ns.take() else { return };
        if callers < 2 {
            return;
        }
        let now_ns = lives.now_ns();
        let part = Duration::from_nanos(now_ns.saturating_sub(requested_ns) / PART).min(GATHER_MAX);
        if part >= GATHER_MIN {
            self.awaited = Some(Awaited { callers, until_ns: after(now_ns, part), is_timer_set: false });
        }
    }

    /// Whether the next sync waits for more callers than these, of whom those with records below `done` need none. If so, the core
    /// goes on when the time is over.
    pub(super) fn is_under_way(
        &mut self,
        callers: &VecDeque<AwaitingSync>,
        done: RecordId,
        lives: &mut Lives,
        schedule: &Arc<Schedule>,
    ) -> bool {
        let Some(awaited) = self.awaited else { return false };
        let durable = lives.guard().durable_next().max(done);
        let is_waiting = |waiting: &&AwaitingSync| waiting.next() > durable;
        let waiting = callers.iter().rev().take_while(is_waiting).count();
        if waiting >= awaited.callers || lives.guard().is_closing() || lives.now_ns() >= awaited.until_ns {
            self.awaited = None;
            return false;
        }
        if !awaited.is_timer_set {
            self.awaited = Some(Awaited { is_timer_set: true, ..awaited });
            schedule.go_on_at(awaited.until_ns);
        }
        true
    }
}

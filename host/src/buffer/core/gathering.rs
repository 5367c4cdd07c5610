//! How long the next sync waits for callers whose records the last one has made durable: many write again at once, and with the
//! others they need one sync instead of two.

use std::{sync::Arc, time::Duration};

use super::{Core, after};
use crate::buffer::{inbox::AwaitingSync, shared::Shared};

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

impl Core {
    /// A sync was requested that callers wait for.
    pub(super) fn note_request(&mut self) {
        self.gathering = Gathering { requested_ns: Some(self.lives.now_ns()), awaited: None };
    }

    /// A sync of a data file has ended well, and no caller was answered yet.
    pub(super) fn begin_gathering(&mut self) {
        let Some(requested_ns) = self.gathering.requested_ns.take() else { return };
        let callers = self.awaiting_sync.len();
        if callers < 2 {
            return;
        }
        let now_ns = self.lives.now_ns();
        let part = Duration::from_nanos(now_ns.saturating_sub(requested_ns) / PART).min(GATHER_MAX);
        if part >= GATHER_MIN {
            let until_ns = after(now_ns, part);
            self.gathering.awaited = Some(Awaited { callers, until_ns, is_timer_set: false });
        }
    }

    /// Whether the next sync waits for more callers. If so, the core goes on when the time is over.
    pub(super) fn is_gathering(&mut self, shared: &Arc<Shared>) -> bool {
        let Some(awaited) = self.gathering.awaited else { return false };
        let durable = self.guard().durable_next().max(self.done);
        let is_waiting = |waiting: &&AwaitingSync| waiting.next() > durable;
        let waiting = self.awaiting_sync.iter().rev().take_while(is_waiting).count();
        if waiting >= awaited.callers || self.guard().is_closing() || self.lives.now_ns() >= awaited.until_ns
        {
            self.gathering.awaited = None;
            return false;
        }
        if !awaited.is_timer_set {
            self.gathering.awaited = Some(Awaited { is_timer_set: true, ..awaited });
            shared.go_on_at(awaited.until_ns);
        }
        true
    }
}

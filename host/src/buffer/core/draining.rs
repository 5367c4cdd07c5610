//! Running empty: no new records are taken, those that wait for room are placed, and readers go on.

use tokio::sync::oneshot;

use super::{Core, Writing};
use crate::{buffer::unable::Stop, storage::Amount};

/// What is left in a buffer after [`Buffer::drain`](crate::Buffer::drain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// The events of [`Status::occupancy`](crate::Status::occupancy): those that are not acknowledged, lost ones among them
    /// that delivery has not reached.
    pub events: u64,
    /// Its bytes: the length of their frames, and of damage among them.
    pub bytes: u64,
    /// Records that were delivered and are not acknowledged.
    pub unacknowledged_records: usize,
}

impl DrainReport {
    /// Whether nothing is left.
    pub fn is_drained(&self) -> bool {
        self.events == 0
    }
}

impl Core {
    /// From now on no record is taken. A receiver that is told when something has changed; `None` when everything is
    /// acknowledged, or never will be.
    pub(in crate::buffer) fn drain(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.writing == Writing::Open {
            self.writing = Writing::Ending;
        }
        self.end_drained_writing();
        let is_stopped = matches!(self.stop, Some(Stop::Failed(_)));
        let is_drained = self.writing == Writing::Ended && self.left().is_drained();
        (!is_stopped && !is_drained).then(|| self.wait_for_change())
    }

    /// Writing ends when nothing waits for room any more.
    pub(super) fn end_drained_writing(&mut self) {
        if self.writing == Writing::Ending && self.backlog.is_empty() {
            self.end_writing();
        }
    }

    /// What is not acknowledged.
    pub(in crate::buffer) fn left(&mut self) -> DrainReport {
        let unacknowledged_records = self.in_flight.records();
        let Amount { events, bytes, .. } = self.guard().waiting();
        DrainReport { events, bytes, unacknowledged_records }
    }
}

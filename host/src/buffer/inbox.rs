//! What callers and threads want of a buffer, until whoever holds its core takes it.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::{
    combining,
    error::{Stop, Unable},
    in_flight::Ack,
    options::Durability,
    receipt::{Answer, Receipt},
};
use crate::{
    record::NewRecord,
    storage::{StorageError, SyncTarget},
};
use forebay_frame::RecordId;

/// Records that wait to be placed, and who waits for them.
#[derive(Debug)]
pub(super) struct PendingWrite {
    /// Those that are neither placed nor on offer.
    pub(super) records: VecDeque<NewRecord>,
    /// How many are not placed.
    pub(super) left: usize,
    pub(super) receipt: Receipt,
    pub(super) durability: Durability,
    /// `None` once the caller has been answered.
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

impl PendingWrite {
    /// Whoever waits hears that it ends here.
    pub(super) fn fail(mut self, unable: &Unable) {
        if let Some(reply) = self.reply.take() {
            // Nobody may be waiting any more.
            let _ = reply.send(Err(unable.clone().into()));
        }
    }
}

/// Who waits until all records below an id are durable.
#[derive(Debug)]
pub(super) struct AwaitingSync {
    pub(super) next: RecordId,
    pub(super) receipt: Receipt,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// Everything that waits to be looked at.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) writes: Vec<PendingWrite>,
    pub(super) acks: Vec<Ack>,
    pub(super) syncs: Vec<(SyncTarget, Result<(), StorageError>)>,
    pub(super) tick: bool,
    /// Whoever waits for a change is to look again.
    pub(super) look_again: bool,
    /// The time has come to deliver a record again.
    pub(super) redelivery_due: bool,
}

impl Work {
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

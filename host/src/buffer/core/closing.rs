//! The end: no more is written, all becomes durable, and the storage goes to the next owner.

use tokio::sync::oneshot;

use super::{Core, Writing};
use crate::{
    buffer::{source::Source, unable::Stop},
    logic::Logic,
    storage::Backend,
};

impl Core {
    /// No more records will be written: what was accepted becomes durable, and readers end.
    pub(in crate::buffer) fn end_writing(&mut self) {
        if self.writing != Writing::Ended {
            self.place_backlog();
            self.writing = Writing::Ended;
            self.end_backlog();
            // A writer that comes now is not to wait for room.
            self.full = false;
            let told = self.lives.call(Logic::close_writer);
            let _ = self.note(told);
            self.forget_dropped();
            // The first part of a batch whose rest was just handed back may be durable already.
            self.answer_durable();
            self.wake();
        }
    }

    /// No more records will be written, and all that has happened becomes durable, also where writing had ended before.
    pub(in crate::buffer) fn finish(&mut self) {
        self.guard().begin_closing();
        self.tell_durable();
        if self.writing == Writing::Ended {
            let told = self.lives.call(Logic::flush);
            let _ = self.note(told);
        } else {
            self.end_writing();
        }
    }

    /// For the thread that closes: a receiver that is told when no sync is outstanding any more; `None` if that is so now.
    /// None is begun for dead letters then.
    pub(in crate::buffer) fn wait_for_syncs(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.is_sync_idle() {
            self.dead_letters.close();
            return None;
        }
        let (wake, receiver) = oneshot::channel();
        self.waiting_for_syncs.push(wake);
        Some(receiver)
    }

    /// Where a failed sync is not made up for: tries it once more now. Answers whether there was anything to try.
    pub(in crate::buffer) fn mend(&mut self) -> bool {
        if self.stop.is_some() {
            return false;
        }
        let is_degraded = self.guard().is_degraded();
        if is_degraded {
            self.guard().begin_closing();
            self.tick();
        }
        is_degraded || !self.is_sync_idle()
    }

    /// Nothing more will be done: the storage may note that it was left in order. Gives it and the logic's source, for the
    /// next owner.
    pub(in crate::buffer) fn close(mut self) -> Result<(Box<dyn Backend>, Source), Stop> {
        if !self.is_broken {
            // A panic is said below.
            let _ = self.contained(Self::settle);
        }
        self.drops.say_rest();
        let ended = self.lives.end();
        if let Some(stop) = self.stop {
            return Err(stop);
        }
        let (guard, source) = ended.map_err(|error| Stop::Failed(error.to_string()))?;
        Ok((guard.into_backend(), source))
    }

    fn settle(&mut self) {
        // What its last calls have dropped is in the log before the buffer is gone.
        self.forget_dropped();
        self.guard().close();
        if self.guard().is_degraded() {
            self.stop.get_or_insert(Stop::SyncFailed);
        } else if !self.guard().is_all_durable() {
            self.stop.get_or_insert(Stop::NotSynced);
        }
        self.answer_durable();
    }
}

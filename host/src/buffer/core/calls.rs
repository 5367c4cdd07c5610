//! How calls of the logic end, and what follows from it.

use forebay_types::RecordId;
use tracing::{error, warn};

use super::{Core, Writing};
use crate::{
    buffer::{
        error::ReplaceError,
        lives::Standing,
        source::Source,
        sync_latency::EndedSync,
        unable::{Stop, Unable},
    },
    logic::CallError,
    panics::caught,
    storage::SyncTarget,
};

impl Core {
    /// Takes note of how a call of the logic ended, and says it to the caller. A refusal leaves the logic in
    /// order. A failure ends the instance; `None` then says that a fresh one has taken over, which knows all that the host
    /// knows and nothing of this call.
    pub(super) fn note<T>(&mut self, result: Result<T, CallError>) -> Result<Option<T>, Unable> {
        self.turn.note_call();
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        if let Some(stop @ Stop::Failed(_)) = &self.stop {
            return Err(stop.clone().into());
        }
        if error.ends_instance() {
            return self.restart(error).map(|()| None);
        }
        if let CallError::Storage(storage) = &error
            && storage.is_directory_gone()
        {
            return Err(self.stop_by_storage(storage.to_string()).into());
        }
        let unable = Unable::from(&error);
        match &unable {
            Unable::Refused(_) => {
                let now_ns = self.lives.now_ns();
                if let Some(not_logged) = self.refusals_said.may_log(now_ns) {
                    warn!(%error, not_logged, "the buffer's logic refused a call");
                }
            }
            // Closed is for writing only: reading goes on.
            Unable::Stopped(Stop::Closed) | Unable::CannotSync(_) => {}
            Unable::Stopped(stop) => {
                error!(%error, "the buffer has stopped");
                self.stop.get_or_insert(stop.clone());
                self.wake();
            }
        }
        Err(unable)
    }

    fn restart(&mut self, failure: CallError) -> Result<(), Unable> {
        let standing = self.begin_again();
        match self.lives.restart(failure, standing) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.stop_for_good(&error).into()),
        }
    }

    /// Has other logic take over. The error says why it did not: the former goes on, unless that failed as well.
    pub(in crate::buffer) fn replace_logic(&mut self, source: Source) -> Result<(), ReplaceError> {
        if let Some(Stop::Failed(reason)) = &self.stop {
            return Err(ReplaceError::Stopped { reason: reason.clone() });
        }
        let standing = self.begin_again();
        let replaced = self
            .lives
            .replace(source, standing)
            .map_err(|error| ReplaceError::Stopped { reason: self.stop_for_good(&error).to_string() })?;
        // There may be room where the former saw none.
        self.place_backlog();
        self.wake();
        replaced.map_err(|error| ReplaceError::FellBack { reason: error.to_string() })
    }

    /// What the instance before had asked for, and what it had no room for, counts no more. Gives what the next one has to
    /// be told.
    fn begin_again(&mut self) -> Standing {
        (self.flushed, self.full) = (RecordId(0), false);
        Standing { done: self.done, writing_ended: self.writing == Writing::Ended }
    }

    /// A sync has ended. Where it has failed for good, all who wait hear of it.
    pub(super) fn sync_ended(&mut self, sync: &EndedSync) {
        self.syncs.ended(sync);
        self.guard().sync_ended(sync.target, &sync.result);
        if sync.result.is_ok() && matches!(sync.target, SyncTarget::Data(_)) {
            self.gathering.begin(self.awaiting_sync.len(), &self.lives);
        }
        if let Some(reason) = self.guard().hopeless().map(ToOwned::to_owned) {
            self.stop_by_storage(reason);
        }
    }

    fn stop_by_storage(&mut self, reason: String) -> Stop {
        let stop = Stop::Failed(reason);
        if self.stop.is_none() {
            error!(reason = %stop, "the buffer has stopped");
            self.stop = Some(stop.clone());
            self.wake();
        }
        stop
    }

    fn stop_for_good(&mut self, error: &CallError) -> Stop {
        let restarts = self.lives.restarts();
        let reason = if self.lives.is_braked() {
            error!(%error, "the buffer has stopped: its logic was still at work when the process was told to end");
            error.to_string()
        } else {
            error!(%error, restarts, "the buffer has stopped: its logic has failed too often");
            format!("{error}, and so often within a minute that no other instance was tried")
        };
        let stop = Stop::Failed(reason);
        self.stop = Some(stop.clone());
        self.wake();
        stop
    }

    /// Does something with the core that may run an embedder's code. A panic in it, or in the host's own, ends the buffer: it
    /// may have left anything half done, so no fresh instance takes over, as one does after a failure. All who wait hear of
    /// it.
    pub(in crate::buffer) fn contained<T>(&mut self, action: impl FnOnce(&mut Self) -> T) -> Result<T, Stop> {
        caught(|| action(self)).map_err(|text| {
            error!(text, "the buffer has stopped: code of its logic's, or of its own, has panicked");
            self.is_broken = true;
            self.dead_letters.give_up();
            let stop = Stop::Failed(format!("the code of the buffer or of its logic has panicked: {text}"));
            let stop = self.stop.take_if(|stop| matches!(stop, Stop::Failed(_))).unwrap_or(stop);
            self.stop = Some(stop.clone());
            self.lives.give_up();
            self.turn_all_away();
            stop
        })
    }

    /// Tells all who wait for anything that there will be no more.
    pub(super) fn turn_all_away(&mut self) {
        // What was on offer when a panic came goes back to its writers. Without a guard that answers it cannot.
        let _ = caught(|| self.take_offer());
        if let Some(stop) = self.stop.clone() {
            let stopped = Unable::from(stop);
            self.backlog.drain(..).for_each(|write| write.fail(&stopped));
        }
        self.answer_durable();
        self.wake();
    }
}

//! How calls of the logic end, and what follows from it.

use forebay_frame::RecordId;
use tracing::{error, warn};

use super::{Core, Writing};
use crate::{
    buffer::{
        error::{Stop, Unable},
        lives::Standing,
    },
    logic::CallError,
};

impl Core {
    /// Takes note of how a call of the logic ended, and says it for whoever asked for it. A refusal leaves the logic in
    /// order. A failure ends the instance; `None` then says that a fresh one has taken over, which knows all that the host
    /// knows and nothing of this call.
    pub(super) fn note<T>(&mut self, result: Result<T, CallError>) -> Result<Option<T>, Unable> {
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
        let unable = Unable::from(&error);
        match &unable {
            Unable::Refused(_) => warn!(%error, "the buffer's logic refused a call"),
            // Closed for writing only: reading goes on.
            Unable::Stopped(Stop::Closed) => {}
            Unable::Stopped(stop) => {
                error!(%error, "the buffer has stopped");
                self.stop.get_or_insert(stop.clone());
                self.wake();
            }
        }
        Err(unable)
    }

    fn restart(&mut self, failure: CallError) -> Result<(), Unable> {
        let standing = Standing { done: self.done, writing_ended: self.writing == Writing::Ended };
        // What the failed instance had asked for, and what it had no room for, counts no more.
        (self.flushed, self.full) = (RecordId(0), false);
        let Err(error) = self.lives.restart(failure, standing) else { return Ok(()) };
        let restarts = self.lives.restarts();
        error!(%error, restarts, "the buffer has stopped: its logic has failed too often");
        let stop =
            Stop::Failed(format!("{error}, and so often within a minute that no other instance was tried"));
        self.stop = Some(stop.clone());
        self.wake();
        Err(stop.into())
    }
}

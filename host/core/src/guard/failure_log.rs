//! What is logged of failed syncs. A disk that fails would fill the log, with a line for each file and each retry.

use std::error::Error;

use tracing::warn;

use crate::{
    storage::{StorageError, SyncTarget},
    throttle::Throttle,
};

/// Logs failed syncs, at most one a second.
#[derive(Debug, Default)]
pub(super) struct FailureLog {
    failed: Throttle,
    unopened: Throttle,
}

impl FailureLog {
    /// A sync has failed.
    pub(super) fn log(&mut self, target: SyncTarget, error: &StorageError, now_ns: u64) {
        let Some(not_logged) = self.failed.may_log(now_ns) else { return };
        let error: &dyn Error = error;
        warn!(
            ?target,
            error,
            not_logged,
            "an fsync failed: Forebay confirms nothing as synced until a retry has made it good"
        );
    }
    /// A sync could not be begun.
    pub(super) fn log_unopened(&mut self, target: SyncTarget, error: &StorageError, now_ns: u64) {
        let Some(not_logged) = self.unopened.may_log(now_ns) else { return };
        let error: &dyn Error = error;
        warn!(?target, error, not_logged, "an fsync waits until what it is to sync can be opened");
    }
}

//! What is logged of bytes that the device cannot read. A bad disk would fill the log, with a line for each page and each look.

use std::sync::Arc;

use forebay_types::FileId;
use tracing::warn;

use crate::{
    clock::Clock,
    storage::{StorageError, data_file_name},
    throttle::Throttle,
};

/// Logs such bytes, at most once a second.
#[derive(Debug)]
pub(crate) struct UnreadableLog {
    clock: Arc<dyn Clock>,
    throttle: Throttle,
}

impl UnreadableLog {
    /// A log by this clock, in which nothing was logged yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, throttle: Throttle::default() }
    }

    /// The device could not read so many bytes from an offset on.
    pub(crate) fn note(&mut self, file: FileId, offset: u64, bytes: usize, error: &StorageError) {
        let Some(not_logged) = self.throttle.may_log(self.clock.now_ns()) else { return };
        let file = data_file_name(file);
        warn!(file, offset, bytes, %error, not_logged, "the device cannot read these bytes of a data file");
    }
}

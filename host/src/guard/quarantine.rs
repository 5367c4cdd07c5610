//! What is cut is kept: whoever doubts that it was of no use can look.

use std::error::Error;

use tracing::{info, warn};

use super::Guard;
use crate::storage::FileId;

impl Guard {
    /// The end of a file from a length on, which holds nothing whole, is about to be cut.
    pub(super) fn keep_cut(&mut self, file: FileId, length: u64, bytes: u64) {
        if let Err(error) = self.backend.keep_cut(file, length, bytes) {
            let error: &dyn Error = &error;
            warn!(%file, length, bytes, error, "what is cut from a data file could not be kept");
        }
    }

    /// It was.
    pub(super) fn count_cut(&mut self, file: FileId, length: u64, bytes: u64) {
        info!(%file, length, bytes, "cut the end of a data file, which holds nothing whole");
        self.cut_bytes = self.cut_bytes.saturating_add(bytes);
    }

    /// Bytes that were cut from the ends of files.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }
}

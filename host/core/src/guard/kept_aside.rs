//! Damaged data files that are kept aside when they are removed.

use std::error::Error;

use forebay_types::FileId;
use tracing::warn;

use super::Guard;
use crate::{segments::WalkedEnd, storage::unless_missing};

impl Guard {
    /// A full disk would get no room by a removal.
    pub(super) fn keep_if_damaged(&mut self, file: FileId) {
        // What ends in an unfinished frame was cut short: a torn end of the last file is truncated, and kept, at the opening.
        let is_damaged =
            self.segments.get(file).is_some_and(|segment| segment.walked.end != WalkedEnd::Whole);
        if !is_damaged || !self.keeps_damaged || self.is_disk_full() {
            return;
        }
        let bytes_max = self.room.bytes_kept_aside();
        if let Err(error) = unless_missing(self.backend.keep_damaged(file, bytes_max)) {
            let error: &dyn Error = &error;
            warn!(%file, error, "a damaged data file that is removed could not be kept aside");
        }
    }

    /// Records go before what was kept of others: one file a write that was refused.
    pub(super) fn give_up_damaged(&mut self) {
        match self.backend.give_up_damaged() {
            Ok(true) => {
                warn!("the disk is full: the damaged data file that was kept aside first is given up");
            }
            Ok(false) => {}
            Err(error) => {
                let error: &dyn Error = &error;
                warn!(error, "a damaged data file that was kept aside could not be removed from a full disk");
            }
        }
    }
}

//! The ledger that was noted, field by field, where the one that is there cannot be right.
//!
//! A ledger has no checksum. Where the machine has been down since it was noted, a field of it that neither the note nor the
//! frames agree with is taken from the note: at worst something is delivered for the second time. During the same boot
//! nothing is older than it seems, and the live ledger is right. So it is where the frames agree with it: then another
//! program had the buffer since, or the ledger reached the disk before the note did.

use forebay_frame::RecordId;
use tracing::warn;

use super::{Guard, steps::distance};
use crate::storage::{Ledger, Recalled, StorageError};

impl Guard {
    /// The ledger to go by, if it is another than the one that is there.
    ///
    /// Where none can be read, the noted one is better than none if a mark shows that it is of these files.
    pub(super) fn better_ledger(
        &mut self,
        recalled: &Recalled,
        is_of_these_files: bool,
    ) -> Result<Option<Ledger>, StorageError> {
        let noted = recalled.memo.ledger;
        let Some(live) = self.account.ledger() else {
            return Ok(is_of_these_files.then_some(noted));
        };
        if recalled.same_boot || live == noted {
            return Ok(None);
        }
        let mut ledger = live;
        ledger.reader_last_record = self.better_last(live, noted)?;
        ledger.writer_next_record = self.better_next(ledger, noted)?;
        let ledger = self.better_files(ledger, noted)?;
        if ledger == live {
            return Ok(None);
        }
        warn!(
            ?live,
            ?ledger,
            "the ledger says what neither the data files nor an older note of it do: the older one counts there, and some \
             records may be delivered again"
        );
        Ok(Some(ledger))
    }

    /// Puts another ledger in the place of the one that is there, before anybody has seen it.
    pub(super) fn take_back(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.backend.store_ledger(ledger)?;
        self.account.taken_back(ledger);
        self.found = Some(ledger);
        Ok(())
    }

    /// One that has passed every record, among them some that the noted one has not, is not believed.
    fn better_last(&mut self, live: Ledger, noted: Ledger) -> Result<RecordId, StorageError> {
        let (live, noted) = (live.reader_last_record, noted.reader_last_record);
        if live <= noted {
            return Ok(live);
        }
        let (mut any_beyond, mut any_unread) = (false, false);
        for file in self.account.file_ids() {
            // An event up to the live ledger's last is in some file, so that it may have been acknowledged.
            any_beyond |= self.first_in_file(file, live)?.is_some();
            any_unread |= self.first_in_file(file, noted.after(1))?.is_some();
        }
        Ok(if any_beyond || !any_unread { live } else { noted })
    }

    /// Ids that were given to nothing that is there, and were not given when it was noted, are given again. Where nothing is
    /// left that could be asked, the ledger stands.
    fn better_next(&mut self, ledger: Ledger, noted: Ledger) -> Result<RecordId, StorageError> {
        let next = ledger.writer_next_record;
        if next <= noted.writer_next_record {
            return Ok(next);
        }
        // The file that begins highest is the newest. Should another one go on further, the logic moves the ledger forward.
        let mut newest = None;
        for file in self.account.file_ids() {
            let first = self.first_in_file(file, RecordId(0))?;
            newest = newest.max(first.map(|first| (first, file)));
        }
        let Some((_, newest)) = newest else { return Ok(next) };
        self.look_through(newest)?;
        let end = self.account.file(newest).map_or(RecordId(0), |account| account.seen_next);
        // Frames from before what is acknowledged say nothing of what came behind it.
        let is_known = end > ledger.reader_last_record;
        Ok(if is_known { noted.writer_next_record.max(end).min(next) } else { next })
    }

    /// Where reader and writer are: each from the note if with it, and not without it, the files are in order.
    fn better_files(&mut self, ledger: Ledger, noted: Ledger) -> Result<Ledger, StorageError> {
        let (reader_data_file, writer_data_file) = (noted.reader_data_file, noted.writer_data_file);
        let candidates = [
            ledger,
            Ledger { reader_data_file, ..ledger },
            Ledger { writer_data_file, ..ledger },
            Ledger { writer_data_file, reader_data_file, ..ledger },
        ];
        if (ledger.reader_data_file, ledger.writer_data_file) == (reader_data_file, writer_data_file) {
            return Ok(ledger);
        }
        for candidate in candidates {
            if self.has_files_in_order(candidate)? {
                return Ok(candidate);
            }
        }
        // Then the logic goes by the ids in them.
        Ok(ledger)
    }

    /// Whether the files that a ledger names are there, and whoever reads from the reader's on, past the writer's, meets all
    /// that is unread by rising ids.
    fn has_files_in_order(&mut self, ledger: Ledger) -> Result<bool, StorageError> {
        let (front, writer) = (ledger.reader_data_file, ledger.writer_data_file);
        if self.account.file(front).is_none() || self.account.file(writer).is_none() {
            return Ok(false);
        }
        let unread = ledger.reader_last_record.after(1);
        let mut last = RecordId(0);
        for file in self.files_from(front) {
            let Some(first) = self.first_unread_of(file, unread)? else { continue };
            let is_outside = distance(front, file) > distance(front, writer)
                && distance(writer, file) >= distance(file, front);
            if first <= last || is_outside {
                return Ok(false);
            }
            last = first;
        }
        Ok(true)
    }
}

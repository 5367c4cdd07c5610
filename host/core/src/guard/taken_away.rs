//! Data files that another program has removed, moved away or replaced while the buffer was open.
//!
//! A sync finds it out, before any of the records that it covers is confirmed. What was in the file is lost: it is said at
//! once, its writers get back what was not confirmed to them, and what is written next goes to a file that has a name.

use std::error::Error;

use forebay_types::{FileId, Ticket};
use tracing::warn;

use super::{Gone, Guard};
use crate::storage::{StorageError, SyncTarget};

impl Guard {
    /// A data file is not there any more under its name. Answers whether it was made again: that is enough for one that held
    /// nothing, and records may be appended to it as before.
    pub(super) fn taken_away(&mut self, file: FileId, error: &StorageError) -> bool {
        if self.make_again(file) {
            return true;
        }
        self.syncs.removed(file);
        self.backend.forget_renewal(file);
        // What was confirmed before was true then: its writers have their answer.
        let confirmed = self.durable_next();
        let Some(ids) = self.segments.taken_away(file) else { return false };
        self.reader.forget(file, 0);
        self.drop_spare();
        let passed = self.passed().after(1);
        self.vanished.push(Gone {
            ids: confirmed.max(passed).max(ids.start)..ids.end.max(confirmed),
            taken_away: Some(error.to_string().into()),
        });
        self.vanished.retain(|Gone { ids, .. }| ids.start < ids.end && ids.end > passed);
        let (first_id, error): (_, &dyn Error) = (ids.start.max(passed), error);
        let (events, others) = (ids.end.since(first_id), self.missing_files(file));
        self.events_taken_away = self.events_taken_away.saturating_add(events);
        warn!(
            %file,
            first_id = first_id.0,
            events,
            others,
            error,
            "a data file was taken away: the events in it are lost, and the next ones go to another file"
        );
        false
    }

    /// The buffer is being closed. No later sync checks the last files, so their names and lengths are checked now.
    pub(super) fn look_for_files(&mut self) {
        for (file, error) in self.backend.taken_away() {
            // Without its directory the buffer stops, and says so.
            if error.is_missing() {
                self.taken_away(file, &error);
            }
        }
    }

    fn make_again(&mut self, file: FileId) -> bool {
        let is_empty = self.segments.get(file).is_some_and(|segment| segment.bytes == 0);
        if !is_empty || self.backend.create_file(file).is_err() {
            return false;
        }
        warn!(%file, "a data file was taken away that held nothing: it is made again");
        // From here on it is as after a rewrite: it counts with its new name.
        self.syncs.renamed(file);
        self.segments.rewritten(file);
        self.syncs.wait_for_name(file, Ticket(u64::MAX));
        if self.syncs.is_unserved(SyncTarget::Directory) {
            self.start_unless_failed(SyncTarget::Directory);
        }
        true
    }

    /// The file ahead of need may have gone the same way. It is empty, and another one is made soon.
    fn drop_spare(&mut self) {
        if let Some(spare) = self.segments.spare().map(|spare| spare.file)
            && self.remove(spare).is_ok()
        {
            self.segments.discarded(spare);
        }
    }

    /// How many other data files are not there. Delivery passes over them when it gets there.
    fn missing_files(&mut self, but: FileId) -> usize {
        let Ok(found) = self.backend.list_files() else { return 0 };
        let is_there = |file| found.binary_search_by_key(&file, |(found, _)| *found).is_ok();
        let files = self.segments.order().iter().map(|segment| segment.file);
        files.filter(|file| *file != but && !is_there(*file)).count()
    }

    /// How many data files were seen to be taken away by another program, since the guard was made.
    pub fn files_taken_away(&self) -> u64 {
        self.segments.files_taken_away()
    }

    /// How many events waited in them, as far as the guard itself noticed the files, by an append or a sync.
    pub fn events_taken_away(&self) -> u64 {
        self.events_taken_away
    }

    /// Whether a target is such a file.
    pub(super) fn is_target_taken_away(&self, target: SyncTarget) -> bool {
        matches!(target, SyncTarget::Data(file) if self.segments.get(file).is_some_and(|segment| segment.is_taken_away))
    }
}

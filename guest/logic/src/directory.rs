//! The buffer's directory as the logic knows it: the ledger, the data files, and the syncs of both. Here live the rules
//! of order between the three.

use crate::ledger::LiveLedger;
use crate::ring::FileId;
use crate::storage::{RecordId, Storage, StorageError};
use crate::syncs::{Covered, Syncs};
use crate::window::{DataFile, Window};

/// The ledger, the data files, and the syncs of both.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The four numbers that survive.
    pub ledger: LiveLedger,
    /// The data files.
    pub window: Window,
    /// The syncs.
    pub syncs: Syncs,
}

impl Directory {
    /// The newest file that the ledger may name as the writer's. A file and its name are durable before the ledger names
    /// it: behind the one that is named already come those that are durable, up to the first that is not.
    #[must_use]
    pub fn named_writer_file(&self) -> FileId {
        let mut named = self.ledger.current().writer_data_file;
        if !self.window.contains(named) {
            // It is not there any more. Those before it were made durable before the ledger named it.
            let front = self.window.front().id;
            let before = |file: &&DataFile| front.steps_to(file.id) <= front.steps_to(named);
            named = self.window.iter().take_while(before).last().map_or(front, |file| file.id);
        }
        self.window
            .behind(named)
            .take_while(|file| self.syncs.made_durable(file))
            .last()
            .map_or(named, |file| file.id)
    }

    /// Brings the ledger in storage up to date.
    pub fn store_ledger(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        self.ledger.name_files(self.window.front().id, self.named_writer_file());
        self.ledger.store(storage)
    }

    /// Makes the file that follows the newest, and asks for the syncs after which the ledger may name it. `None`: there is
    /// no room for it.
    pub fn make_file(&mut self, storage: &mut impl Storage) -> Result<Option<DataFile>, StorageError> {
        match self.try_make_file(storage) {
            Err(error) if error.passes_with_time() => Ok(None),
            made => made,
        }
    }

    /// As [`make_file`](Self::make_file), and says why storage has no room for it. `None`: no number is free.
    pub fn try_make_file(&mut self, storage: &mut impl Storage) -> Result<Option<DataFile>, StorageError> {
        while let Some(id) = self.window.free_id() {
            match storage.create_file(id) {
                Ok(()) => {
                    let mut file = DataFile::empty(id, self.syncs.directory_changed());
                    self.syncs.data(storage, &mut file)?;
                    self.syncs.directory(storage)?;
                    return Ok(Some(file));
                }
                Err(StorageError::AlreadyExists) => self.window.add_stranger(id, 0, None),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Takes the files out of use in which all is acknowledged, stores the ledger that has passed them, and asks for its
    /// sync. The writer's file stays, and so do all behind the one that the ledger names: it would name none.
    pub fn retire_finished(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let named = self.named_writer_file();
        let first_unread = self.ledger.first_unread();
        while self.window.front().id != named
            && self.window.front().end_id.is_some_and(|end_id| end_id <= first_unread)
        {
            self.window.retire_front();
        }
        self.window.retire_strangers(first_unread);
        self.store_ledger(storage)?;
        if self.window.leaving().iter().any(|file| file.ticket.is_none()) {
            self.sync_ledger(storage)?;
        }
        Ok(())
    }

    /// Asks for a sync of the ledger as it was stored, after which the files go that it has passed.
    pub fn sync_ledger(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if let Some(ticket) = self.syncs.ledger(storage, &mut self.ledger)? {
            self.window.leave_after(ticket);
        }
        Ok(())
    }

    /// Removes the files that a durable ledger has passed. One that storage does not give up now is tried again at the
    /// next tick.
    pub fn remove_passed(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let syncs = &self.syncs;
        let removed = self.window.strike_leaving(|file| {
            file.ticket.is_some_and(|ticket| syncs.ledger_durable(ticket))
                && matches!(storage.remove_file(file.id), Ok(()) | Err(StorageError::NotFound))
        });
        if removed > 0 {
            self.syncs.directory_changed();
            self.syncs.directory(storage)?;
        }
        Ok(())
    }

    /// Asks for the syncs that make all files in use durable, also what is acknowledged in them.
    pub fn sync_files(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        self.window.iter_mut().try_for_each(|file| self.syncs.data(storage, file))
    }

    /// Asks for the syncs that make every unacknowledged record durable, and the ledger.
    pub fn sync_all(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let first_unread = self.ledger.first_unread();
        for file in self.window.iter_mut() {
            if file.oldest_unsynced(first_unread).is_some() {
                self.syncs.data(storage, file)?;
            }
        }
        self.sync_names(storage)?;
        self.store_ledger(storage)?;
        self.syncs.ledger(storage, &mut self.ledger)?;
        Ok(())
    }

    /// Asks again for the syncs of new files and of the directory that storage had no room to take.
    pub fn sync_names(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if let Some(file) = self.window.spare_mut() {
            self.syncs.data(storage, file)?;
        }
        for file in self.window.iter_mut().filter(|file| file.asked.is_none()) {
            self.syncs.data(storage, file)?;
        }
        self.syncs.directory(storage)
    }

    /// The oldest unacknowledged record that no sync was asked for.
    #[must_use]
    pub fn oldest_unsynced(&self) -> Option<RecordId> {
        let first_unread = self.ledger.first_unread();
        self.window.iter().filter_map(|file| file.oldest_unsynced(first_unread)).min()
    }

    /// Whether nothing is left of a failed sync: no file is suspect, and all that was asked for since has ended well.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.syncs.is_idle()
            && !self.ledger.needs_sync()
            && !self.syncs.directory_needs_sync()
            && self.window.iter().chain(self.window.spare()).all(|file| !file.suspect && file.asked.is_some())
    }

    /// Whether something waits that a later tick has to see to.
    #[must_use]
    pub fn needs_tick(&self) -> bool {
        self.ledger.needs_sync()
            || self.oldest_unsynced().is_some()
            || self.syncs.directory_needs_sync()
            || self.window.spare().is_some_and(|file| file.asked.is_none())
            || self.window.iter().any(|file| file.asked.is_none())
            || self
                .window
                .leaving()
                .iter()
                .any(|file| file.ticket.is_none_or(|ticket| self.syncs.ledger_durable(ticket)))
    }

    /// Notes what a sync has made durable, and does what waited for it.
    pub fn made_durable(&mut self, storage: &mut impl Storage, covered: Covered) -> Result<(), StorageError> {
        match covered {
            Covered::Data(id, length) => self.data_durable(storage, id, length)?,
            Covered::Directory(_) => {}
            Covered::Ledger => return self.remove_passed(storage),
        }
        // A flush may wait for the ledger to name the file that it wrote to, and nobody else will ask.
        if self.named_writer_file() != self.ledger.current().writer_data_file {
            self.store_ledger(storage)?;
            self.syncs.ledger(storage, &mut self.ledger)?;
        }
        Ok(())
    }

    /// So many bytes of a file are durable. One whose sync had failed is another file now, and its name is yet to be synced.
    fn data_durable(
        &mut self,
        storage: &mut impl Storage,
        id: FileId,
        length: u64,
    ) -> Result<(), StorageError> {
        let Some(file) = self.file_mut(id) else { return Ok(()) };
        file.durable_length = file.durable_length.max(Some(length));
        if std::mem::take(&mut file.suspect) {
            self.renamed(id);
            self.syncs.directory(storage)?;
        }
        Ok(())
    }

    /// The name of a file leads to another one than before.
    pub fn renamed(&mut self, id: FileId) {
        let change = self.syncs.directory_changed();
        if let Some(file) = self.file_mut(id) {
            file.made_by = change;
        }
    }

    /// A file in use, or the one that was made ahead of need.
    pub fn file_mut(&mut self, id: FileId) -> Option<&mut DataFile> {
        if self.window.spare().is_some_and(|spare| spare.id == id) {
            return self.window.spare_mut();
        }
        self.window.get_mut(id)
    }
}

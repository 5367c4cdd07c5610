//! The functions of `wit/storage.wit`: what the logic asks of its storage, checked against the guard's account.

use std::error::Error;

use forebay_frame::RecordId;
use tracing::warn;

use super::{
    BatchId, FileEntry, Guard, GuardError, Mark, Placed, Refusal, ScanLimits, Scanned, Ticket,
    blocks::BLOCK_BYTES,
    file_account::Stretch,
    reopening::Phase,
    span::{damaged_at, torn_at},
    subject::Subject,
};
use crate::{
    record::NewRecord,
    storage::{Amount, FileId, Ledger, StorageError, SyncTarget},
};

/// How many files without content there may be. One that is made ahead of need is enough, and each takes up an inode.
const EMPTY_FILES_MAX: usize = 64;

impl Guard {
    /// `load-ledger`.
    pub fn load_ledger(&mut self) -> Result<Ledger, GuardError> {
        self.account
            .ledger()
            .ok_or_else(|| StorageError::NotFound { what: "a ledger that can be read".to_owned() }.into())
    }

    /// `marks`.
    pub fn marks(&self) -> Vec<Mark> {
        let mut marks = self.scanner.marks();
        marks.retain(|mark| self.is_markable(mark.file));
        marks
    }

    /// Whether marks in a file may be used by whoever opens the buffer: not past a damage, since nothing is placed behind
    /// one, and who begins behind it does not see it.
    pub(super) fn is_markable(&self, file: FileId) -> bool {
        self.account.file(file).is_none_or(|account| account.damaged_at.is_none())
    }

    /// `list-files`.
    pub fn list_files(&self) -> Vec<FileEntry> {
        self.account
            .files()
            .map(|(id, account)| FileEntry {
                id,
                length: account.length,
                // What nobody finds after a power loss is as good as not written.
                durable_length: if account.name_suspect { 0 } else { account.durable },
                suspect: account.is_suspect(),
            })
            .collect()
    }

    /// `create-file`.
    pub fn create_file(&mut self, file: FileId) -> Result<(), GuardError> {
        match self.account.file(file).map(|account| account.length) {
            Some(0) => Ok(()),
            Some(_) => Err(StorageError::AlreadyExists { what: format!("data file {file}") }.into()),
            None if self.phase == Phase::Replacing => Err(self.refuse(Refusal::Replacing)),
            None if self.account.empty_files().count() >= EMPTY_FILES_MAX => {
                let what = format!("data file {file}: {EMPTY_FILES_MAX} others have nothing in them");
                Err(self.refuse_room("make", what))
            }
            None if self.account.files().count() >= self.max_files => {
                let what = format!("data file {file}: there are {} already", self.max_files);
                Err(self.refuse_room("make", what))
            }
            None => {
                let made = self.backend.create_file(file);
                self.is_disk_full |= matches!(made, Err(StorageError::NoSpace { .. }));
                made?;
                self.account.created(file);
                Ok(())
            }
        }
    }

    /// `remove-file`.
    pub fn remove_file(&mut self, file: FileId) -> Result<(), GuardError> {
        if self.phase == Phase::Replacing {
            return Err(self.refuse(Refusal::Replacing));
        }
        let Some(account) = self.account.file(file) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        let is_done = account.is_seen() && account.seen_next <= self.account.passed().after(1);
        if !is_done {
            return Err(self.refuse(Refusal::Retention));
        }
        self.backend.remove_file(file)?;
        self.account.removed(file);
        self.syncs.removed(file);
        self.scanner.forget(file);
        if let Some(cursor) = &mut self.cursor {
            // A file that is made under its name is another one, and is read from its start.
            cursor.cut(file, 0);
        }
        Ok(())
    }

    /// `truncate-file`.
    pub fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), GuardError> {
        if self.phase == Phase::Replacing {
            return Err(self.refuse(Refusal::Replacing));
        }
        let Some(account) = self.account.file(file) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        if length == account.length {
            return Ok(());
        }
        // A damaged frame that is complete still says where the one before it ends, and may be all that leads there.
        let is_torn = account.is_seen() && account.torn_at == Some(length);
        if !is_torn {
            return Err(self.refuse(Refusal::Cut));
        }
        let cut = account.length.saturating_sub(length);
        self.keep_cut(file, length, cut);
        self.backend.truncate_file(file, length)?;
        self.count_cut(file, length, cut);
        self.account.truncated(file, length);
        self.syncs.cut(file, length);
        if let Some(cursor) = &mut self.cursor {
            cursor.cut(file, length);
        }
        self.scanner.cut(file, length);
        Ok(self.sync_cut(file)?)
    }

    /// `append`.
    pub fn append(
        &mut self,
        batch: BatchId,
        first: u32,
        count: u32,
        file: FileId,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, GuardError> {
        self.find_end()?;
        self.look_through(file)?;
        let Some(account) = self.account.file(file) else {
            return Err(self.refuse(Refusal::UnknownFile));
        };
        if account.length != at || self.account.next_id() != id {
            return Err(self.refuse(Refusal::Conflict));
        }
        if account.damaged_at.is_some() || account.is_suspect() {
            return Err(self.refuse(Refusal::BehindDamage));
        }
        if !self.account.is_last(file) || !self.is_ahead(file)? {
            return Err(self.refuse(Refusal::FileOrder));
        }
        let Some(mut offer) = self.offer.take() else {
            return Err(self.refuse(Refusal::UnknownBatch));
        };
        let written = match offer.next(batch, first, count) {
            Ok(records) => self.write_frames(records, file, id),
            Err(refusal) => Err(self.refuse(refusal)),
        };
        if let Ok(written) = &written {
            offer.mark_placed(*written, id);
        }
        self.offer = Some(offer);
        let length = self.account.file(file).map_or(at, |account| account.length);
        Ok(Placed { records: u32::try_from(written?).unwrap_or(u32::MAX), length })
    }

    /// `scan`.
    pub fn scan(&mut self, file: FileId, offset: u64, limits: ScanLimits) -> Result<Scanned, GuardError> {
        let Some(account) = self.account.file(file) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        let length = account.length;
        let is_boundary = offset == 0
            || offset == length
            || self.scanner.has_named(file, offset)
            || self.cursor.is_some_and(|cursor| cursor.offset_in(file) == Some(offset));
        if offset > length || !is_boundary {
            return Err(self.refuse(Refusal::Offset));
        }
        let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
        let scanned = self.scanner.scan(&mut subject, offset, limits)?;
        let (to, whole) = (scanned.next_offset, scanned.last_whole());
        let (damaged_at, torn_at) = (damaged_at(&scanned.spans), torn_at(&scanned.spans));
        self.account.seen(file, &Stretch { from: offset, to, whole, damaged_at, torn_at });
        Ok(scanned)
    }

    /// `request-sync`.
    pub fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, GuardError> {
        if let SyncTarget::Data(file) = target
            && self.account.file(file).is_none()
        {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        }
        if self.syncs.is_full() {
            return Err(self.refuse(Refusal::Syncs));
        }
        let (ticket, start) = self.syncs.request(target);
        if start {
            self.start_sync(target);
        }
        Ok(ticket)
    }

    /// Frames records and writes them in pieces of about a block. Gives how many are in the file; an error means none.
    fn write_frames(
        &mut self,
        records: &[NewRecord],
        file: FileId,
        id: RecordId,
    ) -> Result<usize, GuardError> {
        let mut placed = 0;
        let mut next = id;
        while let Some(rest) = records.get(placed..).filter(|rest| !rest.is_empty()) {
            self.scanner.windows.let_go_of_appended();
            let mut piece = self.staging.empty();
            let mut count = 0;
            let mut piece_next = next;
            for record in rest {
                let fits = piece.len().saturating_add(record.payload.len()) < BLOCK_BYTES;
                if count > 0 && !fits {
                    break;
                }
                forebay_frame::encode(
                    &mut piece,
                    piece_next,
                    record.metadata,
                    record.events,
                    &record.payload,
                );
                piece_next = piece_next.after(record.events.get().into());
                count += 1;
            }
            match self.write_piece(file, piece, piece_next) {
                Ok(()) => {}
                Err(_) if placed > 0 => break,
                Err(error) => return Err(error),
            }
            next = piece_next;
            placed += count;
        }
        Ok(placed)
    }

    fn write_piece(&mut self, file: FileId, piece: Vec<u8>, next: RecordId) -> Result<(), GuardError> {
        let (at, bytes) = self.write_bytes(file, &piece)?;
        let first = self.account.next_id();
        let events = next.0.saturating_sub(first.0);
        if self.account.ledger().is_some_and(|ledger| ledger.reader_last_record.after(1) >= first) {
            // Nothing waits: this is the first that does. Files before it may hold what was acknowledged long ago.
            self.tally.place = Some((file, at));
        }
        self.account.appended(file, bytes, next);
        if let (Some(cursor), Some(ledger)) = (&mut self.cursor, self.account.ledger()) {
            cursor.go_back(ledger.reader_data_file, file, at);
        }
        self.tally.received(Amount::new(events, bytes));
        let used = piece.len();
        self.scanner.windows.note_append(file, at, self.staging.share(piece, used));
        Ok(())
    }

    /// Whether the disk had no room when it was last written to. What the operator does not allow is another matter.
    pub fn is_disk_full(&self) -> bool {
        self.is_disk_full
    }

    /// Writes bytes to the end of a file, all or none. Gives where they begin and how many they are.
    fn write_bytes(&mut self, file: FileId, piece: &[u8]) -> Result<(u64, u64), GuardError> {
        let at = self.account.file(file).map_or(0, |account| account.length);
        let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.account.bytes().saturating_add(bytes) > self.max_bytes {
            let what = format!("data file {file}: the limit of {} bytes is reached", self.max_bytes);
            return Err(self.refuse_room("append to", what));
        }
        let written = self.backend.append(file, at, piece);
        self.is_disk_full = matches!(written, Err(StorageError::NoSpace { .. }));
        if let Err(error) = written {
            // Part of it may be there. Should the cut fail too, the next append overwrites it, or recovery cuts it.
            if let Err(error) = self.backend.truncate_file(file, at) {
                let error: &dyn Error = &error;
                warn!(%file, length = at, error, "could not cut a partial write");
            }
            return Err(error.into());
        }
        Ok((at, bytes))
    }
}

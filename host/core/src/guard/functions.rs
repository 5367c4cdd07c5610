//! The functions of `wit/storage.wit`, checked against the facts.

use std::error::Error;

use forebay_types::{
    BatchId, FileId, Ledger, Placed, RecordId, Refusal, Released, Segment as Told, SyncTarget, Ticket,
};
use tracing::{info, warn};

use super::{Guard, GuardError, handover::Phase};
use crate::{
    reader::BLOCK_BYTES,
    record::NewRecord,
    rules::Breach,
    segments::{Place, WalkedEnd},
    storage::{Amount, StorageError, unless_missing},
};

/// How many numbers `roll` tries that turn out to be taken by files which were not there at opening.
const TAKEN_FILES_MAX: usize = 64;

impl Guard {
    /// `load-ledger`.
    pub fn load_ledger(&mut self) -> Result<Ledger, GuardError> {
        let missing = || StorageError::NotFound { operation: "read", what: "the ledger".to_owned() };
        Ok(self.ledgers.stored.ok_or_else(missing)?)
    }

    /// `segments`.
    pub fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Told>, GuardError> {
        self.look_at_first()?;
        if self.segments.last().is_some_and(|last| !last.can_be_appended_to()) {
            self.segments.tell_closed();
        }
        let (from, max) =
            (usize::try_from(from).unwrap_or(usize::MAX), usize::try_from(max).unwrap_or(usize::MAX));
        Ok(self.segments.told(from, max))
    }

    /// The logic is told the ids of the first two segments. The second's first id may show only in a walk, where its start is
    /// damaged, or in a later one, where it is empty.
    fn look_at_first(&mut self) -> Result<(), StorageError> {
        let mut position = 0;
        while let Some(file) = self.segments.order().get(position).map(|segment| segment.file)
            && (position < 2 || self.segments.end_id(0).is_none())
        {
            let (mut files, reader) = self.files();
            let looked = if position == 0 {
                crate::reader::fence_of(&mut files, file).map(drop)
            } else {
                reader.first_record(&mut files, file).map(drop)
            };
            unless_missing(looked)?;
            position += 1;
        }
        Ok(())
    }

    /// `append`.
    pub fn append(&mut self, batch: BatchId, count: u32) -> Result<Placed, GuardError> {
        let Some(mut offer) = self.offer.take() else {
            return Err(self.refuse(Refusal::UnknownBatch));
        };
        let placed = self.append_from(&offer, batch, count);
        if let Ok(placed) = &placed {
            offer.mark_placed(usize::try_from(placed.records).unwrap_or(usize::MAX), placed.first_id);
        }
        self.offer = Some(offer);
        placed
    }

    fn append_from(
        &mut self,
        offer: &crate::rules::Offer,
        batch: BatchId,
        count: u32,
    ) -> Result<Placed, GuardError> {
        let records = match offer.next(batch, count) {
            Ok(records) => records,
            Err(refusal) => return Err(self.refuse(refusal)),
        };
        let Some(last) = self.segments.last() else {
            return Err(self.refuse(Refusal::UnknownFile));
        };
        let (file, can_be_appended_to) = (last.file, last.can_be_appended_to());
        self.may_change_files()?;
        if !can_be_appended_to {
            // What has happened to the segment since the logic was told of it is news, and no breach.
            let was_told = self.segments.tell_closed();
            let news = GuardError::Refused(Refusal::BehindDamage);
            return Err(if was_told { self.refuse(Refusal::BehindDamage) } else { news });
        }
        let first_id = self.segments.next_id();
        if let Some(refusal) = self.beyond_limits(records) {
            return Err(self.refuse(refusal));
        }
        let written = self.write_frames(records, file)?;
        Ok(Placed {
            records: u32::try_from(written).unwrap_or(u32::MAX),
            first_id,
            next_id: self.segments.next_id(),
            bytes: self.segments.last().map_or(0, |last| last.bytes),
        })
    }

    /// `prepare`.
    pub fn prepare(&mut self) -> Result<FileId, GuardError> {
        self.may_change_files()?;
        match self.segments.spare() {
            Some(spare) => Ok(spare.file),
            None => self.make_file(),
        }
    }

    /// `roll`.
    pub fn roll(&mut self) -> Result<FileId, GuardError> {
        self.may_change_files()?;
        if let Some(last) = self.segments.last()
            && last.bytes == 0
            && last.can_be_appended_to()
        {
            return Ok(last.file);
        }
        let file = match self.segments.spare() {
            Some(spare) => spare.file,
            None => self.make_file()?,
        };
        self.segments.rolled();
        Ok(file)
    }

    /// Makes the spare.
    fn make_file(&mut self) -> Result<FileId, GuardError> {
        for _ in 0..TAKEN_FILES_MAX {
            if self.segments.files() >= self.room.max_files {
                let what = format!("a data file: there are {} already", self.room.max_files);
                return Err(self.refuse_room("make", what));
            }
            let Some(file) = self.segments.free_file(self.ledgers.first_file()) else {
                let cause = std::io::ErrorKind::QuotaExceeded.into();
                let what = "a data file: every number is taken".to_owned();
                return Err(StorageError::NoSpace { operation: "make", what, cause }.into());
            };
            self.file_operations += 1;
            let made = self.backend.create_file(file);
            self.room.note_file(&made);
            match made {
                Err(StorageError::AlreadyExists { .. }) => self.segments.found_outside(file),
                made => {
                    made?;
                    self.segments.prepared(file);
                    return Ok(file);
                }
            }
        }
        Err(StorageError::AlreadyExists { operation: "make", what: "the next data file".to_owned() }.into())
    }

    /// `truncate`.
    pub fn truncate(&mut self) -> Result<u64, GuardError> {
        self.may_change_files()?;
        let unfinished = self.segments.last().and_then(|last| match last.walked.end {
            WalkedEnd::Unfinished(at) if last.is_walked() => {
                Some((last.file, at, last.bytes.saturating_sub(at)))
            }
            _ => None,
        });
        let Some((file, at, bytes)) = unfinished else {
            return Err(self.refuse(Refusal::Truncate));
        };
        if let Err(error) = self.backend.keep_cut(file, at, bytes) {
            let error: &dyn Error = &error;
            warn!(%file, offset = at, bytes, error, "the unfinished frame that is truncated could not be kept aside");
        }
        self.file_operations += 1;
        self.backend.truncate_file(file, at)?;
        info!(%file, offset = at, bytes, "truncated an unfinished frame at the end of a data file");
        self.truncated_bytes = self.truncated_bytes.saturating_add(bytes);
        self.segments.truncated(at);
        self.syncs.truncated(file, at);
        self.reader.forget(file, at);
        self.sync_truncation(file)?;
        Ok(bytes)
    }

    /// `release`.
    pub fn release(&mut self, through: FileId) -> Result<Released, GuardError> {
        self.may_change_files()?;
        let Some(position) = self.segments.position(through) else {
            return Err(self.refuse(Refusal::UnknownFile));
        };
        let mut released = Released::default();
        for _ in 0..=position {
            let Some(front) = self.segments.front().map(|front| front.file) else { break };
            if !self.may_go(front)? {
                if released.files == 0 {
                    return Err(self.refuse(Refusal::Retention));
                }
                break;
            }
            let bytes = self.segments.front().map_or(0, |front| front.bytes);
            match self.remove(front) {
                Ok(()) => {
                    self.segments.released();
                    released.bytes = released.bytes.saturating_add(bytes);
                }
                Err(error) => {
                    let error: &dyn Error = &error;
                    warn!(file = %front, error, "a data file that is acknowledged cannot be removed yet");
                    self.segments.set_aside();
                }
            }
            released.files = released.files.saturating_add(1);
        }
        Ok(released)
    }

    /// `discard`.
    pub fn discard(&mut self, file: FileId) -> Result<u64, GuardError> {
        self.may_change_files()?;
        match self.segments.place(file) {
            None => return Err(not_found("remove", file)),
            Some(Place::InOrder(_)) => return Err(self.refuse(Refusal::Retention)),
            Some(Place::Spare | Place::Outside) => {}
        }
        let was_known = self.segments.get(file).is_none_or(crate::segments::Segment::is_walked);
        if !self.is_passed(file)? {
            // The logic could not know before the host had looked: this is news, and no breach.
            let news = GuardError::Refused(Refusal::Retention);
            return Err(if was_known { self.refuse(Refusal::Retention) } else { news });
        }
        self.remove(file)?;
        Ok(self.segments.discarded(file).map_or(0, |gone| gone.bytes))
    }

    /// Whether the front segment may leave: a ledger is durable that has passed it and names a later file as the reader's. So
    /// does the one that was stored last, or the next logic would be led to a file that is gone.
    fn may_go(&mut self, front: FileId) -> Result<bool, StorageError> {
        let is_before_reader = [self.ledgers.synced, self.ledgers.stored].into_iter().all(|ledger| {
            let reader = ledger.and_then(|ledger| self.segments.position(ledger.reader_data_file));
            reader.is_some_and(|reader| reader > 0)
        });
        Ok(is_before_reader && self.segments.order().len() > 1 && self.is_passed(front)?)
    }

    /// Whether the last synced ledger has passed every event in a file. The file is walked to its end for that.
    fn is_passed(&mut self, file: FileId) -> Result<bool, StorageError> {
        let (mut files, reader) = self.files();
        unless_missing(reader.walk_through(&mut files, file, |_| {}))?;
        let passed = self.ledgers.synced.map_or(RecordId(0), |synced| synced.reader_last_record);
        Ok(self.segments.get(file).is_none_or(|segment| segment.walked.next_id <= passed.after(1)))
    }

    pub(super) fn remove(&mut self, file: FileId) -> Result<(), StorageError> {
        self.file_operations += 1;
        self.keep_if_damaged(file);
        unless_missing(self.backend.remove_file(file))?;
        self.syncs.removed(file);
        self.reader.forget(file, 0);
        Ok(())
    }

    /// `request-sync`.
    pub fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, GuardError> {
        if let SyncTarget::Data(file) = target
            && self.segments.get(file).is_none()
        {
            return Err(not_found("sync", file));
        }
        if self.syncs.is_full() {
            return Err(self.refuse(Refusal::Syncs));
        }
        let target = target.into();
        let (ticket, starts) = self.syncs.request(target);
        if starts {
            self.start_sync(target);
        }
        Ok(ticket)
    }

    /// Neither while other logic is being put in place nor while records are only looked at.
    fn may_change_files(&mut self) -> Result<(), GuardError> {
        if self.phase == Phase::Replacing {
            return Err(self.refuse(Refusal::Replacing));
        }
        if self.counters.is_peeking {
            return Err(StorageError::read_only("change", "a buffer whose records are only looked at").into());
        }
        Ok(())
    }

    /// The logic named a file by a number that names none.
    pub fn no_such_file(&mut self) -> GuardError {
        self.refuse(Refusal::UnknownFile)
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> GuardError {
        self.refusals.note(Breach::Rule(refusal), self.clock.now_ns());
        GuardError::Refused(refusal)
    }

    /// The operator allows no more.
    fn refuse_room(&mut self, operation: &'static str, what: String) -> GuardError {
        self.refusals.note(Breach::Quota, self.clock.now_ns());
        let cause = std::io::ErrorKind::QuotaExceeded.into();
        StorageError::NoSpace { operation, what, cause }.into()
    }

    /// Frames records and writes them in pieces of about a block. Gives how many are in the file; an error means none.
    fn write_frames(&mut self, records: &[NewRecord], file: FileId) -> Result<usize, GuardError> {
        let mut placed = 0;
        while let Some(rest) = records.get(placed..).filter(|rest| !rest.is_empty()) {
            self.reader.release_appended();
            let mut piece = self.staging.empty();
            let mut count = 0;
            let mut next = self.segments.next_id();
            for record in rest {
                let fits = piece.len().saturating_add(record.payload.len()) < BLOCK_BYTES;
                if count > 0 && !fits {
                    break;
                }
                forebay_frame::encode(&mut piece, next, record.metadata, record.events, &record.payload);
                next = next.after(record.events.get().into());
                count += 1;
            }
            match self.write_piece(file, piece, next) {
                Ok(()) => {}
                Err(_) if placed > 0 => break,
                Err(error) => return Err(error),
            }
            placed += count;
        }
        Ok(placed)
    }

    /// Writes frames to the end of the last segment, all or none.
    fn write_piece(&mut self, file: FileId, piece: Vec<u8>, next: RecordId) -> Result<(), GuardError> {
        let at = self.segments.last().map_or(0, |last| last.bytes);
        let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.segments.bytes().saturating_add(bytes) > self.room.max_bytes {
            let what = format!("data file {file}: the limit of {} bytes is reached", self.room.max_bytes);
            return Err(self.refuse_room("append to", what));
        }
        let mut written = self.backend.append(file, at, &piece);
        if let Err(error) = &written
            && error.is_missing()
        {
            if !self.taken_away(file, error) {
                return written.map_err(GuardError::from);
            }
            written = self.backend.append(file, at, &piece);
        }
        self.room.note_write(&written, bytes);
        if self.is_disk_full() {
            self.give_up_damaged();
        }
        if let Err(error) = written {
            // Part of it may be there. Should this fail too, the next append overwrites it, or recovery truncates it.
            if let Err(error) = self.backend.truncate_file(file, at) {
                let error: &dyn Error = &error;
                warn!(%file, length = at, error, "could not truncate a partial write");
            }
            return Err(error.into());
        }
        let first = self.segments.next_id();
        if self.passed().after(1) >= first {
            // Nothing waits: this is the first that does. Files before it may hold what was acknowledged long ago.
            self.counters.place = Some((file, at));
        }
        self.segments.appended(bytes, next);
        self.counters.received(Amount::new(next.since(first), bytes));
        let used = piece.len();
        self.reader.note_append(file, at, self.staging.share(piece, used));
        Ok(())
    }
}

/// The logic named a data file that is not there.
fn not_found(operation: &'static str, file: FileId) -> GuardError {
    StorageError::NotFound { operation, what: format!("data file {file}") }.into()
}

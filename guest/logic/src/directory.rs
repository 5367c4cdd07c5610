//! The buffer's directory as the logic knows it: the ledger, the segments, the files outside, and the syncs of all of them.
//! Here live the rules of order between them.

use forebay_types::{RecordId, Segment, SegmentPlace, StorageError, SyncTarget, Ticket};

use crate::ledger::LiveLedger;
use crate::outside::Outside;
use crate::segments::{LiveSegment, Segments, Tail};
use crate::storage::Storage;
use crate::syncs::{Covered, Syncs};

/// So many segments are asked for to learn the ids of one.
const LOOK_SEGMENTS: u32 = 64;

/// What became of an attempt to go on to the next segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolled {
    /// There is an empty last segment.
    Yes,
    /// The process or the system has too many files open.
    NotNow,
    /// The disk has no room for another file, or no number is free.
    NoSpace,
}

/// The ledger, the segments, the files outside, and the syncs of all of them.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(crate) ledger: LiveLedger,
    pub(crate) segments: Segments,
    pub(crate) outside: Outside,
    pub(crate) syncs: Syncs,
    pub(crate) dropped_events: u64,
    /// The position of the last segment that the ledger may name as the writer's: its file and its name are durable.
    named: u64,
    /// Before this position, syncs of all data were requested that are needed.
    requested_to: u64,
    /// Before this id, syncs of all data were requested that are needed.
    requested_to_id: RecordId,
    /// The position whose ids storage was asked for last, and what the first segment's was then.
    looked_at: Option<(u64, u64)>,
    /// What a ledger that is known to be durable says: its first unacknowledged event, and its reader's position.
    durable_ledger: Option<(RecordId, u64)>,
}

impl Directory {
    /// A directory of which the ledger may name the segments from its reader's to the one at `named`. The ledger has passed
    /// the first `unread` segments.
    #[must_use]
    pub fn new(ledger: LiveLedger, found: &[Segment], (unread, named): (u64, u64)) -> Self {
        let at = |place| found.iter().filter(move |segment| segment.place == place);
        let in_order: Vec<_> = at(SegmentPlace::InOrder).copied().collect();
        let spare = at(SegmentPlace::Spare).next().map(LiveSegment::found);
        Self {
            segments: Segments::new(&in_order, unread, spare),
            outside: Outside::new(at(SegmentPlace::Outside)),
            syncs: Syncs::default(),
            dropped_events: 0,
            named,
            requested_to: unread,
            requested_to_id: RecordId(0),
            looked_at: None,
            durable_ledger: None,
            ledger,
        }
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &LiveLedger {
        &self.ledger
    }

    /// The segments.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Bytes in all data files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.bytes().saturating_add(self.outside.bytes())
    }

    /// The position of the last segment that the ledger may name as the writer's.
    #[must_use]
    pub fn named(&self) -> u64 {
        self.named
    }

    /// Whether the ledger may name a segment behind the first with unacknowledged events, so that this one can leave.
    #[must_use]
    pub fn may_pass_unread(&self) -> bool {
        self.segments.unread() < self.named
    }

    /// Finds the first segment that may hold unacknowledged events.
    pub(crate) fn advance_unread(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        while let Some(next_id) = self.next_id_at(storage, self.segments.unread())? {
            if next_id > self.ledger.first_unread() || !self.segments.pass_unread() {
                break;
            }
        }
        Ok(())
    }

    /// Finds the last segment that the ledger may name.
    fn advance_named(&mut self) {
        while let Some(next) = self.segments.get(self.named.saturating_add(1)) {
            if next.durable_bytes.is_none() || !self.syncs.is_change_durable(next.made_by) {
                break;
            }
            self.named = self.named.saturating_add(1);
        }
    }

    /// Gives a ledger its files: the reader's is at this position, unless that is behind the last that may be named.
    pub(crate) fn name_files(&mut self, mut ledger: LiveLedger, unread: u64) -> Option<LiveLedger> {
        self.advance_named();
        let reader = unread.min(self.named);
        let reader_file = self.segments.get(reader)?.file;
        let writer_file = self.segments.get(self.named)?.file;
        ledger.name_files((reader, reader_file), writer_file);
        Some(ledger)
    }

    /// Brings the ledger in storage up to date. Without segments there is no file to name: then it waits for the first.
    pub fn store_ledger(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        match self.name_files(self.ledger, self.segments.unread()) {
            Some(ledger) => {
                self.ledger = ledger;
                self.ledger.store(storage)
            }
            None => Ok(()),
        }
    }

    /// The id behind the last event of the segment at this position; `None` while storage has not looked.
    pub fn next_id_at(
        &mut self,
        storage: &mut impl Storage,
        position: u64,
    ) -> Result<Option<RecordId>, StorageError> {
        if position >= self.segments.last_position() {
            return Ok(Some(self.ledger.next_id()));
        }
        let known = |segments: &Segments| {
            segments.get(position).map(|segment| segment.next_id).filter(|next_id| *next_id > RecordId(0))
        };
        // If storage does not know it now, it is asked again when others have left: it knows the ids of the first.
        let look = (position, self.segments.front());
        if known(&self.segments).is_none() && self.looked_at != Some(look) {
            self.looked_at = Some(look);
            let index = self.segments.index(position).and_then(|index| u32::try_from(index).ok());
            if let Some(index) = index {
                match storage.segments(index, LOOK_SEGMENTS) {
                    Ok(found) => self.segments.learn(position, &found),
                    Err(error) if error.passes_with_time() => self.looked_at = None,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(known(&self.segments))
    }

    /// Goes on to the next segment. Waits for nothing.
    pub fn roll(&mut self, storage: &mut impl Storage) -> Result<Rolled, StorageError> {
        let file = match storage.roll() {
            Ok(file) => file,
            Err(StorageError::NoSpace) => return Ok(Rolled::NoSpace),
            Err(error) if error.passes_with_time() => return Ok(Rolled::NotNow),
            Err(error) => return Err(error),
        };
        if let Some(last) = self.segments.last().copied().filter(|last| last.file == file) {
            // It is empty, and can be appended to.
            self.segments.truncated(last.bytes);
            return Ok(Rolled::Yes);
        }
        let spare = self.segments.take_spare().filter(|spare| spare.file == file);
        let segment = spare.unwrap_or_else(|| LiveSegment::empty(file, self.syncs.directory_changed()));
        let position = self.segments.end();
        self.segments.push(segment, self.ledger.next_id());
        self.request_new(storage, position)?;
        Ok(Rolled::Yes)
    }

    /// Makes the next segment's file ahead of need.
    pub fn prepare(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let file = storage.prepare()?;
        self.segments.set_spare(LiveSegment::empty(file, self.syncs.directory_changed()));
        self.request_new(storage, self.segments.end())
    }

    /// Does what opening has left for later: makes the first segment, and truncates an unfinished end. Where that fails, the
    /// next record goes to another segment.
    pub fn complete(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if self.segments.last().is_none() {
            self.roll(storage)?;
        }
        if self.segments.tail() != Tail::Unfinished {
            return Ok(());
        }
        match storage.truncate() {
            Ok(removed) => {
                self.segments.truncated(removed);
                return Ok(());
            }
            Err(StorageError::Fenced) => return Err(StorageError::Fenced),
            Err(_) => self.segments.set_tail(Tail::Sealed),
        }
        // The frame may be gone, and the sync of that have failed.
        let index = self.segments.index(self.segments.last_position());
        let from = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX);
        match storage.segments(from, 1) {
            Ok(found) => found.first().into_iter().for_each(|last| self.segments.sealed_found(last)),
            Err(error) if error.passes_with_time() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Requests the syncs after which the ledger may name the file at this position.
    fn request_new(&mut self, storage: &mut impl Storage, position: u64) -> Result<(), StorageError> {
        let is_new = self.segments.get_mut(position).is_some_and(|file| file.requested_bytes.is_none());
        if is_new && self.request_file(storage, position)? {
            self.syncs.request_directory(storage)?;
        }
        Ok(())
    }

    /// Requests a sync of the file at this position. Answers whether storage had room for the request.
    fn request_file(&mut self, storage: &mut impl Storage, position: u64) -> Result<bool, StorageError> {
        let Some(LiveSegment { file, bytes, .. }) = self.segments.get_mut(position).map(|segment| *segment)
        else {
            return Ok(true);
        };
        let covered = Covered::Data(position, file, bytes);
        match self.syncs.request(storage, SyncTarget::Data(file), covered) {
            Ok(true) => {}
            // Of a file that has vanished nothing can be synced. It must not keep the ledger from later files.
            Err(StorageError::NotFound) => self.segments.durable(position, file, bytes),
            not_requested => return not_requested,
        }
        if let Some(segment) = self.segments.get_mut(position) {
            segment.requested_bytes = Some(bytes);
        }
        Ok(true)
    }

    /// Requests the syncs of data that make every unacknowledged event durable, and every new file. Each segment is looked at
    /// until its syncs were requested, and the last one again.
    fn request_data(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let waits = self.ledger.waiting_events() > 0;
        loop {
            let position = self.requested_to;
            let needs_sync = self.segments.get(position).is_some_and(|segment| {
                let is_unread = waits && position >= self.segments.unread();
                segment.requested_bytes.is_none_or(|requested| is_unread && requested < segment.bytes)
            });
            if needs_sync && !self.request_file(storage, position)? {
                return Ok(());
            }
            if position >= self.segments.last_position() {
                break;
            }
            self.requested_to = position.saturating_add(1);
        }
        self.requested_to_id = self.ledger.next_id();
        self.request_new(storage, self.segments.end())
    }

    /// Requests a sync of the ledger as it was stored, unless one was requested since.
    pub fn request_ledger(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        let Some((first_unread, reader)) = self.ledger.stored_reader() else { return Ok(()) };
        let covered = Covered::Ledger(first_unread, reader);
        if self.ledger.has_unrequested_store() && self.syncs.request(storage, SyncTarget::Ledger, covered)? {
            self.ledger.sync_requested();
        }
        Ok(())
    }

    /// Requests the syncs that make every unacknowledged event durable, and the names of new files. A ledger that leads to the
    /// same files as the last one that was requested is not worth a sync for that.
    pub fn request_events(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        self.request_data(storage)?;
        self.syncs.request_directory(storage)?;
        self.store_ledger(storage)?;
        if self.ledger.has_unrequested_names() { self.request_ledger(storage) } else { Ok(()) }
    }

    /// Requests the syncs that make every unacknowledged event durable, the names of new files, and the ledger.
    pub fn request_all(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        self.request_events(storage)?;
        self.request_ledger(storage)
    }

    /// The oldest unacknowledged event whose sync was not requested.
    #[must_use]
    pub fn oldest_unrequested(&self) -> Option<RecordId> {
        let oldest = self.requested_to_id.max(self.ledger.first_unread());
        (oldest < self.ledger.next_id()).then_some(oldest)
    }

    /// Whether there is a new file whose sync storage had no room to take.
    #[must_use]
    pub fn has_unrequested_file(&self) -> bool {
        let segments = [self.segments.get(self.requested_to), self.segments.last(), self.segments.spare()];
        segments.into_iter().flatten().any(|segment| segment.requested_bytes.is_none())
    }

    /// A sync has ended. Gives what it has made durable.
    pub fn synced(&mut self, ticket: Ticket) -> Option<Covered> {
        let covered = self.syncs.ended(ticket)?;
        match covered {
            Covered::Data(position, file, bytes) => self.segments.durable(position, file, bytes),
            Covered::Directory(_) => {}
            Covered::Ledger(first_unread, reader) => self.durable_ledger = Some((first_unread, reader)),
        }
        Some(covered)
    }

    /// What a ledger that is known to be durable says: its first unacknowledged event, and its reader's position.
    #[must_use]
    pub fn durable_ledger(&self) -> Option<(RecordId, u64)> {
        self.durable_ledger
    }

    /// Whether [`complete`](Self::complete) has nothing to do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.segments.last().is_some() && self.segments.tail() != Tail::Unfinished
    }

    /// Whether something waits that a later tick has to see to.
    #[must_use]
    pub fn needs_tick(&self) -> bool {
        (self.ledger.needs_sync() && self.segments.last().is_some())
            || self.oldest_unrequested().is_some()
            || self.has_unrequested_file()
            || self.syncs.directory_needs_sync()
            || self.durable_ledger.is_some_and(|(first_unread, reader)| {
                self.segments.front() < reader || self.outside.has_passed(first_unread)
            })
    }
}

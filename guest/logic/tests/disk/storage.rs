//! The host's functions, as the logic calls them.

use std::iter;

use forebay_logic::{
    BatchId, FileId, Ledger, Placed, RecordId, Refusal, Released, Segment, SegmentEnd, SegmentPlace, Storage,
    StorageError, SyncTarget, Ticket,
};

use super::{Disk, Entry, Frame, Inode, NameChange};

/// Logic that breaks a rule has an error.
fn refuse<T>(refusal: Refusal) -> Result<T, StorageError> {
    panic!("refused: {refusal}");
}

impl Disk {
    fn is_there(&self, entry: &Entry) -> bool {
        self.names.get(&entry.file.get()) == Some(&entry.inode)
    }

    fn end_of(&self, entry: &Entry) -> SegmentEnd {
        let frames = &self.inodes[entry.inode].frames;
        let whole = frames.iter().rposition(|frame| !frame.is_short).map_or(0, |last| last + 1);
        if frames[..whole].iter().any(|frame| frame.record.is_none()) {
            SegmentEnd::Damaged
        } else if whole < frames.len() {
            SegmentEnd::Unfinished
        } else {
            SegmentEnd::Whole
        }
    }

    fn is_usable(&self, entry: &Entry) -> bool {
        self.end_of(entry) == SegmentEnd::Whole && !self.inodes[entry.inode].is_suspect()
    }

    fn segment(&self, index: usize) -> Option<Segment> {
        let host = &self.host;
        let (entry, place) = if let Some(entry) = host.order.get(index) {
            (*entry, SegmentPlace::InOrder)
        } else {
            let behind = index - host.order.len();
            let spare = host.spare.iter().map(|entry| (*entry, SegmentPlace::Spare));
            let outside = host.outside.iter().map(|entry| (*entry, SegmentPlace::Outside));
            spare.chain(outside).nth(behind)?
        };
        let inode = &self.inodes[entry.inode];
        let is_last = index + 1 == host.order.len();
        let is_read = index == 0 || inode.is_walked;
        let (first_id, next_id) = match place {
            SegmentPlace::InOrder if is_read || is_last => (self.first_id(index), self.end_id(index)),
            SegmentPlace::Outside if !self.outside_is_unknown => inode.ids().unwrap_or((0, 0)),
            _ => (0, 0),
        };
        Some(Segment {
            file: entry.file,
            first_id: RecordId(first_id),
            next_id: RecordId(next_id),
            bytes: inode.bytes(),
            durable_bytes: inode.durable_bytes,
            end: if is_last { self.end_of(&entry) } else { SegmentEnd::Whole },
            suspect: inode.is_suspect(),
            place,
        })
    }

    /// Logic that breaks a rule has an error, unless it could not know that a file has vanished.
    fn refuse<T>(&self, refusal: Refusal) -> Result<T, StorageError> {
        assert!(self.host.has_vanished, "refused: {refusal}");
        Err(StorageError::Refused(refusal.number()))
    }

    /// No file changes before `open` has returned, if another component had the buffer before.
    fn may_change_files(&self) -> Result<(), StorageError> {
        if self.host.replaces && !self.host.has_opened { refuse(Refusal::Replacing) } else { Ok(()) }
    }

    /// The file that a roll without a spare makes.
    fn next_file(&self) -> Option<FileId> {
        let is_taken = |file: &FileId| self.names.contains_key(&file.get());
        let Some(last) = self.host.order.back() else {
            let writer = self.host.ledger.map_or(FileId::FIRST, |ledger| ledger.writer_data_file);
            return iter::successors(Some(writer), |file| Some(file.successor()))
                .find(|file| !is_taken(file));
        };
        let front = self.host.order[0].file;
        iter::successors(Some(last.file.successor()), |file| Some(file.successor()))
            .take_while(|file| *file != front && file.successor() != front)
            .find(|file| !is_taken(file))
    }

    fn make_file(&mut self) -> Result<Entry, StorageError> {
        self.new_file_attempts += 1;
        if let Some(error) = self.fail_all_new_files {
            return Err(error);
        }
        let file = self.next_file().filter(|_| !self.refuse_files).ok_or(StorageError::NoSpace)?;
        let inode = self.inodes.len();
        self.names.insert(file.get(), inode);
        self.name_changes.push(NameChange::Made(file.get(), inode));
        self.inodes.push(Inode::default());
        Ok(Entry { file, inode })
    }

    fn remove(&mut self, entry: &Entry) -> Result<u64, StorageError> {
        if self.is_there(entry) {
            if self.refuse_removals {
                return Err(StorageError::Io(16));
            }
            self.names.remove(&entry.file.get());
            self.name_changes.push(NameChange::Removed(entry.file.get()));
        }
        Ok(self.inodes[entry.inode].bytes())
    }

    /// How many unacknowledged events are passed, in the order in which they are read.
    fn events_passed_by(&self, ledger: Ledger) -> u64 {
        let last = ledger.reader_last_record.0;
        let records = self.readable(self.host.acknowledged + 1).into_iter();
        records.filter(|(_, id, _)| *id <= last).map(|(_, _, events)| events).sum()
    }
}

impl Storage for Disk {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.host.ledger.ok_or(StorageError::NotFound)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        if let Some(error) = self.fail_store.take().or(self.fail_all_stores) {
            return Err(error);
        }
        self.walk_before(ledger);
        if let Err(refusal) = self.may_store(ledger) {
            let stands = self.host.ledger;
            let is_excused = self.host.has_vanished || self.is_strict && refusal == Refusal::LedgerLast;
            assert!(is_excused, "refused: {refusal}: {ledger:?}, where {stands:?} stands");
            return Err(StorageError::Refused(refusal.number()));
        }
        self.check_names(ledger);
        assert_ne!(self.host.ledger, Some(ledger), "the same ledger is stored again");
        if ledger.reader_last_record.0 > self.host.acknowledged {
            self.host.dropped_events += self.events_passed_by(ledger);
            self.host.acknowledged = ledger.reader_last_record.0;
            self.host.next_delivered = self.host.next_delivered.max(ledger.first_unread().0);
        }
        self.calls.push("store".to_owned());
        self.host.ledger = Some(ledger);
        self.ledger = Some(ledger);
        Ok(())
    }

    fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Segment>, StorageError> {
        self.looks += 1;
        let from = usize::try_from(from).unwrap();
        Ok((from..).map_while(|index| self.segment(index)).take(max as usize).collect())
    }

    fn next_id(&mut self) -> RecordId {
        RecordId(self.host.next_id)
    }

    fn append(&mut self, batch: BatchId, count: u32) -> Result<Placed, StorageError> {
        if let Some(error) = self.fail_append.take().or(self.fail_all_appends) {
            return Err(error);
        }
        let Some(last) = self.host.order.back().copied() else { return refuse(Refusal::UnknownFile) };
        let Some((offered, sizes, placed)) = self.host.offer.clone() else {
            return refuse(Refusal::UnknownBatch);
        };
        if offered != batch {
            return refuse(Refusal::UnknownBatch);
        }
        let wanted = sizes.get(placed..placed + count as usize).filter(|wanted| !wanted.is_empty());
        let Some(wanted) = wanted else { return refuse(Refusal::BatchCount) };
        if !self.is_there(&last) {
            return Err(StorageError::NotFound);
        }
        if !self.is_usable(&last) {
            return refuse(Refusal::BehindDamage);
        }
        if self.inodes[last.inode].is_broken && !self.inodes[last.inode].frames.is_empty() {
            return Err(StorageError::Io(5));
        }
        let (first_id, mut records) = (self.host.next_id, 0);
        // The sum is expensive where there are many files.
        let is_limited = self.host.max_bytes < 1 << 40;
        let mut all_bytes = if is_limited { self.bytes() } else { 0 };
        for size in wanted {
            let (events, bytes) = (size >> 32, size & 0xffff_ffff);
            if bytes > self.room {
                break;
            }
            all_bytes += bytes;
            assert!(all_bytes <= self.host.max_bytes, "more bytes than the operator allows");
            self.room -= bytes;
            self.inodes[last.inode].frames.push(Frame::whole(self.host.next_id, events, bytes));
            self.host.next_id += events;
            records += 1;
        }
        if records == 0 {
            return Err(StorageError::NoSpace);
        }
        self.host.offer = Some((offered, sizes, placed + records));
        self.calls.push(format!("append {records}"));
        Ok(Placed {
            records: u32::try_from(records).unwrap(),
            first_id: RecordId(first_id),
            next_id: RecordId(self.host.next_id),
            bytes: self.inodes[last.inode].bytes(),
        })
    }

    fn prepare(&mut self) -> Result<FileId, StorageError> {
        self.may_change_files()?;
        let spare = match self.host.spare {
            Some(spare) => spare,
            None => self.make_file()?,
        };
        self.host.spare = Some(spare);
        self.calls.push(format!("prepare {}", spare.file));
        Ok(spare.file)
    }

    fn roll(&mut self) -> Result<FileId, StorageError> {
        self.may_change_files()?;
        let last = self.host.order.back();
        if let Some(last) = last.filter(|last| self.inodes[last.inode].bytes() == 0 && self.is_usable(last)) {
            return Ok(last.file);
        }
        let entry = match self.host.spare.take() {
            Some(spare) => spare,
            None => self.make_file()?,
        };
        self.calls.push(format!("roll {}", entry.file));
        self.host.order.push_back(entry);
        Ok(entry.file)
    }

    fn truncate(&mut self) -> Result<u64, StorageError> {
        self.may_change_files()?;
        let last = self.host.order.back().copied();
        let Some(last) = last.filter(|last| self.end_of(last) == SegmentEnd::Unfinished) else {
            return refuse(Refusal::Truncate);
        };
        if let Some(error) = self.fail_truncate.filter(|_| !self.truncates_before_it_fails) {
            return Err(error);
        }
        self.calls.push("truncate".to_owned());
        let inode = &mut self.inodes[last.inode];
        let before = inode.bytes();
        let whole = inode.frames.iter().take_while(|frame| !frame.is_short).count();
        if self.host.cursor.0 == Some(last.file) {
            self.host.cursor.1 = self.host.cursor.1.min(whole);
        }
        inode.frames.truncate(whole);
        let after = inode.bytes();
        if let Some(error) = self.fail_truncate {
            inode.dead_from = Some(whole);
            return Err(error);
        }
        inode.durable.truncate(whole);
        inode.durable_bytes = inode.durable_bytes.min(after);
        Ok(before - after)
    }

    fn release(&mut self, through: FileId) -> Result<Released, StorageError> {
        self.may_change_files()?;
        if let Some(error) = self.fail_release.take() {
            return Err(error);
        }
        let Some(through) = self.position(through) else { return self.refuse(Refusal::UnknownFile) };
        if !self.may_release_front() {
            // The file that the synced ledger names as the reader's may have vanished.
            return self.refuse(Refusal::Retention);
        }
        let mut released = Released::default();
        for _ in 0..=through {
            if !self.may_release_front() {
                break;
            }
            let entry = self.host.order.pop_front().unwrap();
            released.files += 1;
            if self.host.cursor.0 == Some(entry.file) {
                self.host.cursor = (None, 0);
            }
            match self.remove(&entry) {
                Ok(bytes) => released.bytes += bytes,
                Err(_) => self.host.outside.push(entry),
            }
            self.calls.push(format!("release {}", entry.file));
        }
        assert!(!self.host.order.is_empty());
        Ok(released)
    }

    fn discard(&mut self, file: FileId) -> Result<u64, StorageError> {
        self.may_change_files()?;
        if let Some(spare) = self.host.spare.filter(|spare| spare.file == file) {
            let bytes = self.remove(&spare)?;
            self.host.spare = None;
            self.calls.push(format!("discard {file}"));
            return Ok(bytes);
        }
        let Some(index) = self.host.outside.iter().position(|entry| entry.file == file) else {
            return refuse(Refusal::UnknownFile);
        };
        let entry = self.host.outside[index];
        if !self.is_passed(&entry) {
            self.calls.push(format!("keep {file}"));
            return Err(StorageError::Refused(Refusal::Retention.number()));
        }
        let bytes = self.remove(&entry)?;
        self.host.outside.remove(index);
        self.calls.push(format!("discard {file}"));
        Ok(bytes)
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        self.request(target)
    }
}

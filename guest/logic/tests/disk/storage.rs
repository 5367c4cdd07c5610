//! The disk as the logic sees it, and the rules that the logic is held to.

use forebay_logic::{
    BatchId, FileEntry, FileId, Ledger, Mark, Placed, RecordId, ScanLimits, Scanned, Span, SpanState,
    Storage, StorageError, SyncTarget, Ticket,
};

use super::{Disk, Frame, Inode, NameChange, Snapshot};

impl Disk {
    fn inode(&self, file: FileId) -> Result<usize, StorageError> {
        self.names.get(&file.get()).copied().ok_or(StorageError::NotFound)
    }

    fn check_ledger(&self, ledger: Ledger) {
        for file in [ledger.reader_data_file, ledger.writer_data_file] {
            assert!(self.names.contains_key(&file.get()), "the ledger names file {file}, which is not there");
        }
        let last = ledger.reader_last_record.0;
        assert!(last < ledger.writer_next_record.0 || last == u64::MAX, "acknowledged what is not written");
        let old = self.ledger.map_or(0, |old| old.reader_last_record.0);
        assert!(last >= old, "reader-last went back from {old} to {last}");
        if last > old {
            // Whole files from the oldest on may be dropped, if that was chosen.
            let front = self.ledger.map_or(ledger.reader_data_file, |old| old.reader_data_file);
            let steps = front.steps_to(ledger.reader_data_file);
            let goes = |file| self.drops_oldest && front.steps_to(FileId::new(file).unwrap()) < steps;
            let records =
                if self.next_id.is_some() { self.in_order(old + 1) } else { self.records().collect() };
            for (file, id, _) in records {
                assert!(
                    id <= self.acknowledged || id > last || id <= old || goes(file),
                    "passes record {id} of file {file}"
                );
            }
        }
        let next = ledger.writer_next_record.0;
        let old_next = self.ledger.map_or(1, |old| old.writer_next_record.0);
        assert!(next >= old_next, "writer-next went back from {old_next} to {next}");
        assert!(self.next_id.is_none_or(|next_id| next_id == next), "writer-next is {next}");
        let moved = self.ledger.is_some_and(|old| old.writer_data_file != ledger.writer_data_file);
        if moved && self.next_id.is_some() {
            let id = ledger.writer_data_file.get();
            assert!(self.file(id).synced, "the ledger names file {id}, which was never synced");
            assert!(
                self.durable_names.contains_key(&id),
                "the ledger names file {id}, whose name is not durable"
            );
        }
    }
}

impl Disk {
    /// How many unacknowledged events go with the files that a ledger passes, in the order in which they are read. What
    /// repeats ids that came before is no record of this buffer.
    fn events_passed_by(&self, ledger: Ledger) -> u64 {
        let front = self.ledger.map_or(ledger.reader_data_file, |old| old.reader_data_file);
        let place = |file| front.steps_to(FileId::new(file).unwrap());
        let mut files: Vec<_> = self.file_ids();
        files.retain(|file| place(*file) < front.steps_to(ledger.reader_data_file));
        files.sort_by_key(|file| place(*file));
        let (mut next_id, mut events) = (self.acknowledged + 1, 0);
        let records = files.iter().flat_map(|file| &self.file(*file).frames).filter_map(|frame| frame.record);
        for (id, held) in records.filter(|(id, _)| *id <= ledger.reader_last_record.0) {
            events += (id + held).saturating_sub(next_id.max(id));
            next_id = next_id.max(id + held);
        }
        events
    }
}

impl Storage for Disk {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.ledger.ok_or(StorageError::NotFound)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        if let Some(error) = self.fail_store.take() {
            return Err(error);
        }
        self.check_ledger(ledger);
        if self.drops_oldest {
            self.dropped += self.events_passed_by(ledger);
            self.acknowledged = self.acknowledged.max(ledger.reader_last_record.0);
        }
        assert_ne!(self.ledger, Some(ledger), "the same ledger is stored again");
        self.calls.push("store".to_owned());
        self.ledger = Some(ledger);
        Ok(())
    }

    fn marks(&mut self) -> Result<Vec<Mark>, StorageError> {
        Ok(self.marks.clone())
    }

    fn list_files(&mut self) -> Result<Vec<FileEntry>, StorageError> {
        let entry = |(id, inode): (&u16, &usize)| {
            let inode = &self.inodes[*inode];
            let id = FileId::new(*id).unwrap();
            FileEntry {
                id,
                length: inode.length(),
                // What nobody finds after a power loss is as good as not written.
                durable_length: if inode.nameless { 0 } else { inode.durable_length },
                suspect: self.is_suspect(id),
            }
        };
        Ok(self.names.iter().map(entry).collect())
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        if self.refuse_files {
            return Err(StorageError::NoSpace);
        }
        if let Some(error) = self.fail_all_creates {
            return Err(error);
        }
        if let Ok(inode) = self.inode(file) {
            return if self.inodes[inode].frames.is_empty() {
                Ok(())
            } else {
                Err(StorageError::AlreadyExists)
            };
        }
        self.calls.push(format!("create {file}"));
        self.names.insert(file.get(), self.inodes.len());
        self.name_changes.push(NameChange::Made(file.get(), self.inodes.len()));
        self.inodes.push(Inode::default());
        Ok(())
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        let inode = self.inode(file)?;
        if self.refuse_removals {
            return Err(StorageError::Io(16));
        }
        if !self.inodes[inode].frames.is_empty() {
            let durably_passed = self.durable_ledger.map_or(0, |ledger| ledger.reader_last_record.0);
            let ids: Vec<_> = self.inodes[inode].frames.iter().filter_map(|frame| frame.record).collect();
            for (id, events) in ids {
                assert!(
                    id + events <= durably_passed + 1,
                    "file {file} goes before record {id} is durably passed"
                );
            }
            let names_it =
                |ledger: Ledger| [ledger.reader_data_file, ledger.writer_data_file].contains(&file);
            assert!(
                !self.durable_ledger.is_some_and(names_it),
                "the durable ledger names file {file}, which goes"
            );
        }
        self.calls.push(format!("remove {file}"));
        self.names.remove(&file.get());
        self.name_changes.push(NameChange::Removed(file.get()));
        Ok(())
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        let number = self.inode(file)?;
        let last = self.ledger.map_or(0, |ledger| ledger.reader_last_record.0);
        while self.inodes[number].length() > length {
            let frame = self.inodes[number].frames.pop().unwrap();
            let is_unread = frame.record.is_some_and(|(id, events)| id + events > last + 1);
            assert!(!is_unread, "file {file} is cut into a whole record");
        }
        let inode = &mut self.inodes[number];
        if inode.dead_from.is_some_and(|from| inode.frames.len() <= from) {
            inode.dead_from = None;
        }
        inode.durable.truncate(inode.frames.len());
        assert_eq!(inode.length(), length, "file {file} is cut inside a frame");
        self.calls.push(format!("truncate {file}"));
        Ok(())
    }

    fn append(
        &mut self,
        batch: BatchId,
        first: u32,
        count: u32,
        file: FileId,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, StorageError> {
        if let Some(error) = self.fail_append.take().or(self.fail_all_appends) {
            return Err(error);
        }
        let inode = self.inode(file)?;
        assert_eq!(at, self.inodes[inode].length(), "the logic has another length of file {file}");
        assert_eq!(Some(id.0), self.next_id, "the logic has another next id");
        let (offered, sizes, placed) = self.offer.as_mut().expect("no batch is on offer");
        assert_eq!(*offered, batch);
        assert_eq!(*placed, first as usize, "records are placed in order, once");
        assert!(count > 0 && *placed + count as usize <= sizes.len());
        let mut next_id = id.0;
        let mut records = 0;
        for size in &sizes[*placed..*placed + count as usize] {
            let (events, bytes) = (size >> 32, size & 0xffff_ffff);
            if bytes > self.room {
                break;
            }
            self.room -= bytes;
            self.inodes[inode].frames.push(Frame::whole(next_id, events, bytes));
            next_id += events;
            records += 1;
        }
        if records == 0 {
            return Err(StorageError::NoSpace);
        }
        *placed += records as usize;
        self.next_id = Some(next_id);
        self.calls.push(format!("append {records} to {file}"));
        Ok(Placed { records, length: self.inodes[inode].length() })
    }

    fn scan(&mut self, file: FileId, offset: u64, limits: ScanLimits) -> Result<Scanned, StorageError> {
        if let Some(error) = self.fail_scan.take() {
            return Err(error);
        }
        let inode = &self.inodes[self.inode(file)?];
        let mut spans: Vec<Span> = Vec::new();
        let (mut at, mut records, mut bytes) = (0, 0, 0);
        for (number, frame) in inode.frames.iter().enumerate() {
            if at < offset {
                at += frame.bytes;
                assert!(at <= offset, "a scan starts inside a frame");
                continue;
            }
            if bytes >= self.scan_bytes {
                break;
            }
            let mut full = spans.len() >= limits.max_spans as usize;
            if let Some((id, events)) = frame.record {
                if records >= limits.max_records || (records > 0 && bytes + frame.bytes > limits.max_bytes) {
                    break;
                }
                let before =
                    spans.last_mut().filter(|span| span.state == SpanState::Whole && span.next_id.0 == id);
                if let Some(span) = before {
                    span.bytes += frame.bytes;
                    span.next_id = RecordId(id + events);
                    span.records += 1;
                    full = false;
                } else if !full {
                    let (first_id, next_id) = (RecordId(id), RecordId(id + events));
                    let state = SpanState::Whole;
                    spans.push(Span { offset: at, bytes: frame.bytes, first_id, next_id, records: 1, state });
                }
                records += u32::from(!full);
            } else if !full {
                let rest = &inode.frames[number..];
                let torn = rest.iter().all(|frame| frame.short);
                let state = if torn { SpanState::Torn } else { SpanState::Corrupt };
                let length = if torn { rest.iter().map(|frame| frame.bytes).sum() } else { frame.bytes };
                let (first_id, next_id) = (RecordId(0), RecordId(0));
                spans.push(Span { offset: at, bytes: length, first_id, next_id, records: 0, state });
                if torn {
                    at = inode.length();
                    break;
                }
            }
            if full {
                break;
            }
            bytes += frame.bytes;
            at += frame.bytes;
        }
        self.scans += 1;
        self.scanned_bytes += bytes;
        Ok(Scanned { spans, next_offset: at })
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        if self.refuse_syncs {
            return Err(StorageError::NoSpace);
        }
        let snapshot = match target {
            SyncTarget::Data(file) => {
                let inode = self.inode(file)?;
                let frames = self.inodes[inode].frames.clone();
                if self.is_suspect(file) {
                    Snapshot::Renewal(file.get(), inode, frames)
                } else {
                    Snapshot::Data(inode, frames)
                }
            }
            SyncTarget::Directory => Snapshot::Directory(self.name_changes.len()),
            SyncTarget::Ledger => Snapshot::Ledger(self.ledger),
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.pending.push_back((ticket, snapshot));
        Ok(ticket)
    }
}

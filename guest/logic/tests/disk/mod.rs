//! A disk for tests: data files as lists of frames, what is live beside what is durable, syncs that end when the test
//! says so. It panics when the logic breaks a rule of the contract.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

pub(crate) mod bed;
pub(crate) mod dice;

use std::collections::{BTreeMap, VecDeque};

use forebay_logic::{
    BatchId, FileEntry, FileId, Ledger, Placed, RecordId, ScanLimits, Scanned, Span, SpanState, Storage,
    StorageError, SyncTarget, Ticket,
};

/// A frame, or damage in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: u64,
    /// Id and number of events; `None` for damage.
    pub(crate) record: Option<(u64, u64)>,
    /// Damage that is not even as long as a frame. At a file's end it is torn, elsewhere corrupt.
    pub(crate) short: bool,
}

impl Frame {
    pub(crate) fn whole(id: u64, events: u64, bytes: u64) -> Self {
        Self { bytes, record: Some((id, events)), short: false }
    }

    pub(crate) fn corrupt(bytes: u64) -> Self {
        Self { bytes, record: None, short: false }
    }

    pub(crate) fn torn(bytes: u64) -> Self {
        Self { bytes, record: None, short: true }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) frames: Vec<Frame>,
    /// What a sync has brought to the disk.
    pub(crate) durable: Vec<Frame>,
    /// Whether any sync of it has ended.
    pub(crate) synced: bool,
    /// How many bytes a sync has brought to the disk since the lock was taken.
    pub(crate) durable_length: u64,
}

impl Inode {
    pub(crate) fn length(&self) -> u64 {
        self.frames.iter().map(|frame| frame.bytes).sum()
    }
}

#[derive(Clone, Copy, Debug)]
enum NameChange {
    Made(u16, usize),
    Removed(u16),
}

#[derive(Clone, Debug)]
enum Snapshot {
    Data(usize, Vec<Frame>),
    Directory(usize),
    Ledger(Option<Ledger>),
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) names: BTreeMap<u16, usize>,
    durable_names: BTreeMap<u16, usize>,
    name_changes: Vec<NameChange>,
    durable_changes: usize,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) durable_ledger: Option<Ledger>,
    pending: VecDeque<(Ticket, Snapshot)>,
    next_ticket: u64,
    /// The consumer is done with everything up to here.
    pub(crate) acknowledged: u64,
    /// The id that the next event gets; `None` until `open` has returned.
    pub(crate) next_id: Option<u64>,
    /// The batch on offer: its number, sizes, and how many of it are placed.
    offer: Option<(BatchId, Vec<u64>, usize)>,
    /// Bytes that the disk has room for.
    pub(crate) room: u64,
    /// Whether there is room for more files.
    pub(crate) refuse_files: bool,
    /// Whether there is room for more syncs.
    pub(crate) refuse_syncs: bool,
    /// Whether files cannot be removed.
    pub(crate) refuse_removals: bool,
    /// Errors that the next calls give, by call.
    pub(crate) fail_append: Option<StorageError>,
    pub(crate) fail_store: Option<StorageError>,
    pub(crate) fail_scan: Option<StorageError>,
    /// Where a scan stops by itself.
    pub(crate) scan_bytes: u64,
    pub(crate) calls: Vec<String>,
    pub(crate) scans: usize,
    pub(crate) scanned_bytes: u64,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            durable_changes: 0,
            ledger: None,
            durable_ledger: None,
            pending: VecDeque::new(),
            next_ticket: 1,
            acknowledged: 0,
            next_id: None,
            offer: None,
            room: u64::MAX,
            refuse_files: false,
            refuse_syncs: false,
            refuse_removals: false,
            fail_append: None,
            fail_store: None,
            fail_scan: None,
            scan_bytes: 8 << 20,
            calls: Vec::new(),
            scans: 0,
            scanned_bytes: 0,
        }
    }
}

/// A ledger: next id, writer's file, reader's file, last acknowledged.
pub(crate) fn ledger(next: u64, writer: u16, reader: u16, last: u64) -> Ledger {
    Ledger {
        writer_next_record: RecordId(next),
        writer_data_file: FileId::new(writer).unwrap(),
        reader_data_file: FileId::new(reader).unwrap(),
        reader_last_record: RecordId(last),
    }
}

/// What of that which was not synced survives a power loss.
pub(crate) trait Luck {
    /// How many of the changes of the directory that were not synced.
    fn changes(&mut self, of: usize) -> usize;
    /// How many of the frames that were not synced, and whether a torn one is behind them.
    fn frames(&mut self, of: usize) -> (usize, bool);
    /// Whether the ledger as it was stored last.
    fn ledger(&mut self) -> bool;
}

/// Nothing that was not synced survives.
pub(crate) struct NoLuck;

impl Luck for NoLuck {
    fn changes(&mut self, _: usize) -> usize {
        0
    }
    fn frames(&mut self, _: usize) -> (usize, bool) {
        (0, false)
    }
    fn ledger(&mut self) -> bool {
        false
    }
}

impl Disk {
    /// A disk with these files and this ledger, all of it durable.
    pub(crate) fn with(ledger: Option<Ledger>, files: &[(u16, Vec<Frame>)]) -> Self {
        let mut disk = Self { ledger, durable_ledger: ledger, ..Self::default() };
        for (id, frames) in files {
            disk.names.insert(*id, disk.inodes.len());
            disk.inodes.push(Inode { frames: frames.clone(), durable: frames.clone(), ..Inode::default() });
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    pub(crate) fn file(&self, id: u16) -> &Inode {
        &self.inodes[self.names[&id]]
    }

    pub(crate) fn file_mut(&mut self, id: u16) -> &mut Inode {
        let inode = self.names[&id];
        &mut self.inodes[inode]
    }

    pub(crate) fn file_ids(&self) -> Vec<u16> {
        self.names.keys().copied().collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].length()).sum()
    }

    /// Somebody removes a file behind the buffer's back.
    pub(crate) fn vanish(&mut self, id: u16) {
        self.names.remove(&id);
        self.durable_names.remove(&id);
        for change in &mut self.name_changes {
            if matches!(*change, NameChange::Made(made, _) if made == id) {
                *change = NameChange::Removed(id);
            }
        }
    }

    /// Every whole record, by file.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u16, u64, u64)> + '_ {
        self.names.iter().flat_map(|(id, inode)| {
            let frames = &self.inodes[*inode].frames;
            frames.iter().filter_map(|frame| frame.record.map(|(first, events)| (*id, first, events)))
        })
    }

    pub(crate) fn offer(&mut self, batch: BatchId, sizes: &[u64]) {
        self.offer = Some((batch, sizes.to_vec(), 0));
    }

    /// Takes the batch off offer; gives how many of it were placed.
    pub(crate) fn withdraw(&mut self) -> usize {
        self.offer.take().map_or(0, |(_, _, placed)| placed)
    }

    pub(crate) fn syncs_under_way(&self) -> usize {
        self.pending.len()
    }

    /// What the syncs under way are of: `data 3`, `directory`, `ledger`.
    pub(crate) fn targets_under_way(&self) -> Vec<String> {
        let describe = |snapshot: &Snapshot| match snapshot {
            Snapshot::Data(inode, _) => {
                let name = self.names.iter().find(|(_, named)| *named == inode);
                format!("data {}", name.map_or("?".to_owned(), |(id, _)| id.to_string()))
            }
            Snapshot::Directory(_) => "directory".to_owned(),
            Snapshot::Ledger(_) => "ledger".to_owned(),
        };
        self.pending.iter().map(|(_, snapshot)| describe(snapshot)).collect()
    }

    /// The oldest sync under way ends.
    pub(crate) fn end_sync(&mut self, ok: bool) -> Option<Ticket> {
        let (ticket, snapshot) = self.pending.pop_front()?;
        if ok {
            match snapshot {
                Snapshot::Data(inode, frames) => {
                    let inode = &mut self.inodes[inode];
                    inode.durable_length = frames.iter().map(|frame| frame.bytes).sum();
                    inode.durable = frames;
                    inode.synced = true;
                }
                Snapshot::Directory(upto) => self.apply_changes(upto),
                Snapshot::Ledger(ledger) => self.durable_ledger = ledger,
            }
        }
        Some(ticket)
    }

    fn apply_changes(&mut self, upto: usize) {
        for change in &self.name_changes[self.durable_changes.min(upto)..upto] {
            match *change {
                NameChange::Made(id, inode) => self.durable_names.insert(id, inode),
                NameChange::Removed(id) => self.durable_names.remove(&id),
            };
        }
        self.durable_changes = self.durable_changes.max(upto);
    }

    /// The process dies: what it wrote stays.
    pub(crate) fn kill(&mut self) {
        self.pending.clear();
        self.next_id = None;
        self.offer = None;
        self.acknowledged = self.ledger.map_or(0, |ledger| ledger.reader_last_record.0);
        for inode in &mut self.inodes {
            inode.durable_length = 0;
        }
    }

    /// The power fails: what was not synced is gone, but for luck. What is left is on the disk.
    pub(crate) fn power_loss(&mut self, luck: &mut impl Luck) {
        let changes = self.name_changes.len() - self.durable_changes;
        self.apply_changes(self.durable_changes + luck.changes(changes));
        self.names = self.durable_names.clone();
        for inode in &mut self.inodes {
            let durable = inode.durable.len().min(inode.frames.len());
            let (kept, torn) = luck.frames(inode.frames.len() - durable);
            let lost = inode.frames.split_off(durable + kept);
            if torn && lost.first().is_some_and(|frame| frame.bytes > 1) {
                inode.frames.push(Frame::torn(lost[0].bytes / 2));
            }
            inode.durable = inode.frames.clone();
        }
        if !luck.ledger() {
            self.ledger = self.durable_ledger;
        }
        self.durable_ledger = self.ledger;
        self.name_changes.clear();
        self.durable_changes = 0;
        self.kill();
    }

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
            for (file, id, _) in self.records() {
                assert!(
                    id <= self.acknowledged || id > last || id <= old,
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

impl Storage for Disk {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.ledger.ok_or(StorageError::NotFound)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        if let Some(error) = self.fail_store.take() {
            return Err(error);
        }
        self.check_ledger(ledger);
        assert_ne!(self.ledger, Some(ledger), "the same ledger is stored again");
        self.calls.push("store".to_owned());
        self.ledger = Some(ledger);
        Ok(())
    }

    fn list_files(&mut self) -> Result<Vec<FileEntry>, StorageError> {
        let entry = |(id, inode): (&u16, &usize)| {
            let inode = &self.inodes[*inode];
            let id = FileId::new(*id).unwrap();
            FileEntry { id, length: inode.length(), durable_length: inode.durable_length }
        };
        Ok(self.names.iter().map(entry).collect())
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        if self.refuse_files {
            return Err(StorageError::NoSpace);
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
            let durable = self.durable_ledger.expect("a file goes before the ledger is synced");
            let ids = self.inodes[inode].frames.iter().filter_map(|frame| frame.record);
            for (id, events) in ids {
                let last = id + events - 1;
                assert!(
                    last <= durable.reader_last_record.0,
                    "file {file} goes before record {id} is durably passed"
                );
            }
            let named = [durable.reader_data_file, durable.writer_data_file];
            assert!(!named.contains(&file), "the durable ledger names file {file}, which goes");
        }
        self.calls.push(format!("remove {file}"));
        self.names.remove(&file.get());
        self.name_changes.push(NameChange::Removed(file.get()));
        Ok(())
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        let inode = self.inode(file)?;
        let inode = &mut self.inodes[inode];
        while inode.length() > length {
            let frame = inode.frames.pop().unwrap();
            assert!(frame.record.is_none(), "file {file} is cut into a whole record");
        }
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
        if let Some(error) = self.fail_append.take() {
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
                Snapshot::Data(inode, self.inodes[inode].frames.clone())
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

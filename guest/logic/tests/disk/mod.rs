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
pub(crate) mod failing;
mod storage;

use std::collections::{BTreeMap, VecDeque};

use forebay_logic::{BatchId, FileId, Ledger, Mark, RecordId, StorageError, Ticket};

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
    /// A sync has failed: frames from this one on never reach the disk.
    pub(crate) dead_from: Option<usize>,
    /// A sync of the directory has failed that was to make its name durable.
    pub(crate) nameless: bool,
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
    /// A file whose sync has failed is written anew.
    Renewal(u16, usize, Vec<Frame>),
    Directory(usize),
    Ledger(Option<Ledger>),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and they come in any combination"
)]
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
    /// Bytes that the operator allows.
    pub(crate) max_bytes: u64,
    /// Whether there is room for more files.
    pub(crate) refuse_files: bool,
    /// Whether there is room for more syncs.
    pub(crate) refuse_syncs: bool,
    /// Whether files cannot be removed.
    pub(crate) refuse_removals: bool,
    /// Whether the oldest files may go to make room, and how many events went with them.
    pub(crate) drops_oldest: bool,
    pub(crate) dropped: u64,
    /// The error that every making of a file gives.
    pub(crate) fail_all_creates: Option<StorageError>,
    /// Errors that the next calls give, by call.
    pub(crate) fail_append: Option<StorageError>,
    /// The error that every append gives.
    pub(crate) fail_all_appends: Option<StorageError>,
    pub(crate) fail_store: Option<StorageError>,
    pub(crate) fail_scan: Option<StorageError>,
    /// Where a scan stops by itself.
    pub(crate) scan_bytes: u64,
    /// What the host remembers of before.
    pub(crate) marks: Vec<Mark>,
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
            max_bytes: u64::MAX,
            room: u64::MAX,
            refuse_files: false,
            refuse_syncs: false,
            refuse_removals: false,
            drops_oldest: false,
            dropped: 0,
            fail_all_creates: None,
            fail_append: None,
            fail_all_appends: None,
            fail_store: None,
            fail_scan: None,
            scan_bytes: 8 << 20,
            marks: Vec::new(),
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

    /// The records that are to be read from an id on, in the order of the files. Ids never go back.
    pub(crate) fn in_order(&self, first_unread: u64) -> Vec<(u16, u64, u64)> {
        let front = self.ledger.unwrap().reader_data_file;
        let mut records: Vec<_> = self.records().collect();
        records.sort_by_key(|(file, _, _)| front.steps_to(FileId::new(*file).unwrap()));
        let mut next_id = first_unread;
        let mut is_first = true;
        records.retain(|(_, id, events)| {
            let is_next = id + events > next_id && (is_first || *id >= next_id);
            if is_next {
                (next_id, is_first) = (id + events, false);
            }
            is_next
        });
        records
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
            Snapshot::Data(inode, _) | Snapshot::Renewal(_, inode, _) => {
                let name = self.names.iter().find(|(_, named)| *named == inode);
                format!("data {}", name.map_or("?".to_owned(), |(id, _)| id.to_string()))
            }
            Snapshot::Directory(_) => "directory".to_owned(),
            Snapshot::Ledger(_) => "ledger".to_owned(),
        };
        self.pending.iter().map(|(_, snapshot)| describe(snapshot)).collect()
    }

    /// The oldest sync under way ends.
    pub(crate) fn end_sync(&mut self) -> Option<Ticket> {
        let (ticket, snapshot) = self.pending.pop_front()?;
        match snapshot {
            Snapshot::Data(inode, frames) => {
                let inode = &mut self.inodes[inode];
                if inode.dead_from.is_none() {
                    inode.durable_length = frames.iter().map(|frame| frame.bytes).sum();
                    inode.durable = frames;
                    inode.synced = true;
                }
            }
            Snapshot::Renewal(file, inode, frames) => self.renew(file, inode, frames),
            Snapshot::Directory(upto) => self.apply_changes(upto),
            Snapshot::Ledger(ledger) => self.durable_ledger = ledger,
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
            inode.dead_from = None;
            inode.nameless = false;
        }
        if !luck.ledger() {
            self.ledger = self.durable_ledger;
        }
        self.durable_ledger = self.ledger;
        self.name_changes.clear();
        self.durable_changes = 0;
        self.kill();
    }
}

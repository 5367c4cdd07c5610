//! A disk for tests, and the host that stands between it and the logic. Data files are lists of frames, what is live is kept
//! beside what is durable, and syncs end when the test says so. A broken rule of the contract is a panic.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::struct_excessive_bools // Each is a fault of its own, and they come in any combination.
)]

mod arrange;
pub(crate) mod bed;
pub(crate) mod random;
mod rules;
mod storage;
mod syncs;

use std::collections::{BTreeMap, VecDeque};

use forebay_logic::{BatchId, FileId, Ledger, RecordId, StorageError, Ticket};

/// A frame, or damage in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: u64,
    /// Id and number of events; `None` for damage.
    pub(crate) record: Option<(u64, u64)>,
    /// Damage that is not as long as a frame. At a file's end it is unfinished.
    pub(crate) is_short: bool,
}

impl Frame {
    pub(crate) fn whole(id: u64, events: u64, bytes: u64) -> Self {
        Self { bytes, record: Some((id, events)), is_short: false }
    }

    pub(crate) fn corrupt(bytes: u64) -> Self {
        Self { bytes, record: None, is_short: false }
    }

    pub(crate) fn torn(bytes: u64) -> Self {
        Self { bytes, record: None, is_short: true }
    }
}

/// Whole records of one event and 100 bytes.
pub(crate) fn whole(ids: impl IntoIterator<Item = u64>) -> Vec<Frame> {
    ids.into_iter().map(|id| Frame::whole(id, 1, 100)).collect()
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) frames: Vec<Frame>,
    /// What a sync has brought to the disk.
    durable: Vec<Frame>,
    /// Whether any sync of it has ended.
    is_synced: bool,
    /// A sync has failed: frames from this one on never reach the disk, unless the host rewrites the file.
    dead_from: Option<usize>,
    /// A sync of the directory has failed that was to make its name durable.
    is_nameless: bool,
    /// The host has walked it to its end: it knows its ids.
    is_walked: bool,
    /// Nothing can be written to it.
    is_broken: bool,
    /// Its name is durable.
    has_durable_name: bool,
    /// How many bytes the host has seen synced under this lock.
    pub(crate) durable_bytes: u64,
}

impl Inode {
    pub(crate) fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.bytes).sum()
    }

    /// The first id in it, and the one behind the last.
    fn ids(&self) -> Option<(u64, u64)> {
        let mut records = self.frames.iter().filter_map(|frame| frame.record);
        let (first, events) = records.next()?;
        Some((first, records.fold(first + events, |end, (id, events)| end.max(id + events))))
    }

    fn is_suspect(&self) -> bool {
        self.dead_from.is_some() || self.is_nameless
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

/// A data file that the host knows. Its name may have vanished since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) file: FileId,
    pub(crate) inode: usize,
}

/// What the host knows while it holds the lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    order: VecDeque<Entry>,
    spare: Option<Entry>,
    outside: Vec<Entry>,
    pub(crate) next_id: u64,
    /// The ledger to go by.
    ledger: Option<Ledger>,
    /// The ledger that was last seen synced.
    synced_ledger: Option<Ledger>,
    /// Everything through this id is acknowledged or lost.
    pub(crate) acknowledged: u64,
    /// Where delivery stands: the next id, the file, and the frame in it.
    next_delivered: u64,
    cursor: (Option<FileId>, usize),
    /// A component takes over from another one.
    replaces: bool,
    /// Whether `open` has returned.
    has_opened: bool,
    pending: VecDeque<(Ticket, Snapshot)>,
    tickets: u64,
    /// A file has vanished under this lock: the logic does not hear of it.
    has_vanished: bool,
    /// The batch on offer: its number, sizes, and how many of it are placed.
    offer: Option<(BatchId, Vec<u64>, usize)>,
    drops_oldest: bool,
    max_bytes: u64,
    /// How many events were in what the ledger passed without acknowledgement.
    dropped_events: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) names: BTreeMap<u16, usize>,
    durable_names: BTreeMap<u16, usize>,
    name_changes: Vec<NameChange>,
    durable_changes: usize,
    /// Some file may be suspect.
    has_failed: bool,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) durable_ledger: Option<Ledger>,
    pub(crate) host: Host,
    /// Bytes that the disk has room for.
    pub(crate) room: u64,
    /// Whether there is room for more files.
    pub(crate) refuse_files: bool,
    /// Whether there is room for more syncs, or for those of data files.
    pub(crate) refuse_syncs: bool,
    pub(crate) refuse_data_syncs: bool,
    /// Whether files cannot be removed.
    pub(crate) refuse_removals: bool,
    /// Whether files that the ledger has passed are read again by the next host, or stand outside.
    pub(crate) passed_are_outside: bool,
    /// Whether the host lets a dropped segment take no lost ids with it.
    pub(crate) is_strict: bool,
    /// Whether the host has not looked into files outside.
    pub(crate) outside_is_unknown: bool,
    /// Errors that the next call gives, or every call.
    pub(crate) fail_append: Option<StorageError>,
    pub(crate) fail_all_appends: Option<StorageError>,
    pub(crate) fail_all_new_files: Option<StorageError>,
    pub(crate) fail_store: Option<StorageError>,
    pub(crate) fail_all_stores: Option<StorageError>,
    pub(crate) fail_release: Option<StorageError>,
    pub(crate) fail_truncate: Option<StorageError>,
    /// A truncation that fails leaves the file shorter all the same, and suspect.
    pub(crate) truncates_before_it_fails: bool,
    pub(crate) calls: Vec<String>,
    /// How often a file was to be made.
    pub(crate) new_file_attempts: usize,
    /// How often segments were asked for.
    pub(crate) looks: usize,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            durable_changes: 0,
            has_failed: false,
            ledger: None,
            durable_ledger: None,
            host: Host::default(),
            room: u64::MAX,
            refuse_files: false,
            refuse_syncs: false,
            refuse_data_syncs: false,
            refuse_removals: false,
            passed_are_outside: false,
            is_strict: false,
            outside_is_unknown: false,
            fail_append: None,
            fail_all_appends: None,
            fail_all_new_files: None,
            fail_store: None,
            fail_all_stores: None,
            fail_release: None,
            fail_truncate: None,
            truncates_before_it_fails: false,
            calls: Vec::new(),
            new_file_attempts: 0,
            looks: 0,
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
pub(crate) trait PowerLoss {
    /// How many of the changes of the directory that were not synced.
    fn kept_changes(&mut self, of: usize) -> usize;
    /// How many of the frames that were not synced, and whether an unfinished one is behind them.
    fn kept_frames(&mut self, of: usize) -> (usize, bool);
    /// Whether the ledger as it was stored last.
    fn keeps_ledger(&mut self) -> bool;
}

/// Nothing that was not synced survives.
pub(crate) struct NothingSurvives;

impl PowerLoss for NothingSurvives {
    fn kept_changes(&mut self, _: usize) -> usize {
        0
    }
    fn kept_frames(&mut self, _: usize) -> (usize, bool) {
        (0, false)
    }
    fn keeps_ledger(&mut self) -> bool {
        false
    }
}

impl Disk {
    /// A disk with these files and this ledger, all of it durable.
    pub(crate) fn with(ledger: Option<Ledger>, files: &[(u16, Vec<Frame>)]) -> Self {
        let mut disk = Self { ledger, durable_ledger: ledger, ..Self::default() };
        for (file, frames) in files {
            disk.names.insert(*file, disk.inodes.len());
            disk.inodes.push(Inode {
                frames: frames.clone(),
                durable: frames.clone(),
                has_durable_name: true,
                ..Inode::default()
            });
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    /// An empty disk that has no room for a file yet.
    pub(crate) fn without_room_for_files() -> Self {
        Self { refuse_files: true, ..Self::default() }
    }

    pub(crate) fn file(&self, file: u16) -> &Inode {
        &self.inodes[self.names[&file]]
    }

    pub(crate) fn file_mut(&mut self, file: u16) -> &mut Inode {
        let inode = self.names[&file];
        &mut self.inodes[inode]
    }

    pub(crate) fn files(&self) -> Vec<u16> {
        self.names.keys().copied().collect()
    }

    /// Nothing more can be written to the last segment.
    pub(crate) fn break_last(&mut self) {
        if let Some(last) = self.host.order.back() {
            let inode = &mut self.inodes[last.inode];
            inode.is_broken = !inode.frames.is_empty();
        }
    }

    /// The segments in reading order.
    pub(crate) fn order(&self) -> Vec<u16> {
        self.host.order.iter().map(|entry| entry.file.get()).collect()
    }

    /// Bytes in all data files that the host knows.
    pub(crate) fn bytes(&self) -> u64 {
        let known = self.host.order.iter().chain(&self.host.spare).chain(&self.host.outside);
        known.map(|entry| self.inodes[entry.inode].bytes()).sum()
    }

    /// A file is removed behind the buffer's back.
    pub(crate) fn vanish(&mut self, file: u16) {
        self.host.has_vanished = true;
        self.names.remove(&file);
        self.durable_names.remove(&file);
        for change in &mut self.name_changes {
            if matches!(*change, NameChange::Made(made, _) if made == file) {
                *change = NameChange::Removed(file);
            }
        }
    }

    /// Whether files outside hold unread records. A host may arrange such files in another way the next time.
    pub(crate) fn is_contradictory(&self) -> bool {
        let first_unread = self.host.acknowledged + 1;
        let ids = self.host.outside.iter().filter_map(|entry| self.inodes[entry.inode].ids());
        ids.into_iter().any(|(_, end)| end > first_unread)
    }

    /// Every whole record, by file.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u16, u64, u64)> + '_ {
        self.names.iter().flat_map(|(file, inode)| {
            let frames = &self.inodes[*inode].frames;
            frames.iter().filter_map(|frame| frame.record.map(|(id, events)| (*file, id, events)))
        })
    }

    /// The records that are to be delivered from an id on. Ids never go back.
    pub(crate) fn readable(&self, first_unread: u64) -> Vec<(u16, u64, u64)> {
        let mut next_id = first_unread;
        let is_there = |entry: &&Entry| self.names.get(&entry.file.get()) == Some(&entry.inode);
        let frames = self.host.order.iter().filter(is_there).flat_map(|entry| {
            self.inodes[entry.inode].frames.iter().map(|frame| (entry.file.get(), frame.record))
        });
        let records = frames.filter_map(|(file, record)| record.map(|(id, events)| (file, id, events)));
        records
            .filter(|(_, id, events)| {
                let is_next = id + events > next_id;
                next_id = next_id.max(id + events);
                is_next
            })
            .collect()
    }

    /// The process dies: what it wrote stays.
    pub(crate) fn kill(&mut self) {
        self.host = Host::default();
        for inode in &mut self.inodes {
            inode.durable_bytes = 0;
            (inode.is_broken, inode.is_walked) = (false, false);
        }
    }

    /// The power fails. What was not synced is gone, as far as it does not survive. What is left is on the disk.
    pub(crate) fn power_loss(&mut self, outcome: &mut impl PowerLoss) {
        let changes = self.name_changes.len() - self.durable_changes;
        self.apply_changes(self.durable_changes + outcome.kept_changes(changes));
        self.names = self.durable_names.clone();
        for inode in &mut self.inodes {
            let durable = inode.durable.len().min(inode.frames.len());
            let (kept, is_torn) = outcome.kept_frames(inode.frames.len() - durable);
            let lost = inode.frames.split_off(durable + kept);
            if is_torn && lost.first().is_some_and(|frame| frame.bytes > 1) {
                inode.frames.push(Frame::torn(lost[0].bytes / 2));
            }
            inode.durable = inode.frames.clone();
            inode.dead_from = None;
            inode.is_nameless = false;
            inode.has_durable_name = true;
        }
        if !outcome.keeps_ledger() {
            self.ledger = self.durable_ledger;
        }
        self.durable_ledger = self.ledger;
        self.name_changes.clear();
        self.durable_changes = 0;
        self.kill();
    }
}

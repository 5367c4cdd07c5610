//! All that a simulated disk knows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;

use forebay_types::errno;

use super::faults::{Faults, number};
use super::file::{MemoryFile, Noted};
use super::luck::{Dice, Luck};
use super::versioned::Versioned;
use crate::storage::{FileId, Ledger, QUARANTINE_BYTES_MAX, StorageError, SyncTarget};

/// Names of data files, each with the number of what it names: a file that was removed and made again is another.
type Names = BTreeMap<FileId, u64>;

/// What a sync covers.
#[derive(Debug)]
pub(super) enum Covered {
    Data(u64, Noted),
    Names(u64, Names),
    Ledger(u64, Option<Ledger>),
    DeadLetters(Noted),
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // What tests switch on and off.
pub(super) struct DiskState {
    files: BTreeMap<u64, MemoryFile>,
    last_file: u64,
    names: Versioned<Names>,
    /// The numbers of files whose names a failed sync was to write: no later one writes them.
    lost_names: HashSet<u64>,
    ledger: Versioned<Option<Ledger>>,
    /// Its name is synced whenever its bytes are: without bytes it is not there.
    pub(super) dead_letters: MemoryFile,
    /// `buffer.forebay`. As with the dead letters, without bytes it is not there.
    pub(super) own_file: MemoryFile,
    pub(super) power_losses: u64,
    /// How often the ledger was changed: what the time of its last change is to a file.
    pub(super) ledger_changes: u64,
    /// Tells this disk from others.
    pub(super) number: u64,
    /// Bytes of data files that were read.
    pub(super) bytes_read: u64,
    pub(super) capacity_bytes: Option<u64>,
    /// The process that holds the buffer, or held it last.
    pub(super) process: u64,
    pub(super) is_held: bool,
    pub(super) are_syncs_held: bool,
    pub(super) are_calls_held: bool,
    pub(super) waiting_calls: usize,
    /// What was cut: the file, the offset, and the bytes.
    pub(super) cuts: Vec<(FileId, u64, Vec<u8>)>,
    sync_counts: HashMap<SyncTarget, u64>,
    sync_faults: HashSet<(SyncTarget, u64)>,
    /// What renewals have written, and has not taken the place of a data file.
    renewals: BTreeMap<FileId, Vec<u8>>,
    /// Data files that can be read and removed, and not changed.
    pub(super) write_protected: HashSet<FileId>,
    /// The process has no file descriptor left to open a data file.
    pub(super) lacks_descriptors: bool,
    /// After how many more calls the machine loses power.
    pub(super) calls_to_power_loss: Option<u64>,
    pub(super) faults: Faults,
}

impl DiskState {
    /// A call begins: before it the power may fail.
    pub(super) fn count_call(&mut self) {
        match &mut self.calls_to_power_loss {
            Some(0) => {
                self.calls_to_power_loss = None;
                self.lose_power(Luck::NONE);
            }
            Some(calls) => *calls -= 1,
            None => {}
        }
    }

    /// Fails while there is no descriptor for a data file.
    pub(super) fn open(&self, file: FileId) -> Result<(), StorageError> {
        let emfile = || io::Error::from_raw_os_error(number(errno::EMFILE));
        let fail = || StorageError::from_io("open", format!("data file {file}"), emfile());
        if self.lacks_descriptors { Err(fail()) } else { Ok(()) }
    }

    pub(super) fn ledger(&self) -> Option<Ledger> {
        *self.ledger.live()
    }

    pub(super) fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.faults.check_call("store", || "the ledger in memory".to_owned())?;
        let is_first = self.ledger.live().is_none();
        self.ledger_changes += 1;
        *self.ledger.change() = Some(ledger);
        if is_first {
            // A ledger is made whole and durable, or not at all.
            self.ledger.settle();
        }
        Ok(())
    }

    /// As another program would.
    pub(super) fn put_ledger(&mut self, ledger: Option<Ledger>) {
        self.ledger_changes += 1;
        self.damage_ledger(ledger);
    }

    /// As a disk does that forgets a bit: no file time tells of it.
    pub(super) fn damage_ledger(&mut self, ledger: Option<Ledger>) {
        *self.ledger.change() = ledger;
        self.ledger.settle();
    }

    /// As another program would.
    pub(super) fn put_files(&mut self, files: impl IntoIterator<Item = (FileId, Vec<u8>)>) {
        let put: Vec<_> =
            files.into_iter().map(|(id, bytes)| (id, self.add(MemoryFile::durable(bytes)))).collect();
        // The other program has synced the directory, and with it all names: one version, however many they are.
        self.names.change().extend(put);
        self.names.settle();
    }

    pub(super) fn list(&self) -> Vec<(FileId, u64)> {
        let length = |number| self.files.get(number).map_or(0, |file| length(file.live()));
        self.names.live().iter().map(|(id, number)| (*id, length(number))).collect()
    }

    pub(super) fn create(&mut self, id: FileId) -> Result<(), StorageError> {
        if self.names.live().contains_key(&id) {
            return Err(StorageError::AlreadyExists { operation: "make", what: what(id) });
        }
        self.faults.check_call("make", || what(id))?;
        let number = self.add(MemoryFile::default());
        self.names.change().insert(id, number);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: FileId) -> Result<(), StorageError> {
        self.number(id)?;
        self.names.change().remove(&id);
        self.write_protected.remove(&id);
        Ok(())
    }

    pub(super) fn truncate(&mut self, id: FileId, length: u64) -> Result<(), StorageError> {
        self.check_writable("cut", id)?;
        self.file_mut(id)?.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Keeps what is about to be cut.
    pub(super) fn keep_cut(&mut self, id: FileId, from: u64) -> Result<(), StorageError> {
        let most = usize::try_from(QUARANTINE_BYTES_MAX).unwrap_or(usize::MAX);
        let live = self.file(id)?.live();
        let cut = usize::try_from(from).ok().and_then(|from| live.get(from..)).unwrap_or_default();
        let cut = cut.get(..most).unwrap_or(cut).to_vec();
        let kept: usize = self.cuts.iter().map(|(_, _, bytes)| bytes.len()).sum();
        if kept.saturating_add(cut.len()) > most {
            self.cuts.clear();
        }
        self.cuts.push((id, from, cut));
        Ok(())
    }

    /// Writes what there is room for.
    pub(super) fn append(&mut self, id: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.check_writable("append to", id)?;
        let room = self.room();
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let at = usize::try_from(at).map_err(|_| no_space(id))?;
        self.file_mut(id)?.write(at, bytes.get(..fits).unwrap_or(bytes));
        if fits < bytes.len() { Err(no_space(id)) } else { Ok(()) }
    }

    fn room(&self) -> u64 {
        let files = self.list().into_iter().map(|(_, length)| length);
        let used: u64 = files.chain(self.renewals.values().map(|bytes| length(bytes))).sum();
        self.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(used))
    }

    fn check_writable(&self, operation: &'static str, id: FileId) -> Result<(), StorageError> {
        self.faults.check_call(operation, || what(id))?;
        if !self.write_protected.contains(&id) {
            return Ok(());
        }
        Err(StorageError::Io { operation, what: what(id), cause: io::Error::from_raw_os_error(EACCES) })
    }

    /// What a reader sees of a file.
    pub(super) fn file(&self, id: FileId) -> Result<&MemoryFile, StorageError> {
        self.files
            .get(&self.number(id)?)
            .ok_or_else(|| StorageError::NotFound { operation: "open", what: what(id) })
    }

    /// What a sync that starts now would cover.
    pub(super) fn note(&self, target: SyncTarget) -> Result<Covered, StorageError> {
        Ok(match target {
            SyncTarget::Data(id) => Covered::Data(self.number(id)?, self.file(id)?.note()),
            SyncTarget::Directory => {
                let (version, names) = self.names.note();
                Covered::Names(version, names)
            }
            SyncTarget::Ledger => {
                let (version, ledger) = self.ledger.note();
                Covered::Ledger(version, ledger)
            }
            SyncTarget::DeadLetters => Covered::DeadLetters(self.dead_letters.note()),
        })
    }

    /// Carries a sync out.
    pub(super) fn sync(&mut self, target: SyncTarget, covered: Covered) -> Result<(), StorageError> {
        let ok = self.succeeds(target);
        match covered {
            Covered::Data(number, noted) => {
                // A file that was removed has nothing left to sync.
                if let Some(file) = self.files.get_mut(&number) {
                    if ok { file.synced(noted) } else { file.sync_failed(noted) }
                }
            }
            Covered::Names(version, names) if ok => {
                // A name that was to lead to another file leads to the one before.
                let (lost, before) = (&self.lost_names, self.names.on_disk());
                let written = names.into_iter().filter_map(|(id, number)| {
                    let on_disk = if lost.contains(&number) { *before.get(&id)? } else { number };
                    Some((id, on_disk))
                });
                let written = written.collect();
                self.names.sync_ended(version, written, true);
                self.drop_unnamed();
            }
            Covered::Names(_, names) => {
                let on_disk: HashSet<u64> = self.names.on_disk().values().copied().collect();
                self.lost_names.extend(names.into_values().filter(|number| !on_disk.contains(number)));
            }
            Covered::Ledger(version, ledger) => self.ledger.sync_ended(version, ledger, ok),
            Covered::DeadLetters(noted) if ok => self.dead_letters.synced(noted),
            Covered::DeadLetters(noted) => self.dead_letters.sync_failed(noted),
        }
        if ok { Ok(()) } else { Err(sync_failed(target)) }
    }

    /// Counts a sync of a target, and says whether it succeeds.
    fn succeeds(&mut self, target: SyncTarget) -> bool {
        let count = self.sync_counts.entry(target).or_default();
        *count += 1;
        !self.sync_faults.remove(&(target, *count))
    }

    /// Writes the bytes of a data file to a new one beside it, and makes that durable.
    pub(super) fn write_renewal(&mut self, id: FileId, bytes: Vec<u8>) -> Result<(), StorageError> {
        if !self.succeeds(SyncTarget::Data(id)) {
            return Err(sync_failed(SyncTarget::Data(id)));
        }
        self.renewals.remove(&id);
        self.faults.check_call("read", || what(id))?;
        if length(&bytes) > self.room() {
            return Err(no_space(id));
        }
        self.renewals.insert(id, bytes);
        Ok(())
    }

    /// Puts what a renewal has written in the place of the data file.
    pub(super) fn renew(&mut self, id: FileId) -> Result<(), StorageError> {
        self.number(id)?;
        let bytes = self
            .renewals
            .remove(&id)
            .ok_or_else(|| StorageError::NotFound { operation: "replace", what: what(id) })?;
        let number = self.add(MemoryFile::durable(bytes));
        self.names.change().insert(id, number);
        Ok(())
    }

    pub(super) fn forget_renewal(&mut self, id: FileId) {
        self.renewals.remove(&id);
    }

    pub(super) fn sync_count(&self, target: SyncTarget) -> u64 {
        self.sync_counts.get(&target).copied().unwrap_or(0)
    }

    pub(super) fn fail_sync(&mut self, target: SyncTarget, nth: u64) {
        self.sync_faults.insert((target, self.sync_count(target).saturating_add(nth)));
    }

    /// The process that holds the buffer is gone, and nothing that it left behind has an effect any more.
    pub(super) fn end_process(&mut self) {
        self.process += 1;
        self.renewals.clear();
        self.is_held = false;
        self.are_syncs_held = false;
    }

    pub(super) fn lose_power(&mut self, luck: Luck) {
        self.end_process();
        self.power_losses += 1;
        let names = self.names_left(luck.names);
        self.names.leave(names);
        self.lost_names.clear();
        self.drop_unnamed();
        self.ledger.lose_power(Dice::of(luck.ledger, 0));
        for (number, file) in &mut self.files {
            file.lose_power(luck.of_file(*number));
        }
        self.dead_letters.lose_power(luck.of_file(DEAD_LETTERS));
        self.own_file.lose_power(luck.of_file(OWN_FILE));
    }

    /// The names that the disk has: each leads where it led when the directory was synced, or with luck where it led at
    /// any time since.
    fn names_left(&self, luck: u64) -> Names {
        let seen = self.names.may_be_on_disk();
        let ids: BTreeSet<FileId> = seen.iter().flat_map(|names| names.keys().copied()).collect();
        let mut names = Names::new();
        for id in ids {
            let mut led: Vec<Option<u64>> = seen.iter().map(|names| names.get(&id).copied()).collect();
            led.dedup();
            let dice = Dice::of(luck, id.get().into());
            let left = dice.map_or(led.first(), |mut dice| dice.pick(&led)).copied().flatten();
            names.extend(left.map(|number| (id, number)));
        }
        names
    }

    fn add(&mut self, file: MemoryFile) -> u64 {
        self.last_file += 1;
        self.files.insert(self.last_file, file);
        self.last_file
    }

    fn drop_unnamed(&mut self) {
        let left = self.names.may_be_on_disk();
        let named: HashSet<u64> = left.into_iter().flat_map(|names| names.values().copied()).collect();
        self.files.retain(|number, _| named.contains(number));
    }

    fn number(&self, id: FileId) -> Result<u64, StorageError> {
        self.names
            .live()
            .get(&id)
            .copied()
            .ok_or_else(|| StorageError::NotFound { operation: "open", what: what(id) })
    }

    fn file_mut(&mut self, id: FileId) -> Result<&mut MemoryFile, StorageError> {
        let number = self.number(id)?;
        self.files
            .get_mut(&number)
            .ok_or_else(|| StorageError::NotFound { operation: "open", what: what(id) })
    }
}

/// What decides of files that have no number.
const DEAD_LETTERS: u64 = u64::MAX;
const OWN_FILE: u64 = u64::MAX - 1;

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

fn no_space(id: FileId) -> StorageError {
    let cause = io::Error::from_raw_os_error(ENOSPC);
    StorageError::NoSpace { operation: "append to", what: what(id), cause }
}

fn sync_failed(target: SyncTarget) -> StorageError {
    let cause = io::Error::from_raw_os_error(EIO);
    StorageError::Io { operation: "sync", what: format!("{target:?}"), cause }
}

pub(super) fn what(id: FileId) -> String {
    format!("data file {id} in memory")
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

//! The simulated disk as a test holds it.

use std::ops::Range;
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::Memory;
use super::file::MemoryFile;
use super::luck::Luck;
use super::own_bytes::{OwnBytesInMemory, identity};
use super::state::DiskState;
use crate::storage::{FileId, Ledger, StorageError, SyncJob, SyncTarget, own_file::OwnFile};

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<DiskState>,
    syncs_go_on: Condvar,
    calls_go_on: Condvar,
}

/// A disk in memory with one buffer on it. It outlives the holder of the buffer: copies of this are the same disk.
///
/// It is as strict as a disk may be. A power loss leaves what was synced and nothing else. A sync covers what was done
/// before it was made ready, and what came later not even by chance. After a sync that failed, later ones succeed and
/// write nothing of what it should have written: that is what kernels do. Of the directory that holds for the names of files
/// that were made; what was removed is gone with the next sync that ends well, as the contract says.
///
/// Data files that were synced while their name was not are gone after a power loss; a file that was removed is back if
/// the directory was not synced since, and so is one that was renewed as it was before.
///
/// A real disk keeps more than that, and how much is not known: see [`power_loss_with`](Self::power_loss_with).
#[derive(Clone, Debug, Default)]
pub struct Disk {
    shared: Arc<Shared>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let disk = Self::default();
        disk.state().number = LAST.fetch_add(1, Ordering::Relaxed);
        disk
    }

    /// Takes the buffer. Fails while it is held. Where there is neither a ledger nor a data file, makes the ledger of
    /// an empty buffer.
    pub fn open(&self) -> Result<Memory, StorageError> {
        let mut state = self.state();
        if state.is_held {
            let cause = std::io::ErrorKind::WouldBlock.into();
            return Err(StorageError::Io {
                operation: "lock",
                what: "the buffer in memory".to_owned(),
                cause,
            });
        }
        state.process += 1;
        state.is_held = true;
        if state.ledger().is_none() && state.list().is_empty() {
            state.put_ledger(Some(Ledger::EMPTY));
        }
        let process = state.process;
        let identity = identity(state.power_losses, state.number);
        drop(state);
        let bytes = OwnBytesInMemory { disk: self.clone(), process };
        Ok(Memory { disk: self.clone(), process, own_file: OwnFile::open(Arc::new(bytes), identity) })
    }

    /// The process that holds the buffer dies, with all syncs that have not ended. What it wrote is kept, synced or not.
    pub fn kill(&self) {
        self.state().end_process();
        self.shared.syncs_go_on.notify_all();
    }

    /// The machine loses power: the process dies, and only what was synced is kept.
    pub fn power_loss(&self) {
        self.power_loss_with(Luck::NONE);
    }

    /// The same, and some of what was not synced happens to have reached the disk: see [`Luck`].
    pub fn power_loss_with(&self, luck: Luck) {
        self.state().lose_power(luck);
        self.shared.syncs_go_on.notify_all();
    }

    /// After so many calls of the backend, syncs that run among them, the machine [loses power](Self::power_loss). The next
    /// call fails already. `None` calls it off.
    pub fn lose_power_after(&self, calls: Option<u64>) {
        self.state().calls_to_power_loss = calls;
    }

    /// How many bytes the data files may have together; `None` for no limit. What is there already stays.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.state().capacity_bytes = capacity_bytes;
    }

    /// From now on a data file cannot be written to nor cut, as one of another user's. It can be read and removed.
    pub fn write_protect(&self, file: FileId) {
        self.state().write_protected.insert(file);
    }

    /// Whether the process has no file descriptor left to read or sync a data file with.
    pub fn exhaust_descriptors(&self, lacks_descriptors: bool) {
        self.state().lacks_descriptors = lacks_descriptors;
    }

    /// From now on each call fails whose errors have this verb, with an error number of the operating system's: `append to`, `cut`,
    /// `make` or `read` a data file, or `store` the ledger. `None`: it fails no more.
    pub fn fail_calls(&self, operation: &str, errno: Option<i32>) {
        self.state().faults.set_call(operation, errno);
    }

    /// From now on the device cannot read these bytes of a data file: a read that touches one of them fails with EIO.
    pub fn make_unreadable(&self, file: FileId, bytes: Range<u64>) {
        self.state().faults.set_unreadable(file, bytes);
    }

    /// The `nth` sync of a target from now on will fail; the next is the first.
    pub fn fail_sync(&self, target: SyncTarget, nth: u64) {
        self.state().fail_sync(target, nth);
    }

    /// From now on a sync that is run waits, on the thread that runs it.
    pub fn hold_syncs(&self) {
        self.state().are_syncs_held = true;
    }

    /// From now on calls of the backend that touch ledger or data files wait: the disk answers nothing.
    pub fn hold_calls(&self) {
        self.state().are_calls_held = true;
    }

    /// How many calls wait.
    pub fn waiting_calls(&self) -> usize {
        self.state().waiting_calls
    }

    /// Calls that wait go on, and no more wait.
    pub fn let_calls_go_on(&self) {
        self.state().are_calls_held = false;
        self.shared.calls_go_on.notify_all();
    }

    /// Those that wait go on, and no more wait.
    pub fn let_syncs_go_on(&self) {
        self.state().are_syncs_held = false;
        self.shared.syncs_go_on.notify_all();
    }

    /// How many syncs of a target were carried out, those that failed included.
    pub fn sync_count(&self, target: SyncTarget) -> u64 {
        self.state().sync_count(target)
    }

    /// The data files with their lengths in bytes, by rising id.
    pub fn data_files(&self) -> Vec<(FileId, u64)> {
        self.state().list()
    }

    /// What a reader sees of a data file; `None` if there is no such file.
    pub fn data_file(&self, file: FileId) -> Option<Vec<u8>> {
        self.state().file(file).ok().map(|file| file.live().to_vec())
    }

    /// What was cut from data files and is kept: the file, the offset, and the bytes.
    pub fn cuts(&self) -> Vec<(FileId, u64, Vec<u8>)> {
        self.state().cuts.clone()
    }

    /// Puts a durable data file in place of what was there, as another program would.
    pub fn put_data_file(&self, file: FileId, bytes: Vec<u8>) {
        self.put_data_files([(file, bytes)]);
    }

    /// The same for many.
    pub fn put_data_files(&self, files: impl IntoIterator<Item = (FileId, Vec<u8>)>) {
        self.state().put_files(files);
    }

    /// Takes a data file away, as another program would. Answers whether it was there.
    pub fn take_data_file(&self, file: FileId) -> bool {
        self.state().remove(file).is_ok()
    }

    /// The dead-letter file; empty if there is none.
    pub fn dead_letters(&self) -> Vec<u8> {
        self.state().dead_letters.live().to_vec()
    }

    /// Puts a durable dead-letter file in place of what was there, as another program would, or as a crash would leave it.
    pub fn put_dead_letters(&self, bytes: Vec<u8>) {
        self.state().dead_letters = MemoryFile::durable(bytes);
    }

    /// The ledger as last stored.
    pub fn ledger(&self) -> Option<Ledger> {
        self.state().ledger()
    }

    /// Puts a durable ledger in place of what was there, or takes it away, as another program would.
    pub fn put_ledger(&self, ledger: Option<Ledger>) {
        self.state().put_ledger(ledger);
    }

    pub(super) fn ledger_changes(&self) -> u64 {
        self.state().ledger_changes
    }

    /// What a reader sees of `buffer.forebay`; `None` if there is no such file.
    pub fn own_file(&self) -> Option<Vec<u8>> {
        Some(self.state().own_file.live().to_vec()).filter(|bytes| !bytes.is_empty())
    }

    /// Puts a durable `buffer.forebay` in place of what was there, or takes it away, as another program would.
    pub fn put_own_file(&self, bytes: Option<Vec<u8>>) {
        self.state().own_file = MemoryFile::durable(bytes.unwrap_or_default());
    }

    /// How many bytes of data files were read.
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// Lets a process see or change what is on the disk, if it lives.
    pub(super) fn with<T>(
        &self,
        process: u64,
        call: impl FnOnce(&mut DiskState) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.state();
        while state.are_calls_held {
            state.waiting_calls += 1;
            state = self.shared.calls_go_on.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting_calls -= 1;
        }
        state.count_call();
        check_alive(&state, process)?;
        call(&mut state)
    }

    pub(super) fn prepare_sync(&self, process: u64, target: SyncTarget) -> Result<SyncJob, StorageError> {
        let covered = self.with(process, |state| state.note(target))?;
        Ok(self.job(process, move |state| {
            if let SyncTarget::Data(file) = target {
                state.open(file)?;
            }
            state.sync(target, covered)
        }))
    }

    pub(super) fn prepare_renewal(&self, process: u64, file: FileId) -> Result<SyncJob, StorageError> {
        let bytes = self.with(process, |state| Ok(state.file(file)?.live().to_vec()))?;
        Ok(self.job(process, move |state| state.write_renewal(file, bytes)))
    }

    /// A job that waits while syncs are held.
    fn job(
        &self,
        process: u64,
        job: impl FnOnce(&mut DiskState) -> Result<(), StorageError> + Send + 'static,
    ) -> SyncJob {
        let disk = self.clone();
        Box::new(move || {
            let state = disk.state();
            let held = |state: &mut DiskState| state.are_syncs_held && state.process == process;
            let waited = disk.shared.syncs_go_on.wait_while(state, held);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            state.count_call();
            check_alive(&state, process)?;
            job(&mut state)
        })
    }

    /// The process that holds the buffer lets it go.
    pub(super) fn close(&self, process: u64) {
        let mut state = self.state();
        if state.process == process {
            state.is_held = false;
        }
    }

    fn state(&self) -> MutexGuard<'_, DiskState> {
        // A test that has failed elsewhere leaves the state as good as it was.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sync that outlives its `Memory` is carried out all the same, until the buffer is taken again.
fn check_alive(state: &DiskState, process: u64) -> Result<(), StorageError> {
    if state.process == process {
        return Ok(());
    }
    let cause = std::io::Error::other("the process that did this has died");
    Err(StorageError::Io { operation: "use", what: "the buffer in memory".to_owned(), cause })
}

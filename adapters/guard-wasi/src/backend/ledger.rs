//! `buffer.db`: finding it, making it so that it is whole or not there, putting aside what cannot be read, and making a new
//! one when the file is no longer to be trusted.
//!
//! A store is one write of 24 bytes: the next process finds all of it or nothing. The native host maps them; each of the two
//! finds what the other has stored.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use forebay_core::storage::{
    Ledger, StorageError, SyncJob,
    ledger_image::{LEDGER_BYTES, LEDGER_NAME, LedgerOnDisk, encode, ledger_offset},
};
use wasip2::{
    clocks::monotonic_clock,
    filesystem::types::{Descriptor, ErrorCode},
};

use super::{
    directory::{Access, Directory},
    errno::{again, is},
    file::{length, read_full, write_all},
};

/// Where a ledger is made before it gets its name.
const TEMPORARY_NAME: &str = "buffer.db.new";

/// How many ledgers that could not be read are kept.
const BAD_LEDGERS_MAX: usize = 8;

/// What stands before the number in the name of such a one.
const KEPT_PREFIX: &str = "buffer.db.bad-";

/// How often the file is looked at by its name while it is stored to.
const LOOK_INTERVAL_NS: u64 = 10_000_000;

/// A buffer's ledger.
#[derive(Debug)]
pub(super) struct LedgerFile {
    directory: Arc<Directory>,
    /// As it was found.
    found: Option<Ledger>,
    /// `None` until the first store, where the ledger has to be made from the data files.
    open: Option<Arc<OpenLedger>>,
    looked_ns: Option<u64>,
}

/// The file with the ledger at its end.
#[derive(Debug)]
struct OpenLedger {
    file: Descriptor,
    offset: u64,
    /// A sync failed: what was written may never reach the disk, whatever later syncs say.
    is_sync_failed: AtomicBool,
}

impl OpenLedger {
    fn new(file: Descriptor, offset: u64) -> Arc<Self> {
        Arc::new(Self { file, offset, is_sync_failed: AtomicBool::new(false) })
    }

    /// Whether the file still is the buffer's ledger, as far as it can be known.
    fn check(&self, directory: &Directory) -> io::Result<()> {
        if self.is_sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of it failed"));
        }
        let length = directory.must_lead_to(LEDGER_NAME, &self.file)?;
        if ledger_offset(length) == Some(self.offset) {
            return Ok(());
        }
        Err(io::Error::other("its length was changed by another program"))
    }

    fn sync(&self, directory: &Directory) -> io::Result<()> {
        let synced = self.check(directory).and_then(|()| again(|| self.file.sync_data()));
        let synced = synced.and_then(|()| self.check(directory));
        if synced.is_err() {
            self.is_sync_failed.store(true, Ordering::Release);
        }
        synced
    }
}

impl LedgerFile {
    /// Opens the ledger. Where there is none and no data file either, makes that of an empty buffer.
    pub(super) fn open(directory: Arc<Directory>, has_data_files: bool) -> Result<Self, StorageError> {
        let mut ledger = Self { directory, found: None, open: None, looked_ns: None };
        ledger.find()?;
        if ledger.open.is_none() && !has_data_files {
            ledger.make(Ledger::EMPTY)?;
            ledger.found = Some(Ledger::EMPTY);
        }
        Ok(ledger)
    }

    /// The ledger as it was found or stored last, if there is one.
    pub(super) fn load(&self) -> Option<Ledger> {
        self.found
    }

    /// Replaces the ledger.
    pub(super) fn store(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        let stored = self.store_in_place(ledger);
        if !stored.unwrap_or(false) {
            self.make(ledger)?;
        }
        self.found = Some(ledger);
        Ok(())
    }

    /// Whether there is a file to be stored to, and that was done.
    fn store_in_place(&mut self, ledger: Ledger) -> io::Result<bool> {
        let Some(open) = &self.open else { return Ok(false) };
        let now_ns = monotonic_clock::now();
        if self.looked_ns.is_none_or(|looked| now_ns.saturating_sub(looked) >= LOOK_INTERVAL_NS) {
            open.check(&self.directory)?;
            self.looked_ns = Some(now_ns);
        }
        if open.is_sync_failed.load(Ordering::Acquire) {
            return Ok(false);
        }
        write_all(&open.file, &encode(ledger), open.offset)?;
        Ok(true)
    }

    /// A sync of what was stored until now.
    pub(super) fn prepare_sync(&self) -> SyncJob {
        let (directory, open) = (Arc::clone(&self.directory), self.open.clone());
        // Where there is no file nothing was stored.
        Box::new(move || {
            let synced = open.map_or(Ok(()), |open| open.sync(&directory));
            synced.map_err(|error| StorageError::from_io("sync", LEDGER_NAME, error))
        })
    }

    fn find(&mut self) -> Result<(), StorageError> {
        let fail = |directory: &Directory, error| directory.failed("open", LEDGER_NAME, error);
        let file = match self.directory.open_file(LEDGER_NAME, Access::ReadWrite) {
            Err(error) if is(&error, ErrorCode::NoEntry) => return Ok(()),
            opened => opened.map_err(|error| fail(&self.directory, error))?,
        };
        match read(&file).map_err(|error| fail(&self.directory, error))? {
            (LedgerOnDisk::Readable(ledger), offset) => {
                self.found = Some(ledger);
                self.open = Some(OpenLedger::new(file, offset));
                Ok(())
            }
            (LedgerOnDisk::Unreadable { .. }, _) => self.put_aside(),
            (LedgerOnDisk::None, _) => Ok(()),
        }
    }

    /// Keeps a ledger that cannot be read: the operator may want to look into it. Of very many, the newest.
    fn put_aside(&self) -> Result<(), StorageError> {
        let fail = |error| self.directory.failed("rename", LEDGER_NAME, error);
        let names = self.directory.names().map_err(fail)?;
        let number_of = |name: &String| name.strip_prefix(KEPT_PREFIX)?.parse::<u32>().ok();
        let mut numbers: Vec<u32> = names.iter().filter_map(number_of).collect();
        numbers.sort_unstable();
        let number = numbers.last().map_or(Some(1), |last| last.checked_add(1));
        let number = number.ok_or_else(|| fail(io::ErrorKind::AlreadyExists.into()))?;
        self.directory.rename(LEDGER_NAME, &format!("{KEPT_PREFIX}{number}")).map_err(fail)?;
        self.directory.sync()?;
        let too_many = (numbers.len() + 1).saturating_sub(BAD_LEDGERS_MAX);
        for old in numbers.into_iter().take(too_many) {
            // It holds nothing up but takes room.
            let _ = self.directory.remove_file(&format!("{KEPT_PREFIX}{old}"));
        }
        Ok(())
    }

    /// Makes a durable ledger, in place of whatever has its name.
    fn make(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        let made = self.make_temporary(ledger).and_then(|file| {
            self.directory.rename(TEMPORARY_NAME, LEDGER_NAME)?;
            Ok(file)
        });
        let file = made.map_err(|error| {
            // It holds nothing up but takes room, of which there may be none.
            let _ = self.directory.remove_file(TEMPORARY_NAME);
            self.directory.failed("make", LEDGER_NAME, error)
        })?;
        self.open = Some(OpenLedger::new(file, 0));
        self.directory.sync()
    }

    fn make_temporary(&self, ledger: Ledger) -> io::Result<Descriptor> {
        let file = self.directory.make_anew(TEMPORARY_NAME)?;
        write_all(&file, &encode(ledger), 0)?;
        again(|| file.sync())?;
        Ok(file)
    }
}

/// What is in the file, and where in it the ledger is.
fn read(file: &Descriptor) -> io::Result<(LedgerOnDisk, u64)> {
    let length = length(file)?;
    let Some(offset) = ledger_offset(length) else { return Ok((LedgerOnDisk::of_length(length), 0)) };
    let mut bytes = [0; LEDGER_BYTES];
    if read_full(file, offset, &mut bytes)? < LEDGER_BYTES {
        // It was cut since we asked for its length.
        return Ok((LedgerOnDisk::Unreadable { length_bytes: length }, 0));
    }
    Ok((LedgerOnDisk::of(length, bytes), offset))
}

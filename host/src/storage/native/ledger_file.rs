//! `buffer.db` from the outside: finding it, making it so that it is whole or not there, putting aside what cannot be
//! read, and making a new one when its mapping is no longer to be trusted.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use tracing::{debug, warn};

use super::directory::{Access, Directory};
use super::ledger_image::{LEDGER_NAME, LedgerOnDisk, encode, read};
use super::ledger_map::LedgerMap;
use super::looks::Looks;
use crate::storage::{Ledger, StorageError, SyncJob};

/// Where a ledger is made before it gets its name.
const TEMPORARY_NAME: &str = "buffer.db.new";

/// How many ledgers that could not be read are kept.
const BAD_LEDGERS_MAX: usize = 8;

/// What stands before the number in the name of such a one.
const KEPT_PREFIX: &str = "buffer.db.bad-";

fn kept_name(number: u32) -> String {
    format!("{KEPT_PREFIX}{number}")
}

fn kept_number(found: &OsStr) -> Option<u32> {
    let number = found.to_str()?.strip_prefix(KEPT_PREFIX)?.parse().ok()?;
    (kept_name(number).as_str() == found).then_some(number)
}

/// A buffer's ledger. The directory is locked for as long as it lives.
#[derive(Debug)]
pub(super) struct LedgerFile {
    directory: Arc<Directory>,
    /// `None` until the first store, where the ledger has to be made from the data files.
    map: Option<Arc<LedgerMap>>,
    /// The last store could not be done in place. On a full disk this may go on for long, and is to be heard of once.
    is_written_anew: bool,
    looks: Looks,
}

impl LedgerFile {
    /// Opens the ledger. Where there is none and no data file either, makes that of an empty buffer.
    pub(super) fn open(directory: Arc<Directory>, has_data_files: bool) -> Result<Self, StorageError> {
        let mut ledger = Self { directory, map: None, is_written_anew: false, looks: Looks::default() };
        ledger.map = ledger.find()?;
        if ledger.map.is_none() && !has_data_files {
            ledger.map = Some(ledger.make(Ledger::EMPTY)?);
        }
        Ok(ledger)
    }

    /// The ledger as last stored, if there is one.
    pub(super) fn load(&self) -> Option<Ledger> {
        self.map.as_ref().and_then(|map| map.load())
    }

    /// Replaces the ledger.
    pub(super) fn store(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        let look_first = self.looks.is_due();
        match self.map.as_ref().map(|map| map.store(ledger, look_first)) {
            Some(Ok(())) => {
                self.is_written_anew = false;
                return Ok(());
            }
            Some(Err(error)) if !self.is_written_anew => warn!(
                path = %self.directory.name(LEDGER_NAME),
                %error,
                "the ledger cannot be changed in place: it is replaced by a new file"
            ),
            _ => {}
        }
        self.is_written_anew = true;
        self.map = Some(self.make(ledger)?);
        Ok(())
    }

    /// A sync of what was stored until now.
    pub(super) fn prepare_sync(&self) -> SyncJob {
        let what = self.directory.name(LEDGER_NAME);
        let map = self.map.clone();
        // Where there is no map nothing was stored.
        Box::new(move || {
            map.map_or(Ok(()), |map| map.sync()).map_err(|error| StorageError::from_io("sync", what, error))
        })
    }

    fn find(&self) -> Result<Option<Arc<LedgerMap>>, StorageError> {
        let fail = |error| StorageError::from_io("open", self.directory.name(LEDGER_NAME), error);
        let file = match self.directory.open_file(LEDGER_NAME, Access::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(fail)?,
        };
        match read(&file).map_err(fail)? {
            LedgerOnDisk::None => Ok(None),
            LedgerOnDisk::Unreadable { length_bytes } => self.put_aside(length_bytes).map(|()| None),
            LedgerOnDisk::Readable(_) => Ok(Some(Arc::new(self.map(&file).map_err(fail)?))),
        }
    }

    /// Keeps a ledger that cannot be read: the operator may want to look into it. Of very many, the newest.
    fn put_aside(&self, length_bytes: u64) -> Result<(), StorageError> {
        let fail = |error| StorageError::from_io("rename", self.directory.name(LEDGER_NAME), error);
        let mut numbers: Vec<u32> =
            self.directory.entries(kept_number)?.into_iter().map(|entry| entry.selected).collect();
        numbers.sort_unstable();
        let number = numbers.last().map_or(Some(1), |last| last.checked_add(1));
        let number = number.ok_or_else(|| fail(io::ErrorKind::AlreadyExists.into()))?;
        let kept = kept_name(number);
        self.directory.rename(LEDGER_NAME, &kept).map_err(fail)?;
        self.directory.sync()?;
        warn!(
            directory = %self.directory.path().display(),
            kept,
            length_bytes,
            "the ledger cannot be read: it is kept under another name, and rebuilt from the data files"
        );
        let too_many = (numbers.len() + 1).saturating_sub(BAD_LEDGERS_MAX);
        for number in numbers.into_iter().take(too_many) {
            let name = kept_name(number);
            if let Err(error) = self.directory.remove_file(&name) {
                debug!(name, %error, "an old ledger that could not be read is left");
            }
        }
        Ok(())
    }

    /// Makes a durable ledger, in place of whatever has its name.
    fn make(&self, ledger: Ledger) -> Result<Arc<LedgerMap>, StorageError> {
        let made = self.make_temporary(ledger).and_then(|map| {
            self.directory.rename(TEMPORARY_NAME, LEDGER_NAME)?;
            Ok(map)
        });
        let map = made.map_err(|error| {
            // It holds nothing up but takes room, of which there may be none.
            let _ = self.directory.remove_file(TEMPORARY_NAME);
            self.directory.failed("make", LEDGER_NAME, error)
        })?;
        self.directory.sync()?;
        debug!(path = self.directory.name(LEDGER_NAME), "the ledger was made");
        Ok(Arc::new(map))
    }

    fn make_temporary(&self, ledger: Ledger) -> io::Result<LedgerMap> {
        let file = self.directory.make_anew(TEMPORARY_NAME)?;
        file.write_all_at(&encode(ledger), 0)?;
        file.sync_all()?;
        self.map(&file)
    }

    fn map(&self, file: &File) -> io::Result<LedgerMap> {
        LedgerMap::new(Arc::clone(&self.directory), file)
    }
}

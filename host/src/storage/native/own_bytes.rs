//! `buffer.forebay` in its directory.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex},
    time::UNIX_EPOCH,
};

use cap_std::fs::MetadataExt as _;

use super::directory::{Access, Directory};
use super::ledger_image::LEDGER_NAME;
use crate::descriptors::{explain, is_exhausted};
use crate::storage::StorageError;
use crate::storage::own_file::{Identity, OWN_FILE_NAME, OwnBytes};
use crate::threads::lock;

/// Longer than the file ever is.
const READ_MAX: u64 = 64 * 1024;

/// The file, opened when it is written.
#[derive(Debug)]
pub(super) struct OwnBytesFile {
    directory: Arc<Directory>,
    /// What was read of it at opening, until that is asked for.
    found: Mutex<Option<io::Result<Vec<u8>>>>,
    written: Mutex<Option<Written>>,
}

#[derive(Clone, Debug)]
struct Written {
    handle: Arc<File>,
    is_named: bool,
}

impl OwnBytesFile {
    /// Reads the file. What cannot be read is asked for in vain later, unless it is for want of a descriptor: what would
    /// then be taken for forgotten is there.
    pub(super) fn open(directory: Arc<Directory>) -> Result<Arc<Self>, StorageError> {
        let found = match read(&directory) {
            Err(error) if is_exhausted(&error) => {
                return Err(StorageError::from_io("read", directory.name(OWN_FILE_NAME), error));
            }
            found => Mutex::new(Some(found)),
        };
        Ok(Arc::new(Self { directory, found, written: Mutex::new(None) }))
    }

    /// Closes the file. It holds hints: that a write of it has failed need not be known.
    pub(super) fn rest(&self) {
        lock(&self.written).take();
    }

    /// Nothing is waited for under this lock but the opening of the file.
    fn handle(&self) -> io::Result<Written> {
        let mut written = lock(&self.written);
        if let Some(written) = &*written {
            return Ok(written.clone());
        }
        let is_named = self.directory.metadata(OWN_FILE_NAME).is_ok();
        let handle = Arc::new(self.directory.open_file(OWN_FILE_NAME, Access::ReadWriteOrCreate)?);
        Ok(written.insert(Written { handle, is_named }).clone())
    }
}

impl OwnBytes for OwnBytesFile {
    fn read(&self) -> io::Result<Vec<u8>> {
        lock(&self.found).take().unwrap_or_else(|| read(&self.directory))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.handle()?.handle.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let written = self.handle()?;
        written.handle.sync_all()?;
        if !written.is_named {
            self.directory.sync().map_err(io::Error::other)?;
            let mut written = lock(&self.written);
            if let Some(written) = &mut *written {
                written.is_named = true;
            }
        }
        Ok(())
    }

    fn ledger_changed_ns(&self) -> u64 {
        ledger_changed_ns(&self.directory)
    }
}

/// When the ledger was last changed, in nanoseconds since 1970; 0 if that is not known. Never the time of its inode: a copy
/// or a rename changes that.
pub(super) fn ledger_changed_ns(directory: &Directory) -> u64 {
    let modified = directory.metadata(LEDGER_NAME).ok().and_then(|metadata| metadata.modified().ok());
    let since = modified.and_then(|modified| modified.into_std().duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

/// The bytes of the file; none if there is no file.
pub(super) fn read(directory: &Directory) -> io::Result<Vec<u8>> {
    let file = match directory.open_file(OWN_FILE_NAME, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// This boot of the machine, and this directory: by its inode and, where the file system tells it, by when it was made.
/// Moving the directory changes neither.
pub(super) fn identity(directory: &Directory) -> Result<Identity, StorageError> {
    let owner = directory.itself().map_or(0, |metadata| {
        let made = metadata.created().ok().map(cap_std::time::SystemTime::into_std);
        let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or(0, |made| u64::try_from(made.as_nanos()).unwrap_or(0));
        metadata.ino().rotate_left(32) ^ made
    });
    Ok(Identity { boot: current_boot()?, owner })
}

/// This boot of the machine, as the kernel names it. Where it does not, every opening is taken for another boot.
fn current_boot() -> Result<[u8; 16], StorageError> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let mut boot = [0; 16];
    let text = match std::fs::read_to_string(PATH).map_err(explain) {
        Err(error) if is_exhausted(&error) => return Err(StorageError::from_io("read", PATH, error)),
        text => text.unwrap_or_default(),
    };
    match u128::from_str_radix(&text.trim().replace('-', ""), 16) {
        Ok(number) => boot = number.to_be_bytes(),
        Err(_) => boot.iter_mut().zip(std::process::id().to_be_bytes()).for_each(|(byte, id)| *byte = id),
    }
    Ok(boot)
}

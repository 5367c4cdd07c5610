//! `buffer.forebay` in its directory, and who believes it.

use std::{
    fmt, io,
    sync::{Arc, Mutex},
};

use forebay_core::storage::{
    ledger_image::LEDGER_NAME,
    own_file::{Identity, OWN_FILE_NAME, OwnBytes},
};
use wasip2::{
    filesystem::types::{Descriptor, ErrorCode},
    random::random::get_random_u64,
};

use super::{
    directory::{Access, Directory},
    errno::{again, is},
    file::{lock, read_full, unix_ns, write_all},
};

/// Longer than the file ever is.
const READ_MAX: usize = 64 * 1024;

/// The file, opened when it is written.
pub(super) struct SidecarFile {
    directory: Arc<Directory>,
    written: Mutex<Option<Written>>,
}

struct Written {
    file: Descriptor,
    is_named: bool,
}

impl SidecarFile {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, written: Mutex::new(None) }
    }

    /// Closes the file. It holds hints: that a write of it has failed need not be known.
    pub(super) fn rest(&self) {
        lock(&self.written).take();
    }

    /// Works with the file open.
    fn with<T>(&self, work: impl FnOnce(&mut Written) -> io::Result<T>) -> io::Result<T> {
        let mut written = lock(&self.written);
        if let Some(written) = &mut *written {
            return work(written);
        }
        let is_named = self.directory.stat(OWN_FILE_NAME)?.is_some();
        let file = self.directory.open_file(OWN_FILE_NAME, Access::ReadWriteOrCreate)?;
        work(written.insert(Written { file, is_named }))
    }
}

impl fmt::Debug for SidecarFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SidecarFile").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl OwnBytes for SidecarFile {
    fn read(&self) -> io::Result<Vec<u8>> {
        read(&self.directory)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(|written| write_all(&written.file, bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|written| {
            again(|| written.file.sync())?;
            if !written.is_named {
                self.directory.sync().map_err(io::Error::other)?;
                written.is_named = true;
            }
            Ok(())
        })
    }

    fn ledger_changed_ns(&self) -> u64 {
        let found = self.directory.stat(LEDGER_NAME).ok().flatten();
        found.and_then(|found| found.data_modification_timestamp).map_or(0, unix_ns)
    }
}

/// The bytes of the file; none if there is no file.
pub(super) fn read(directory: &Directory) -> io::Result<Vec<u8>> {
    let file = match directory.open_file(OWN_FILE_NAME, Access::Read) {
        Err(error) if is(&error, ErrorCode::NoEntry) => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = vec![0; READ_MAX];
    let read = read_full(&file, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// This opening, and this directory as the host names it.
///
/// WASI does not tell the boot of the machine. Were two boots taken for one, what was never synced would be believed after a
/// power loss; so each opening counts as a boot of its own. A native host names the directory in another way: neither believes
/// what the other has remembered, as if there were no file.
pub(super) fn identity(directory: &Directory) -> Identity {
    let boot = u128::from(get_random_u64()) << 64 | u128::from(get_random_u64());
    let owner = again(|| directory.itself().metadata_hash());
    let owner = owner.map_or(0, |hash| hash.lower ^ hash.upper.rotate_left(32));
    Identity { boot: boot.to_be_bytes(), owner }
}

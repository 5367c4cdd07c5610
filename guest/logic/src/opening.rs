//! Opening: the ledger and the segments are loaded, and everything that is kept is made durable.
//!
//! The host has repaired what a crash has left. What remains is to make the first segment, and to truncate an unfinished end.

use forebay_types::{Options, StorageError};

use crate::directory::Directory;
use crate::loading::load;
use crate::retention::pass_acknowledged;
use crate::storage::Storage;

/// Opens the directory in storage: stores a ledger that agrees with the segments, and requests the syncs of everything that
/// is kept. A second opening changes nothing more.
///
/// A component that takes over changes no file here. [`Directory::complete`] does that later.
pub fn open(storage: &mut impl Storage, options: &Options) -> Result<Directory, StorageError> {
    let mut directory = load(storage)?;
    if !options.takes_over {
        directory.complete(storage)?;
    }
    pass_acknowledged(storage, &mut directory)?;
    directory.request_all(storage)?;
    Ok(directory)
}

//! After a failed sync: making safe again what it was to make durable.
//!
//! The kernel may have dropped the pages that it could not write, and answer OK the next time. So storage writes anew, to
//! another file of the same name, what is to be synced again. The logic asks for the syncs of all that may not be durable,
//! at each tick, until all of them have ended well. Until then nothing is written; reading and acknowledging go on.

use crate::directory::Directory;
use crate::storage::{Storage, StorageError};

/// A sync has failed, and all others that were asked for with it.
pub fn failed(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    directory.ledger.forget_sync();
    learn(storage, directory)
}

/// Asks for the syncs of all that may not be durable, once those have ended that were asked for before.
pub fn ask_again(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    directory.remove_passed(storage)?;
    if directory.syncs.is_idle() {
        // A sync that had begun before another one failed may have failed since, and nobody was told.
        learn(storage, directory)?;
        // It may also be under way still, and of what is acknowledged: whoever asks hears how it ends.
        directory.sync_files(storage)?;
        directory.sync_all(storage)?;
        sync_unused(storage, directory)?;
        finish(storage, directory)?;
    }
    Ok(())
}

/// Asks for the syncs of suspect files that are not in use: as long as there are any, storage takes the buffer for one that
/// is not safe, and remembers it as such.
fn sync_unused(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    for entry in storage.list_files()? {
        if entry.suspect && directory.file_mut(entry.id).is_none() {
            directory.syncs.unused(storage, entry.id, entry.length)?;
        }
    }
    Ok(())
}

/// Goes back to normal once all has ended well.
pub fn finish(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    if directory.is_settled() && !storage.list_files()?.iter().any(|entry| entry.suspect) {
        directory.syncs.recovered();
    }
    Ok(())
}

/// Takes over what storage says is durable, and what may never become so.
fn learn(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    for entry in storage.list_files()? {
        let Some(file) = directory.file_mut(entry.id) else { continue };
        let was_suspect = file.suspect;
        file.learn(&entry);
        if was_suspect && !entry.suspect {
            // It was written anew by a sync that went on when another one failed.
            directory.renamed(entry.id);
        }
    }
    Ok(())
}

//! What may leave, and when: a segment once a durable ledger has passed it.
//!
//! A ledger passes a segment when everything in it is acknowledged and a later file may be named. Its sync is requested, and
//! when that has ended the segment is released. Then the directory is synced, and with it the removal.

use forebay_types::{RecordId, Refusal, StorageError};

use crate::directory::Directory;
use crate::loading::{is_outdated, load_again};
use crate::storage::Storage;

/// Every event through this id is acknowledged or lost. An id that is known already changes nothing, and what lies behind
/// the last event does not count.
pub fn acknowledge(
    storage: &mut impl Storage,
    directory: &mut Directory,
    through: RecordId,
) -> Result<(), StorageError> {
    if directory.ledger.advance_reader(through) { pass_acknowledged(storage, directory) } else { Ok(()) }
}

/// Passes the segments in which everything is acknowledged, stores the ledger, and requests its sync if any segment leaves by
/// it. The last segment stays, and so do all behind the last that the ledger may name.
pub fn pass_acknowledged(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    match store_passing(storage, directory) {
        Err(error) if is_outdated(error) => {
            load_again(storage, directory)?;
            store_passing(storage, directory)
        }
        stored => stored,
    }
}

/// Requests the syncs that make every unacknowledged event durable, and the names of new files.
pub fn request_events(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    let requested = directory.request_events(storage);
    or_load_again(requested, storage, directory)
}

/// Requests the same, and a sync of the ledger.
pub fn request_all(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    let requested = directory.request_all(storage);
    or_load_again(requested, storage, directory)
}

fn or_load_again(
    requested: Result<(), StorageError>,
    storage: &mut impl Storage,
    directory: &mut Directory,
) -> Result<(), StorageError> {
    match requested {
        Err(error) if is_outdated(error) => load_again(storage, directory),
        requested => requested,
    }
}

fn store_passing(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    directory.advance_unread(storage)?;
    directory.store_ledger(storage)?;
    if directory.ledger.has_unrequested_passage() {
        directory.request_ledger(storage)?;
    }
    Ok(())
}

/// Releases the segments that a durable ledger has passed, and discards such files outside. What does not go now is tried
/// again at the next tick.
pub fn remove_passed(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    let Some((first_unread, reader)) = directory.durable_ledger() else { return Ok(()) };
    let has_released = release(storage, directory, reader)?;
    let has_discarded = directory.outside.discard_passed(storage, first_unread)?;
    if has_released || has_discarded {
        directory.syncs.directory_changed();
        directory.syncs.request_directory(storage)?;
    }
    Ok(())
}

/// Releases the segments before this position. Answers whether any has left.
fn release(storage: &mut impl Storage, directory: &mut Directory, reader: u64) -> Result<bool, StorageError> {
    let last = reader.checked_sub(1).and_then(|last| directory.segments.get(last));
    let Some(through) = last.map(|segment| segment.file) else { return Ok(false) };
    let released = match storage.release(through) {
        Ok(released) => released,
        Err(StorageError::NotFound | StorageError::NoSpace | StorageError::Io(_)) => return Ok(false),
        Err(error) if error.is_refused(Refusal::Retention) => return Ok(false),
        Err(error) if error.is_refused(Refusal::UnknownFile) => {
            load_again(storage, directory)?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let mut left_bytes: u64 = 0;
    for _ in 0..released.files {
        if directory.segments.front() >= reader {
            break;
        }
        let Some(bytes) = directory.segments.pop_front() else { break };
        left_bytes = left_bytes.saturating_add(bytes);
    }
    if released.bytes < left_bytes {
        // A file could not be removed, and stands outside now.
        load_again(storage, directory)?;
    }
    Ok(released.files > 0)
}

//! Making room by dropping the oldest file, for buffers whose newest records are worth more than their oldest.
//!
//! A file is dropped as a whole: the ledger passes it and is synced, and only then the file goes, as if all in it had been
//! acknowledged. The writer's file is left for a new one first.

use crate::acks::settle;
use crate::directory::Directory;
use crate::losses::Losses;
use crate::reader::Reader;
use crate::ring::FileId;
use crate::storage::{RecordId, SpanState, Storage, StorageError};
use crate::survey::NO_LIMIT;

/// The whole records of a file from some id on.
#[derive(Clone, Copy, Debug)]
struct Tail {
    /// How many events they hold.
    events: u64,
    /// How many of these the reader has not come to.
    unread_events: u64,
    /// The id behind the last of them.
    end_id: RecordId,
}

/// Bytes that will be free when the syncs have ended that were asked for: of files that leave, and of those that are done
/// with and wait for the ledger to name a later one.
#[must_use]
pub fn coming_bytes(directory: &Directory) -> u64 {
    let first_unread = directory.ledger.first_unread();
    let newest = directory.window.newest().id;
    let done = directory
        .window
        .iter()
        .take_while(|file| file.id != newest && file.end_id.is_some_and(|end_id| end_id <= first_unread))
        .map(|file| file.length);
    let leaving = directory.window.leaving().iter().map(|file| file.length);
    done.chain(leaving).fold(0, u64::saturating_add)
}

/// Drops the oldest file that holds anything unacknowledged. Gives how many events were dropped; `None` if that is not
/// possible now: the oldest is the one that the ledger names as the writer's.
pub fn drop_oldest(
    storage: &mut impl Storage,
    directory: &mut Directory,
    reader: &mut Reader,
    losses: &mut Losses,
) -> Result<Option<u64>, StorageError> {
    let front = *directory.window.front();
    if front.id == directory.named_writer_file() {
        return Ok(None);
    }
    let tail = tail(storage, front.id, directory.ledger.first_unread(), reader.expected())?;
    // The reader may have passed it, and a gap behind it that belongs to nothing else.
    let end_id = front.end_id.map_or(tail.end_id, |end_id| end_id.max(tail.end_id));
    losses.dropped(tail.events);
    let next_id = directory.ledger.next_id();
    reader.pass_dropped(&mut directory.window, losses, (end_id, next_id), tail.unread_events);
    directory.ledger.advance_reader(end_id);
    settle(storage, directory, reader)?;
    let has_gone = directory.window.front().id != front.id;
    debug_assert!(has_gone, "a file that is dropped leaves the window");
    Ok(has_gone.then_some(tail.events))
}

/// Reads a file from its start: its ids are in it and nowhere else.
fn tail(
    storage: &mut impl Storage,
    file: FileId,
    first_unread: RecordId,
    expected: RecordId,
) -> Result<Tail, StorageError> {
    let mut tail = Tail { events: 0, unread_events: 0, end_id: first_unread };
    let mut offset = 0;
    loop {
        let scanned = match storage.scan(file, offset, NO_LIMIT) {
            Ok(scanned) if scanned.next_offset > offset => scanned,
            Ok(_) | Err(StorageError::NotFound) => return Ok(tail),
            Err(error) => return Err(error),
        };
        for span in scanned.spans.iter().filter(|span| span.state == SpanState::Whole) {
            let from = |id: RecordId| span.next_id.0.saturating_sub(span.first_id.max(id).0);
            // What repeats ids that came before is no record of this buffer.
            tail.events = tail.events.saturating_add(from(tail.end_id));
            tail.unread_events = tail.unread_events.saturating_add(from(tail.end_id.max(expected)));
            tail.end_id = tail.end_id.max(span.next_id);
        }
        offset = scanned.next_offset;
    }
}

//! The directory as storage has it: on opening, and again where storage refuses what the logic knows.

use forebay_types::{FileId, Refusal, Segment, SegmentPlace, StorageError};

use crate::directory::Directory;
use crate::ledger::LiveLedger;
use crate::storage::Storage;

/// So many data files are asked for at a time.
const PAGE_FILES: u32 = 4_096;

/// Loads the ledger and the segments.
pub fn load(storage: &mut impl Storage) -> Result<Directory, StorageError> {
    let loaded = match storage.load_ledger() {
        Ok(ledger) => Some(ledger),
        Err(StorageError::NotFound) => None,
        Err(error) => return Err(error),
    };
    let found = list(storage)?;
    let ledger = LiveLedger::new(loaded, storage.next_id());
    let in_order: Vec<_> =
        found.iter().filter(|segment| segment.place == SegmentPlace::InOrder).copied().collect();
    let place = |file| in_order.iter().position(|segment| segment.file == file);
    let (reader, writer) = (ledger.current().reader_data_file, ledger.current().writer_data_file);
    let named = place(writer).unwrap_or_else(|| last_before(&in_order, writer));
    // A file that vanished may have given its number to a later one. What is unread is not passed, whatever the ledger names.
    let first_holding = in_order.iter().position(|segment| segment.next_id > ledger.first_unread());
    let unread = place(reader).unwrap_or(0).min(first_holding.unwrap_or(named)).min(named);
    let position = |place| u64::try_from(place).unwrap_or(u64::MAX);
    Ok(Directory::new(ledger, &found, (position(unread), position(named))))
}

/// Loads everything again, because storage has refused what was known. Tickets that were given until now are unknown
/// afterwards, so that what they cover is requested again.
pub fn load_again(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    let mut again = load(storage)?;
    again.ledger.advance_reader(directory.ledger.current().reader_last_record);
    again.dropped_events = directory.dropped_events;
    *directory = again;
    directory.request_all(storage)
}

/// Whether storage has refused a ledger because it has other segments or ids than are known here, as when another program has
/// removed a file.
#[must_use]
pub fn is_outdated(error: StorageError) -> bool {
    let of_ledgers = [Refusal::UnknownFile, Refusal::LedgerNext, Refusal::LedgerLast, Refusal::LedgerFiles];
    of_ledgers.into_iter().any(|refusal| error.is_refused(refusal))
}

/// All data files of a directory, in the order in which storage tells them.
fn list(storage: &mut impl Storage) -> Result<Vec<Segment>, StorageError> {
    let (mut found, mut from) = (Vec::new(), 0_u32);
    // There are no more numbers than these, whatever storage answers.
    while from < FileId::MODULUS {
        let page = storage.segments(from, PAGE_FILES)?;
        let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
        found.extend(page);
        from = from.saturating_add(length);
        if length < PAGE_FILES {
            break;
        }
    }
    Ok(found)
}

/// The place of the last segment before a file that is gone. It was durable when the ledger named that file.
fn last_before(in_order: &[Segment], gone: FileId) -> usize {
    let file = |segment: &Segment| segment.file;
    let Some((front, last)) = in_order.first().map(file).zip(in_order.last().map(file)) else { return 0 };
    let is_before_front =
        front.steps_to(gone) > front.steps_to(last) && gone.steps_to(front) < last.steps_to(gone);
    let is_before = |segment: &&Segment| front.steps_to(segment.file) < front.steps_to(gone);
    if is_before_front { 0 } else { in_order.iter().filter(is_before).count().saturating_sub(1) }
}

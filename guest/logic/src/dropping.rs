//! Making room by dropping the oldest segment, for buffers whose newest records are worth more than their oldest.
//!
//! A segment is dropped as a whole. The ledger passes it as if everything in it had been acknowledged, and it leaves when that
//! ledger is durable.

use forebay_types::{Refusal, StorageError};

use crate::directory::Directory;
use crate::loading::{is_outdated, load_again};
use crate::retention::pass_acknowledged;
use crate::storage::Storage;

/// Drops the oldest segment that holds anything unacknowledged. Gives how many events that were, lost ones among them; `None`
/// if it cannot go now, because no later segment may be named.
///
/// Storage refuses it unless it sees a reason to drop: see [`Refusal::DropWithoutNeed`]. Then nothing has changed.
pub fn drop_oldest(
    storage: &mut impl Storage,
    directory: &mut Directory,
) -> Result<Option<u64>, StorageError> {
    directory.advance_unread(storage)?;
    let unread = directory.segments.unread();
    if !directory.may_pass_unread() {
        return Ok(None);
    }
    // Behind the last segment that holds anything, what ids there are were lost: they must not keep the buffer full.
    let holds_the_rest = unread.saturating_add(1) == directory.segments.last_position()
        && directory.segments.last().is_some_and(|last| last.bytes == 0);
    let asked = if holds_the_rest { directory.segments.last_position() } else { unread };
    let Some(next_id) = directory.next_id_at(storage, asked)? else { return Ok(None) };
    let mut ledger = directory.ledger;
    ledger.advance_reader(next_id.before());
    let Some(mut ledger) = directory.name_files(ledger, unread.saturating_add(1)) else { return Ok(None) };
    if let Err(error) = ledger.store(storage) {
        // Another program may have removed a file, or damage have taken the segment's last ids. Then there is a next time.
        let front = |directory: &Directory| directory.segments.first_unread().map(|it| (it.file, it.next_id));
        let known = front(directory);
        if is_outdated(error) {
            load_again(storage, directory)?;
        }
        let was_wrong = error.is_refused(Refusal::UnknownFile) || front(directory) != known;
        return if was_wrong { Ok(None) } else { Err(error) };
    }
    let events = ledger.first_unread().since(directory.ledger.first_unread());
    directory.ledger = ledger;
    directory.dropped_events = directory.dropped_events.saturating_add(events);
    pass_acknowledged(storage, directory)?;
    Ok((directory.segments.unread() > unread).then_some(events))
}

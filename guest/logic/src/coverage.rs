//! Which events would be read of a number of files, and whether any other file holds one that would not be.
//!
//! A process that died while it made up for a failed sync leaves records in two places. Mostly either will do; but a power
//! loss may have left a hole in what was copied, and then the copies are what there is.

use crate::ring::FileId;
use crate::storage::{RecordId, SpanState, Storage, StorageError};
use crate::survey::NO_LIMIT;

/// Events from one id up to another.
type Events = (RecordId, RecordId);

/// The events in each of all files that are not acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    files: Vec<(FileId, Vec<Events>)>,
}

impl Coverage {
    /// Reads files to their ends.
    pub fn of(
        storage: &mut impl Storage,
        files: impl IntoIterator<Item = FileId>,
        first_unread: RecordId,
    ) -> Result<Self, StorageError> {
        let mut coverage = Self::default();
        for file in files {
            coverage.files.push((file, unread(storage, file, first_unread)?));
        }
        Ok(coverage)
    }

    /// Whether reading these files in this order comes to every event that is in any file.
    #[must_use]
    pub fn is_complete(&self, order: &[FileId]) -> bool {
        let events =
            |file: &FileId| self.files.iter().find(|(known, _)| known == file).map(|(_, events)| events);
        let mut read: Vec<Events> = Vec::new();
        for &(first_id, next_id) in order.iter().filter_map(events).flatten() {
            let expected = read.last().map_or(RecordId(0), |(_, next_id)| *next_id);
            // Ids that come again are no records of the buffer.
            match read.last_mut() {
                _ if next_id <= expected => {}
                Some(last) if first_id <= expected => last.1 = next_id,
                _ => read.push((first_id, next_id)),
            }
        }
        let is_read = |(first_id, next_id): &Events| {
            let at = read.partition_point(|(_, end)| end < next_id);
            read.get(at).is_some_and(|(start, _)| start <= first_id)
        };
        self.files.iter().all(|(_, events)| events.iter().all(is_read))
    }
}

/// The stretches of whole records in a file, without what is acknowledged.
fn unread(
    storage: &mut impl Storage,
    file: FileId,
    first_unread: RecordId,
) -> Result<Vec<Events>, StorageError> {
    let (mut unread, mut offset) = (Vec::new(), 0);
    loop {
        let scanned = match storage.scan(file, offset, NO_LIMIT) {
            Ok(scanned) if scanned.next_offset > offset => scanned,
            Ok(_) | Err(StorageError::NotFound) => return Ok(unread),
            Err(error) => return Err(error),
        };
        let whole = scanned.spans.iter().filter(|span| span.state == SpanState::Whole);
        let events = whole.map(|span| (span.first_id.max(first_unread), span.next_id));
        unread.extend(events.filter(|(first_id, next_id)| first_id < next_id));
        offset = scanned.next_offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> [FileId; 3] {
        let next = FileId::FIRST.successor();
        [FileId::FIRST, next, next.successor()]
    }

    fn coverage(events: [&[(u64, u64)]; 3]) -> Coverage {
        let ids = |events: &[(u64, u64)]| events.iter().map(|at| (RecordId(at.0), RecordId(at.1))).collect();
        Coverage { files: files().into_iter().zip(events.map(ids)).collect() }
    }

    // A copy of what is whole elsewhere is not needed.
    #[test]
    fn what_is_read_elsewhere_is_not_missing() {
        let copied = coverage([&[(1, 5)], &[(5, 9)], &[(3, 9)]]);
        assert!(copied.is_complete(&files()[..2]));
        assert!(!copied.is_complete(&files()[..1]));
    }

    // Whoever has come past a hole reads no more what was in it.
    #[test]
    fn what_comes_behind_higher_ids_is_not_read() {
        let copied = coverage([&[(1, 2), (8, 9)], &[(2, 9)], &[]]);
        assert!(!copied.is_complete(&files()));
        assert!(!copied.is_complete(&files()[..1]));
        assert!(coverage([&[(8, 9)], &[(2, 9)], &[]]).is_complete(&files()[1..2]));
    }
}

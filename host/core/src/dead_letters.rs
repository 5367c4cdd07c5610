//! Adding records to the dead-letter file. It holds frames as data files do, in the order in which their records were given
//! up: ids may go back in it.
//!
//! All of it is done where syncs are: no writer and no reader waits for it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use forebay_frame::{Source, UnorderedStep, UnorderedWalk, encode};

use crate::{
    record::ReadRecord,
    storage::{DeadLetterFile, StorageError, SyncJob},
};

/// Where the last frame ends, if that is known. Shared with the job that adds the next one.
pub(crate) type KnownEnd = Arc<Mutex<Option<u64>>>;

/// A job that adds records to the end of the dead-letter file, all or none: it may have so many bytes. It blocks on the
/// disk. When it ends well, the records are durable. One at a time.
pub(crate) fn job<'a>(
    file: Arc<dyn DeadLetterFile>,
    known_end: &KnownEnd,
    records: impl IntoIterator<Item = &'a ReadRecord>,
    max_bytes: u64,
) -> SyncJob {
    let mut frames = Vec::new();
    for record in records {
        encode(&mut frames, record.id, record.metadata, record.events, &record.payload);
    }
    let end = Arc::clone(known_end);
    Box::new(move || {
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        add(&*file, &mut end, &frames, max_bytes)
    })
}

fn add(
    file: &dyn DeadLetterFile,
    known_end: &mut Option<u64>,
    frames: &[u8],
    max_bytes: u64,
) -> Result<(), StorageError> {
    let length = file.length()?;
    // It may have been moved away since, or cut.
    let end = match known_end.take().filter(|end| *end == length) {
        Some(end) => end,
        None => end_of_frames(&mut Letters { file, length })?,
    };
    let new_end = end.saturating_add(u64::try_from(frames.len()).unwrap_or(u64::MAX));
    if new_end > max_bytes {
        *known_end = Some(end);
        return Err(StorageError::NoSpace {
            operation: "write to",
            what: format!("the dead-letter file, which has {end} of at most {max_bytes} bytes: move it away"),
            cause: io::ErrorKind::QuotaExceeded.into(),
        });
    }
    match file.replace_end(end, frames).and_then(|()| file.sync()) {
        Ok(()) => {
            *known_end = Some(new_end);
            Ok(())
        }
        Err(error) => {
            // They do not count. Where even this fails, they are there a second time later.
            let _ = file.replace_end(end, &[]);
            Err(error)
        }
    }
}

/// Where the frames end: behind the last one, whole or damaged, and before what a crash has torn.
fn end_of_frames<S: Source>(source: &mut S) -> Result<u64, S::Error> {
    let mut walk = UnorderedWalk::new(source);
    while let Some(step) = walk.next()? {
        if let UnorderedStep::Unfinished { offset, .. } = step {
            return Ok(offset);
        }
    }
    Ok(walk.offset())
}

/// The file as it was when it was looked at.
struct Letters<'a> {
    file: &'a dyn DeadLetterFile,
    length: u64,
}

impl Source for Letters<'_> {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.file.read_at(offset, into)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::num::NonZeroU32;

    use forebay_frame::RecordId;

    use super::*;

    /// What is read of the file at a time.
    const BLOCK_BYTES: usize = 256 * 1024;

    /// Frames with these ids, and where each ends. One is longer than a block.
    fn frames(ids: &[u8]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for &id in ids {
            let payload = vec![id; if id == 6 { BLOCK_BYTES + 1000 } else { 1000 * usize::from(id) }];
            encode(&mut bytes, RecordId(id.into()), 0, NonZeroU32::MIN, &payload);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn end(bytes: &[u8]) -> usize {
        usize::try_from(end_of_frames(&mut &*bytes).unwrap()).unwrap()
    }

    /// What is added behind a torn frame would be lost with it; what is put over a whole one takes it away.
    #[test]
    fn a_torn_end_is_found_whatever_the_order_of_ids() {
        let (bytes, ends) = frames(&[7, 3, 6, 200, 1, 1]);
        for cut in (0..bytes.len()).step_by(997).chain(ends.iter().copied()) {
            let whole = ends.iter().rev().find(|end| **end <= cut).unwrap();
            assert_eq!(end(&bytes[..cut]), *whole, "cut to {cut}");
        }
    }

    /// A disk may have the length of what was written, and none of its bytes.
    #[test]
    fn zeros_at_the_end_are_torn() {
        let (mut bytes, ends) = frames(&[7, 3]);
        for zeros in [1, 8, 48, 1000, 500_000] {
            bytes.truncate(ends[2]);
            bytes.resize(ends[2] + zeros, 0);
            assert_eq!(end(&bytes), ends[2], "{zeros} zeros");
        }
    }

    /// A disk that forgets a bit must not cost the letters behind it when the next one is added.
    #[test]
    fn damage_within_the_file_is_not_its_end() {
        let (bytes, ends) = frames(&[7, 3, 6, 5, 1, 2]);
        for at in (0..ends[5]).step_by(3889).chain(ends.iter().copied().take(5)) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(end(&damaged), bytes.len(), "damaged at {at}");
        }
    }
}

//! Records that were given back too often, on their way into the dead-letter file. They stay unacknowledged until they are
//! safe there.

use std::collections::VecDeque;

use forebay_types::RecordId;

use super::setting_aside::Asker;
use crate::guard::ReadRecord;

/// What is written at a time, at the most, if it is more than one record.
const BATCH_RECORDS_MAX: usize = 256;
const BATCH_BYTES_MAX: u64 = 1 << 20;

/// A record that is not to be delivered again, if that can be helped.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) record: ReadRecord,
    pub(super) otherwise: Otherwise,
}

/// What becomes of a record that cannot be written.
#[derive(Debug)]
pub(super) enum Otherwise {
    /// It is delivered again from this time on.
    Redeliver { due_ns: u64 },
    /// Its consumer keeps it, and is told.
    Keep(Asker),
}

/// Those that wait to be written, and those that are being written.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    waiting: VecDeque<DeadLetter>,
    under_way: Option<Vec<DeadLetter>>,
    /// The last attempt has failed: one at a time, until one does not.
    is_failing: bool,
    /// The buffer is being closed.
    is_closed: bool,
    written: u64,
}

impl DeadLetters {
    pub(super) fn add(&mut self, letter: DeadLetter) {
        self.waiting.push_back(letter);
    }

    /// The next that are to be written, if none are being written. [`ended`](Self::ended) says how it went.
    pub(super) fn start(&mut self) -> Option<&[DeadLetter]> {
        if self.is_closed || self.under_way.is_some() || self.waiting.is_empty() {
            return None;
        }
        let most = if self.is_failing { 1 } else { BATCH_RECORDS_MAX };
        let mut bytes = 0_u64;
        let fits = self.waiting.iter().take(most).take_while(|letter| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(letter.record.frame_bytes);
            is_first || bytes <= BATCH_BYTES_MAX
        });
        let count = fits.count();
        Some(self.under_way.insert(self.waiting.drain(..count).collect()))
    }

    /// Those that were being written are durable, or are not there. Gives them, and whether it is news if they are not.
    pub(super) fn ended(&mut self, ok: bool) -> (Vec<DeadLetter>, bool) {
        let letters = self.under_way.take().unwrap_or_default();
        let was_failing = std::mem::replace(&mut self.is_failing, !ok);
        if ok {
            self.written = self.written.saturating_add(u64::try_from(letters.len()).unwrap_or(u64::MAX));
        }
        (letters, !was_failing)
    }

    /// Records up to this id were dropped to make room.
    pub(super) fn drop_through(&mut self, last: RecordId) {
        self.waiting.retain(|letter| letter.record.id > last);
        if let Some(under_way) = &mut self.under_way {
            under_way.retain(|letter| letter.record.id > last);
        }
    }

    /// From now on none are written: the next owner of the directory may be at the file.
    pub(super) fn close(&mut self) {
        debug_assert!(self.is_idle(), "it is waited for");
        self.is_closed = true;
        self.give_up();
    }

    /// None are written any more: consumers who wait for that hear of it.
    pub(super) fn give_up(&mut self) {
        self.waiting.retain(|letter| matches!(letter.otherwise, Otherwise::Redeliver { .. }));
    }

    /// Whether none are being written.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// How many are in the file, of those that were added.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use bytes::Bytes;

    use super::*;
    use crate::guard::MemoryBlock;

    fn letters(ids: std::ops::RangeInclusive<u64>, frame_bytes: u64) -> DeadLetters {
        let mut letters = DeadLetters::default();
        for id in ids {
            let (incarnation, events, metadata) = (1, NonZeroU32::MIN, 0);
            let id = RecordId(id);
            let record = ReadRecord {
                id,
                incarnation,
                events,
                metadata,
                payload: Bytes::new(),
                frame_bytes,
                block: MemoryBlock::default(),
            };
            letters.add(DeadLetter { record, otherwise: Otherwise::Redeliver { due_ns: 0 } });
        }
        letters
    }

    fn started(letters: &mut DeadLetters) -> Option<usize> {
        letters.start().map(<[_]>::len)
    }

    /// A sync for each record takes hours where a whole topic is poisoned; all in one batch may be more than memory has.
    #[test]
    fn what_waits_is_written_together_up_to_a_limit() {
        let mut many = letters(1..=300, 48);
        assert_eq!((started(&mut many), started(&mut many)), (Some(256), None));
        assert_eq!(many.ended(true).0.len(), 256);
        assert_eq!(started(&mut many), Some(44));
        let mut long = letters(1..=3, 800_000);
        assert_eq!(started(&mut long), Some(1));
    }

    /// A batch for which there is no room may have records in it for which there is.
    #[test]
    fn after_a_failure_they_are_tried_one_by_one_until_one_is_written() {
        let mut letters = letters(1..=300, 48);
        letters.start();
        assert!(letters.ended(false).1);
        assert_eq!(started(&mut letters), Some(1));
        assert!(!letters.ended(false).1, "that it still fails is no news");
        assert_eq!(started(&mut letters), Some(1));
        letters.ended(true);
        assert_eq!(started(&mut letters), Some(42));
        assert_eq!(letters.written(), 1);
    }

    /// Two owners that add to one file write over each other's letters.
    #[test]
    fn once_the_buffer_is_being_closed_none_are_written() {
        let mut letters = letters(1..=300, 48);
        letters.start();
        letters.ended(true);
        letters.close();
        assert_eq!(started(&mut letters), None);
        assert!(letters.is_idle(), "closing does not wait for them");
    }

    /// What was dropped on purpose is counted as dropped, and not a second time.
    #[test]
    fn dropped_records_are_not_counted() {
        let mut letters = letters(1..=300, 48);
        letters.start();
        letters.drop_through(RecordId(299));
        assert!(letters.ended(true).0.is_empty());
        assert_eq!((started(&mut letters), letters.written()), (Some(1), 0));
        assert!(!letters.is_idle());
    }
}

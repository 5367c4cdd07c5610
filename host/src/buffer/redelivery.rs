//! Records that a consumer gave back, until they are delivered again: in the order of their ids, each when its time has
//! come.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use forebay_types::RecordId;

use crate::guard::ReadRecord;

/// The payload of a frame that is shorter than this is copied out of the block that it was read into, which others may be in no
/// longer: a record may wait for long.
const COPIED_BYTES_MAX: u64 = 128 * 1024;

/// One delivery of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) id: RecordId,
    /// How often the record has been delivered, this time included.
    pub(super) number: NonZeroU32,
}

/// A record on its way back.
#[derive(Debug)]
pub(super) struct Nack {
    pub(super) record: ReadRecord,
    /// The delivery that came to nothing.
    pub(super) delivery: Delivery,
    /// How long it is not to be delivered again.
    pub(super) delay: Duration,
    /// It is a dead letter, however often it was delivered.
    pub(super) is_dead: bool,
}

impl Nack {
    /// Of a record that was delivered. It takes no more memory than it needs.
    pub(super) fn new(record: &ReadRecord, delivery: Delivery, delay: Duration) -> Self {
        let mut record = record.clone();
        // One that came back before has been copied already.
        if delivery.number.get() == 1 && Self::is_copied(record.frame_bytes) {
            record.payload = Bytes::copy_from_slice(&record.payload);
        }
        Self { record, delivery, delay, is_dead: false }
    }

    /// As [`new`](Self::new), of a record that is not to be delivered again. The delay counts where it cannot be set aside.
    pub(super) fn dead(record: &ReadRecord, delivery: Delivery, delay: Duration) -> Self {
        Self { is_dead: true, ..Self::new(record, delivery, delay) }
    }

    /// Whether the payload of a frame of this length is copied out of its block.
    pub(super) fn is_copied(frame_bytes: u64) -> bool {
        frame_bytes < COPIED_BYTES_MAX
    }
}

/// Records that wait to be delivered again. Times are in nanoseconds, as the logic sees them.
#[derive(Debug, Default)]
pub(super) struct Redelivery {
    due: BTreeMap<RecordId, ReadRecord>,
    later: BTreeMap<(u64, RecordId), ReadRecord>,
    /// The time for which a timer was set that has not gone off.
    timer: Option<u64>,
}

impl Redelivery {
    /// A record is to be delivered from a time on.
    pub(super) fn add(&mut self, record: ReadRecord, due_ns: u64, now_ns: u64) {
        if due_ns <= now_ns {
            self.due.insert(record.id, record);
        } else {
            self.later.insert((due_ns, record.id), record);
        }
    }

    /// The next record whose time has come.
    pub(super) fn next(&mut self) -> Option<ReadRecord> {
        self.due.pop_first().map(|(_, record)| record)
    }

    /// Records up to this id are not to be delivered any more.
    pub(super) fn drop_through(&mut self, last: RecordId) {
        self.due = self.due.split_off(&last.after(1));
        self.later.retain(|(_, id), _| *id > last);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.later.is_empty()
    }

    /// The time for which a timer is to be set, if there is none that goes off early enough.
    pub(super) fn set_timer(&mut self) -> Option<u64> {
        let first = self.later.first_key_value().map(|((due_ns, _), _)| *due_ns)?;
        let is_new = self.timer.is_none_or(|timer| first < timer);
        is_new.then(|| *self.timer.insert(first))
    }

    /// The timer has gone off.
    pub(super) fn timer_ended(&mut self, now_ns: u64) {
        self.timer = None;
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now_ns) {
            let record = first.remove();
            self.due.insert(record.id, record);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::guard::MemoryBlock;

    fn record(id: u64, payload: Bytes) -> ReadRecord {
        let (incarnation, events, metadata) = (1, NonZeroU32::MIN, 0);
        let frame_bytes = forebay_frame::frame_bytes(u64::try_from(payload.len()).unwrap());
        ReadRecord {
            id: RecordId(id),
            incarnation,
            events,
            metadata,
            payload,
            frame_bytes,
            block: MemoryBlock::default(),
        }
    }

    /// The ids that can be delivered at a time.
    fn due(redelivery: &mut Redelivery, now_ns: u64) -> Vec<u64> {
        redelivery.timer_ended(now_ns);
        std::iter::from_fn(|| redelivery.next()).map(|record| record.id.0).collect()
    }

    /// Consumers rely on the order of ids where they can; a delay is for one record and holds up no other.
    #[test]
    fn records_come_in_order_each_when_its_time_has_come() {
        let mut redelivery = Redelivery::default();
        for (id, due_ns) in [(5, 0), (3, 200), (4, 100), (2, 0), (1, 300)] {
            redelivery.add(record(id, Bytes::new()), due_ns, 50);
        }
        assert_eq!(due(&mut redelivery, 50), [2, 5]);
        assert_eq!(due(&mut redelivery, 200), [3, 4]);
        assert!(due(&mut redelivery, 299).is_empty());
        assert!(!redelivery.is_empty());
        assert_eq!(due(&mut redelivery, 300), [1]);
        assert!(redelivery.is_empty());
    }

    /// A timer for each record would be thousands; none for the first of them would have it wait for ever.
    #[test]
    fn a_timer_is_set_for_the_first_that_waits() {
        let mut redelivery = Redelivery::default();
        assert_eq!(redelivery.set_timer(), None);
        redelivery.add(record(1, Bytes::new()), 200, 0);
        assert_eq!((redelivery.set_timer(), redelivery.set_timer()), (Some(200), None));
        redelivery.add(record(2, Bytes::new()), 300, 0);
        assert_eq!(redelivery.set_timer(), None);
        redelivery.add(record(3, Bytes::new()), 100, 0);
        assert_eq!(redelivery.set_timer(), Some(100));
        assert_eq!(due(&mut redelivery, 100), [3]);
        assert_eq!(redelivery.set_timer(), Some(200));
    }

    /// What was dropped to make room is gone, whether it was due or not.
    #[test]
    fn dropped_records_are_not_delivered_again() {
        let mut redelivery = Redelivery::default();
        for (id, due_ns) in [(1, 0), (2, 100), (3, 0), (4, 100)] {
            redelivery.add(record(id, Bytes::new()), due_ns, 0);
        }
        redelivery.drop_through(RecordId(2));
        assert_eq!(due(&mut redelivery, 100), [3, 4]);
    }

    /// A record of a few bytes that waits for an hour must not keep 256 KiB of others.
    #[test]
    fn a_small_payload_is_copied_out_of_its_block_once() {
        let block = Bytes::from(vec![7; 256 * 1024]);
        let number = NonZeroU32::MIN;
        let nack = |payload: Bytes, number| {
            let delivery = Delivery { id: RecordId(1), number };
            Nack::new(&record(1, payload), delivery, Duration::ZERO).record.payload
        };
        let copy = nack(block.slice(10..20), number);
        assert_eq!(copy, block.slice(10..20));
        assert_ne!(copy.as_ptr(), block.slice(10..20).as_ptr());
        let again = nack(copy.clone(), number.saturating_add(1));
        assert_eq!(again.as_ptr(), copy.as_ptr(), "it has no block of others");
        let long = nack(block.slice(..200 * 1024), number);
        assert_eq!(long.as_ptr(), block.as_ptr(), "it is most of its block");
    }
}

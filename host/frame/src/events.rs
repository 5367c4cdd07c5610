//! How many events a record holds. Vector's frame does not say; ours says it where Vector keeps zeros.

use std::num::NonZeroU32;

use crate::{checksum, id::RecordId, layout::Root};

/// The metadata of a record whose payload is a protobuf `EventArray`.
const EVENT_ARRAY: u32 = 1;

/// How an event count is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CountSource {
    /// The frame says so, or says nothing, which means one.
    Frame,
    /// Counted in the payload. The ids of the records may say otherwise, and they are right.
    Payload,
    /// Taken to be one, because the frame says something that does not hold.
    Assumed,
}

/// What goes into the root's padding: the events beyond the first, and the checksum that vouches for them.
pub(crate) fn padding(id: u64, events: NonZeroU32) -> (u32, u32) {
    match events.get() - 1 {
        0 => (0, 0),
        more => (more, checksum::of_events(id, more)),
    }
}

/// How many events a record holds.
#[inline]
pub(crate) fn count(root: &Root, payload: &[u8]) -> (NonZeroU32, CountSource) {
    let said_nothing = root.more_events.get() == 0 && root.events_checksum.get() == 0;
    match stated(root) {
        Some(events) => (events, CountSource::Frame),
        None if root.metadata.get() == EVENT_ARRAY => {
            (events_in_array(payload).unwrap_or(NonZeroU32::MIN), CountSource::Payload)
        }
        None if said_nothing => (NonZeroU32::MIN, CountSource::Frame),
        None => (NonZeroU32::MIN, CountSource::Assumed),
    }
}

/// Whether a record with this id can follow the one with this root, whose payload is not known.
pub(crate) fn may_follow(root: &Root, id: RecordId) -> bool {
    let events = match stated(root) {
        None if root.metadata.get() == EVENT_ARRAY => return id.0 > root.id.get(),
        stated => stated.unwrap_or(NonZeroU32::MIN),
    };
    RecordId(root.id.get()).after(events.get().into()) == id
}

/// The event count in a root's padding. Another program's padding, and damaged padding, say nothing.
#[inline]
pub(crate) fn stated(root: &Root) -> Option<NonZeroU32> {
    let more = root.more_events.get();
    let vouched_for = more != 0 && root.events_checksum.get() == checksum::of_events(root.id.get(), more);
    vouched_for.then(|| NonZeroU32::MIN.checked_add(more)).flatten()
}

/// The events in a protobuf `EventArray`: field 1, 2 or 3 holds logs, metrics or traces, a message whose field 1
/// repeats once per event. `None` if the payload is not such a message or holds no event.
fn events_in_array(payload: &[u8]) -> Option<NonZeroU32> {
    let mut events = 0_u32;
    for field in Fields(payload) {
        if let Field::Bytes { number: 1..=3, bytes } = field? {
            for inner in Fields(bytes) {
                if let Field::Bytes { number: 1, .. } = inner? {
                    events = events.checked_add(1)?;
                }
            }
        }
    }
    NonZeroU32::new(events)
}

/// A field of a protobuf message.
enum Field<'a> {
    /// One that is as long as it says: a message, text, bytes.
    Bytes { number: u64, bytes: &'a [u8] },
    /// A number, of no interest here.
    Number,
}

/// The fields of a protobuf message. Gives `None` once where it cannot be read, then ends.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<Field<'a>> {
        let key = self.varint()?;
        match key & 7 {
            0 => self.varint().map(|_| Field::Number),
            1 => self.take(8).map(|_| Field::Number),
            2 => {
                let len = self.varint()?;
                let bytes = self.take(usize::try_from(len).ok()?)?;
                Some(Field::Bytes { number: key >> 3, bytes })
            }
            5 => self.take(4).map(|_| Field::Number),
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

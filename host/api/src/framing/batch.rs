//! A batch of delivered records in binary, for clients that take many. Each record is a head of 24 bytes and its payload:
//!
//! ```text
//! id u64 | deliveries u32 | events u32 | metadata u32 | length u32 | payload
//! ```
//!
//! All numbers are big-endian. Incarnation and lease are in headers: see [`media`](crate::media).

use std::num::NonZeroU32;

use bytes::{Buf as _, BufMut as _, Bytes};
use thiserror::Error;

use super::{Shown, TooLongForPrefix};

/// How long the head of a record is.
pub const HEAD_BYTES: usize = 24;

/// A record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its id.
    pub id: u64,
    /// How often the owner has delivered it, this time included.
    pub deliveries: u32,
    /// How many events it holds.
    pub events: NonZeroU32,
    /// The number that is kept beside it.
    pub metadata: u32,
    /// Its bytes.
    pub payload: Bytes,
}

impl Delivered {
    /// What is shown of it.
    pub fn shown(&self) -> Shown<'_> {
        Shown { id: self.id, events: self.events, metadata: self.metadata, payload: &self.payload }
    }
}

/// Bytes that are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the batch is broken after {whole} whole records")]
pub struct BrokenBatch {
    /// How many records before the broken one are whole.
    pub whole: usize,
}

/// Adds a record.
pub fn append(into: &mut Vec<u8>, record: &Shown<'_>, deliveries: u32) -> Result<(), TooLongForPrefix> {
    let length = u32::try_from(record.payload.len()).map_err(|_| TooLongForPrefix)?;
    into.put_u64(record.id);
    into.put_u32(deliveries);
    into.put_u32(record.events.get());
    into.put_u32(record.metadata);
    into.put_u32(length);
    into.put_slice(record.payload);
    Ok(())
}

/// All records of a batch. Their payloads share its memory.
pub fn parse(mut body: Bytes) -> Result<Vec<Delivered>, BrokenBatch> {
    let mut records = Vec::new();
    while !body.is_empty() {
        let record = parse_one(&mut body).ok_or(BrokenBatch { whole: records.len() })?;
        records.push(record);
    }
    Ok(records)
}

fn parse_one(body: &mut Bytes) -> Option<Delivered> {
    if body.len() < HEAD_BYTES {
        return None;
    }
    let (id, deliveries) = (body.get_u64(), body.get_u32());
    let (events, metadata) = (NonZeroU32::new(body.get_u32())?, body.get_u32());
    let length = usize::try_from(body.get_u32()).ok()?;
    let payload = (length <= body.len()).then(|| body.split_to(length))?;
    Some(Delivered { id, deliveries, events, metadata, payload })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A client of another version, or a proxy, may cut a batch anywhere: no record may be made up from the rest.
        #[test]
        fn a_batch_comes_through_whole_and_its_parts_as_far_as_they_are_whole(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10),
            cut in any::<prop::sample::Index>(),
        ) {
            let (mut body, mut ends) = (Vec::new(), vec![0]);
            for (id, payload) in (7_u64..).zip(&payloads) {
                let events = NonZeroU32::new(2).unwrap();
                append(&mut body, &Shown { id, events, metadata: 3, payload }, 4).unwrap();
                ends.push(body.len());
            }
            let parsed = parse(Bytes::from(body.clone())).unwrap();
            prop_assert_eq!(parsed.len(), payloads.len());
            for ((id, payload), record) in (7_u64..).zip(payloads).zip(parsed) {
                let events = NonZeroU32::new(2).unwrap();
                let payload = Bytes::from(payload);
                prop_assert_eq!(record, Delivered { id, deliveries: 4, events, metadata: 3, payload });
            }
            let cut = cut.index(body.len() + 1);
            let part = parse(Bytes::copy_from_slice(&body[..cut])).map(|records| records.len());
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let expected = if ends.contains(&cut) { Ok(whole) } else { Err(BrokenBatch { whole }) };
            prop_assert_eq!(part, expected);
        }
    }
}

//! Records as words, and back: see `packed` in `adapters/wit/staging.wit`.

use std::num::NonZeroU32;

use bytes::Bytes;
use forebay_core::{NewRecord, ReadRecord};
use zerocopy::IntoBytes as _;

use forebay_adapter_bindings::guard::exports::forebay::staging::staging::{Packed, Unpacked};

#[cfg(target_endian = "big")]
compile_error!("the words are little-endian");

/// How long a payload is with its padding.
fn padded(length: u32) -> Option<usize> {
    usize::try_from(length).ok()?.checked_next_multiple_of(8)
}

/// The records that were packed; `None` if the lists do not go together. The payloads share one block of memory.
pub(crate) fn unpack(packed: &Packed) -> Option<Vec<NewRecord>> {
    let Packed { lengths, metadata, events, words } = packed;
    if metadata.len() != lengths.len() || events.len() != lengths.len() {
        return None;
    }
    let block = Bytes::copy_from_slice(words.as_bytes());
    let mut at = 0_usize;
    let mut records = Vec::with_capacity(lengths.len());
    for ((length, metadata), events) in lengths.iter().zip(metadata).zip(events) {
        let end = at.checked_add(usize::try_from(*length).ok()?)?;
        if end > block.len() {
            return None;
        }
        let payload = block.slice(at..end);
        records.push(NewRecord { payload, metadata: *metadata, events: NonZeroU32::new(*events)? });
        at = at.checked_add(padded(*length)?)?;
    }
    Some(records)
}

/// Packs records that were read.
pub(crate) fn pack(records: &[ReadRecord]) -> Unpacked {
    let mut packed = Packed {
        lengths: Vec::with_capacity(records.len()),
        metadata: records.iter().map(|record| record.metadata).collect(),
        events: records.iter().map(|record| record.events.get()).collect(),
        words: Vec::with_capacity(records.iter().map(|record| record.payload.len().div_ceil(8)).sum()),
    };
    for record in records {
        // No frame holds a payload whose length does not fit.
        packed.lengths.push(u32::try_from(record.payload.len()).unwrap_or(u32::MAX));
        let (whole, rest) = record.payload.as_chunks::<8>();
        packed.words.extend(whole.iter().map(|word| u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            packed.words.push(u64::from_le_bytes(last));
        }
    }
    Unpacked {
        ids: records.iter().map(|record| record.id.0).collect(),
        incarnations: records.iter().map(|record| record.incarnation).collect(),
        records: packed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use forebay_core::{MemoryBlock, RecordId};

    use super::*;

    fn read(payload: &'static [u8]) -> ReadRecord {
        ReadRecord {
            id: RecordId(1),
            incarnation: 2,
            events: NonZeroU32::MIN,
            metadata: 3,
            payload: Bytes::from_static(payload),
            frame_bytes: 48,
            block: MemoryBlock::default(),
        }
    }

    /// A payload that comes out with its padding, or without its last bytes, is another payload.
    #[test]
    fn payloads_of_every_length_come_out_as_they_went_in() {
        let payloads: [&'static [u8]; 5] = [b"", b"1234567", b"12345678", b"123456789", b"x"];
        let records = payloads.map(read);
        let back = unpack(&pack(&records).records).unwrap();
        let back: Vec<&[u8]> = back.iter().map(|record| &*record.payload).collect();
        assert_eq!(back, payloads);
    }

    /// The loop is part of the same build, and a mistake in it must not make payloads of memory that holds others.
    #[test]
    fn lists_that_do_not_go_together_are_no_records() {
        let packed = || pack(&[read(b"12345678"), read(b"1")]).records;
        assert!(unpack(&packed()).is_some());
        assert!(unpack(&Packed { words: vec![0], ..packed() }).is_none());
        assert!(unpack(&Packed { events: vec![1], ..packed() }).is_none());
        assert!(unpack(&Packed { events: vec![1, 0], ..packed() }).is_none());
    }
}

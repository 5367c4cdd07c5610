//! Messages as words, and deliveries from words: see `packed` in `adapters/wit/staging.wit`.

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::{Delivery, Message},
    forebay::staging::staging::{Packed, Unpacked},
};
use zerocopy::IntoBytes as _;

#[cfg(target_endian = "big")]
compile_error!("the words are little-endian");

/// Packs messages.
pub(crate) fn pack(messages: &[Message]) -> Packed {
    let words = messages.iter().map(|message| message.payload.len().div_ceil(8)).sum();
    let mut packed = Packed {
        lengths: Vec::with_capacity(messages.len()),
        metadata: messages.iter().map(|message| message.metadata).collect(),
        events: messages.iter().map(|message| message.events).collect(),
        words: Vec::with_capacity(words),
    };
    for message in messages {
        // Longer payloads were refused.
        packed.lengths.push(u32::try_from(message.payload.len()).unwrap_or(u32::MAX));
        let (whole, rest) = message.payload.as_chunks::<8>();
        packed.words.extend(whole.iter().map(|word| u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            packed.words.push(u64::from_le_bytes(last));
        }
    }
    packed
}

/// The deliveries that were packed; `None` if the lists do not go together.
pub(crate) fn unpack(unpacked: &Unpacked) -> Option<Vec<Delivery>> {
    let Unpacked { ids, incarnations, records: Packed { lengths, metadata, events, words } } = unpacked;
    if [incarnations.len(), lengths.len(), metadata.len(), events.len()].iter().any(|len| *len != ids.len()) {
        return None;
    }
    let bytes = words.as_bytes();
    let mut at = 0_usize;
    let mut deliveries = Vec::with_capacity(ids.len());
    for ((((id, incarnation), length), metadata), events) in
        ids.iter().zip(incarnations).zip(lengths).zip(metadata).zip(events)
    {
        let length = usize::try_from(*length).ok()?;
        let payload = bytes.get(at..at.checked_add(length)?)?.to_vec();
        deliveries.push(Delivery {
            id: *id,
            incarnation: *incarnation,
            events: *events,
            metadata: *metadata,
            payload,
        });
        at = at.checked_add(length.checked_next_multiple_of(8)?)?;
    }
    Some(deliveries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A payload that comes out with its padding, or without its last bytes, is another payload.
    #[test]
    fn payloads_of_every_length_come_out_as_they_went_in() {
        let payloads: [&[u8]; 5] = [b"", b"1234567", b"12345678", b"123456789", b"x"];
        let messages = payloads.map(|payload| Message { payload: payload.to_vec(), metadata: 5, events: 2 });
        let records = pack(&messages);
        let (ids, incarnations) = (vec![1, 3, 5, 7, 9], vec![4; 5]);
        let deliveries = unpack(&Unpacked { ids, incarnations, records }).unwrap();
        let came: Vec<&[u8]> = deliveries.iter().map(|delivery| &*delivery.payload).collect();
        assert_eq!(came, payloads);
        assert_eq!(deliveries.iter().map(|delivery| delivery.id).sum::<u64>(), 25);
    }
}

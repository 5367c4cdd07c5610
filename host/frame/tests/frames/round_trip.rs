//! What was encoded is decoded.

use std::num::NonZeroU32;

use forebay_frame::{CountSource, RecordId, decode, encode, frame_bytes};
use proptest::{collection::vec, prelude::*};

proptest! {
    // The one property that everything rests on.
    #[test]
    fn what_was_encoded_is_decoded(
        id in any::<u64>(),
        metadata in any::<u32>(),
        events in 1..=u32::MAX,
        payload in vec(any::<u8>(), 0..5000),
        before in vec(any::<u8>(), 0..20),
        behind in vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = before.clone();
        let events = NonZeroU32::new(events).unwrap();
        encode(&mut bytes, RecordId(id), metadata, events, &payload);
        let encoded = (bytes.len() - before.len()) as u64;
        prop_assert_eq!(encoded, frame_bytes(payload.len() as u64));
        bytes.extend(&behind);
        let frame = decode(&bytes[before.len()..]).unwrap();
        prop_assert_eq!((frame.id, frame.metadata, frame.payload), (RecordId(id), metadata, &payload[..]));
        if events.get() > 1 || metadata != 1 {
            prop_assert_eq!((frame.events, frame.count_source), (events, CountSource::Frame));
        }
        prop_assert_eq!(frame.bytes, encoded);
    }

    // Any bytes at all may be in a file.
    #[test]
    fn decoding_garbage_ends(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = forebay_frame::decode_undelimited(&bytes);
    }

    // Garbage that has the right length in front gets further.
    #[test]
    fn decoding_garbage_with_a_delimiter_ends(mut bytes in vec(any::<u8>(), 40..200), metadata in 0..3_u8) {
        let archive = (bytes.len() - 8) & !7;
        bytes[..8].copy_from_slice(&(archive as u64).to_be_bytes());
        let root = 8 + archive - 32;
        bytes[root + 16..root + 20].copy_from_slice(&[metadata, 0, 0, 0]);
        prop_assert!(decode(&bytes).is_err());
    }
}

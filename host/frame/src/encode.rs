//! From a record to its frame.

use std::num::NonZeroU32;

use zerocopy::IntoBytes;

use crate::{
    checksum, events,
    id::RecordId,
    layout::{self, MAX_PAYLOAD_BYTES, Root, to_u64, to_usize},
};

/// Appends one frame to `into`: [`frame_bytes`](crate::frame_bytes) of the payload's length.
///
/// A count of more than one event goes into the root's padding, which Vector does not look at. The frame of a single
/// event is byte for byte the one that Vector writes.
///
/// # Panics
///
/// If the payload is longer than [`MAX_PAYLOAD_BYTES`]: no frame can hold it.
pub fn encode(into: &mut Vec<u8>, id: RecordId, metadata: u32, events: NonZeroU32, payload: &[u8]) {
    let payload_bytes = to_u64(payload.len());
    assert!(
        payload_bytes <= MAX_PAYLOAD_BYTES,
        "a payload of {payload_bytes} bytes does not fit into a frame"
    );
    let padded = payload_bytes.next_multiple_of(layout::ALIGNMENT);
    let (more_events, events_checksum) = events::padding(id.0, events);
    let root = Root {
        checksum: checksum::of_record(id.0, metadata, payload).into(),
        more_events: more_events.into(),
        id: id.0.into(),
        metadata: metadata.into(),
        pointer: layout::pointer(padded).into(),
        payload_bytes: u32::try_from(payload_bytes).unwrap_or(u32::MAX).into(),
        events_checksum: events_checksum.into(),
    };
    let start = into.len();
    into.reserve(to_usize(layout::frame_bytes(payload_bytes)));
    into.extend_from_slice(&(layout::ROOT_BYTES + padded).to_be_bytes());
    into.extend_from_slice(payload);
    into.resize(start + layout::DELIMITER + to_usize(padded), 0);
    into.extend_from_slice(root.as_bytes());
    debug_assert_eq!(to_u64(into.len() - start), layout::frame_bytes(payload_bytes));
}

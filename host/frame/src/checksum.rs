//! The checksums of a frame: CRC-32 as in zlib. Vector's own documentation says CRC-32C, which is not what it writes.

use std::sync::LazyLock;

use crc32fast::Hasher;

/// What each checksum begins with: which instructions the processor has is found out once, and not for each record.
static HASHER: LazyLock<Hasher> = LazyLock::new(Hasher::new);

/// The checksum of a record: its id and metadata, both big-endian, then its payload without the padding.
pub(crate) fn of_record(id: u64, metadata: u32, payload: &[u8]) -> u32 {
    let mut hasher = after_header(id, metadata);
    hasher.update(payload);
    hasher.finalize()
}

/// The checksum of a record as far as it is known without its payload.
pub(crate) fn after_header(id: u64, metadata: u32) -> Hasher {
    let mut hasher = HASHER.clone();
    hasher.update(&header(id, metadata));
    hasher
}

/// The checksum that vouches for an event count in a root's padding.
pub(crate) fn of_events(id: u64, more_events: u32) -> u32 {
    crc32fast::hash(&header(id, more_events))
}

fn header(id: u64, number: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (front, back) = bytes.split_at_mut(8);
    front.copy_from_slice(&id.to_be_bytes());
    back.copy_from_slice(&number.to_be_bytes());
    bytes
}

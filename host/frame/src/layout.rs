//! Where everything stands in a frame.
//!
//! With n the length of the payload and P the same rounded up to a multiple of 8:
//!
//! ```text
//!      0  u64 BE  delimiter: the bytes that follow it, 32 + P
//!      8  n       payload, then zeros up to P
//!  8 + P  32      root
//! ```

use std::ops::RangeInclusive;

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{I32, U32, U64},
};

/// What a frame adds to its payload, which it pads to a multiple of 8: the delimiter and the root. In bytes.
pub const OVERHEAD_BYTES: u64 = 40;

/// Where the payload starts in every frame, in bytes.
pub const PAYLOAD_OFFSET: u64 = 8;

/// The longest payload that a frame can hold, in bytes: the pointer back to its start has 31 bits.
pub const MAX_PAYLOAD_BYTES: u64 = 0x7fff_ffe8;

/// The length of the delimiter.
pub(crate) const DELIMITER: usize = 8;

/// The length of a frame's end, which says where its payload is and how long.
pub const ROOT: usize = 32;
pub(crate) const ROOT_BYTES: u64 = 32;

/// Every frame is a multiple of this long, in bytes.
pub(crate) const ALIGNMENT: u64 = 8;

/// How far behind the start of the root its pointer to the payload stands: the pointer counts from itself.
const POINTER_OFFSET: u64 = 20;

/// The length of the frame for a payload of so many bytes, in bytes. The highest number if no frame can hold it.
pub const fn frame_bytes(payload_bytes: u64) -> u64 {
    match payload_bytes.checked_next_multiple_of(ALIGNMENT) {
        Some(padded) => padded.saturating_add(OVERHEAD_BYTES),
        None => u64::MAX,
    }
}

/// How long the frame is that ends with these 32 bytes, if what they say of its payload's place and length agrees. Whether
/// there is such a frame is for [`decode`](crate::decode) to say.
pub fn frame_bytes_by_end(end: [u8; ROOT]) -> Option<u64> {
    let root: Root = zerocopy::transmute!(end);
    root.padded().map(|padded| padded.saturating_add(OVERHEAD_BYTES))
}

/// The last 32 bytes of a frame.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Root {
    pub(crate) checksum: U32,
    /// Padding to Vector. How many events there are beyond the first.
    pub(crate) more_events: U32,
    pub(crate) id: U64,
    pub(crate) metadata: U32,
    pub(crate) pointer: I32,
    pub(crate) payload_bytes: U32,
    /// Padding to Vector. Vouches for `more_events`.
    pub(crate) events_checksum: U32,
}

impl Root {
    /// The padded length of the payload that the pointer states.
    #[inline]
    pub(crate) fn padded_by_pointer(&self) -> Option<u64> {
        let back = u64::try_from(i64::from(self.pointer.get()).checked_neg()?).ok()?;
        let padded = back.checked_sub(POINTER_OFFSET)?;
        (padded % ALIGNMENT == 0).then_some(padded)
    }

    /// The padded length of the payload that its length states.
    #[inline]
    pub(crate) fn padded_by_length(&self) -> u64 {
        // Cannot overflow: the length has 32 bits.
        u64::from(self.payload_bytes.get()).next_multiple_of(ALIGNMENT)
    }

    /// Whether its pointer or its length states this padded length of the payload.
    pub(crate) fn states(&self, padded: u64) -> bool {
        !self.is_blank() && self.padded_by_length() == padded || self.padded_by_pointer() == Some(padded)
    }

    /// Whether both are zero: bytes that were never written, and no empty payload, whose pointer is not zero.
    #[inline]
    pub(crate) fn is_blank(&self) -> bool {
        self.pointer.get() == 0 && self.payload_bytes.get() == 0
    }

    /// The payload lengths to try for this padded length: the one it states if that is possible, else all.
    pub(crate) fn possible_lengths(&self, padded: u64) -> RangeInclusive<u64> {
        if self.padded_by_length() == padded {
            let stated = u64::from(self.payload_bytes.get());
            stated..=stated
        } else {
            padded.saturating_sub(ALIGNMENT - 1)..=padded
        }
    }

    /// The padded length of the payload, if pointer and length agree on it.
    #[inline]
    pub(crate) fn padded(&self) -> Option<u64> {
        self.padded_by_pointer().filter(|&padded| padded == self.padded_by_length())
    }
}

/// The pointer for a payload of this padded length, which is within [`MAX_PAYLOAD_BYTES`].
pub(crate) fn pointer(padded: u64) -> i32 {
    i32::try_from(padded + POINTER_OFFSET).map_or(i32::MIN, |back| -back)
}

/// The length of the whole frame that a delimiter states, in bytes, if a frame can be that long.
#[inline]
pub(crate) fn stated_frame_bytes(delimiter: [u8; DELIMITER]) -> Option<u64> {
    let archive = u64::from_be_bytes(delimiter);
    let possible =
        (ROOT_BYTES..=ROOT_BYTES + MAX_PAYLOAD_BYTES).contains(&archive) && archive % ALIGNMENT == 0;
    possible.then(|| archive + PAYLOAD_OFFSET)
}

/// A length in memory as a length in a file.
pub(crate) fn to_u64(len: usize) -> u64 {
    // `usize` is never wider than 64 bits.
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A length in a file as a length in memory; the highest if memory cannot hold it.
pub(crate) fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

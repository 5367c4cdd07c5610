//! The bytes of a `disk_v2` data file: frames, their checksums, and finding the next one after damage.
//!
//! A data file is frames one after the other, and nothing else. [`encode`] and [`decode`] are the two ways across.
//! [`FileMap`] says what a damaged file holds, and [`UnorderedWalk`] goes through a file whose ids are in any order. No file
//! is opened here: bytes come from a [`Source`].
//!
//! ```
//! use forebay_frame::{Fences, FileMap, RecordId, Stretch, encode};
//! use std::num::NonZeroU32;
//!
//! let mut file = Vec::new();
//! encode(&mut file, RecordId(1), 0, NonZeroU32::MIN, b"hello");
//! encode(&mut file, RecordId(2), 0, NonZeroU32::MIN, b"world");
//! file.truncate(90);
//!
//! let map = FileMap::of(&mut &file[..], Fences::default()).unwrap();
//! let first = Stretch::Run { offset: 0, bytes: 48, first_id: RecordId(1), next_id: RecordId(2), records: 1 };
//! assert_eq!(map.stretches(), [first, Stretch::Unfinished { offset: 48, bytes: 42 }]);
//! ```

mod checksum;
mod decode;
mod encode;
mod events;
mod id;
mod layout;
mod ledger;
mod map;
mod source;
mod window;

pub use decode::{Frame, FrameError, decode, decode_undelimited, incomplete};
pub use encode::encode;
pub use events::CountSource;
pub use id::RecordId;
pub use layout::{
    MAX_PAYLOAD_BYTES, OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT as END_BYTES, frame_bytes, frame_bytes_by_end,
};
pub use ledger::{LEDGER_BYTES, LedgerBytes, LedgerFields};
pub use map::{Anchor, Fences, FileMap, Stretch, UnorderedStep, UnorderedWalk, first_frame_id, is_whole};
pub use source::Source;

//! The bytes of a `disk_v2` data file: frames, their checksums, and finding the next one after damage.
//!
//! A data file is frames one after the other, and nothing else. [`encode`] and [`decode`] are the two ways across;
//! [`Walker`] goes through a whole file, and [`Assessor`] says what a place is where `decode` fails. No file is opened
//! here: bytes come from whoever implements [`Source`].
//!
//! ```
//! use forebay_frame::{RecordId, Step, Surroundings, Walker, encode};
//! use std::num::NonZeroU32;
//!
//! let mut file = Vec::new();
//! encode(&mut file, RecordId(1), 0, NonZeroU32::MIN, b"hello");
//! encode(&mut file, RecordId(2), 0, NonZeroU32::MIN, b"world");
//! file.truncate(90);
//!
//! let around = Surroundings { floor: RecordId(1), exact: true, ceiling: RecordId(3) };
//! let mut walker = Walker::new(&file[..], 0, around);
//! assert!(matches!(walker.next(), Ok(Some(Step::Whole { id: RecordId(1), .. }))));
//! assert_eq!(walker.payload(), b"hello");
//! assert_eq!(walker.next(), Ok(Some(Step::Torn { offset: 48, bytes: 42 })));
//! assert_eq!(walker.next(), Ok(None));
//! ```

mod assessor;
mod candidate;
mod checksum;
mod damage;
mod decode;
mod encode;
mod events;
mod id;
mod layout;
mod ledger;
mod map;
mod orphans;
mod search;
mod stray;
mod trail;
mod walker;
mod window;

pub use assessor::{Assessor, assess};
pub use damage::{Damage, Source, Surroundings};
pub use decode::{Frame, FrameError, decode, decode_undelimited, incomplete};
pub use encode::encode;
pub use events::CountSource;
pub use id::RecordId;
pub use layout::{
    MAX_PAYLOAD_BYTES, OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT as END_BYTES, frame_bytes, frame_bytes_by_end,
};
pub use ledger::{LEDGER_BYTES, LedgerBytes, LedgerFields};
pub use map::{Fences, FileMap, Stretch, first_frame_id};
pub use walker::{Step, Walker};

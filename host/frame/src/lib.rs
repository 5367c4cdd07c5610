//! The bytes of a `disk_v2` data file: frames, their checksums, and finding the next one after damage.
//!
//! A data file is frames one after the other, and nothing else. [`encode`] and [`decode`] are the two ways across;
//! [`Walker`] goes through a whole file. No file is opened here: bytes come from whoever implements [`Source`].

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
mod orphans;
mod search;
mod stray;
mod trail;
mod walker;
mod window;

pub use assessor::{Assessor, assess};
pub use damage::{Damage, Source, Surroundings};
pub use decode::{Frame, FrameError, decode, decode_undelimited};
pub use encode::encode;
pub use events::CountSource;
pub use id::RecordId;
pub use layout::{MAX_PAYLOAD_BYTES, OVERHEAD_BYTES, PAYLOAD_OFFSET, frame_bytes};
pub use ledger::{LEDGER_BYTES, LedgerBytes, LedgerFields};
pub use walker::{Step, Walker};

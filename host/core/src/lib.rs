//! The host's side of a Forebay buffer, without threads and without an operating system.
//!
//! [`Guard`] is what a buffer's logic calls: it frames and reads records, keeps the facts, checks every call against them,
//! and owns durability. [`storage::Backend`] is what it stands on. It runs wherever both can be had, in wasm as well.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`guard`] | the functions of the contract, and what the host does between calls |
//! | `segments` | the facts: data files with their id ranges, in reading order, and what of them is durable |
//! | `rules` | one predicate a call, the batch on offer, refusals |
//! | `reader` | blocks, the walk through a file, the cursor, losses |
//! | `syncs` | tickets, flights, what a rewrite has lost |
//! | `opening` | which ledger counts, the reading order |
//! | `usage` | counters |
//! | [`look`] | what a reader would lose, and what is wrong with the files |
//! | [`storage`] | the seam to bytes, the sidecar, a simulated disk |

#![forbid(unsafe_code)]

pub mod clock;
mod dead_letters;
pub mod guard;
pub mod look;
mod opening;
mod reader;
pub mod record;
mod rules;
mod segments;
pub mod storage;
mod syncs;
pub mod throttle;
mod usage;

pub use clock::Clock;
pub use forebay_types::{BatchId, FileId, Ledger, Options, RecordId, Refusal, Ticket, WhenFull};
pub use guard::{Guard, GuardError};
pub use reader::{Loss, LossCount, Place};
pub use record::{MemoryBlock, NewRecord, ReadRecord};
pub use rules::{Breach, Placement};

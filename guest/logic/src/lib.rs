//! The logic of a Forebay buffer: placement, when to roll, when the buffer is full, what leaves, and what must be durable
//! before what.
//!
//! It sees no payload and no path. It has no clock, no threads and no randomness, and it never waits. All that it knows of
//! the world comes through [`Storage`] and the arguments of its functions, so every run can be repeated. The same code is
//! compiled to the component that ships, and natively for tests.
//!
//! A component exports [`Logic`]; [`Buffer`] is the one that ships. Build your own around a `Buffer`, or from its parts:
//! [`Directory`] (the ledger, the segments, and their syncs), [`opening`], [`Writer`], [`retention`] and [`dropping`].

#![forbid(unsafe_code)]

pub mod buffer;
pub mod directory;
pub mod dropping;
pub mod fitting;
pub mod ledger;
pub mod loading;
pub mod logic;
pub mod opening;
pub mod outside;
pub mod retention;
pub mod segments;
pub mod status;
pub mod storage;
pub mod syncs;
pub mod writer;

pub use buffer::Buffer;
pub use directory::Directory;
pub use forebay_types::*;
pub use logic::Logic;
pub use storage::Storage;
pub use writer::Writer;

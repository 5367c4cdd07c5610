//! A sync that is under way, and what it makes durable when it ends well.

use forebay_types::{FileId, RecordId, Ticket};

/// A sync that is under way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The last ticket that it covers.
    pub(crate) last: Ticket,
    pub(crate) covers: Covers,
}

/// What a flight makes durable, noted when it starts.
#[derive(Debug)]
pub(crate) enum Covers {
    /// The bytes of a file up to a length, which hold the ids below `next_id`.
    Data { length: u64, next_id: RecordId },
    /// All of a file, written to a new one that is to take its place.
    Rewrite,
    /// The same, of a file that was truncated or removed since: it is not wanted any more.
    StaleRewrite,
    /// The names of these files.
    Names(Vec<FileId>),
    /// A ledger that was stored.
    Ledger(forebay_types::Ledger),
}

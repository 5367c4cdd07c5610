//! Segments: data files with their id ranges, in reading order.

use crate::{FileId, RecordId};

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentEnd {
    /// With a whole frame, or it is empty.
    Whole,
    /// With an unfinished frame, and nothing else in it is damaged: `truncate` removes that.
    Unfinished,
    /// It holds damage.
    Damaged,
}

/// Where a data file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentPlace {
    /// It is read, in this order.
    InOrder,
    /// It is empty and comes behind the last: the next `roll` takes it.
    Spare,
    /// It is not read: it repeats ids, was passed before, or contradicts the files that are read.
    Outside,
}

/// A data file with its id range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub file: FileId,
    /// The lowest id that it may hold; 0 if the host has not looked yet.
    pub first_id: RecordId,
    /// All its ids are lower than this one; 0 if the host has not looked yet.
    pub next_id: RecordId,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many bytes from its start are durable together with its name, as far as the host has seen.
    pub durable_bytes: u64,
    /// How it ends.
    pub end: SegmentEnd,
    /// A sync of it has failed, and the host has not rewritten it yet: nothing is appended to it.
    pub suspect: bool,
    /// Where it stands.
    pub place: SegmentPlace,
}

/// What an append has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// How many records are in the last segment now; fewer than asked for if there was no room for more.
    pub records: u32,
    /// The id of the first of them.
    pub first_id: RecordId,
    /// The id that the next event gets.
    pub next_id: RecordId,
    /// The last segment's length in bytes.
    pub bytes: u64,
}

/// What a release has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// How many segments left the reading order, from the front. Files that could not be removed count too.
    pub files: u32,
    /// The length in bytes of those among them that were removed, or that had gone already.
    pub bytes: u64,
}

/// What is to reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncTarget {
    /// All bytes that a data file has now.
    Data(FileId),
    /// The names of all files that were made or removed until now.
    Directory,
    /// The ledger as last stored.
    Ledger,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// How many records of the batch, counted from its first, are in the buffer. Fewer than offered: it is full.
    pub accepted: u32,
    /// How many unacknowledged events were dropped to make room.
    pub dropped_events: u64,
}

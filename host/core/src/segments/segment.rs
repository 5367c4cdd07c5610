//! What the host knows of one data file.

use std::ops::Range;

use forebay_frame::Anchor;
use forebay_types::{FileId, RecordId, SegmentEnd};

use super::{
    bounds::{Bound, Bounds},
    durability::Durability,
};

/// Where a walk through a file has come to, and what it met until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// The offset that the walk has come to, in bytes.
    pub(crate) to: u64,
    /// The end of the last whole record before that, in bytes.
    pub(crate) whole_end: u64,
    /// The id after that record; 0 if there is none.
    pub(crate) next_id: RecordId,
    /// How the file ends, or how the walked part of it looks.
    pub(crate) end: WalkedEnd,
}

/// How a walked stretch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkedEnd {
    /// All of it is whole.
    Whole,
    /// An unfinished frame begins at this offset and reaches to the end of the file.
    Unfinished(u64),
    /// Something in it is damaged or misplaced.
    Damaged,
}

impl Walked {
    /// Nothing was looked at.
    pub(crate) const NOTHING: Self =
        Self { to: 0, whole_end: 0, next_id: RecordId(0), end: WalkedEnd::Whole };
}

/// What the host knows of the lowest id in a file. Until a record was met it is a hint and no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// The host has not looked.
    Unknown,
    /// The file holds no frame that can be read at its start.
    None,
    /// The first frame says that it has this id.
    First(RecordId),
    /// The first record that counts has this id: the host has met it.
    Met(RecordId),
}

/// A data file with its id range.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) file: FileId,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    pub(crate) fence: Fence,
    pub(crate) bounds: Bounds,
    pub(crate) walked: Walked,
    /// Where frames were known to end when the directory was locked, in file order.
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) durability: Durability,
    /// The ids that were appended to it under this lock.
    pub(crate) written: Option<Range<RecordId>>,
    /// It was made under this lock.
    pub(crate) is_made_here: bool,
    /// Another program has taken it away: see [`Segments::taken_away`](super::Segments::taken_away).
    pub(crate) is_taken_away: bool,
    /// The logic knows that nothing is to be appended to it.
    pub(crate) is_told_closed: bool,
}

impl Segment {
    /// A file that was there when the directory was locked.
    pub(crate) fn found(file: FileId, bytes: u64) -> Self {
        Self {
            file,
            bytes,
            fence: if bytes == 0 { Fence::None } else { Fence::Unknown },
            bounds: Bounds::default(),
            walked: Walked::NOTHING,
            anchors: Vec::new(),
            durability: Durability::default(),
            written: None,
            is_made_here: false,
            is_taken_away: false,
            is_told_closed: false,
        }
    }

    /// A file that was made just now.
    pub(crate) fn made(file: FileId) -> Self {
        Self { is_made_here: true, ..Self::found(file, 0) }
    }

    /// The first id, as far as the fence tells it.
    pub(crate) fn first_id(&self) -> Option<RecordId> {
        match self.fence {
            Fence::First(id) | Fence::Met(id) => Some(id),
            Fence::Unknown | Fence::None => None,
        }
    }

    /// Whether every byte was looked at, so that the ids in it are known.
    pub(crate) fn is_walked(&self) -> bool {
        self.walked.to == self.bytes
    }

    /// Whether a record in it was met, so that its first id is no mere hint.
    pub(crate) fn is_met(&self) -> bool {
        matches!(self.fence, Fence::Met(_))
    }

    /// The id behind its last record, if it was walked and holds one.
    pub(crate) fn records_end(&self) -> Option<RecordId> {
        Some(self.walked.next_id).filter(|end| self.is_walked() && *end > RecordId(0))
    }

    /// Whether it is known to hold no record.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.is_walked() && self.walked.next_id == RecordId(0)
    }

    /// How it ends, for the logic: what was not walked counts as whole.
    pub(crate) fn end(&self) -> SegmentEnd {
        match self.walked.end {
            WalkedEnd::Whole => SegmentEnd::Whole,
            WalkedEnd::Unfinished(_) => SegmentEnd::Unfinished,
            WalkedEnd::Damaged => SegmentEnd::Damaged,
        }
    }

    /// Whether records may be appended to it.
    pub(crate) fn can_be_appended_to(&self) -> bool {
        self.is_walked() && self.walked.end == WalkedEnd::Whole && !self.is_doubtful()
    }

    /// Whether nothing may be appended to it although what was read of it is whole.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.durability.is_suspect() || self.is_taken_away
    }

    /// A walk has come further.
    pub(crate) fn note_walked(&mut self, walked: Walked) {
        debug_assert!(walked.to <= self.bytes, "a walk stays within the file");
        if walked.to >= self.walked.to {
            self.walked = walked;
        }
    }

    /// What it holds is to be looked at again: after a rewrite it may have changed.
    pub(crate) fn forget_walk(&mut self) {
        self.walked = Walked::NOTHING;
        self.bounds.end = Bound::NotAsked;
        self.fence = if self.bytes == 0 { Fence::None } else { Fence::Unknown };
    }

    /// Whole frames were written to its end, with the ids from `first` up to `next`.
    pub(crate) fn appended(&mut self, bytes: u64, first: RecordId, next: RecordId) {
        debug_assert!(self.can_be_appended_to(), "nothing is appended behind damage");
        if self.bytes == 0 {
            self.fence = Fence::Met(first);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.bounds.end = Bound::NotAsked;
        self.walked = Walked { to: self.bytes, whole_end: self.bytes, next_id: next, end: WalkedEnd::Whole };
        self.written.get_or_insert(first..next).end = next;
    }

    /// It was truncated to this length.
    pub(crate) fn truncated(&mut self, bytes: u64) {
        self.bytes = bytes;
        self.anchors.retain(|anchor| anchor.offset <= bytes);
        self.walked.to = self.walked.to.min(bytes);
        self.walked.whole_end = self.walked.whole_end.min(bytes);
        if self.walked.end == WalkedEnd::Unfinished(bytes) {
            self.walked.end = WalkedEnd::Whole;
        }
        // Records with higher ids are going to follow.
        self.bounds.end = Bound::NotAsked;
        if bytes == 0 {
            self.fence = Fence::None;
        }
        self.durability.truncated(bytes);
    }

    /// The ids that were appended under this lock and are not known to be durable.
    pub(crate) fn not_durable(&self) -> Option<Range<RecordId>> {
        let written = self.written.clone()?;
        Some(written.start.max(self.durability.next_id)..written.end)
    }

    /// Whether all of it is on the disk under a durable name.
    pub(crate) fn is_durable(&self) -> bool {
        self.durability.is_named && self.durability.bytes == self.bytes && !self.durability.is_suspect()
    }
}

//! What is between two damages: whole frames, and frames of which only the extent is known.

use crate::{
    decode::{self, Frame},
    id::RecordId,
    layout::to_u64,
};

/// Adjacent whole frames with ids without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) first_id: RecordId,
    /// The lowest id that may follow. Lower than `next_id` where the last record's events were counted in its payload.
    pub(crate) floor: RecordId,
    pub(crate) next_id: RecordId,
    pub(crate) records: u32,
    /// The most events that one of the records holds.
    pub(crate) most_events: u32,
    /// The length of the longest frame, in bytes.
    pub(crate) longest_bytes: u64,
    /// It is one frame, whose length statements are damaged.
    pub(crate) undelimited: bool,
}

impl Piece {
    pub(crate) fn of(offset: u64, frame: &Frame<'_>, undelimited: bool) -> Self {
        Self {
            offset,
            end: offset.saturating_add(frame.bytes),
            first_id: frame.id,
            floor: frame.lowest_next_id(),
            next_id: frame.next_id(),
            records: 1,
            most_events: frame.events.get(),
            longest_bytes: frame.bytes,
            undelimited,
        }
    }

    /// The frame that these bytes are, all of them, if its checksum agrees.
    pub(crate) fn decode(offset: u64, bytes: &[u8]) -> Option<Self> {
        match decode::decode(bytes) {
            Ok(frame) if frame.bytes == to_u64(bytes.len()) => Some(Self::of(offset, &frame, false)),
            _ => decode::decode_undelimited(bytes).ok().map(|frame| Self::of(offset, &frame, true)),
        }
    }

    /// Whether a record with this id may follow without a gap.
    pub(crate) fn continues_with(&self, id: RecordId) -> bool {
        (self.floor..=self.next_id).contains(&id)
    }

    /// Whether `other` is adjacent, and its ids follow without a gap.
    pub(crate) fn joins(&self, other: &Self) -> bool {
        self.end == other.offset && self.continues_with(other.first_id)
    }

    /// Takes up a piece that joins. Gives whether it could.
    pub(crate) fn take_up(&mut self, other: &Self) -> bool {
        let fits = !self.undelimited && !other.undelimited && self.joins(other);
        let records = self.records.checked_add(other.records).filter(|_| fits);
        if let Some(records) = records {
            *self = Self {
                offset: self.offset,
                first_id: self.first_id,
                records,
                most_events: self.most_events.max(other.most_events),
                longest_bytes: self.longest_bytes.max(other.longest_bytes),
                ..*other
            };
        }
        records.is_some()
    }
}

/// One after the other in a file: bytes in between belong to no frame that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Whole(Piece),
    /// A complete frame whose checksum does not agree.
    Broken {
        offset: u64,
        end: u64,
    },
}

impl Item {
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Whole(piece) => piece.offset,
            Self::Broken { offset, .. } => *offset,
        }
    }

    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Whole(piece) => piece.end,
            Self::Broken { end, .. } => *end,
        }
    }

    /// Whether it is whole, and all its length statements agree.
    pub(crate) fn is_plain(&self) -> bool {
        self.whole().is_some_and(|piece| !piece.undelimited)
    }

    pub(crate) fn whole(&self) -> Option<&Piece> {
        match self {
            Self::Whole(piece) => Some(piece),
            Self::Broken { .. } => None,
        }
    }
}

/// Appends an item; pieces that join become one.
pub(crate) fn push(items: &mut Vec<Item>, item: Item) {
    let is_taken_up = match (items.last_mut(), &item) {
        (Some(Item::Whole(last)), Item::Whole(piece)) => last.take_up(piece),
        _ => false,
    };
    if !is_taken_up {
        items.push(item);
    }
}

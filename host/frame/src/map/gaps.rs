//! What speaks against the gap between two pieces: bytes that are lost there, and ids that are missing.

use crate::{id::RecordId, map::piece::Piece};

/// How much a record counts.
pub(crate) const RECORD_WEIGHT: u64 = 1024;

/// How long the records of a file are. Where as many bytes are lost between two pieces as the ids that are missing there need,
/// nothing speaks against them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaps {
    /// Bytes of records, and how many ids these have.
    bytes: u64,
    ids: u64,
}

impl Gaps {
    pub(crate) fn of<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Self {
        pieces.fold(Self { bytes: 0, ids: 0 }, |sum, piece| Self {
            bytes: sum.bytes.saturating_add(piece.end - piece.offset),
            ids: sum.ids.saturating_add(missing(piece.first_id, piece.next_id)),
        })
    }

    /// What speaks against a gap, where its smaller side has so many records: less than half of their weight. A run with a bad gap
    /// on each side still counts more than nothing in its place.
    pub(crate) fn against(&self, before: Before, offset: u64, id: RecordId, records: u64) -> u64 {
        if self.ids == 0 {
            return 0;
        }
        let missing = missing(before.next_id, id);
        let bytes = u128::from(offset.saturating_sub(before.end));
        let per_ids = |ids: u64| u128::from(ids) * u128::from(self.bytes) / u128::from(self.ids);
        let off = per_ids(missing).abs_diff(bytes);
        // Records differ in length: the more of them are missing, the less exact is what is expected.
        let tolerance = per_ids(missing.isqrt().max(1)).max(1) * 2;
        let most = u128::from(records) * u128::from(RECORD_WEIGHT / 2);
        u64::try_from(most * off / (off + tolerance)).unwrap_or(u64::MAX)
    }
}

/// What stands before a place: where it ends, and which ids may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) end: u64,
    pub(crate) floor: RecordId,
    pub(crate) next_id: RecordId,
}

impl Before {
    pub(crate) fn of(piece: &Piece) -> Self {
        Self { end: piece.end, floor: piece.floor, next_id: piece.next_id }
    }

    /// Nothing stands before: at the start of a file whose lowest id is known.
    pub(crate) fn start(min: RecordId) -> Self {
        Self { end: 0, floor: min, next_id: min }
    }
}

/// How many ids are missing between two records.
pub(crate) fn missing(next_id: RecordId, id: RecordId) -> u64 {
    id.0.saturating_sub(next_id.0)
}

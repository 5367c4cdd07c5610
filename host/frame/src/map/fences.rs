//! What neighbouring files say of the ids in a file.

use crate::{
    id::RecordId,
    layout::{self, DELIMITER, ROOT, Root},
    map::{gaps::Before, piece::Piece},
    source::Source,
};

/// What neighbouring files say of the ids in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fences {
    /// No id in the file is lower: the id after what stands before the file. `None`: not known.
    pub min: Option<RecordId>,
    /// All ids, with their events, are lower: the first id of what follows. `None`: not known.
    pub end: Option<RecordId>,
}

impl Fences {
    /// Nothing is known, and the first frame of the file counts no more than any other: it may be misplaced.
    pub const UNPLACED: Self = Self { min: Some(RecordId(0)), end: None };

    /// Whether the ids of a piece are within the fences.
    pub(crate) fn admit(&self, piece: &Piece) -> bool {
        self.min.is_none_or(|min| min <= piece.first_id) && self.end.is_none_or(|end| piece.floor <= end)
    }

    /// What stands before the file, as far as that tells anything: every id is above 0.
    pub(crate) fn before(&self) -> Option<Before> {
        self.min.filter(|min| *min > RecordId(0)).map(Before::start)
    }
}

/// The id of a file's first frame: the fence that this file is for its neighbours.
///
/// Reads 8 bytes at the start of the file and the 32 bytes of the trailer where they say it is. Gives `None` if the two do
/// not agree on the frame's length. The frame's checksum is not looked at: this is a hint and no proof.
pub fn first_frame_id<S: Source>(mut source: S) -> Result<Option<RecordId>, S::Error> {
    let mut prefix = [0; DELIMITER];
    if source.read_at(0, &mut prefix)? < DELIMITER {
        return Ok(None);
    }
    let Some(bytes) = layout::stated_frame_bytes(prefix) else { return Ok(None) };
    if bytes > source.len() {
        return Ok(None);
    }
    let mut trailer = [0; ROOT];
    if source.read_at(bytes - layout::ROOT_BYTES, &mut trailer)? < ROOT {
        return Ok(None);
    }
    let root: Root = zerocopy::transmute!(trailer);
    let agrees = root.padded() == Some(bytes - layout::OVERHEAD_BYTES);
    Ok(agrees.then(|| RecordId(root.id.get())))
}

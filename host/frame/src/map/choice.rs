//! The choice among pieces that contradict each other: the rising chain that holds the most records, less what speaks against
//! the gaps in it.

use std::cmp::Reverse;

use crate::{
    id::RecordId,
    map::{
        gaps::{Before, Gaps, RECORD_WEIGHT},
        piece::Piece,
    },
};

/// With how many of those in front of it each piece is compared. So the work is in proportion to their number.
const COMPARED_MAX: usize = 128;

/// Of how many pieces more than one choice is tried at most.
pub(crate) const PIECES_MAX: usize = 8192;

/// What stands on both sides of the pieces that are chosen among, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) before: Option<Before>,
    /// Where what follows begins, and with which id.
    pub(crate) behind: Option<(u64, RecordId)>,
}

/// The best chain that ends with a piece.
#[derive(Clone, Copy, Debug)]
struct Link {
    worth: i128,
    /// The piece before.
    previous: Option<usize>,
}

/// Of pieces in file order, those of the best chain: ids rise, the most records, less what speaks against the gaps between
/// them. In doubt the earliest.
pub(crate) fn best_chain(pieces: &[Piece], ends: Ends, gaps: Gaps) -> Vec<Piece> {
    let mut links: Vec<Link> = Vec::with_capacity(pieces.len());
    let mut best: Option<(i128, usize)> = None;
    // Of the pieces too far in front to be compared, the one with which the best chain ends.
    let mut far: Option<usize> = None;
    for (index, piece) in pieces.iter().enumerate() {
        let near = index.saturating_sub(COMPARED_MAX)..index;
        let passed = near.start.checked_sub(1);
        far = far
            .into_iter()
            .chain(passed)
            .max_by_key(|at| (links.get(*at).map(|link| link.worth), Reverse(*at)));
        let records = u64::from(piece.records);
        let gap = |before: Before, records: u64| {
            i128::from(gaps.against(before, piece.offset, piece.first_id, records))
        };
        let alone = Link { worth: -ends.before.map_or(0, |before| gap(before, records)), previous: None };
        let link = far.into_iter().chain(near).fold(alone, |best, at| {
            let (Some(earlier), Some(link)) = (pieces.get(at), links.get(at)) else { return best };
            if earlier.floor > piece.first_id || earlier.end > piece.offset {
                return best;
            }
            let worth = link.worth - gap(Before::of(earlier), records.min(earlier.records.into()));
            if worth > best.worth { Link { worth, previous: Some(at) } } else { best }
        });
        let worth = link.worth + i128::from(records.saturating_mul(RECORD_WEIGHT));
        links.push(Link { worth, ..link });
        let behind =
            ends.behind.map_or(0, |(offset, id)| gaps.against(Before::of(piece), offset, id, records));
        let worth = worth - i128::from(behind);
        if best.is_none_or(|(most, _)| worth > most) {
            best = Some((worth, index));
        }
    }
    let before = |index: &usize| links.get(*index).and_then(|link| link.previous);
    let mut chain: Vec<Piece> = std::iter::successors(best.map(|(_, last)| last), before)
        .filter_map(|index| pieces.get(index).copied())
        .collect();
    chain.reverse();
    chain
}

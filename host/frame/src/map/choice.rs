//! The choice among pieces that contradict each other: the rising chain that holds the most records, less what speaks against
//! the gaps in it.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    id::RecordId,
    map::{
        gaps::{Before, Gaps, RECORD_WEIGHT},
        piece::Piece,
    },
};

/// How many pieces are chosen among at a time.
pub(crate) const PIECES_MAX: usize = 65_536;

/// How many equally good predecessors of a piece are compared at most.
const EQUALS_MAX: usize = 64;

/// Of how many pieces every two are compared at most.
const COMPARED_MAX: usize = 256;

/// The best chain that ends with a piece.
#[derive(Clone, Copy, Debug)]
struct Link {
    weight: u64,
    misfit: u64,
    /// The piece before.
    previous: Option<usize>,
}

/// What stands on both sides of the pieces that are chosen among, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) before: Option<Before>,
    /// Where what follows begins, and with which id.
    pub(crate) behind: Option<(u64, RecordId)>,
}

/// Of pieces in file order, those of the best chain: ids rise, the most records, less what speaks against the gaps between
/// them. Of very many pieces each stretch is chosen alone.
pub(crate) fn best_chain(pieces: &[Piece], ends: Ends, gaps: Gaps) -> Vec<Piece> {
    if pieces.len() <= COMPARED_MAX {
        return best_of_few(pieces, ends, gaps);
    }
    let mut chosen: Vec<Piece> = Vec::new();
    for stretch in pieces.chunks(PIECES_MAX) {
        let last = chosen.last().copied();
        let follows = |piece: &&Piece| last.is_none_or(|last| last.floor <= piece.first_id);
        let candidates: Vec<Piece> = stretch.iter().filter(follows).copied().collect();
        let before = last.as_ref().map(Before::of).or(ends.before);
        let chain = chain(&candidates, before);
        chosen.extend(chain.into_iter().filter_map(|index| candidates.get(index)));
    }
    chosen
}

/// Compares every two pieces.
fn best_of_few(pieces: &[Piece], ends: Ends, gaps: Gaps) -> Vec<Piece> {
    let mut links: Vec<(i128, Option<usize>)> = Vec::with_capacity(pieces.len());
    let mut best: Option<(i128, usize)> = None;
    for (index, piece) in pieces.iter().enumerate() {
        let records = u64::from(piece.records);
        let gap = |before: Before, records: u64| gaps.against(before, piece.offset, piece.first_id, records);
        let alone = (0_i128 - ends.before.map_or(0, |before| i128::from(gap(before, records))), None);
        let behind = pieces.iter().zip(&links).enumerate().filter_map(|(previous, (earlier, link))| {
            let follows = earlier.floor <= piece.first_id && earlier.end <= piece.offset;
            let against = gap(Before::of(earlier), records.min(earlier.records.into()));
            follows.then_some((link.0 - i128::from(against), Some(previous)))
        });
        // In doubt the earliest.
        let (worth, previous) = behind.fold(alone, |best, next| if next.0 > best.0 { next } else { best });
        let worth = worth + i128::from(records.saturating_mul(RECORD_WEIGHT));
        links.push((worth, previous));
        let against =
            ends.behind.map_or(0, |(offset, id)| gaps.against(Before::of(piece), offset, id, records));
        let worth = worth - i128::from(against);
        if best.is_none_or(|(most, _)| worth > most) {
            best = Some((worth, index));
        }
    }
    let before = |index: &usize| links.get(*index).and_then(|(_, previous)| *previous);
    let mut chain: Vec<Piece> = std::iter::successors(best.map(|(_, last)| last), before)
        .filter_map(|index| pieces.get(index).copied())
        .collect();
    chain.reverse();
    chain
}

fn chain(pieces: &[Piece], before: Option<Before>) -> Vec<usize> {
    let mut links: Vec<Link> = Vec::with_capacity(pieces.len());
    let mut best = Prefixes::of(pieces);
    // The last pieces at which a chain with so many weight ends.
    let mut equals: BTreeMap<u64, VecDeque<usize>> = BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let (most, first) = best.up_to(piece.first_id);
        let nearest = equals.get(&most).into_iter().flatten().copied();
        let candidates = first.into_iter().chain(nearest).filter_map(|previous| {
            let (link, earlier) = (links.get(previous)?, pieces.get(previous)?);
            let fits = earlier.floor <= piece.first_id && earlier.end <= piece.offset;
            let misfit = Before::of(earlier).misfit(piece.offset, piece.first_id);
            fits.then(|| (link.misfit.saturating_add(misfit), Some(previous)))
        });
        let from_start = before.map_or(0, |before| before.misfit(piece.offset, piece.first_id));
        let (misfit, previous) = candidates.min_by_key(|(misfit, _)| *misfit).unwrap_or((from_start, None));
        let weight = u64::from(piece.records)
            .saturating_add(previous.and_then(|previous| links.get(previous)).map_or(0, |link| link.weight));
        links.push(Link { weight, misfit, previous });
        best.raise(piece.floor, weight, index);
        let equals = equals.entry(weight).or_default();
        equals.push_back(index);
        if equals.len() > EQUALS_MAX {
            equals.pop_front();
        }
    }
    let better = |(_, a): &(usize, &Link), (_, b): &(usize, &Link)| {
        a.weight.cmp(&b.weight).then(b.misfit.cmp(&a.misfit))
    };
    let last = links.iter().enumerate().rev().max_by(better).map(|(index, _)| index);
    let mut chain: Vec<usize> =
        std::iter::successors(last, |index| links.get(*index).and_then(|link| link.previous)).collect();
    chain.reverse();
    chain
}

/// The most weight of a chain after which an id may come: a Fenwick tree over the ids that may follow.
struct Prefixes {
    floors: Vec<RecordId>,
    /// The number of weight, and the first piece at which such a chain ends.
    most: Vec<(u64, Option<usize>)>,
}

impl Prefixes {
    fn of(pieces: &[Piece]) -> Self {
        let mut floors: Vec<RecordId> = pieces.iter().map(|piece| piece.floor).collect();
        floors.sort_unstable();
        floors.dedup();
        Self { most: vec![(0, None); floors.len() + 1], floors }
    }

    fn up_to(&self, id: RecordId) -> (u64, Option<usize>) {
        let mut node = self.floors.partition_point(|floor| *floor <= id);
        let mut most = (0, None);
        while node > 0 {
            if let Some(here) = self.most.get(node).filter(|here| here.0 > most.0) {
                most = *here;
            }
            node &= node - 1;
        }
        most
    }

    fn raise(&mut self, floor: RecordId, weight: u64, index: usize) {
        let mut node = self.floors.partition_point(|other| *other < floor) + 1;
        while let Some(most) = self.most.get_mut(node) {
            if weight > most.0 {
                *most = (weight, Some(index));
            }
            node += node & node.wrapping_neg();
        }
    }
}

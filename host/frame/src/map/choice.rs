//! The choice among pieces that contradict each other: the rising chain that holds the most records.

use std::collections::{BTreeMap, VecDeque};

use crate::{id::RecordId, layout::OVERHEAD_BYTES, map::piece::Piece};

/// How many pieces are chosen among at a time.
pub(crate) const PIECES_MAX: usize = 65_536;

/// How many equally good predecessors of a piece are compared at most.
const EQUALS_MAX: usize = 64;

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

    /// How badly a record that starts here fits: the bytes between if no id is missing, or else the bytes that the missing
    /// ones need and do not have.
    fn misfit(&self, offset: u64, id: RecordId) -> u64 {
        let bytes = offset.saturating_sub(self.end);
        match missing(self.next_id, id) {
            0 => bytes,
            missing => missing.saturating_mul(OVERHEAD_BYTES).saturating_sub(bytes),
        }
    }
}

/// How many ids are missing between two records.
pub(crate) fn missing(next_id: RecordId, id: RecordId) -> u64 {
    id.0.saturating_sub(next_id.0)
}

/// The best chain that ends with a piece.
#[derive(Clone, Copy, Debug)]
struct Link {
    weight: u64,
    misfit: u64,
    /// The piece before.
    previous: Option<usize>,
}

/// Of pieces in file order, those of the best chain: ids rise, the most weight, then the least misfit, then the lowest
/// offset. A weight is at least 1. Of very many pieces each stretch is chosen alone.
pub(crate) fn best_chain(
    pieces: &[Piece],
    before: Option<Before>,
    weight: impl Fn(&Piece) -> u64,
) -> Vec<Piece> {
    let mut chosen: Vec<Piece> = Vec::new();
    for stretch in pieces.chunks(PIECES_MAX) {
        let last = chosen.last().copied();
        let follows = |piece: &&Piece| last.is_none_or(|last| last.floor <= piece.first_id);
        let candidates: Vec<Piece> = stretch.iter().filter(follows).copied().collect();
        let chain = chain(&candidates, last.as_ref().map(Before::of).or(before), &weight);
        chosen.extend(chain.into_iter().filter_map(|index| candidates.get(index)));
    }
    chosen
}

fn chain(pieces: &[Piece], before: Option<Before>, weight: impl Fn(&Piece) -> u64) -> Vec<usize> {
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
        let weight = weight(piece)
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

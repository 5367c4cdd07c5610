//! Which whole frames of a file count.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    id::RecordId,
    map::{
        choice::{Ends, PIECES_MAX, best_chain},
        evidence::{SECTOR_BYTES, fits, may_break_off},
        fences::Fences,
        frames::Frames,
        gaps::{Before, Gaps, RECORD_WEIGHT, missing},
        parts::Parts,
        piece::{Item, Piece},
        rivals::{Run, without_rivals},
        splitting::{split, without_repeats},
    },
    source::Source,
};

/// How many sets of doubtful pieces are tried at most.
const DOUBTS_MAX: usize = 24;

/// For how many runs to which no chain leads the chosen ones are doubted.
const LONG_RUNS_MAX: usize = 3;

/// How many bytes of a payload an event takes at least, where it is not known how many there were.
const EVENT_BYTES: u64 = 8;

/// So many ids may be missing at the end of the file before.
const FEW_IDS: u64 = 8;

/// What counts of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// In file order.
    pub(crate) pieces: Vec<Piece>,
    /// How much speaks for them.
    pub(crate) worth: i128,
    /// See [`Selection::certain_worth`].
    pub(crate) certain_worth: i128,
}

/// The pieces that count.
pub(crate) fn choose<S: Source>(
    frames: &mut Frames<'_, S>,
    parts: &Parts,
    fences: Fences,
) -> Result<Chosen, S::Error> {
    let back = parts.back.iter().filter(|_| !parts.back_is_payload);
    let anchored: Vec<Piece> = parts.front.iter().chain(back).filter_map(Item::whole).copied().collect();
    let middle = without_repeats(frames, parts.middle.iter().filter_map(Item::whole).copied())?;
    let ends: BTreeSet<u64> =
        parts.front.iter().chain(&parts.middle).chain(&parts.back).map(Item::end).collect();
    let has_gap_in_front = |piece: &Piece| piece.offset > 0 && !ends.contains(&piece.offset);
    let anchored = split(frames, anchored, fences, has_gap_in_front)?;
    let len = frames.file.len;
    let gaps = Gaps::of(anchored.iter().chain(&middle));
    // Sets of pieces, by offset, that are taken to be misplaced: none at first, then what is in doubt.
    let mut doubts = VecDeque::from([BTreeSet::new()]);
    let mut best: Option<Chosen> = None;
    for _ in 0..DOUBTS_MAX {
        let Some(doubted) = doubts.pop_front() else { break };
        let certain: Vec<Piece> =
            anchored.iter().filter(|piece| !doubted.contains(&piece.offset)).copied().collect();
        let mut selection =
            Selection { fences, len, gaps, chosen: Vec::new(), most_events: 1, doubtful: Vec::new() };
        selection.choose_anchored(&certain);
        if anchored.len() <= PIECES_MAX {
            let contradicted = selection.contradicted(&middle);
            for more in selection.doubts(parts.is_back_at_tail).into_iter().chain(contradicted) {
                let set: BTreeSet<u64> = doubted.iter().copied().chain(more).collect();
                if !doubts.contains(&set) {
                    doubts.push_back(set);
                }
            }
        }
        selection.choose_between(frames, &middle)?;
        // In doubt what both chains say is right.
        let worth = selection.worth();
        if best.as_ref().is_none_or(|best| worth > best.worth) {
            let certain_worth = selection.certain_worth();
            best = Some(Chosen { pieces: selection.chosen, worth, certain_worth });
        }
    }
    Ok(best.unwrap_or_default())
}

/// Which of two neighbours is in doubt.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Smaller,
    InFront,
    Behind,
}

fn records<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> u64 {
    pieces.into_iter().map(|piece| u64::from(piece.records)).sum()
}

struct Selection {
    fences: Fences,
    /// How long the file is, in bytes.
    len: u64,
    gaps: Gaps,
    chosen: Vec<Piece>,
    /// The most events that a record of the chosen ones holds.
    most_events: u32,
    /// Where the chosen runs start that may be payload.
    doubtful: Vec<u64>,
}

impl Selection {
    /// How much speaks for this choice: its records, less what speaks against the gaps between its runs and on both sides.
    fn worth(&self) -> i128 {
        self.worth_by(|run| records(run), self.behind())
    }

    /// The same where a run that may be payload counts as one record. What speaks against the gap at the end of the file is left to the
    /// file that follows: the two are added up, and it must not count twice.
    fn certain_worth(&self) -> i128 {
        self.worth_by(|run| self.certain_records(run), None)
    }

    fn worth_by(&self, records: impl Fn(&[Piece]) -> u64, behind: Option<(u64, RecordId)>) -> i128 {
        let mut worth = 0;
        let mut last = self.fences.before().map(|before| (before, None));
        for run in self.chosen.chunk_by(Piece::joins) {
            let ([first, ..], [.., end]) = (run, run) else { continue };
            let count = records(run);
            worth += i128::from(count) * i128::from(RECORD_WEIGHT);
            if let Some((before, others)) = last {
                let smaller = count.min(others.unwrap_or(count));
                worth -= i128::from(self.gaps.against(before, first.offset, first.first_id, smaller));
            }
            last = Some((Before::of(end), Some(count)));
        }
        if let (Some((before, Some(count))), Some((offset, id))) = (last, behind) {
            worth -= i128::from(self.gaps.against(before, offset, id, count));
        }
        worth
    }

    /// The records of a run; one if it may be the payload of one.
    fn certain_records(&self, run: &[Piece]) -> u64 {
        let is_doubtful = run.first().is_some_and(|first| self.doubtful.binary_search(&first.offset).is_ok());
        if is_doubtful { 1 } else { records(run) }
    }

    /// Where what follows the file begins, and with which id.
    fn behind(&self) -> Option<(u64, RecordId)> {
        self.fences.end.map(|end| (self.len, end))
    }

    /// Whether the ids that are missing in front of a piece fit into the bytes in front of it.
    fn fit(&self, before: Before, offset: u64, id: RecordId) -> bool {
        fits(missing(before.next_id, id), offset.saturating_sub(before.end), self.most_events)
    }

    /// The chosen ones that may not be where they belong: where the ids that are missing between two runs need more bytes than
    /// there are, one of the two is in doubt. Gives sets, by offset, of which one may be right.
    ///
    /// The committed prefix is in none of them, nor is the run that begins the file if a record of many events may be what is
    /// missing behind it: a power loss takes that, and leaves the run.
    fn doubts(&self, ends_at_tail: bool) -> Vec<Vec<u64>> {
        let certain = self.committed(&self.chosen).or_else(|| self.left_by_power_loss());
        let certain_to = certain.map_or(0, |run| run.end);
        let (Some(first), Some(last)) = (self.chosen.first(), self.chosen.last()) else { return Vec::new() };
        let starts_well = self.fences.before().is_none_or(|min| self.fit(min, first.offset, first.first_id));
        let ends_well = match self.behind() {
            Some((offset, id)) => self.fit(Before::of(last), offset, id),
            None => !ends_at_tail || !self.ends_with_sector(),
        };
        let runs: Vec<&[Piece]> = self.chosen.chunk_by(Piece::joins).collect();
        let parts: Vec<&[Piece]> =
            self.chosen.chunk_by(|a, b| self.fit(Before::of(a), b.offset, b.first_id)).collect();
        let mut doubts = Vec::new();
        for groups in [runs, parts] {
            for rule in [Rule::Smaller, Rule::InFront, Rule::Behind] {
                let mut doubted = vec![false; groups.len()];
                for (index, pair) in groups.windows(2).enumerate() {
                    let [a, b] = pair else { continue };
                    let (Some(before), Some(next)) = (a.last(), b.first()) else { continue };
                    if self.fit(Before::of(before), next.offset, next.first_id) {
                        continue;
                    }
                    let is_certain = a.first().is_some_and(|piece| piece.offset < certain_to);
                    let is_second = is_certain
                        || match rule {
                            Rule::Smaller => records(*b) < records(*a),
                            Rule::InFront => false,
                            Rule::Behind => true,
                        };
                    let index = index + usize::from(is_second);
                    doubted.iter_mut().skip(index).take(1).for_each(|doubted| *doubted = true);
                }
                if let Some(first) = doubted.first_mut() {
                    *first |= !starts_well;
                }
                if let Some(last) = doubted.last_mut() {
                    *last |= !ends_well;
                }
                let doubted = groups.iter().zip(doubted).filter(|(_, doubted)| *doubted);
                let doubted = doubted.flat_map(|(group, _)| *group);
                let doubtful: Vec<u64> =
                    doubted.map(|piece| piece.offset).filter(|offset| *offset >= certain_to).collect();
                if !doubtful.is_empty() && !doubts.contains(&doubtful) {
                    doubts.push(doubtful);
                }
            }
        }
        doubts
    }

    /// The chosen ones that contradict a run to which no chain leads, and which is too long for a payload: sets, by offset.
    fn contradicted(&self, middle: &[Piece]) -> Vec<Vec<u64>> {
        let longest_bytes = self.chosen.iter().chain(middle).map(|piece| piece.longest_bytes).max();
        let payload_bytes = longest_bytes.unwrap_or(0).saturating_mul(2);
        let certain_to = self.committed(&self.chosen).map_or(0, |run| run.end);
        let mut runs: Vec<Piece> = middle.chunk_by(Piece::joins).filter_map(joined).collect();
        runs.retain(|run| run.end - run.offset > payload_bytes && self.fences.admit(run));
        runs.sort_by_key(|run| std::cmp::Reverse(run.records));
        let contradicts = |run: &Piece, piece: &&Piece| {
            let (a, b) = if piece.offset < run.offset { (*piece, run) } else { (run, *piece) };
            a.floor > b.first_id || !self.fit(Before::of(a), b.offset, b.first_id)
        };
        let against = |run: &Piece| {
            let pieces = self.chosen.iter().filter(|piece| contradicts(run, piece));
            pieces.map(|piece| piece.offset).filter(|offset| *offset >= certain_to).collect()
        };
        let sets = runs.iter().take(LONG_RUNS_MAX).map(against);
        sets.filter(|set: &Vec<u64>| !set.is_empty()).collect()
    }

    /// Whether the last run may be a misplaced sector: it is no longer, and too few ids are missing in front of it for the bytes
    /// that are there.
    fn ends_with_sector(&self) -> bool {
        let mut runs = self.chosen.chunk_by(Piece::joins).rev();
        let Some([first, .., last] | [first @ last]) = runs.next() else { return false };
        let before = runs.next().and_then(<[Piece]>::last).map(Before::of);
        let Some(before) = before.or(self.fences.before()) else { return false };
        let longest_bytes = self.chosen.iter().map(|piece| piece.longest_bytes).max().unwrap_or(0);
        let records = missing(before.next_id, first.first_id).saturating_add(1);
        last.end - first.offset <= SECTOR_BYTES + 16
            && first.offset - before.end > records.saturating_mul(longest_bytes).saturating_mul(2)
    }

    fn choose_anchored(&mut self, pieces: &[Piece]) {
        let committed = self.committed(pieces);
        self.chosen.extend(committed);
        let before = committed.as_ref().map(Before::of).or(self.fences.before());
        let from = committed.map_or(0, |piece| piece.end);
        let candidates: Vec<Piece> = pieces
            .iter()
            .filter(|piece| piece.offset >= from && self.fences.admit(piece))
            .filter(|piece| before.is_none_or(|before| before.floor <= piece.first_id))
            .copied()
            .collect();
        let ends = Ends { before, behind: self.behind() };
        self.chosen.extend(best_chain(&candidates, ends, self.gaps));
        self.most_events = self.chosen.iter().map(|piece| piece.most_events).max().unwrap_or(1);
    }

    /// The committed prefix: whole frames from the start of the file on, with ids without a gap, the first of which is the one
    /// that is expected. It always counts, so that a reader can deliver it before it knows the rest of the file.
    fn committed(&self, pieces: &[Piece]) -> Option<Piece> {
        self.first_run(pieces).filter(|run| self.fences.min.is_none_or(|min| min == run.first_id))
    }

    /// Whole frames from the start of the file on, with ids without a gap.
    fn first_run(&self, pieces: &[Piece]) -> Option<Piece> {
        let mut pieces = pieces.iter().take_while(|piece| !piece.undelimited && self.fences.admit(piece));
        let mut run = *pieces.next().filter(|first| first.offset == 0)?;
        for piece in pieces {
            if !run.take_up(piece) {
                break;
            }
        }
        Some(run)
    }

    /// The run that begins the file, if few ids are missing in front of it, and those behind it can be events of one record.
    fn left_by_power_loss(&self) -> Option<Piece> {
        let run = self.first_run(&self.chosen)?;
        let before = self.fences.before().map_or(0, |before| missing(before.next_id, run.first_id));
        let can_follow = |next: &Piece| {
            missing(run.next_id, next.first_id).saturating_mul(EVENT_BYTES) <= next.offset - run.end
        };
        let next = self.chosen.iter().find(|piece| piece.offset >= run.end);
        (before <= FEW_IDS && next.is_none_or(can_follow)).then_some(run)
    }

    /// Chooses among the runs that no chain leads to. Each counts whole or not at all.
    fn choose_between<S: Source>(
        &mut self,
        frames: &mut Frames<'_, S>,
        middle: &[Piece],
    ) -> Result<(), S::Error> {
        let Some(start) = middle.first().map(|piece| piece.offset) else { return Ok(()) };
        let position = self.chosen.partition_point(|piece| piece.offset < start);
        let left = position.checked_sub(1).and_then(|last| self.chosen.get(last)).map(Before::of);
        let left = left.or(self.fences.before());
        let right = self.chosen.get(position).copied();
        let longest_bytes =
            self.chosen.iter().chain(middle).map(|piece| piece.longest_bytes).max().unwrap_or(0);
        let most_events = self.chosen.iter().chain(middle).map(|piece| piece.most_events).max().unwrap_or(1);
        let mut runs = Vec::new();
        for run in middle.chunk_by(Piece::joins) {
            let Some(piece) = joined(run) else { continue };
            // More than one frame can hold, going by the others.
            let is_long = piece.end - piece.offset > longest_bytes;
            let is_very_long = piece.end - piece.offset > longest_bytes.saturating_mul(8);
            // Where no lower id is known, a run that a frame may hold may be its payload. Ids that are missing at the start of a
            // file may have been in the file before. Every frame has an id: where there are bytes between two, an id is missing.
            let fits_left = left.map_or(is_long, |left| {
                let in_front = missing(left.next_id, piece.first_id);
                left.floor.after(u64::from(left.end < piece.offset)) <= piece.first_id
                    && (position == 0 && is_very_long
                        || fits(in_front, piece.offset.saturating_sub(left.end), most_events))
            });
            let fits_right = if let Some(right) = right {
                piece.floor.after(u64::from(piece.end < right.offset)) <= right.first_id
                    && fits(
                        missing(piece.next_id, right.first_id),
                        right.offset.saturating_sub(piece.end),
                        most_events,
                    )
            } else {
                let is_adjacent = middle.binary_search_by_key(&piece.end, |other| other.offset).is_ok();
                is_long
                    || self.fences.end == Some(piece.next_id)
                    || !is_adjacent && may_break_off(frames, run.last().unwrap_or(&piece))?
            };
            if fits_left && fits_right && self.fences.admit(&piece) {
                runs.push(Run { whole: piece, pieces: run, may_be_payload: !is_long });
            }
        }
        let runs = without_rivals(frames, runs)?;
        let pieces: Vec<Piece> = runs.iter().map(|run| run.whole).collect();
        let behind = right.map(|right| (right.offset, right.first_id)).or(self.behind());
        let chain = best_chain(&pieces, Ends { before: left, behind }, self.gaps);
        let find = |piece: &Piece| runs.binary_search_by_key(&piece.offset, |run| run.whole.offset).ok();
        let chosen = chain.iter().filter_map(find).filter_map(|index| runs.get(index));
        let doubtful = chosen.clone().filter(|run| run.may_be_payload);
        self.doubtful = doubtful.map(|run| run.whole.offset).collect();
        let between = chosen.flat_map(|run| run.pieces).copied();
        self.chosen.splice(position..position, between);
        Ok(())
    }
}

/// A run as one piece, for the choice.
fn joined(run: &[Piece]) -> Option<Piece> {
    let (first, last) = (run.first()?, run.last()?);
    let records = run.iter().map(|piece| piece.records).fold(0, u32::saturating_add);
    let most_events = run.iter().map(|piece| piece.most_events).max()?;
    Some(Piece { offset: first.offset, first_id: first.first_id, records, most_events, ..*last })
}

//! Which whole frames of a file count.

use crate::{
    damage::Source,
    id::RecordId,
    map::{
        choice::{Before, best_chain, missing},
        fences::Fences,
        frames::Frames,
        gap::{Parts, fits, may_break_off},
        piece::{Item, Piece, push},
    },
};

/// How many pieces there are at most after runs were split at each other's ids.
const PIECES_MAX: usize = 65_536;

/// The pieces that count, in file order.
pub(crate) fn choose<S: Source>(
    frames: &mut Frames<'_, S>,
    parts: &Parts,
    fences: Fences,
) -> Result<Vec<Piece>, S::Error> {
    let mut selection = Selection { fences, pieces: Vec::new(), chosen: Vec::new(), most_events: 1 };
    let back = if parts.back_is_payload { &[][..] } else { &parts.back[..] };
    selection.pieces = parts.front.iter().chain(back).filter_map(Item::whole).copied().collect();
    selection.split(frames)?;
    selection.choose_anchored();
    let middle: Vec<Piece> = parts.middle.iter().filter_map(Item::whole).copied().collect();
    selection.choose_between(frames, &middle)?;
    Ok(selection.chosen)
}

struct Selection {
    fences: Fences,
    /// The pieces of both chains.
    pieces: Vec<Piece>,
    chosen: Vec<Piece>,
    /// The most events that a record of the chosen ones holds.
    most_events: u32,
}

impl Selection {
    /// Splits runs at the ids of others, where these contradict each other: parts of them may count.
    fn split<S: Source>(&mut self, frames: &mut Frames<'_, S>) -> Result<(), S::Error> {
        let admitted = self.pieces.iter().all(|piece| self.admits(piece));
        let rising = self.pieces.is_sorted_by(|a, b| a.floor <= b.first_id);
        if admitted && rising {
            return Ok(());
        }
        let mut ids: Vec<RecordId> = self.pieces.iter().flat_map(|piece| [piece.first_id, piece.next_id]).collect();
        ids.extend(self.fences.min.into_iter().chain(self.fences.end));
        ids.sort_unstable();
        ids.dedup();
        let mut split = Vec::with_capacity(self.pieces.len());
        let mut left = PIECES_MAX.saturating_sub(self.pieces.len());
        for piece in &self.pieces {
            let from = ids.partition_point(|id| *id <= piece.first_id);
            let to = ids.partition_point(|id| *id < piece.next_id);
            let within = ids.get(from..to).unwrap_or_default();
            if within.is_empty() || within.len() > left || piece.undelimited {
                split.push(*piece);
            } else {
                left -= within.len();
                split_at(frames, piece, within, &mut split)?;
            }
        }
        self.pieces = split;
        Ok(())
    }

    fn choose_anchored(&mut self) {
        let committed = self.committed();
        self.chosen.extend(committed);
        let before = committed.as_ref().map(Before::of).or(self.fences.min.map(Before::start));
        let from = committed.map_or(0, |piece| piece.end);
        let candidates: Vec<Piece> = self
            .pieces
            .iter()
            .filter(|piece| piece.offset >= from && self.admits(piece))
            .filter(|piece| before.is_none_or(|before| before.floor <= piece.first_id))
            .copied()
            .collect();
        let chain = best_chain(&candidates, before);
        self.chosen.extend(chain.into_iter().filter_map(|index| candidates.get(index)).copied());
        self.most_events = self.chosen.iter().map(|piece| piece.most_events).max().unwrap_or(1);
    }

    /// The committed prefix: whole frames from the start of the file on, with ids without a gap, the first of which is the one
    /// that is expected. It always counts, so that a reader can deliver it before it knows the rest of the file.
    fn committed(&self) -> Option<Piece> {
        let mut pieces = self.pieces.iter().take_while(|piece| !piece.undelimited && self.admits(piece));
        let mut committed = *pieces.next().filter(|first| {
            first.offset == 0 && self.fences.min.is_none_or(|min| min == first.first_id)
        })?;
        for piece in pieces {
            if !committed.take_up(piece) {
                break;
            }
        }
        Some(committed)
    }

    fn admits(&self, piece: &Piece) -> bool {
        self.fences.min.is_none_or(|min| min <= piece.first_id)
            && self.fences.end.is_none_or(|end| piece.floor <= end)
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
        let left = left.or(self.fences.min.map(Before::start));
        let right = self.chosen.get(position).copied();
        let mut runs = Vec::new();
        for run in middle.chunk_by(Piece::joins) {
            let Some(piece) = joined(run) else { continue };
            let fits_left = left.is_none_or(|left| {
                left.floor <= piece.first_id
                    && self.fits(missing(left.next_id, piece.first_id), piece.offset.saturating_sub(left.end))
            });
            let fits_right = match right {
                Some(right) => {
                    piece.floor <= right.first_id
                        && self.fits(
                            missing(piece.next_id, right.first_id),
                            right.offset.saturating_sub(piece.end),
                        )
                }
                None => may_break_off(frames, piece.end)?,
            };
            if fits_left && fits_right && self.admits(&piece) {
                runs.push((piece, run));
            }
        }
        let pieces: Vec<Piece> = runs.iter().map(|(piece, _)| *piece).collect();
        let chain = best_chain(&pieces, left);
        let between = chain.into_iter().filter_map(|index| runs.get(index)).flat_map(|(_, run)| *run).copied();
        self.chosen.splice(position..position, between);
        Ok(())
    }

    fn fits(&self, missing: u64, bytes: u64) -> bool {
        fits(missing, bytes, self.most_events)
    }
}

/// A run as one piece, for the choice.
fn joined(run: &[Piece]) -> Option<Piece> {
    let (first, last) = (run.first()?, run.last()?);
    let records = run.iter().map(|piece| piece.records).fold(0, u32::saturating_add);
    Some(Piece { offset: first.offset, first_id: first.first_id, records, ..*last })
}

/// Splits a run so that a piece starts with the first record from each of these ids on.
fn split_at<S: Source>(
    frames: &mut Frames<'_, S>,
    piece: &Piece,
    ids: &[RecordId],
    into: &mut Vec<Piece>,
) -> Result<(), S::Error> {
    let mut ids = ids.iter().peekable();
    let mut part: Vec<Item> = Vec::new();
    let mut at = piece.offset;
    while at < piece.end {
        let Some(end) = frames.settled_end(at)?.filter(|end| *end <= piece.end) else { break };
        let item = frames.item(at, end)?;
        let mut starts = false;
        if let Some(frame) = item.whole() {
            while ids.next_if(|id| **id <= frame.first_id).is_some() {
                starts = true;
            }
        }
        if starts {
            into.extend(part.drain(..).filter_map(|item| item.whole().copied()));
        }
        push(&mut part, item);
        at = end;
    }
    into.extend(part.iter().filter_map(Item::whole));
    Ok(())
}

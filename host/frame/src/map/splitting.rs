//! Runs in parts: where others contradict some of their ids, and where their first frames are there twice.

use crate::{
    id::RecordId,
    map::{
        choice::PIECES_MAX,
        fences::Fences,
        frames::Frames,
        piece::{Item, Piece, push},
    },
    source::Source,
};

/// Splits runs at the ids of others, where these contradict each other: parts of them may count. Where bytes are lost in front
/// of a run, it may be a copy in a payload: it counts from its first frame on or not at all. A repeated frame also begins a run,
/// and no bytes are lost in front of that.
pub(crate) fn split<S: Source>(
    frames: &mut Frames<'_, S>,
    pieces: Vec<Piece>,
    fences: Fences,
    has_gap_in_front: impl Fn(&Piece) -> bool,
) -> Result<Vec<Piece>, S::Error> {
    let admitted = pieces.iter().all(|piece| fences.admit(piece));
    let rising = pieces.is_sorted_by(|a, b| a.floor <= b.first_id);
    if admitted && rising {
        return Ok(pieces);
    }
    let mut ids: Vec<RecordId> = pieces.iter().flat_map(|piece| [piece.first_id, piece.next_id]).collect();
    ids.extend(fences.min.into_iter().chain(fences.end));
    ids.sort_unstable();
    ids.dedup();
    let mut split = Vec::with_capacity(pieces.len());
    let mut left = PIECES_MAX.saturating_sub(pieces.len());
    for piece in &pieces {
        let from = ids.partition_point(|id| *id <= piece.first_id);
        let to = ids.partition_point(|id| *id < piece.next_id);
        let within = ids.get(from..to).unwrap_or_default();
        if within.is_empty() || within.len() > left || piece.undelimited {
            split.push(*piece);
        } else {
            left -= within.len();
            let from = split.len();
            split_at(frames, piece, within, &mut split)?;
            if has_gap_in_front(piece) {
                join_to_first(split.get_mut(from..).unwrap_or_default());
            }
        }
    }
    Ok(split)
}

/// Has each part begin where the first one does. They exclude each other then.
fn join_to_first(parts: &mut [Piece]) {
    let Some(mut joined) = parts.first().copied() else { return };
    for part in parts.iter_mut().skip(1) {
        if !joined.take_up(part) {
            return;
        }
        *part = joined;
    }
}

/// Runs without their first frames, where these stand once more behind themselves.
pub(crate) fn without_repeats<S: Source>(
    frames: &mut Frames<'_, S>,
    pieces: impl Iterator<Item = Piece>,
) -> Result<Vec<Piece>, S::Error> {
    let mut kept: Vec<Piece> = Vec::new();
    for piece in pieces {
        let repeats = |last: &&Piece| {
            last.end == piece.offset && (last.first_id..last.next_id).contains(&piece.first_id)
        };
        match kept.last().filter(repeats).map(|last| last.next_id) {
            Some(next_id) => {
                let mut parts = Vec::new();
                split_at(frames, &piece, &[next_id], &mut parts)?;
                kept.extend(parts.into_iter().filter(|part| part.first_id >= next_id));
            }
            None => kept.push(piece),
        }
    }
    Ok(kept)
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

//! Different frames with one id: one of them at the most is a record, and the others are payload.

use crate::{
    id::RecordId,
    layout::{ROOT, ROOT_BYTES, Root},
    map::{frames::Frames, piece::Piece},
    source::Source,
};

/// How many frames are compared at most.
const FRAMES_MAX: usize = 65_536;

/// A run that no chain leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// All of it.
    pub(crate) whole: Piece,
    pub(crate) pieces: &'a [Piece],
    /// A frame can hold all of it, going by the others: it may be payload.
    pub(crate) may_be_payload: bool,
}

/// Runs that may be payload, without those that give an id to another frame than another run does. Which of the two is payload
/// cannot be told.
pub(crate) fn without_rivals<'a, S: Source>(
    frames: &mut Frames<'_, S>,
    mut runs: Vec<Run<'a>>,
) -> Result<Vec<Run<'a>>, S::Error> {
    let mut shared: Vec<(RecordId, u32, usize)> = Vec::new();
    for index in overlapping(&runs) {
        let Some(run) = runs.get(index) else { continue };
        for piece in run.pieces {
            each_frame(frames, piece, |id, checksum| {
                if shared.len() < FRAMES_MAX {
                    shared.push((id, checksum, index));
                }
            })?;
        }
    }
    shared.sort_unstable();
    let mut rivals = vec![false; runs.len()];
    for same_id in shared.chunk_by(|(a, ..), (b, ..)| a == b) {
        let differ = same_id.iter().zip(same_id.iter().skip(1)).any(|((_, a, _), (_, b, _))| a != b);
        for (.., index) in same_id.iter().filter(|_| differ) {
            rivals.iter_mut().skip(*index).take(1).for_each(|is_rival| *is_rival = true);
        }
    }
    let mut rivals = rivals.into_iter();
    runs.retain(|run| !(rivals.next() == Some(true) && run.may_be_payload));
    Ok(runs)
}

/// The runs, by their position, that have ids which another one has too.
fn overlapping(runs: &[Run<'_>]) -> Vec<usize> {
    let mut by_id: Vec<(RecordId, RecordId, usize)> =
        runs.iter().enumerate().map(|(index, run)| (run.whole.first_id, run.whole.next_id, index)).collect();
    by_id.sort_unstable();
    let mut overlapping = Vec::new();
    // The run with the highest ids of those that begin lower.
    let mut highest: Option<(RecordId, usize)> = None;
    for (first_id, next_id, index) in by_id {
        if let Some((_, other)) = highest.filter(|(end, _)| first_id < *end) {
            overlapping.extend([other, index]);
        }
        highest = highest.max(Some((next_id, index)));
    }
    overlapping.sort_unstable();
    overlapping.dedup();
    overlapping
}

/// Shows the id and the checksum of each frame of a piece.
fn each_frame<S: Source>(
    frames: &mut Frames<'_, S>,
    piece: &Piece,
    mut show: impl FnMut(RecordId, u32),
) -> Result<(), S::Error> {
    let mut at = piece.offset;
    while at < piece.end {
        let settled = if piece.undelimited { Some(piece.end) } else { frames.settled_end(at)? };
        let Some(end) = settled.filter(|end| *end <= piece.end) else { break };
        if let Some(trailer) = frames.window.peek::<S, ROOT>(&mut frames.file, end - ROOT_BYTES)? {
            let root: Root = zerocopy::transmute!(trailer);
            show(RecordId(root.id.get()), root.checksum.get());
        }
        at = end;
    }
    Ok(())
}

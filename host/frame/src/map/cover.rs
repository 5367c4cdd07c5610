//! The stretches of a file, made of what counts and of what else there is.

use crate::map::{
    parts::Parts,
    piece::{Item, Piece},
    stretch::Stretch,
};

/// What a file holds where nothing counts.
pub(crate) struct Cover {
    /// The whole frames: start and end, in file order.
    whole: Vec<(u64, u64)>,
    /// Where an unfinished frame starts that ends the file.
    unfinished: u64,
    len: u64,
}

impl Cover {
    pub(crate) fn of(parts: &Parts, len: u64) -> Self {
        let items = || parts.front.iter().chain(&parts.middle).chain(&parts.back);
        let whole = items().filter_map(Item::whole).map(|piece| (piece.offset, piece.end)).collect();
        Self { whole, unfinished: items().last().map_or(0, Item::end), len }
    }

    /// The stretches of the whole file.
    pub(crate) fn stretches(&self, chosen: &[Piece]) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let mut at = 0;
        let mut runs: Vec<Piece> = Vec::new();
        for piece in chosen {
            if !runs.last_mut().is_some_and(|last| last.take_up(piece)) {
                runs.push(*piece);
            }
        }
        for run in runs {
            self.fill(at, run.offset, &mut stretches);
            stretches.push(stretch(&run));
            at = run.end;
        }
        self.fill(at, self.unfinished, &mut stretches);
        if self.unfinished < self.len {
            stretches
                .push(Stretch::Unfinished { offset: self.unfinished, bytes: self.len - self.unfinished });
        }
        stretches
    }

    /// Adds what is between two places: frames that do not belong there, and damaged bytes.
    fn fill(&self, mut at: u64, end: u64, into: &mut Vec<Stretch>) {
        let first = self.whole.partition_point(|(_, end)| *end <= at);
        for (start, whole_end) in self.whole.get(first..).unwrap_or_default() {
            if *start >= end {
                break;
            }
            let start = (*start).max(at);
            let whole_end = (*whole_end).min(end);
            if at < start {
                into.push(Stretch::Damaged { offset: at, bytes: start - at });
            }
            match into.last_mut() {
                Some(Stretch::Misplaced { offset, bytes }) if *offset + *bytes == start => {
                    *bytes = whole_end - *offset;
                }
                _ => into.push(Stretch::Misplaced { offset: start, bytes: whole_end - start }),
            }
            at = whole_end;
        }
        if at < end {
            into.push(Stretch::Damaged { offset: at, bytes: end - at });
        }
    }
}

fn stretch(run: &Piece) -> Stretch {
    let Piece { offset, end, first_id, next_id, records, .. } = *run;
    let bytes = end - offset;
    if run.undelimited {
        Stretch::Undelimited { offset, bytes, id: first_id, next_id }
    } else {
        Stretch::Run { offset, bytes, first_id, next_id, records }
    }
}

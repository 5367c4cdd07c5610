//! The map of a file in which frames are known to end at certain places.

use crate::{
    id::RecordId,
    map::{Fences, FileMap, Stretch},
    source::Source,
};

/// A place in a file at which a frame ends. The file was whole up to there when that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The end of the frame, in bytes from the start of the file.
    pub offset: u64,
    /// The id after the frame's last event.
    pub next_id: RecordId,
}

impl FileMap {
    /// The same as [`of`](Self::of), for a file with anchors, in file order. An anchor that this map contradicts divides the file:
    /// damage in front of it says nothing of what is behind it.
    pub fn anchored<S: Source>(source: &mut S, fences: Fences, anchors: &[Anchor]) -> Result<Self, S::Error> {
        let mut part = Part { from: 0, to: source.len(), source };
        part.map(fences, anchors)
    }

    /// Whether a frame can end at an anchor.
    fn agrees(&self, anchor: Anchor) -> bool {
        let Some(before) = anchor.offset.checked_sub(1) else { return true };
        let Some((_, stretch)) = self.at(before) else { return false };
        match *stretch {
            Stretch::Run { next_id, .. } | Stretch::Undelimited { next_id, .. } => {
                stretch.end() > anchor.offset || next_id == anchor.next_id
            }
            Stretch::Damaged { .. } | Stretch::Misplaced { .. } | Stretch::Unfinished { .. } => false,
        }
    }

    /// This map and that of the rest of the file, which begins at an offset.
    fn followed_by(mut self, behind: Self, offset: u64) -> Self {
        let in_front = self.stretches.iter_mut();
        in_front.for_each(|stretch| {
            // It does not end the file, and must not be truncated.
            if let Stretch::Unfinished { offset, bytes } = *stretch {
                *stretch = Stretch::Damaged { offset, bytes };
            }
        });
        self.stretches.extend(behind.stretches.into_iter().map(|stretch| stretch.moved(offset)));
        self.worth = self.worth.saturating_add(behind.worth);
        self.records = self.records.saturating_add(behind.records);
        self.first_id = self.first_id.or(behind.first_id);
        self.next_id = behind.next_id.or(self.next_id);
        self
    }
}

/// A part of a file.
struct Part<'a, S> {
    source: &'a mut S,
    from: u64,
    to: u64,
}

impl<S: Source> Part<'_, S> {
    fn map(&mut self, fences: Fences, anchors: &[Anchor]) -> Result<FileMap, S::Error> {
        let map = FileMap::of(self, fences)?;
        let is_within = |anchor: &Anchor| {
            (self.from + 1..self.to).contains(&anchor.offset)
                && fences.min.is_none_or(|min| min < anchor.next_id)
                && fences.end.is_none_or(|end| anchor.next_id <= end)
        };
        let moved = |anchor: &Anchor| Anchor { offset: anchor.offset - self.from, ..*anchor };
        let contradicted = anchors.iter().find(|anchor| is_within(anchor) && !map.agrees(moved(anchor)));
        let Some(&Anchor { offset, next_id }) = contradicted else { return Ok(map) };
        let (from, to) = (self.from, self.to);
        let in_front = Fences { end: Some(next_id), ..fences };
        let in_front = Part { source: &mut *self.source, from, to: offset }.map(in_front, anchors)?;
        let behind = Fences { min: Some(next_id), ..fences };
        let behind = Part { source: &mut *self.source, from: offset, to }.map(behind, anchors)?;
        Ok(in_front.followed_by(behind, offset - from))
    }
}

impl<S: Source> Source for Part<'_, S> {
    type Error = S::Error;

    fn len(&self) -> u64 {
        self.to - self.from
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, S::Error> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        self.source.read_at(self.from.saturating_add(offset), into.get_mut(..wanted).unwrap_or_default())
    }
}

//! The bounds of the ids in files: what is remembered of them from one life to the next.

use std::collections::{BTreeMap, BTreeSet};

use forebay_frame::Fences;
use forebay_types::{FileId, RecordId};

use super::{Segments, WalkedEnd};
use crate::storage::{BOUNDS_MAX, FileBounds};

/// A bound for the ids in a file, which its neighbours tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The host had no need of it yet.
    #[default]
    NotAsked,
    /// The neighbours do not tell it.
    Unknown,
    At(RecordId),
}

impl Bound {
    pub(crate) fn told(id: Option<RecordId>) -> Self {
        id.map_or(Self::Unknown, Self::At)
    }

    fn or(self, other: Self) -> Self {
        if self == Self::NotAsked { other } else { self }
    }

    pub(crate) fn id(self) -> Option<RecordId> {
        match self {
            Self::At(id) => Some(id),
            Self::NotAsked | Self::Unknown => None,
        }
    }
}

/// The bounds of the ids in a file. What a damaged file holds depends on them. So they stay as they were when the host first
/// asked for them, although neighbours leave and come: each look finds the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// No id in the file is lower.
    pub(crate) min: Bound,
    /// All ids in the file are lower.
    pub(crate) end: Bound,
}

/// Which bounds outlive the process.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// What an earlier life noted.
    found: BTreeMap<FileId, FileBounds>,
    /// The files whose bounds are to be noted: damaged ones, and the one that the ledger leads to.
    noted: BTreeSet<FileId>,
    /// Something was learned of them since.
    has_changed: bool,
}

impl Segments {
    /// What an earlier life noted counts if it can be of these files: no id in them reaches the ledger's next.
    pub(crate) fn recall_bounds(&mut self, noted: &[FileBounds], next_id: RecordId) {
        let can_be = |bounds: &&FileBounds| bounds.min.is_none_or(|min| min <= next_id);
        self.remembered.found = noted.iter().filter(can_be).map(|bounds| (bounds.file, *bounds)).collect();
        self.remembered.noted = self.remembered.found.keys().copied().collect();
    }

    /// A file's bounds, as this life was told them or an earlier one has noted.
    pub(crate) fn bounds_of(&self, file: FileId) -> Bounds {
        let told = self.get(file).map_or_else(Bounds::default, |segment| segment.bounds);
        let recalled = self.recalled_bounds(file);
        Bounds { min: told.min.or(recalled.min), end: told.end.or(recalled.end) }
    }

    /// A file's bounds as an earlier life noted them.
    pub(crate) fn recalled_bounds(&self, file: FileId) -> Bounds {
        let known = |id: Option<RecordId>| id.map_or(Bound::NotAsked, Bound::At);
        let Some(found) = self.remembered.found.get(&file) else { return Bounds::default() };
        let is_as_it_was = self.get(file).is_some_and(|segment| segment.bytes == found.bytes);
        Bounds { min: known(found.min), end: known(found.end.filter(|_| is_as_it_was)) }
    }

    /// The id after the last record in a file that was walked, or in front of it where it holds none.
    pub(crate) fn last_end(&self, file: FileId) -> Bound {
        let Some(segment) = self.get(file).filter(|segment| segment.is_walked()) else {
            return Bound::NotAsked;
        };
        match (segment.records_end(), self.bounds_of(file).min) {
            (Some(end), _) => Bound::At(end),
            // Without a bound, and below every id.
            (None, Bound::At(RecordId(0))) => Bound::Unknown,
            (None, min) => min,
        }
    }

    /// The ledger does not tell with which id the front segment begins: its first frame may be misplaced.
    pub(crate) fn doubt_front(&mut self) {
        let Some(front) = self.front().map(|segment| segment.file) else { return };
        let bounds = self.bounds_of(front);
        if bounds.min == Bound::NotAsked {
            self.set_bounds(front, Bounds { min: Bound::told(Fences::UNPLACED.min), ..bounds });
        }
    }

    /// From now on this file's bounds are to outlive the process.
    pub(crate) fn keep_bounds(&mut self, file: FileId) {
        self.remembered.has_changed |= self.remembered.noted.insert(file);
    }

    /// A file's bounds were told, or what is left of them.
    pub(crate) fn set_bounds(&mut self, file: FileId, bounds: Bounds) {
        let is_noted = self.remembered.noted.contains(&file);
        if let Some(segment) = self.get_mut(file).filter(|segment| segment.bounds != bounds) {
            segment.bounds = bounds;
            self.remembered.has_changed |= is_noted;
        }
    }

    /// Whether the next life is to know more than when this was asked last.
    pub(crate) fn take_bounds_changed(&mut self) -> bool {
        std::mem::take(&mut self.remembered.has_changed)
    }

    /// A file has left, or is written to: what was noted of it counts no more.
    pub(super) fn forget_bounds(&mut self, file: FileId) {
        self.remembered.found.remove(&file);
        self.remembered.noted.remove(&file);
    }

    /// What the next life is to know; of very many files those that are read first.
    pub(crate) fn bounds_to_remember(&self) -> Vec<FileBounds> {
        let mut files: Vec<(usize, FileId)> = self
            .remembered
            .noted
            .iter()
            .map(|file| (self.position(*file).unwrap_or(usize::MAX), *file))
            .collect();
        files.sort_unstable();
        let noted = files.into_iter().filter_map(|(_, file)| {
            let segment = self.get(file)?;
            let bounds = self.bounds_of(file);
            let recalled_end = self.recalled_bounds(file).end.id();
            let min = bounds.min.id();
            let end = bounds.end.id().filter(|_| segment.walked.end == WalkedEnd::Damaged).or(recalled_end);
            let noted = FileBounds { file, bytes: segment.bytes, min, end };
            (min.is_some() || end.is_some()).then_some(noted)
        });
        noted.take(BOUNDS_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::segments::{Segment, Walked};

    fn damaged(bytes: u64) -> Segment {
        let mut segment = Segment::found(FileId::FIRST, bytes);
        segment.note_walked(Walked { to: bytes, end: WalkedEnd::Damaged, ..Walked::NOTHING });
        segment
    }

    fn with(segment: Segment) -> Segments {
        Segments::new(vec![segment], Vec::new(), RecordId(100))
    }

    /// A bound that is forgotten when a neighbour leaves lets the next look find other records.
    #[test]
    fn the_bounds_of_a_damaged_file_outlive_the_process() {
        let mut segments = with(damaged(500));
        segments.keep_bounds(FileId::FIRST);
        let told = Bounds { min: Bound::At(RecordId(7)), end: Bound::At(RecordId(19)) };
        segments.set_bounds(FileId::FIRST, told);
        assert!(segments.take_bounds_changed());
        let mut next_life = with(damaged(500));
        next_life.recall_bounds(&segments.bounds_to_remember(), RecordId(100));
        assert_eq!(next_life.recalled_bounds(FileId::FIRST), told);
    }

    /// Records with higher ids may have been appended since.
    #[test]
    fn a_file_of_another_length_has_no_remembered_end() {
        let mut segments = with(damaged(500));
        let noted =
            FileBounds { file: FileId::FIRST, bytes: 499, min: Some(RecordId(7)), end: Some(RecordId(19)) };
        segments.recall_bounds(&[noted], RecordId(100));
        let bounds = segments.recalled_bounds(FileId::FIRST);
        assert_eq!(bounds, Bounds { min: Bound::At(RecordId(7)), end: Bound::NotAsked });
    }

    /// The sidecar may be older or newer than the directory: bounds of records that come later would hide those that are there.
    #[test]
    fn bounds_beyond_the_ledger_do_not_count() {
        let mut segments = with(damaged(500));
        let noted = FileBounds { file: FileId::FIRST, bytes: 500, min: Some(RecordId(101)), end: None };
        segments.recall_bounds(&[noted], RecordId(100));
        assert_eq!(segments.recalled_bounds(FileId::FIRST), Bounds::default());
    }
}

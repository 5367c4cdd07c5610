//! What was copied away from files whose sync has failed, and what may go because it was.
//!
//! The sources keep what they have until every target is durable. A target that goes before that has been of no use; once
//! the first source is cut the targets hold the only copies.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::FileId;

/// A stretch of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where the copying began.
    pub(super) from: u64,
    /// How far it has come.
    pub(super) to: u64,
}

/// Which frames are in two places.
#[derive(Debug, Default)]
pub(super) struct Relocation {
    sources: BTreeMap<FileId, Copied>,
    targets: BTreeSet<FileId>,
    /// A source was cut or removed: the targets are no mere copies any more.
    adopted: bool,
}

impl Relocation {
    /// What was copied of a file.
    pub(super) fn source(&self, file: FileId) -> Option<Copied> {
        self.sources.get(&file).copied()
    }

    /// Whether a file holds copies of what the sources still have.
    pub(super) fn is_copy(&self, file: FileId) -> bool {
        !self.adopted && self.targets.contains(&file)
    }

    /// The files that hold copies.
    pub(super) fn targets(&self) -> impl Iterator<Item = FileId> {
        self.targets.iter().copied()
    }

    /// A file may become a target: after an adoption it starts a new relocation.
    pub(super) fn begin(&mut self, target: FileId) {
        if self.adopted {
            *self = Self::default();
        }
        self.targets.insert(target);
    }

    /// The frames of a source were copied from `offset` to `next_offset`.
    pub(super) fn copied(&mut self, source: FileId, offset: u64, next_offset: u64) {
        let copied = self.sources.entry(source).or_insert(Copied { from: offset, to: offset });
        debug_assert_eq!(copied.to, offset, "a copy goes on where it stopped");
        copied.to = next_offset;
    }

    /// A file was cut.
    pub(super) fn cut(&mut self, file: FileId) {
        self.adopted |= self.sources.remove(&file).is_some();
    }

    /// A file was removed: a source after it was copied, or a copy that is not wanted.
    pub(super) fn removed(&mut self, file: FileId) {
        if self.is_copy(file) {
            // The sources were not touched: they are copied anew, or not at all.
            self.sources.clear();
        }
        self.targets.remove(&file);
        self.adopted |= self.sources.remove(&file).is_some();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(number: u16) -> FileId {
        FileId::new(number).unwrap()
    }

    /// If part of the copies goes, nobody may cut a source because it had been copied.
    #[test]
    fn sources_count_as_uncopied_once_a_copy_is_removed() {
        let mut relocation = Relocation::default();
        relocation.begin(file(7));
        relocation.copied(file(3), 0, 100);
        relocation.removed(file(7));
        assert_eq!(relocation.source(file(3)), None);
    }

    /// From then on the targets hold the only copies, and must not be removed as if they were mere copies.
    #[test]
    fn targets_are_no_copies_any_more_once_a_source_is_cut() {
        let mut relocation = Relocation::default();
        relocation.begin(file(7));
        relocation.copied(file(3), 50, 100);
        assert!(relocation.is_copy(file(7)));
        relocation.cut(file(3));
        assert!(!relocation.is_copy(file(7)));
    }
}

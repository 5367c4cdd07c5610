//! What was copied away from files whose sync has failed, and what may go because it was.
//!
//! The sources keep what they have until every target is durable. Until the ledger names a target, or a source is cut, the
//! targets are mere copies and may go; from then on they are what there is, and the sources may go.

use std::collections::{BTreeMap, BTreeSet};

use forebay_frame::RecordId;

use crate::storage::FileId;

/// A stretch of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where the copying began.
    pub(super) from: u64,
    /// How far it has come.
    pub(super) to: u64,
}

/// One copying: the files that were copied from, and those that were copied to.
#[derive(Debug, Default)]
struct Copying {
    sources: BTreeMap<FileId, Copied>,
    targets: BTreeSet<FileId>,
    /// The id behind the last record that was copied.
    next: RecordId,
}

/// Which frames are in two places.
#[derive(Debug, Default)]
pub(super) struct Relocation {
    current: Copying,
    /// Those whose copies are in use, and whose sources have not all gone.
    adopted: Vec<Copying>,
}

impl Relocation {
    /// What was copied of a file in the copying that is under way.
    pub(super) fn source(&self, file: FileId) -> Option<Copied> {
        self.current.sources.get(&file).copied()
    }

    /// Whether a file holds copies of what the sources still have.
    pub(super) fn is_copy(&self, file: FileId) -> bool {
        self.current.targets.contains(&file)
    }

    /// The files that hold copies of what the sources still have.
    pub(super) fn copies(&self) -> impl Iterator<Item = FileId> {
        self.current.targets.iter().copied()
    }

    /// The id behind the last record that was copied.
    pub(super) fn next(&self) -> RecordId {
        self.current.next
    }

    /// What was copied of a file, and the files that hold the copies.
    pub(super) fn copies_of(&self, file: FileId) -> Option<(Copied, &BTreeSet<FileId>)> {
        let mut copyings = std::iter::once(&self.current).chain(self.adopted.iter().rev());
        copyings.find_map(|copying| Some((*copying.sources.get(&file)?, &copying.targets)))
    }

    /// How much of a file counts, where what follows is in use elsewhere.
    pub(super) fn kept_length(&self, file: FileId) -> Option<u64> {
        self.adopted.iter().find_map(|copying| copying.sources.get(&file)).map(|copied| copied.from)
    }

    /// Whether all that a file holds is in use elsewhere.
    pub(super) fn is_replaced(&self, file: FileId) -> bool {
        self.kept_length(file) == Some(0)
    }

    /// A file is copied to.
    pub(super) fn begin(&mut self, target: FileId) {
        self.current.targets.insert(target);
    }

    /// The frames of a source were copied from `offset` to `next_offset`, up to the id `next`.
    pub(super) fn copied(&mut self, source: FileId, offset: u64, next_offset: u64, next: RecordId) {
        let copied = self.current.sources.entry(source).or_insert(Copied { from: offset, to: offset });
        debug_assert_eq!(copied.to, offset, "a copy goes on where it stopped");
        copied.to = next_offset;
        self.current.next = self.current.next.max(next);
    }

    /// The ledger names a file as the writer's.
    pub(super) fn named(&mut self, file: FileId) {
        if self.is_copy(file) {
            self.adopt();
        }
    }

    /// A source was cut because it is elsewhere.
    pub(super) fn cut(&mut self, file: FileId) {
        if self.source(file).is_some() {
            self.adopt();
        }
        self.forget_source(file);
    }

    /// A file was removed: a copy that is not wanted, a source, or one in which all is acknowledged.
    pub(super) fn removed(&mut self, file: FileId) {
        if self.current.targets.remove(&file) {
            // The sources were not touched: they are copied anew, or not at all.
            self.current.sources.clear();
            self.current.next = RecordId(0);
        }
        for copying in &mut self.adopted {
            copying.targets.remove(&file);
        }
        self.forget_source(file);
    }

    fn adopt(&mut self) {
        self.adopted.push(std::mem::take(&mut self.current));
    }

    fn forget_source(&mut self, file: FileId) {
        self.current.sources.remove(&file);
        for copying in &mut self.adopted {
            copying.sources.remove(&file);
        }
        self.adopted.retain(|copying| !copying.sources.is_empty());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NEXT: RecordId = RecordId(9);

    fn file(number: u16) -> FileId {
        FileId::new(number).unwrap()
    }

    /// A copying from file 3 to file 7.
    fn copied() -> Relocation {
        let mut relocation = Relocation::default();
        relocation.begin(file(7));
        relocation.copied(file(3), 50, 100, NEXT);
        relocation
    }

    /// If part of the copies goes, nobody may cut a source because it had been copied.
    #[test]
    fn sources_count_as_uncopied_once_a_copy_is_removed() {
        let mut relocation = copied();
        relocation.removed(file(7));
        assert!(relocation.copies_of(file(3)).is_none());
    }

    /// From then on the targets hold the only copies, and must not be removed as if they were mere copies.
    #[test]
    fn targets_are_no_copies_any_more_once_a_source_is_cut() {
        let mut relocation = copied();
        assert!(relocation.is_copy(file(7)));
        relocation.cut(file(3));
        assert!(!relocation.is_copy(file(7)));
    }

    /// A sync may fail again while the sources of the last copying have not gone: they may go all the same, and the
    /// targets may be copied from.
    #[test]
    fn the_next_copying_leaves_the_last_one_as_it_was() {
        let mut relocation = copied();
        relocation.named(file(7));
        assert!(!relocation.is_copy(file(7)));
        relocation.begin(file(8));
        relocation.copied(file(7), 0, 60, NEXT);
        assert!(relocation.copies_of(file(3)).is_some_and(|(_, targets)| targets.contains(&file(7))));
        assert!(relocation.copies_of(file(7)).is_some_and(|(_, targets)| targets.contains(&file(8))));
    }

    /// A source in which all is acknowledged goes by itself, and tells nothing of the copies.
    #[test]
    fn a_source_that_goes_leaves_copies_copies() {
        let mut relocation = copied();
        relocation.removed(file(3));
        assert!(relocation.is_copy(file(7)));
    }
}

//! What was copied away from files whose sync has failed, and what may go because it was.
//!
//! Files are read in the order of the ring, and an id that comes again is passed over. So the copies lie behind all that they
//! are made from, and what they replace goes from the last file to the first: whatever is left of both, a record that is
//! missing in a source is never looked for behind one with a higher id.
//!
//! The sources keep what they have until every target is durable and the ledger names the last one. Until then the targets
//! are mere copies and may go; from then on they are what there is, and the sources may go.

use forebay_frame::RecordId;

use super::steps::distance;
use crate::storage::{FileId, SyncTarget};

/// A stretch of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where the copying began.
    pub(super) from: u64,
    /// How far it has come.
    pub(super) to: u64,
}

/// A file that is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) file: FileId,
    /// How long the copies in it are.
    pub(super) length: u64,
}

/// One copying: the files that were copied from, and those that were copied to, both in the order of the ring.
#[derive(Debug, Default)]
struct Copying {
    sources: Vec<(FileId, Copied)>,
    targets: Vec<Target>,
    /// The id behind the last record that was copied.
    next: RecordId,
    /// Sources that were removed or cut, as long as a power loss may undo it.
    gone: Vec<Gone>,
}

/// A source that was removed or cut.
#[derive(Clone, Copy, Debug)]
struct Gone {
    file: FileId,
    /// Removed, not cut.
    is_removed: bool,
    state: State,
}

/// How far it is from being durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next sync that begins makes it so.
    Waiting,
    /// A sync is under way that makes it so.
    Syncing,
    /// That sync has failed: later ones write nothing of it, as long as nothing else has changed.
    Failed,
}

impl Copying {
    fn source(&self, file: FileId) -> Option<Copied> {
        self.sources.iter().find(|(source, _)| *source == file).map(|(_, copied)| *copied)
    }

    /// The sources that are there, or may be again after a power loss.
    fn in_doubt(&self) -> impl Iterator<Item = FileId> {
        let sources = self.sources.iter().map(|(source, _)| *source);
        sources.chain(self.gone.iter().map(|gone| gone.file))
    }
}

impl Gone {
    /// What has to be synced.
    fn target(self) -> SyncTarget {
        if self.is_removed { SyncTarget::Directory } else { SyncTarget::Data(self.file) }
    }
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
        self.current.source(file)
    }

    /// The files that were copied from in the copying that is under way.
    pub(super) fn sources(&self) -> &[(FileId, Copied)] {
        &self.current.sources
    }

    /// Whether a file holds copies of what the sources still have.
    pub(super) fn is_copy(&self, file: FileId) -> bool {
        self.copies().any(|copy| copy == file)
    }

    /// The files that hold copies of what the sources still have.
    pub(super) fn copies(&self) -> impl Iterator<Item = FileId> {
        self.current.targets.iter().map(|target| target.file)
    }

    /// The files that are copied to in the copying that is under way.
    pub(super) fn targets(&self) -> &[Target] {
        &self.current.targets
    }

    /// The id behind the last record that was copied.
    pub(super) fn next(&self) -> RecordId {
        self.current.next
    }

    /// The files with the copies that are in use of a source, and where they begin in it; `None` if there are none, or what
    /// follows on the source has yet to go.
    pub(super) fn replacement_of(&self, file: FileId) -> Option<(u64, &[Target])> {
        let is_last = |copying: &Copying| copying.sources.last().is_none_or(|(last, _)| *last == file);
        let mut copyings = self.adopted.iter().rev().filter(|copying| copying.source(file).is_some());
        let newest = copyings.next()?;
        let may_go = is_last(newest) && copyings.all(is_last);
        Some((newest.source(file)?.from, &newest.targets[..])).filter(|_| may_go)
    }

    /// Whether a source that follows on this one was removed, and may be back after a power loss.
    pub(super) fn is_followed_by_doubt(&self, file: FileId) -> bool {
        self.adopted.iter().any(|copying| copying.source(file).is_some() && !copying.gone.is_empty())
    }

    /// Whether a file was cut, and a power loss may undo it.
    pub(super) fn is_cut(&self, file: FileId) -> bool {
        let mut gone = self.adopted.iter().flat_map(|copying| &copying.gone);
        gone.any(|gone| gone.file == file && !gone.is_removed)
    }

    /// How much of a file counts, where what follows is in use elsewhere.
    pub(super) fn kept_length(&self, file: FileId) -> Option<u64> {
        self.adopted.iter().filter_map(|copying| copying.source(file)).map(|copied| copied.from).min()
    }

    /// Whether all that a file holds is in use elsewhere.
    pub(super) fn is_replaced(&self, file: FileId) -> bool {
        self.kept_length(file) == Some(0)
    }

    /// A file is copied to.
    pub(super) fn begin(&mut self, file: FileId) {
        if !self.is_copy(file) {
            self.current.targets.push(Target { file, length: 0 });
        }
    }

    /// The frames of a source were copied from `offset` to `next_offset`, up to the id `next`: the last target has this
    /// length now.
    pub(super) fn copied(
        &mut self,
        source: FileId,
        (offset, next_offset): (u64, u64),
        next: RecordId,
        length: u64,
    ) {
        match self.current.sources.iter_mut().find(|(file, _)| *file == source) {
            Some((_, copied)) => copied.to = next_offset,
            None => self.current.sources.push((source, Copied { from: offset, to: next_offset })),
        }
        if let Some(target) = self.current.targets.last_mut() {
            target.length = length;
        }
        self.current.next = self.current.next.max(next);
    }

    /// The ledger names these files: if one of them holds copies, those are in use from now on.
    pub(super) fn named(&mut self, files: [FileId; 2]) {
        if files.into_iter().any(|file| self.is_copy(file)) {
            self.adopted.push(std::mem::take(&mut self.current));
            self.forget_settled();
        }
    }

    /// What a source had that is in use elsewhere was cut.
    pub(super) fn cut(&mut self, file: FileId) {
        self.left(file, false);
    }

    fn left(&mut self, file: FileId, is_removed: bool) {
        for copying in &mut self.adopted {
            let is_known =
                copying.source(file).is_some() || copying.gone.iter().any(|gone| gone.file == file);
            if is_known {
                copying.sources.retain(|(source, _)| *source != file);
                copying.gone.retain(|gone| gone.file != file);
                copying.gone.push(Gone { file, is_removed, state: State::Waiting });
            }
        }
    }

    /// A file was removed: a copy that is not wanted, a source, or one in which all is acknowledged.
    pub(super) fn removed(&mut self, file: FileId) {
        if self.is_copy(file) {
            self.current.targets.retain(|target| target.file != file);
            // The sources were not touched: they are copied anew, or not at all.
            self.current.sources.clear();
            self.current.next = RecordId(0);
        }
        self.current.sources.retain(|(source, _)| *source != file);
        for copying in &mut self.adopted {
            copying.targets.retain(|target| target.file != file);
        }
        self.left(file, true);
    }

    /// A sync begins: what was done to its target until now will be durable if it succeeds.
    pub(super) fn sync_began(&mut self, target: SyncTarget) {
        self.change(target, State::Waiting, State::Syncing);
    }

    /// The sync of a target that was under way has ended.
    pub(super) fn sync_ended(&mut self, target: SyncTarget, ok: bool) {
        if ok {
            for copying in &mut self.adopted {
                copying.gone.retain(|gone| gone.target() != target || gone.state != State::Syncing);
            }
            self.forget_settled();
        } else {
            self.change(target, State::Syncing, State::Failed);
        }
    }

    /// A file was made or removed: the next sync of the directory writes all of it.
    pub(super) fn names_changed(&mut self) {
        self.change(SyncTarget::Directory, State::Failed, State::Waiting);
    }

    fn change(&mut self, target: SyncTarget, from: State, to: State) {
        let gone = self.adopted.iter_mut().flat_map(|copying| &mut copying.gone);
        gone.filter(|gone| gone.target() == target && gone.state == from).for_each(|gone| gone.state = to);
    }

    fn forget_settled(&mut self) {
        self.adopted.retain(|copying| copying.in_doubt().next().is_some());
    }

    /// Whether a file has copies, and something that they replace may lie before them after a power loss, where the ledger
    /// that was synced last names `front` as the reader's file.
    pub(super) fn comes_too_late(&self, file: FileId, front: Option<FileId>) -> bool {
        let mut copyings =
            self.adopted.iter().filter(|copying| copying.targets.iter().any(|target| target.file == file));
        copyings.any(|copying| {
            let is_before = |source, front| distance(front, source) < distance(front, file);
            front.is_none_or(|front| copying.in_doubt().any(|source| is_before(source, front)))
        })
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

    /// A copying from files 3 and 4 to file 7.
    fn copied() -> Relocation {
        let mut relocation = Relocation::default();
        relocation.begin(file(7));
        relocation.copied(file(3), (50, 100), NEXT, 60);
        relocation.copied(file(4), (0, 100), NEXT, 160);
        relocation
    }

    fn targets(relocation: &Relocation, source: u16) -> Vec<u16> {
        let replacement = relocation.replacement_of(file(source));
        replacement.map_or(Vec::new(), |(_, targets)| targets.iter().map(|t| t.file.get()).collect())
    }

    /// If part of the copies goes, nobody may cut a source because it had been copied.
    #[test]
    fn sources_count_as_uncopied_once_a_copy_is_removed() {
        let mut relocation = copied();
        relocation.begin(file(8));
        relocation.removed(file(7));
        assert_eq!(relocation.sources(), []);
        relocation.named([file(8); 2]);
        assert!(relocation.replacement_of(file(4)).is_none());
    }

    /// From then on the targets hold the only copies, and must not be removed as if they were mere copies.
    #[test]
    fn targets_are_no_copies_any_more_once_the_ledger_names_one() {
        let mut relocation = copied();
        assert!(relocation.is_copy(file(7)) && relocation.replacement_of(file(4)).is_none());
        relocation.named([file(3), file(7)]);
        assert!(!relocation.is_copy(file(7)));
        assert_eq!(targets(&relocation, 4), [7]);
    }

    /// A file that is left between the first source and the copies would be read before the copies.
    #[test]
    fn what_is_replaced_goes_from_the_last_file_to_the_first() {
        let mut relocation = copied();
        relocation.named([file(3), file(7)]);
        assert!(relocation.replacement_of(file(3)).is_none());
        relocation.removed(file(4));
        assert_eq!(targets(&relocation, 3), [7]);
        assert!(relocation.is_followed_by_doubt(file(3)), "a power loss brings it back");
        relocation.sync_ended(SyncTarget::Directory, true);
        assert!(relocation.is_followed_by_doubt(file(3)), "that sync began before");
        relocation.sync_began(SyncTarget::Directory);
        relocation.sync_ended(SyncTarget::Directory, true);
        assert!(!relocation.is_followed_by_doubt(file(3)));
    }

    /// A sync may fail again while the sources of the last copying have not gone: they may go all the same, and the
    /// targets may be copied from.
    #[test]
    fn the_next_copying_leaves_the_last_one_as_it_was() {
        let mut relocation = copied();
        relocation.named([file(7); 2]);
        relocation.begin(file(8));
        relocation.copied(file(7), (0, 60), NEXT, 60);
        assert_eq!(targets(&relocation, 4), [7]);
        relocation.named([file(8); 2]);
        assert_eq!((targets(&relocation, 4), targets(&relocation, 7)), (vec![7], vec![8]));
    }

    /// A source in which all is acknowledged goes by itself, and tells nothing of the copies.
    #[test]
    fn a_source_that_goes_leaves_copies_copies() {
        let mut relocation = copied();
        relocation.removed(file(3));
        assert!(relocation.is_copy(file(7)));
    }
}

//! What was removed or cut because it is in use elsewhere. Until that is durable a power loss may bring it back, and whoever
//! opens the buffer then may come past what is missing in it before the copies: nothing counts as safe before.

use std::collections::HashMap;

use crate::storage::{FileId, SyncTarget};

/// Removals and cuts that no sync has made durable.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// The number of the last of them.
    last: u64,
    /// The last of each target that is to be synced.
    waiting: HashMap<SyncTarget, u64>,
    /// The last one of all when the sync of a target started.
    started: HashMap<SyncTarget, u64>,
}

impl Undone {
    /// Whether all is durable.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Something was removed or cut, and a sync of this target makes it durable.
    pub(super) fn note(&mut self, target: SyncTarget) {
        self.last += 1;
        self.waiting.insert(target, self.last);
    }

    /// A file is gone, and what was cut from it with it.
    pub(super) fn removed(&mut self, file: FileId) {
        self.waiting.remove(&SyncTarget::Data(file));
    }

    /// A sync starts: it covers what was done until now.
    pub(super) fn sync_started(&mut self, target: SyncTarget) {
        self.started.insert(target, self.last);
    }

    /// The sync of a target that was started last has ended well.
    pub(super) fn synced(&mut self, target: SyncTarget) {
        let started = self.started.remove(&target).unwrap_or(0);
        if self.waiting.get(&target).is_some_and(|number| *number <= started) {
            self.waiting.remove(&target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sync that was under way when a file was removed says nothing of that.
    #[test]
    fn only_a_sync_that_starts_later_makes_a_removal_durable() {
        let mut undone = Undone::default();
        undone.sync_started(SyncTarget::Directory);
        undone.note(SyncTarget::Directory);
        undone.synced(SyncTarget::Directory);
        assert!(!undone.is_empty());
        undone.sync_started(SyncTarget::Directory);
        undone.synced(SyncTarget::Directory);
        assert!(undone.is_empty());
    }
}

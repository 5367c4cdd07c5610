//! A value of which the disk may have an older version.

use super::luck::Dice;

/// So many older versions are kept that a power loss may leave: in a test without syncs there is no end to them.
const KEPT: usize = 32;

/// The value that is seen, and the one that a power loss would leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Versioned<T> {
    live: T,
    on_disk: T,
    version: u64,
    /// The version that the kernel takes for written.
    settled: u64,
    /// What was seen before `live` and after `on_disk`, each with its version: a power loss may leave it too.
    between: Vec<(u64, T)>,
}

impl<T: Clone> Versioned<T> {
    /// What is seen.
    pub(super) fn live(&self) -> &T {
        &self.live
    }

    /// What the disk has.
    pub(super) fn on_disk(&self) -> &T {
        &self.on_disk
    }

    /// Changes what is seen.
    pub(super) fn change(&mut self) -> &mut T {
        if self.between.len() == KEPT {
            self.between.remove(0);
        }
        self.between.push((self.version, self.live.clone()));
        self.version += 1;
        &mut self.live
    }

    /// Makes all of it durable.
    pub(super) fn settle(&mut self) {
        let (version, value) = self.note();
        self.sync_ended(version, value, true);
    }

    /// What a sync that starts now would cover.
    pub(super) fn note(&self) -> (u64, T) {
        (self.version, self.live.clone())
    }

    /// A sync of what was noted has ended. If it failed, the kernel takes the value for written all the same, until it
    /// changes again.
    pub(super) fn sync_ended(&mut self, version: u64, value: T, ok: bool) {
        if version > self.settled {
            self.settled = version;
            if ok {
                self.on_disk = value;
                self.between.retain(|(between, _)| *between > version);
            }
        }
    }

    /// All that the disk may have, the oldest first: what was synced last, and all that was seen since.
    pub(super) fn may_be_on_disk(&self) -> Vec<&T> {
        let between = self.between.iter().map(|(_, value)| value);
        std::iter::once(&self.on_disk).chain(between).chain([&self.live]).collect()
    }

    /// The power went, and the disk happens to have one of the versions that it may have.
    pub(super) fn lose_power(&mut self, dice: Option<Dice>) {
        let picked =
            dice.and_then(|mut dice| dice.pick(&self.may_be_on_disk()).map(|value| (*value).clone()));
        self.leave(picked.unwrap_or_else(|| self.on_disk.clone()));
    }

    /// The power went, and this is what the disk has.
    pub(super) fn leave(&mut self, value: T) {
        self.live = value;
        self.on_disk = self.live.clone();
        self.settled = self.version;
        self.between.clear();
    }
}

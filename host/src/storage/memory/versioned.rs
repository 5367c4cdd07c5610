//! A value of which the disk may have an older version.

/// The value that is seen, and the one that a power loss would leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Versioned<T> {
    live: T,
    on_disk: T,
    version: u64,
    /// The version that the kernel takes for written.
    settled: u64,
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
            }
        }
    }

    /// The power went.
    pub(super) fn lose_power(&mut self) {
        self.live = self.on_disk.clone();
        self.settled = self.version;
    }
}

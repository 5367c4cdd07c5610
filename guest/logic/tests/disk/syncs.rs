//! Syncs: they end when the test says so, and fail as they do on Linux. The bytes that were to be written can still be read,
//! and after a power loss they are gone. The host rewrites them, and the ticket stays open until then.

use forebay_logic::{StorageError, SyncTarget, Ticket};

use super::{Disk, NameChange, Snapshot};

impl Disk {
    pub(crate) fn syncs_under_way(&self) -> usize {
        self.host.pending.len()
    }

    /// What the syncs under way are of: `data 3`, `directory`, `ledger`.
    pub(crate) fn targets_under_way(&self) -> Vec<String> {
        let describe = |snapshot: &Snapshot| match snapshot {
            Snapshot::Data(inode, _) => {
                let name = self.names.iter().find(|(_, named)| *named == inode);
                format!("data {}", name.map_or("?".to_owned(), |(file, _)| file.to_string()))
            }
            Snapshot::Directory(_) => "directory".to_owned(),
            Snapshot::Ledger(_) => "ledger".to_owned(),
        };
        self.host.pending.iter().map(|(_, snapshot)| describe(snapshot)).collect()
    }

    pub(super) fn request(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        if self.refuse_syncs || self.refuse_data_syncs && matches!(target, SyncTarget::Data(_)) {
            return Err(StorageError::NoSpace);
        }
        let snapshot = match target {
            SyncTarget::Data(file) => {
                let inode = *self.names.get(&file.get()).ok_or(StorageError::NotFound)?;
                Snapshot::Data(inode, self.inodes[inode].frames.clone())
            }
            SyncTarget::Directory => Snapshot::Directory(self.name_changes.len()),
            SyncTarget::Ledger => Snapshot::Ledger(self.ledger),
        };
        self.host.tickets += 1;
        let ticket = Ticket(self.host.tickets);
        self.host.pending.push_back((ticket, snapshot));
        Ok(ticket)
    }

    /// What the oldest ticket covers is durable, however many rewrites that takes.
    pub(crate) fn end_sync(&mut self) -> Option<Ticket> {
        self.rewrite();
        let (ticket, snapshot) = self.host.pending.pop_front()?;
        match snapshot {
            Snapshot::Data(number, frames) => {
                let inode = &mut self.inodes[number];
                if inode.durable.len() <= frames.len() {
                    inode.durable = frames;
                }
                inode.is_synced = true;
                self.note_durable_bytes(number);
            }
            Snapshot::Directory(upto) => self.apply_changes(upto),
            Snapshot::Ledger(ledger) => {
                self.durable_ledger = ledger;
                self.host.synced_ledger = ledger;
            }
        }
        Some(ticket)
    }

    /// What is synced counts once the name is durable.
    fn note_durable_bytes(&mut self, inode: usize) {
        let inode = &mut self.inodes[inode];
        if inode.is_synced && inode.has_durable_name {
            inode.durable_bytes = inode.durable.iter().map(|frame| frame.bytes).sum();
        }
    }

    /// The oldest sync under way fails. Its ticket stays open.
    pub(crate) fn fail_sync(&mut self) {
        self.has_failed = true;
        match self.host.pending.front() {
            Some((_, Snapshot::Data(inode, _))) => {
                let inode = &mut self.inodes[*inode];
                inode.dead_from.get_or_insert(inode.durable.len());
            }
            Some((_, Snapshot::Directory(_))) => {
                for change in &self.name_changes[self.durable_changes..] {
                    if let NameChange::Made(_, inode) = *change {
                        self.inodes[inode].is_nameless = true;
                    }
                }
            }
            Some((_, Snapshot::Ledger(_))) | None => {}
        }
    }

    /// Whether a sync has failed that the host has not made up for. It offers no batch meanwhile.
    pub(crate) fn is_degraded(&self) -> bool {
        self.names.values().any(|inode| self.inodes[*inode].is_suspect())
    }

    /// The host rewrites what failed syncs left in doubt, and syncs it under a durable name.
    pub(crate) fn rewrite(&mut self) {
        if !std::mem::take(&mut self.has_failed) {
            return;
        }
        // The names of what it rewrites are synced with all others.
        self.apply_changes(self.name_changes.len());
        for number in self.names.clone().into_values() {
            let inode = &mut self.inodes[number];
            if inode.is_suspect() {
                inode.durable = inode.frames.clone();
                (inode.is_synced, inode.is_nameless, inode.dead_from) = (true, false, None);
                self.note_durable_bytes(number);
            }
        }
    }

    pub(super) fn apply_changes(&mut self, upto: usize) {
        for index in self.durable_changes.min(upto)..upto {
            match self.name_changes[index] {
                NameChange::Made(file, inode) => {
                    self.durable_names.insert(file, inode);
                    self.inodes[inode].has_durable_name = true;
                    self.note_durable_bytes(inode);
                }
                NameChange::Removed(file) => {
                    self.durable_names.remove(&file);
                }
            }
        }
        self.durable_changes = self.durable_changes.max(upto);
    }
}

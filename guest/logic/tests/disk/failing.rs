//! Syncs that fail, as they do on Linux: the bytes that were to be written can still be read, later syncs of the same file
//! say that all is well, and after a power loss they are gone. What is synced again is written anew by the host.

use forebay_logic::{FileId, Ticket};

use super::{Disk, Frame, Inode, NameChange, Snapshot};

impl Disk {
    /// The oldest sync under way fails, and all others that were asked for with it.
    pub(crate) fn fail_syncs(&mut self) -> Vec<Ticket> {
        let Some((ticket, snapshot)) = self.pending.pop_front() else { return Vec::new() };
        match snapshot {
            Snapshot::Data(inode, _) => {
                let inode = &mut self.inodes[inode];
                inode.dead_from.get_or_insert(inode.durable.len());
            }
            Snapshot::Directory(_) => {
                for change in &mut self.name_changes[self.durable_changes..] {
                    if let NameChange::Made(id, inode) = *change {
                        self.inodes[inode].nameless = true;
                        // It never reaches the disk.
                        *change = match self.durable_names.get(&id) {
                            Some(before) => NameChange::Made(id, *before),
                            None => NameChange::Removed(id),
                        };
                    }
                }
            }
            Snapshot::Renewal(..) | Snapshot::Ledger(_) => {}
        }
        std::iter::once(ticket).chain(self.pending.drain(..).map(|(ticket, _)| ticket)).collect()
    }

    pub(crate) fn is_suspect(&self, file: FileId) -> bool {
        self.names.get(&file.get()).is_some_and(|inode| {
            let inode = &self.inodes[*inode];
            inode.dead_from.is_some() || inode.nameless
        })
    }

    /// Whether there is room for what the oldest sync under way writes.
    pub(crate) fn has_room_for_next(&self) -> bool {
        match self.pending.front() {
            Some((_, Snapshot::Renewal(_, _, frames))) => {
                frames.iter().map(|frame| frame.bytes).sum::<u64>() <= self.room
            }
            _ => true,
        }
    }

    /// A new file with these frames takes the place of one that was left alone meanwhile.
    pub(super) fn renew(&mut self, file: u16, inode: usize, frames: Vec<Frame>) {
        if self.names.get(&file) == Some(&inode) && self.inodes[inode].frames == frames {
            let durable_length = frames.iter().map(|frame| frame.bytes).sum();
            self.names.insert(file, self.inodes.len());
            self.name_changes.push(NameChange::Made(file, self.inodes.len()));
            let durable = frames.clone();
            self.inodes.push(Inode { frames, durable, synced: true, durable_length, ..Inode::default() });
        }
    }
}

//! Syncs that fail, as they do on Linux: the bytes that were to be written can still be read, later syncs say that all is
//! well, and after a power loss they are gone.

use forebay_logic::{FileId, Relocated, StorageError, Ticket};

use super::{Disk, Frame, NameChange, Snapshot};

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
                        *change = NameChange::Removed(id);
                    }
                }
            }
            Snapshot::Ledger(_) => {}
        }
        std::iter::once(ticket).chain(self.pending.drain(..).map(|(ticket, _)| ticket)).collect()
    }

    pub(crate) fn is_suspect(&self, file: FileId) -> bool {
        self.names.get(&file.get()).is_some_and(|inode| {
            let inode = &self.inodes[*inode];
            inode.dead_from.is_some() || inode.nameless
        })
    }

    /// Whether another file holds a record, on the disk and under a name that is there too.
    pub(crate) fn is_durable_elsewhere(&self, file: FileId, id: u64) -> bool {
        self.durable_names.iter().any(|(other, inode)| {
            *other != file.get()
                && self.names.get(other) == Some(inode)
                && self.inodes[*inode]
                    .durable
                    .iter()
                    .any(|frame| frame.record.is_some_and(|(it, _)| it == id))
        })
    }

    /// Whether another file holds a record.
    pub(crate) fn is_elsewhere(&self, file: FileId, id: u64) -> bool {
        self.records().any(|(other, it, _)| other != file.get() && it == id)
    }

    /// Once a file goes, or part of it, that was copied from, the copies are what there is.
    pub(crate) fn was_replaced(&mut self, file: FileId) {
        if self.copied_from.contains(&file.get()) {
            self.copied_from.clear();
            self.copies.clear();
        }
    }

    /// The id behind the last record that was copied.
    fn copied_to(&self) -> u64 {
        let copies = self.records().filter(|(file, _, _)| self.copies.contains(file));
        copies.map(|(_, id, events)| id + events).max().unwrap_or(0)
    }

    pub(crate) fn copy(
        &mut self,
        (source, offset): (usize, u64),
        max_bytes: u64,
        target: usize,
    ) -> Result<Relocated, StorageError> {
        let frames = self.inodes[source].frames.clone();
        let last = self.ledger.map_or(0, |ledger| ledger.reader_last_record.0);
        let (mut at, mut copied) = (0, 0);
        for Frame { bytes, record, .. } in frames {
            if at < offset {
                at += bytes;
                assert!(at <= offset, "a copy starts inside a frame");
                continue;
            }
            let record = record.filter(|(id, events)| id + events > last + 1);
            if let Some((id, _)) = record.filter(|(id, _)| *id < self.copied_to()) {
                // It came too late in the order of the files: what goes back is no record of this buffer.
                self.repeated.insert(id);
            } else if let Some((id, events)) = record {
                let is_first = self.inodes[target].frames.is_empty();
                if !is_first && copied + bytes > max_bytes {
                    break;
                }
                if bytes > self.room {
                    if copied == 0 {
                        return Err(StorageError::NoSpace);
                    }
                    break;
                }
                self.room -= bytes;
                copied += bytes;
                self.inodes[target].frames.push(Frame::whole(id, events, bytes));
            }
            at += bytes;
        }
        Ok(Relocated { next_offset: at, length: self.inodes[target].length() })
    }
}

//! The rules that the host holds the logic to.

use forebay_logic::{FileId, Ledger, Refusal};

use super::{Disk, Entry};

impl Disk {
    /// Where a segment stands in reading order, which is order on the ring.
    pub(super) fn position(&self, file: FileId) -> Option<usize> {
        let front = self.host.order.front()?.file;
        self.host.order.binary_search_by_key(&front.steps_to(file), |entry| front.steps_to(entry.file)).ok()
    }

    fn ids(&self, entry: &Entry) -> Option<(u64, u64)> {
        self.inodes[entry.inode].ids()
    }

    /// The lowest id that the segment at this place may hold.
    pub(super) fn first_id(&self, index: usize) -> u64 {
        let found = self.host.order.iter().skip(index).find_map(|entry| self.ids(entry));
        found.map_or(self.host.next_id, |(first, _)| first)
    }

    /// Every id in the segment at this place is lower: by a walk through it, or else by the first id behind it.
    pub(super) fn end_id(&self, index: usize) -> u64 {
        let entry = self.host.order.get(index).filter(|entry| self.inodes[entry.inode].is_walked);
        entry.and_then(|entry| self.ids(entry)).map_or_else(|| self.first_id(index + 1), |(_, end)| end)
    }

    /// Whether the segments in this range hold an event above this id.
    fn holds_above(&self, range: std::ops::Range<usize>, last: u64) -> bool {
        let start = range.start.min(range.end);
        self.host
            .order
            .range(start..range.end)
            .any(|entry| self.ids(entry).is_some_and(|(_, end)| end > last + 1))
    }

    /// The host walks what a ledger passes before it says whether it may be stored.
    pub(super) fn walk_before(&mut self, ledger: Ledger) {
        let reader = self.position(ledger.reader_data_file).unwrap_or(0);
        for entry in self.host.order.range(..reader) {
            self.inodes[entry.inode].is_walked = true;
        }
    }

    /// Whether this ledger may be stored.
    pub(super) fn may_store(&self, new: Ledger) -> Result<(), Refusal> {
        let old = self.host.ledger.unwrap_or(Ledger::EMPTY);
        let (last, old_last) = (new.reader_last_record.0, old.reader_last_record.0);
        if new.writer_next_record.0 != self.host.next_id {
            return Err(Refusal::LedgerNext);
        }
        if last >= self.host.next_id || last < old_last {
            return Err(Refusal::LedgerLast);
        }
        let reader = self.position(new.reader_data_file).ok_or(Refusal::UnknownFile)?;
        let writer = self.position(new.writer_data_file).ok_or(Refusal::UnknownFile)?;
        let mut passable = self.host.acknowledged.max(old_last);
        if self.host.drops_oldest && reader > 0 {
            // Lost ids behind what is dropped go with it. A strict host takes them for ids that wait.
            let end = if self.is_strict { self.end_id(reader - 1) } else { self.first_id(reader) };
            passable = passable.max(end - 1);
        }
        if last > passable {
            return Err(Refusal::LedgerLast);
        }
        let old_writer = self.position(old.writer_data_file).unwrap_or(0);
        let passes = self.holds_above(0..reader, last);
        let goes_back = old_writer > writer && self.holds_above(writer + 1..old_writer + 1, last);
        if reader > writer || passes || goes_back {
            return Err(Refusal::LedgerFiles);
        }
        Ok(())
    }

    /// A power loss may find this ledger: then the writer's file must be there, unless it is the first.
    pub(super) fn check_names(&self, new: Ledger) {
        let is_new = self.host.ledger.is_some_and(|old| old.writer_data_file != new.writer_data_file);
        if is_new && self.host.order.len() > 1 && !self.host.has_vanished {
            let file = new.writer_data_file.get();
            let Some(inode) = self.names.get(&file) else { return };
            assert!(self.inodes[*inode].is_synced, "the ledger names file {file}, which was never synced");
            assert_eq!(
                self.durable_names.get(&file),
                Some(inode),
                "the ledger names file {file}, whose name is not durable"
            );
        }
    }

    /// Whether the ledger that was last seen synced has passed everything in a file.
    pub(super) fn is_passed(&self, entry: &Entry) -> bool {
        let last = self.host.synced_ledger.map(|ledger| ledger.reader_last_record.0);
        self.ids(entry).is_none_or(|(_, end)| last.is_some_and(|last| end <= last + 1))
    }

    /// Whether the ledger that was last seen synced has its reader behind the first segment, and has passed all in it.
    pub(super) fn may_release_front(&self) -> bool {
        let Some(ledger) = self.host.synced_ledger else { return false };
        let reader = self.position(ledger.reader_data_file);
        reader.is_some_and(|reader| reader > 0) && self.is_passed(&self.host.order[0])
    }
}

//! How the host arranges the files that it finds: in reading order, as a spare, or outside.

use forebay_logic::{FileId, Ledger, RecordId};

use super::{Disk, Entry, Host};

impl Disk {
    /// A host takes the lock.
    pub(crate) fn lock(&mut self, drops_oldest: bool, max_bytes: u64) {
        self.kill();
        let mut files: Vec<_> = self
            .names
            .iter()
            .map(|(file, inode)| Entry { file: FileId::new(*file).unwrap(), inode: *inode })
            .collect();
        let first = |entry: &Entry| self.inodes[entry.inode].ids().map(|(first, _)| first);
        let lowest = files.iter().min_by_key(|entry| first(entry).unwrap_or(u64::MAX));
        let reader = self
            .ledger
            .map_or(lowest.map_or(FileId::FIRST, |entry| entry.file), |ledger| ledger.reader_data_file);
        files.sort_by_key(|entry| reader.steps_to(entry.file));
        self.passed_to_front(&mut files);

        let (order, mut outside) = self.in_order(&files);
        let end = |entry: &Entry| self.inodes[entry.inode].ids().map(|(_, end)| end);
        let next_id = files.iter().filter_map(end).max().unwrap_or(1);
        let next_id = next_id.max(self.ledger.map_or(1, |ledger| ledger.writer_next_record.0));
        // What the ledger has passed, or the operator's program has left there, has a number.
        let spare = order.last().and_then(|last| {
            let is_spare =
                |entry: &&Entry| last.file.successor() == entry.file && self.inodes[entry.inode].bytes() == 0;
            outside.iter().find(is_spare).copied()
        });
        outside.retain(|entry| Some(*entry) != spare);
        self.host =
            Host { order: order.into(), spare, outside, next_id, drops_oldest, max_bytes, ..Host::default() };
        let chosen = self.choose_ledger();
        self.host.ledger = chosen;
        self.ledger = chosen;
        let first_unread = chosen.map_or(1, |ledger| ledger.first_unread().0);
        self.host.acknowledged = first_unread - 1;
        self.host.next_delivered = first_unread;
        self.host.cursor = (self.host.order.front().map(|entry| entry.file), 0);
    }

    /// Files that the ledger has passed come last on the ring from the reader's. They are read first, or not at all.
    fn is_passed_by_ledger(&self, entry: &Entry) -> bool {
        let Some(ledger) = self.ledger else { return false };
        let writer = ledger.reader_data_file.steps_to(ledger.writer_data_file);
        let ids = self.inodes[entry.inode].ids();
        ledger.reader_data_file.steps_to(entry.file) > writer
            && ids.is_some_and(|(_, end)| end <= ledger.first_unread().0)
    }

    fn passed_to_front(&self, files: &mut [Entry]) {
        if self.passed_are_outside {
            return;
        }
        // Files without a record among them go with them.
        let is_empty = |entry: &Entry| self.inodes[entry.inode].ids().is_none();
        let behind =
            files.iter().rev().take_while(|entry| self.is_passed_by_ledger(entry) || is_empty(entry));
        let behind: Vec<_> = behind.map(|entry| !is_empty(entry)).collect();
        files.rotate_right(behind.iter().rposition(|is_passed| *is_passed).map_or(0, |last| last + 1));
    }

    /// The files that are read, and the others. Ids rise along the first, and of all such choices it holds the most records.
    fn in_order(&self, files: &[Entry]) -> (Vec<Entry>, Vec<Entry>) {
        let is_left_out = |entry: &&Entry| self.passed_are_outside && self.is_passed_by_ledger(entry);
        let (left_out, files): (Vec<Entry>, Vec<Entry>) = files.iter().partition(is_left_out);
        let ids: Vec<_> = files.iter().map(|entry| self.inodes[entry.inode].ids()).collect();
        let mut chain = vec![true; files.len()];
        let rising = ids.iter().flatten().collect::<Vec<_>>();
        if rising.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            chain = self.heaviest_chain(&files, &ids);
        }
        let is_read = |index: usize| ids[index].is_some() && chain[index];
        let last = (0..files.len()).rev().find(|index| {
            let is_damaged = ids[*index].is_none() && self.inodes[files[*index].inode].bytes() > 0;
            is_read(*index) || is_damaged
        });
        let is_writer =
            |index: usize| self.ledger.is_none_or(|ledger| ledger.writer_data_file == files[index].file);
        let empty_writer = last.map_or(0, |last| last + 1);
        let last =
            if empty_writer < files.len() && is_writer(empty_writer) { Some(empty_writer) } else { last };
        let (mut order, mut outside) = (Vec::new(), left_out);
        for (index, entry) in files.iter().enumerate() {
            let is_in_order =
                last.is_some_and(|last| index <= last) && (ids[index].is_none() || chain[index]);
            if is_in_order { order.push(*entry) } else { outside.push(*entry) }
        }
        (order, outside)
    }

    fn heaviest_chain(&self, files: &[Entry], ids: &[Option<(u64, u64)>]) -> Vec<bool> {
        // The most records of a chain that ends with this file, and the file before it.
        let mut best: Vec<(usize, Option<usize>)> = Vec::new();
        for (index, range) in ids.iter().enumerate() {
            let Some((first, _)) = range else {
                best.push((0, None));
                continue;
            };
            // An unread record counts for more than any number of others.
            let first_unread = self.ledger.map_or(1, |ledger| ledger.first_unread().0);
            let records = self.inodes[files[index].inode].frames.iter().filter_map(|frame| frame.record);
            let records: usize =
                records.map(|(id, events)| if id + events > first_unread { 1_000_000 } else { 1 }).sum();
            let before = (0..index)
                .filter(|before| ids[*before].is_some_and(|(_, end)| end <= *first))
                .max_by_key(|before| (best[*before].0, *before));
            let weight = records + before.map_or(0, |before| best[before].0);
            best.push((weight, before));
        }
        let mut chain: Vec<_> = ids.iter().map(Option::is_none).collect();
        let mut at =
            (0..files.len()).filter(|index| ids[*index].is_some()).max_by_key(|index| best[*index].0);
        while let Some(index) = at {
            chain[index] = true;
            at = best[index].1;
        }
        chain
    }

    /// The stored ledger, if the segments agree with it. Otherwise what they say.
    fn choose_ledger(&self) -> Option<Ledger> {
        let order = &self.host.order;
        if self.ledger.is_none() && self.names.is_empty() {
            return None;
        }
        let lowest = self.names.values().filter_map(|inode| self.inodes[*inode].ids()).min();
        let mut chosen = self.ledger.unwrap_or(Ledger {
            reader_last_record: RecordId(lowest.map_or(1, |(first, _)| first).saturating_sub(1)),
            writer_next_record: RecordId(self.host.next_id),
            ..Ledger::EMPTY
        });
        chosen.reader_last_record = chosen.reader_last_record.min(RecordId(self.host.next_id - 1));
        if self.ledger.is_none() {
            chosen.writer_data_file = order.back().map_or(FileId::FIRST, |entry| entry.file);
        }
        let position = |file| order.iter().position(|entry| entry.file == file);
        let holding = |entry: &Entry| {
            let ids = self.inodes[entry.inode].ids();
            ids.is_some_and(|(_, end)| end > chosen.first_unread().0)
        };
        if let Some(last) = order.len().checked_sub(1) {
            let first_holding = order.iter().position(holding).unwrap_or(last);
            let reader = position(chosen.reader_data_file).unwrap_or(first_holding).min(first_holding);
            let writer = position(chosen.writer_data_file).unwrap_or(last).max(reader);
            chosen.reader_data_file = order[reader].file;
            chosen.writer_data_file = order[writer].file;
        }
        Some(chosen)
    }
}

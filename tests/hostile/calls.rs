//! The storage calls of a guest that calls whatever it likes, and what each of them may have done.

use super::{
    bed::{Bed, run_of},
    random::{Placed, World},
};
use crate::support::storage::file;
use forebay::{
    RecordId,
    guard::{ScanLimits, SpanState},
    storage::{FileId, Ledger, SyncTarget},
};

impl World {
    /// One storage call.
    pub(super) fn call(&mut self, bed: &mut Bed) {
        self.calls += 1;
        let before = bed.guard.refused();
        match self.dice.below(16) {
            0..=5 => self.append(bed),
            6..=8 => self.store_ledger(bed),
            9 => {
                let file = self.a_file(bed);
                let _ = bed.guard.create_file(file);
            }
            10 => self.remove(bed),
            11 => self.truncate(bed),
            12 | 13 => {
                let file = self.a_file(bed);
                let offset = self.an_offset(bed, file);
                self.scan(bed, file, offset);
            }
            _ => {
                let target = match self.dice.below(3) {
                    0 => SyncTarget::Data(self.a_file(bed)),
                    1 => SyncTarget::Directory,
                    _ => SyncTarget::Ledger,
                };
                let _ = bed.guard.request_sync(target);
            }
        }
        self.refused += bed.guard.refused() - before;
        let on_disk: u64 = self.disk.data_files().iter().map(|(_, length)| length).sum();
        assert!(on_disk <= self.most, "{on_disk}");
    }

    fn append(&mut self, bed: &mut Bed) {
        let Some(mut offered) = self.offered.take() else { return };
        let newest = bed.guard.list_files().last().map(|entry| entry.id);
        let file = if self.chance(3) { self.a_file(bed) } else { newest.unwrap_or(file(0)) };
        let at = if self.chance(20) { self.an_offset(bed, file) } else { bed.length(file.get()) };
        let id = if self.chance(20) { self.an_id(bed) } else { bed.guard.next_id().0 };
        let first = if self.chance(20) { self.dice.below(6) as usize } else { offered.placed };
        let count = self.dice.below(4) as usize;
        let answer = bed.guard.append(offered.batch, first as u32, count as u32, file, at, RecordId(id));
        if let Ok(placed) = answer {
            let (mut end, mut next) = (at, id);
            for (payload, record) in offered.records.iter().skip(first).take(placed.records as usize) {
                end += record.frame_bytes();
                let id = next;
                next += u64::from(record.events.get());
                self.payloads.insert(id, payload.clone());
                self.placed.insert((id, file), Placed { file, end, next });
            }
            assert_eq!(placed.length, end);
            offered.placed += placed.records as usize;
        }
        self.offered = Some(offered);
    }

    fn store_ledger(&mut self, bed: &mut Bed) {
        let next = bed.guard.next_id();
        let mut ledger = bed.guard.ledger().unwrap_or(Ledger { writer_next_record: next, ..Ledger::EMPTY });
        ledger.writer_next_record = next;
        if self.chance(3) {
            ledger.writer_data_file = self.a_file(bed);
        }
        if self.chance(3) {
            ledger.reader_data_file = self.a_file(bed);
        }
        if self.chance(10) {
            ledger.writer_next_record = RecordId(self.an_id(bed));
        }
        ledger.reader_last_record = match self.dice.below(4) {
            0 => ledger.reader_last_record,
            1 => RecordId(self.an_id(bed)),
            _ => RecordId(self.acknowledged),
        };
        if bed.guard.store_ledger(ledger).is_ok() {
            let behind = ledger.reader_last_record.0.max(self.ever) + 1;
            let passed = self.placed.range((self.ever + 1, file(0))..(behind, file(0)));
            assert_eq!(passed.count(), 0, "{ledger:?} passes what {} does not", self.ever);
            self.acknowledged = self.acknowledged.max(ledger.reader_last_record.0);
            self.expected = self.expected.max(ledger.reader_last_record.0 + 1);
        }
    }

    fn remove(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        if bed.guard.remove_file(file).is_ok() {
            self.gone(|placed| placed.file == file);
        }
    }

    fn truncate(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        let length = self.an_offset(bed, file);
        self.cut(bed, file, length);
    }

    pub(super) fn cut(&mut self, bed: &mut Bed, file: FileId, length: u64) {
        if bed.guard.truncate_file(file, length).is_ok() {
            self.gone(|placed| placed.file == file && placed.end > length);
        }
    }

    /// What lies at these places goes. It must have been acknowledged.
    pub(super) fn gone(&mut self, is_gone: impl Fn(&Placed) -> bool) {
        let ever = self.ever;
        self.placed.retain(|(id, from), placed| {
            let goes = is_gone(placed);
            assert!(!goes || placed.next <= ever + 1, "record {id} of {from} was not acknowledged");
            !goes
        });
    }

    pub(super) fn scan(&mut self, bed: &mut Bed, file: FileId, offset: u64) {
        let limit = if self.chance(2) { u32::MAX } else { 1 + self.dice.below(3) as u32 };
        let limits = ScanLimits { max_spans: limit, max_records: limit, max_bytes: u64::MAX };
        let Ok(scanned) = bed.guard.scan(file, offset, limits) else { return };
        self.offsets.push((file, scanned.next_offset));
        for span in scanned.spans {
            self.offsets.push((file, span.offset));
            if span.state == SpanState::Whole {
                self.runs.push(run_of(file, &span));
            }
        }
        let excess = self.offsets.len().saturating_sub(64);
        self.offsets.drain(..excess);
    }
}

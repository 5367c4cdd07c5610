//! Failed syncs, and what a guest makes of them: copies, in order or not, and what goes because there are copies.

use forebay::{
    RecordId,
    storage::{FileId, SyncTarget},
};

use super::{bed::Bed, random::World};
use crate::support::storage::file;

impl World {
    /// A sync ends, perhaps badly.
    pub(super) fn end_sync(&mut self, bed: &mut Bed) {
        if self.syncs_fail && self.chance(12) {
            bed.fail_sync();
        } else {
            bed.run_sync();
        }
    }

    /// Copies something from anywhere to anywhere.
    pub(super) fn relocate(&mut self, bed: &mut Bed) {
        let entries = bed.guard.list_files();
        let suspect = entries.iter().find(|entry| entry.suspect);
        let source = match suspect {
            Some(entry) if !self.chance(3) => entry.id,
            _ => self.a_file(bed),
        };
        let durable = entries.iter().find(|entry| entry.id == source).map_or(0, |entry| entry.durable_length);
        let offset = match self.dice.below(3) {
            0 => durable,
            1 => self.copied_to.iter().find(|(file, _)| *file == source).map_or(0, |(_, offset)| *offset),
            _ => self.an_offset(bed, source),
        };
        let target = self.a_file(bed);
        let most = if self.chance(2) { u64::MAX } else { self.dice.below(2000) };
        self.copy(bed, source, offset, most, target);
    }

    /// Copies frames. Gives where it goes on.
    fn copy(&mut self, bed: &mut Bed, source: FileId, offset: u64, most: u64, target: FileId) -> Option<u64> {
        let length = bed.length(target.get());
        let at = if self.chance(20) { self.an_offset(bed, target) } else { length };
        let relocated = bed.guard.relocate(source, offset, most, target, at).ok()?;
        assert_eq!(relocated.length, bed.length(target.get()));
        self.copied_to.retain(|(file, _)| *file != source);
        self.copied_to.push((source, relocated.next_offset));
        let mut frames = self.frames_of(target);
        frames.retain(|(id, _), _| self.placed.range((*id, file(0))..(id + 1, file(0))).next().is_some());
        self.placed.extend(frames);
        Some(relocated.next_offset)
    }

    /// What logic in order does after a failed sync, with other calls between: only then is anything ever adopted, and its
    /// source removed or cut.
    pub(super) fn repair(&mut self, bed: &mut Bed) {
        let (Some(ledger), entries) = (bed.guard.ledger(), bed.guard.list_files()) else { return };
        let front = ledger.reader_data_file;
        let steps = |file: FileId| (u32::from(file.get()) + 65_535 - u32::from(front.get())) % 65_535;
        let mut files: Vec<_> = entries.iter().map(|entry| (steps(entry.id), entry)).collect();
        files.sort_by_key(|(steps, _)| *steps);
        let Some(first) = files.iter().position(|(_, entry)| entry.suspect) else { return };
        let (last, _) = files[files.len() - 1];
        let mut target = file(((u32::from(front.get()) + last + 1) % 65_535) as u16);
        let sources: Vec<_> = files[first..].iter().map(|(_, entry)| (entry.id, entry.length)).collect();
        let from = if self.chance(4) { 0 } else { files[first].1.durable_length };
        let _ = bed.guard.create_file(target);
        for (at, (source, length)) in sources.iter().enumerate() {
            let mut offset = if at == 0 { from } else { 0 };
            while offset < *length {
                if self.chance(12) {
                    self.call(bed);
                }
                let most = if self.chance(3) { self.dice.below(1000) } else { u64::MAX };
                match self.copy(bed, *source, offset, most, target) {
                    Some(next) if next > offset => offset = next,
                    Some(_) => {
                        target = file((u32::from(target.get()) + 1).rem_euclid(65_535) as u16);
                        let _ = bed.guard.create_file(target);
                        if self.chance(8) {
                            return;
                        }
                    }
                    None => return,
                }
            }
        }
        self.adopt(bed, target, &sources, from);
    }

    /// The copies become what there is, and what they were made from goes.
    fn adopt(&mut self, bed: &mut Bed, target: FileId, sources: &[(FileId, u64)], from: u64) {
        for (file, _) in self.disk.data_files() {
            let _ = bed.guard.request_sync(SyncTarget::Data(file));
        }
        let _ = bed.guard.request_sync(SyncTarget::Directory);
        for _ in 0..self.dice.below(20) {
            self.end_sync(bed);
        }
        if self.chance(4) {
            self.call(bed);
        }
        let last = self.acknowledged;
        let is_front = |file: FileId, bed: &Bed| bed.guard.ledger().unwrap().reader_data_file == file;
        let _ = bed.store(|ledger| {
            ledger.writer_data_file = target;
            ledger.reader_last_record = RecordId(last.max(ledger.reader_last_record.0));
        });
        if self.chance(2) {
            let _ = bed.guard.request_sync(SyncTarget::Ledger);
            self.end_sync(bed);
        }
        let in_order = self.chance(2);
        for (at, (source, _)) in sources.iter().enumerate().rev() {
            if at == 0 && from > 0 {
                self.cut(bed, *source, from);
            } else if (!in_order || !is_front(*source, bed)) && bed.guard.remove_file(*source).is_ok() {
                self.gone(|placed| placed.file == *source);
            }
            if self.chance(4) {
                self.call(bed);
            }
        }
    }
}

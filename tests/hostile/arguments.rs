//! Arguments that could be right: numbers of files that are there, offsets that a scan gave, ids near those that count.

use forebay::storage::FileId;

use super::{bed::Bed, random::World};
use crate::support::storage::file;

impl World {
    pub(super) fn a_file(&mut self, bed: &Bed) -> FileId {
        let entries = bed.guard.list_files();
        if entries.is_empty() || self.chance(8) {
            let most = if self.chance(4) { 65_535 } else { 8 };
            return file(self.dice.below(most) as u16);
        }
        entries[self.dice.below(entries.len() as u64) as usize].id
    }

    pub(super) fn an_offset(&mut self, bed: &Bed, of: FileId) -> u64 {
        let known: Vec<u64> =
            self.offsets.iter().filter(|(file, _)| *file == of).map(|(_, offset)| *offset).collect();
        let length = bed.length(of.get());
        match self.dice.below(6) {
            0 => 0,
            1 => length,
            2 => self.dice.below(length + 2),
            _ if known.is_empty() => length,
            _ => known[self.dice.below(known.len() as u64) as usize],
        }
    }

    pub(super) fn an_id(&mut self, bed: &Bed) -> u64 {
        let near = [bed.guard.next_id().0, self.acknowledged, self.expected];
        match self.dice.below(8) {
            0 => self.dice.below(u64::MAX),
            n => (near[n as usize % 3] + self.dice.below(3)).saturating_sub(1),
        }
    }
}

//! One data file of a simulated disk: what a reader sees, and what a power loss would leave of it.

use std::ops::Range;

use super::luck::{FileLuck, SECTOR_BYTES};

/// Two images in one. What a reader sees is `live`. What the disk has is the first `settled` bytes of it, with zeros
/// in `lost`, and then `tail`.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryFile {
    live: Vec<u8>,
    settled: usize,
    /// What the disk still has beyond `settled`, because the file was cut since the last sync.
    tail: Vec<u8>,
    /// What a failed sync did not write: the kernel takes it for written all the same.
    lost: Vec<Range<usize>>,
    /// How often bytes that were on the disk were cut or overwritten.
    cuts: u64,
}

/// What a sync covers, noted when it is made ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    length: usize,
    cuts: u64,
}

impl MemoryFile {
    /// A file that is on the disk as it is.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { settled: bytes.len(), live: bytes, ..Self::default() }
    }

    /// What a reader sees.
    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    /// What the disk has.
    pub(super) fn on_disk(&self) -> Vec<u8> {
        let mut bytes = self.live.get(..self.settled).unwrap_or(&self.live).to_vec();
        for lost in &self.lost {
            let end = lost.end.min(bytes.len());
            if let Some(lost) = bytes.get_mut(lost.start.min(end)..end) {
                lost.fill(0);
            }
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    /// Reads from an offset on until `into` is full or the file ends; gives the number of bytes read.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).ok().and_then(|offset| self.live.get(offset..));
        let from = from.unwrap_or_default();
        let read = from.len().min(into.len());
        for (into, from) in into.iter_mut().zip(from) {
            *into = *from;
        }
        read
    }

    /// Writes at an offset that is not beyond the end.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at <= self.live.len(), "a data file has no holes");
        self.unsettle(at);
        let end = at + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        if let Some(into) = self.live.get_mut(at..end) {
            into.copy_from_slice(bytes);
        }
    }

    /// Cuts it.
    pub(super) fn truncate(&mut self, length: usize) {
        self.unsettle(length);
        self.live.truncate(length);
    }

    /// What a sync that starts now would cover.
    pub(super) fn note(&self) -> Noted {
        Noted { length: self.live.len(), cuts: self.cuts }
    }

    /// A sync of what was noted has succeeded.
    pub(super) fn synced(&mut self, noted: Noted) {
        // Cut meanwhile: like the kernel, it writes what is there now.
        let length = if noted.cuts == self.cuts { noted.length } else { self.live.len() };
        self.settled = self.settled.max(length.min(self.live.len()));
        self.tail.clear();
    }

    /// A sync of what was noted has failed: the bytes count as written, and are not.
    pub(super) fn sync_failed(&mut self, noted: Noted) {
        if noted.cuts == self.cuts && noted.length > self.settled {
            self.lost.push(self.settled..noted.length);
            self.settled = noted.length;
        }
    }

    /// The power went: what the disk has is all that there is. With luck it has some of what was not synced, too.
    pub(super) fn lose_power(&mut self, luck: FileLuck) {
        *self = Self::durable(self.left(luck));
    }

    /// What the disk has for certain, or what a reader sees up to somewhere behind that, where it may end. Of the sectors in
    /// it some may be missing, and some may be there that a failed sync was to write: for a missing one there are the old
    /// bytes, or zeros.
    fn left(&self, luck: FileLuck) -> Vec<u8> {
        let mut old = self.on_disk();
        let end = luck.length.and_then(|mut dice| match dice.below(4) {
            0 => None,
            1 => Some(self.live.len()),
            _ => Some(self.settled + dice.below(self.live.len() - self.settled + 1)),
        });
        old.resize(end.unwrap_or(old.len()), 0);
        let mut bytes = old.clone();
        if let Some(end) = end {
            copy(&mut bytes, &self.live, self.settled..end);
        }
        if let Some(mut dice) = luck.sectors {
            for from in (0..bytes.len()).step_by(SECTOR_BYTES) {
                let is_written = dice.below(2) == 0;
                let source = if is_written { &self.live } else { &old };
                copy(&mut bytes, source, from..from + SECTOR_BYTES);
            }
        }
        bytes
    }

    /// From an offset on, what a reader sees and what the disk has differ from now on.
    fn unsettle(&mut self, from: usize) {
        if from < self.settled {
            self.tail = self.on_disk().split_off(from);
            self.settled = from;
            self.lost.retain_mut(|lost| {
                lost.end = lost.end.min(from);
                lost.start < lost.end
            });
            self.cuts += 1;
        }
    }
}

/// Copies a stretch, as far as it is in both.
fn copy(to: &mut [u8], from: &[u8], stretch: Range<usize>) {
    let bytes = to.iter_mut().zip(from).skip(stretch.start).take(stretch.len());
    bytes.for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synced(bytes: &[u8]) -> MemoryFile {
        MemoryFile::durable(bytes.to_vec())
    }

    /// What was written after a sync was made ready is not covered by it.
    #[test]
    fn a_sync_covers_what_was_there_when_it_was_made_ready() {
        let mut file = MemoryFile::default();
        file.write(0, b"early");
        let noted = file.note();
        file.write(5, b"late");
        file.synced(noted);
        assert_eq!(file.live(), b"earlylate");
        assert_eq!(file.on_disk(), b"early");
    }

    /// A cut that was not synced may not have happened: recovery meets the old bytes again.
    #[test]
    fn a_cut_is_undone_by_a_power_loss_before_its_sync() {
        let mut file = synced(b"whole+torn");
        file.truncate(5);
        file.write(5, b"!");
        assert_eq!(file.live(), b"whole!");
        assert_eq!(file.on_disk(), b"whole+torn");
        let noted = file.note();
        file.synced(noted);
        file.lose_power(FileLuck::default());
        assert_eq!(file.live(), b"whole!");
    }

    /// The kernel answers the second sync with success, and the bytes are gone.
    #[test]
    fn what_a_failed_sync_did_not_write_stays_unwritten() {
        let mut file = synced(b"ab");
        file.write(2, b"cd");
        let noted = file.note();
        file.sync_failed(noted);
        file.write(4, b"ef");
        let noted = file.note();
        file.synced(noted);
        assert_eq!(file.live(), b"abcdef");
        file.lose_power(FileLuck::default());
        assert_eq!(file.live(), b"ab\0\0ef");
    }

    /// A sync of an empty, older state that ends late must not take bytes back.
    #[test]
    fn syncs_may_end_in_any_order() {
        let mut file = MemoryFile::default();
        let first = file.note();
        file.write(0, b"abc");
        let second = file.note();
        file.synced(second);
        file.synced(first);
        assert_eq!(file.on_disk(), b"abc");
    }
}

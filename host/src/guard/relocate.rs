//! `relocate`: copying whole frames away from a file whose sync has failed, while they can still be read.

use forebay_frame::{RecordId, Surroundings};

use super::{
    Guard, GuardError, Refusal, Relocated, ScanLimits,
    blocks::BLOCK_BYTES,
    file_account::FileAccount,
    relocation::{Copied, Target},
    scan::{Verified, Walked},
    steps::distance,
    subject::Subject,
};
use crate::storage::{FileId, StorageError};

/// What one call copies at the most.
const LIMITS: ScanLimits = ScanLimits { max_spans: u32::MAX, max_records: u32::MAX, max_bytes: u64::MAX };

impl Guard {
    /// `relocate`.
    pub fn relocate(
        &mut self,
        source: FileId,
        offset: u64,
        max_bytes: u64,
        target: FileId,
        at: u64,
    ) -> Result<Relocated, GuardError> {
        self.check_relocation(source, offset, target, at)?;
        let is_replaced = self.account.relocation.is_replaced(source);
        let (mut records, mut next_offset) = if is_replaced {
            // What it has is in the copies that have replaced it, and is copied from there.
            (Vec::new(), self.account.file(source).map_or(offset, |account| account.length))
        } else {
            self.unacknowledged_from(source, offset)?
        };
        let mut bytes = 0_u64;
        let fitting = records.iter().take_while(|record| {
            let is_first = bytes == 0 && at == 0;
            bytes = bytes.saturating_add(record.frame_bytes);
            is_first || bytes <= max_bytes
        });
        let fitting = fitting.count();
        if let Some(record) = records.get(fitting) {
            next_offset = if fitting == 0 { offset } else { record.offset };
            records.truncate(fitting);
        }
        self.account.relocation.begin(target);
        let copied = self.copy(&records, target)?;
        if let Some(record) = records.get(copied) {
            next_offset = record.offset;
        }
        let last = copied.checked_sub(1).and_then(|last| records.get(last));
        let next = last.map_or(RecordId(0), Verified::next_id);
        let length = self.account.file(target).map_or(at, |account| account.length);
        self.account.relocation.copied(source, (offset, next_offset), next, length);
        Ok(Relocated { next_offset, length })
    }

    fn check_relocation(
        &mut self,
        source: FileId,
        offset: u64,
        target: FileId,
        at: u64,
    ) -> Result<(), GuardError> {
        let (Some(from), Some(to)) = (self.account.file(source), self.account.file(target)) else {
            return Err(self.refuse(Refusal::UnknownFile));
        };
        if to.length != at {
            return Err(self.refuse(Refusal::Conflict));
        }
        let relocation = &self.account.relocation;
        let goes_on = match relocation.source(source) {
            Some(copied) => offset == copied.to,
            None if relocation.sources().is_empty() => offset == 0 || offset == from.durable,
            None => offset == 0,
        };
        let is_new = !relocation.is_copy(target);
        let is_target = to.length == 0 || relocation.targets().last().is_some_and(|last| last.file == target);
        if source == target
            || !goes_on
            || !is_target
            || relocation.is_copy(source)
            || (to.length > 0 && relocation.sources().is_empty())
            || !self.account.has_suspects()
            || !self.is_in_turn(source)
            || (is_new && !self.is_behind_all(target)?)
        {
            return Err(self.refuse(Refusal::Relocation));
        }
        Ok(())
    }

    /// The whole unacknowledged records from an offset on, as many as one scan gives, and where the next one goes on.
    fn unacknowledged_from(
        &mut self,
        file: FileId,
        offset: u64,
    ) -> Result<(Vec<Verified>, u64), StorageError> {
        let length = self.account.file(file).map_or(0, |account| account.length);
        let ceiling = self.account.next_id();
        let unread = self.account.passed().after(1);
        let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
        let around = Surroundings { floor: RecordId(1), exact: false, ceiling };
        let Walked { mut records, next_offset, .. } =
            self.scanner.walk_on(&mut subject, offset, around, LIMITS)?;
        // What repeats ids that were copied already is no record of this buffer.
        let copied = self.account.relocation.next();
        records.retain(|record| record.next_id() > unread && record.id >= copied);
        Ok((records, next_offset))
    }

    /// Writes records to the end of a file under the ids that they have. Gives how many are there; an error means none.
    fn copy(&mut self, records: &[Verified], target: FileId) -> Result<usize, GuardError> {
        let mut copied = 0;
        while let Some(rest) = records.get(copied..).filter(|rest| !rest.is_empty()) {
            let mut piece = self.staging.empty();
            let mut count = 0;
            let mut next = RecordId(0);
            for record in rest {
                if count > 0 && piece.len().saturating_add(record.payload.len()) >= BLOCK_BYTES {
                    break;
                }
                forebay_frame::encode(&mut piece, record.id, record.metadata, record.events, &record.payload);
                next = record.next_id();
                count += 1;
            }
            match self.write_bytes(target, &piece) {
                Ok((_, bytes)) => {
                    self.account.copied(target, bytes, next);
                    copied += count;
                }
                Err(_) if copied > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }

    /// Whether a source is one that was begun, or follows on the ring on those that were, of which nothing is left to copy.
    fn is_in_turn(&self, source: FileId) -> bool {
        let relocation = &self.account.relocation;
        let is_done = |&(file, copied): &(FileId, Copied)| {
            let follows = self.place(file) < self.place(source);
            follows && self.account.file(file).is_none_or(|account| copied.to == account.length)
        };
        relocation.source(source).is_some()
            || (self.place(source).is_some() && relocation.sources().iter().all(is_done))
    }

    /// Whether a file comes behind all in which anything is unread, and behind all copies.
    fn is_behind_all(&mut self, target: FileId) -> Result<bool, StorageError> {
        let place = self.place(target);
        let unread = self.unread_files()?;
        let is_before = |file: FileId| self.place(file) < place;
        Ok(place.is_some()
            && unread.into_iter().all(is_before)
            && self.account.relocation.copies().all(is_before))
    }

    /// Whether the copies of all that is unread from the first source on lie behind it, the last of them in the file that is
    /// the writer's, so that they can take its place.
    pub(super) fn may_adopt(&mut self, writer: FileId) -> Result<bool, StorageError> {
        let unread = self.unread_files()?;
        let Some(&(first, _)) = self.account.relocation.sources().first() else { return Ok(false) };
        let is_copied = |file: FileId| {
            let copied = self.account.relocation.source(file);
            let length = self.account.file(file).map(|account| account.length);
            copied.is_some_and(|copied| Some(copied.to) == length && (copied.from == 0 || file == first))
        };
        let is_before = |file: FileId| self.place(file) < self.place(first);
        Ok(unread.into_iter().all(|file| is_before(file) || is_copied(file))
            && self.account.relocation.copies().all(|copy| self.place(copy) <= self.place(writer)))
    }

    /// The files in which anything is unread, but for copies, and what copies have replaced.
    fn unread_files(&mut self) -> Result<Vec<FileId>, StorageError> {
        let unread = self.account.passed().after(1);
        let relocation = &self.account.relocation;
        let is_original = |file: &FileId| !relocation.is_copy(*file) && !relocation.is_replaced(*file);
        let mut files = self.account.file_ids();
        files.retain(is_original);
        for file in &files {
            self.look_through(*file)?;
        }
        let is_unread =
            |file: &FileId| self.account.file(*file).is_some_and(|account| account.seen_next > unread);
        files.retain(|file| is_unread(file) && self.place(*file).is_some());
        Ok(files)
    }

    /// How far behind the ledger's reader a file lies that is in use, or comes behind those that are. `None`: it is nearer to
    /// the front from the other side, where nobody reads.
    pub(super) fn place(&self, file: FileId) -> Option<u32> {
        let ledger = self.account.ledger()?;
        let front = ledger.reader_data_file;
        let newest = self.account.newest().map_or(0, |newest| distance(front, newest));
        let end = newest.max(distance(front, ledger.writer_data_file));
        let steps = distance(front, file);
        let is_near = steps <= end || steps - end < FileId::MODULUS - steps;
        is_near.then_some(steps)
    }

    /// Whether all that a file has from a length on is in use elsewhere, and what followed it has gone for good.
    pub(super) fn is_relocated_from(&self, file: FileId, length: u64) -> bool {
        let Some((from, targets)) = self.account.relocation.replacement_of(file) else { return false };
        from == length && self.are_durable(targets) && !self.account.relocation.is_followed_by_doubt(file)
    }

    /// Whether all that a file has is acknowledged, or in use elsewhere.
    pub(super) fn is_relocated(&self, file: FileId) -> bool {
        let Some((from, targets)) = self.account.relocation.replacement_of(file) else { return false };
        self.is_done_below(file, from) && self.are_durable(targets)
    }

    /// Whether all that a file has is acknowledged, or durable in the copies that are being made.
    pub(super) fn is_copied(&self, file: FileId) -> bool {
        let relocation = &self.account.relocation;
        relocation.source(file).is_some_and(|copied| self.is_done_below(file, copied.from))
            && self.are_durable(relocation.targets())
    }

    fn is_done_below(&self, file: FileId, from: u64) -> bool {
        let unread = self.account.passed().after(1);
        // 0: it was synced before anybody had looked at it.
        let known = |next: RecordId| next > RecordId(0) && next <= unread;
        let is_done = |account: &FileAccount| account.durable == from && known(account.durable_next);
        from == 0 || self.account.file(file).is_some_and(is_done)
    }

    fn are_durable(&self, targets: &[Target]) -> bool {
        targets.iter().all(|target| {
            let account = self.account.file(target.file);
            account.is_some_and(|account| account.name_durable && account.durable >= target.length)
        })
    }
}

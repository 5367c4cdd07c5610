//! `relocate`: copying whole frames away from a file whose sync has failed, while they can still be read.

use forebay_frame::{RecordId, Surroundings};

use super::{
    Guard, GuardError, Refusal, Relocated, ScanLimits,
    blocks::BLOCK_BYTES,
    file_account::FileAccount,
    scan::{Verified, Walked},
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
        let (mut records, mut next_offset) = self.unacknowledged_from(source, offset)?;
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
        self.account.relocation.copied(source, offset, next_offset, next);
        let length = self.account.file(target).map_or(at, |account| account.length);
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
        let goes_on = match self.account.relocation.source(source) {
            Some(copied) => offset == copied.to,
            None => offset == 0 || offset == from.durable,
        };
        let is_target = to.length == 0 || self.account.relocation.is_copy(target);
        if source == target
            || !goes_on
            || !is_target
            || self.account.relocation.is_copy(source)
            || !self.account.has_suspects()
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
        let last = self.account.ledger().map_or(RecordId(0), |ledger| ledger.reader_last_record);
        let mut subject = Subject::new(&mut *self.backend, &self.account, file, length);
        let around = Surroundings { floor: RecordId(1), exact: false, ceiling };
        let Walked { mut records, next_offset, .. } =
            self.scanner.walk_on(&mut subject, offset, around, LIMITS)?;
        // What repeats ids that were copied already is no record of this buffer.
        let copied = self.account.relocation.next();
        records.retain(|record| record.next_id() > last.after(1) && record.id >= copied);
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

    /// Whether all that a file has from a length on is durable elsewhere.
    pub(super) fn is_relocated_from(&self, file: FileId, length: u64) -> bool {
        let Some(account) = self.account.file(file) else { return false };
        let Some((copied, targets)) = self.account.relocation.copies_of(file) else { return false };
        let is_copied = length >= copied.from && length <= account.length && copied.to == account.length;
        is_copied
            && targets.iter().all(|target| self.account.file(*target).is_some_and(FileAccount::is_durable))
    }

    /// Whether all that a file has is acknowledged, or durable elsewhere.
    pub(super) fn is_relocated(&self, file: FileId) -> bool {
        let (Some(account), Some((copied, _))) =
            (self.account.file(file), self.account.relocation.copies_of(file))
        else {
            return false;
        };
        let last = self.account.ledger().map_or(RecordId(0), |ledger| ledger.reader_last_record);
        let below_is_done =
            copied.from == 0 || (copied.from == account.durable && account.durable_next <= last.after(1));
        below_is_done && self.is_relocated_from(file, copied.from)
    }
}

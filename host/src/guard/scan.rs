//! Reading frames back: checked where they lie in memory, and told to the logic as spans.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroU32,
    time::{Duration, Instant},
};

use bytes::Bytes;
use forebay_frame::{
    Assessor, CountSource, Damage, Frame, FrameError, RecordId, Surroundings, decode_undelimited,
};

use super::{
    Guard,
    found::Found,
    kept::Kept,
    read_scans::ReadScans,
    span::{ScanLimits, Scanned, SpanState, damaged_at, torn_at},
    subject::Subject,
    wanted::Wanted,
    windows::Windows,
};
use crate::storage::{FileId, Mark, StorageError};

/// What no scan exceeds, whatever limits it is given: each bounds the time or the memory of one call of the logic.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
const TIME_MAX: Duration = Duration::from_millis(10);

/// How many ends of scans are remembered for each file: a reader's and those of a survey beside it.
const ENDS_MAX: usize = 8;

/// What the host's own walk has found.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) records: Vec<Verified>,
    /// Where the next walk goes on.
    pub(super) next_offset: u64,
    /// What is known there.
    pub(super) around: Surroundings,
    /// Where the first damage begins.
    pub(super) damaged_at: Option<u64>,
    /// Where an unfinished frame begins that ends the file.
    pub(super) torn_at: Option<u64>,
}

/// A record that the host's own walk has come to, and whose checksum agrees.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) offset: u64,
    pub(super) frame_bytes: u64,
    pub(super) id: RecordId,
    pub(super) events: NonZeroU32,
    /// What its frame says of what is behind it.
    behind: Surroundings,
}

impl Verified {
    pub(super) fn new(offset: u64, frame: &Frame<'_>, events: NonZeroU32) -> Self {
        let behind = Surroundings::at_start(RecordId(u64::MAX)).after(frame);
        Self { offset, frame_bytes: frame.bytes, id: frame.id, events, behind }
    }

    /// Where it ends, and what is known there.
    pub(super) fn end(&self) -> (u64, Surroundings) {
        (self.offset.saturating_add(self.frame_bytes), self.behind)
    }

    /// The id after its last event.
    pub(super) fn next_id(&self) -> RecordId {
        self.id.after(self.events.get().into())
    }
}

/// What is kept from one scan to the next.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    pub(super) windows: Windows,
    /// For each file, the offsets where the logic's last scans ended, and what is known there.
    ends: BTreeMap<FileId, VecDeque<(u64, Surroundings)>>,
    /// For each file, where the spans began that the logic's last scan gave.
    starts: BTreeMap<FileId, Vec<u64>>,
    /// For each file, ends of frames that were checked when the buffer was opened, and what is known there.
    marks: BTreeMap<FileId, Vec<(Mark, Surroundings)>>,
    /// What was learned about damage in the file that was scanned last.
    assessor: Option<(FileId, Assessor)>,
    wanted: Wanted,
    /// Bytes that all walks have gone through, or have read where that is more.
    pub(super) walked_bytes: u64,
}

impl Guard {
    /// Bytes of data files that were read or gone through since the guard was made: what reading costs.
    pub fn walked_bytes(&self) -> u64 {
        self.scanner.walked_bytes
    }
}

impl Scanner {
    /// From now on the records of scans are kept, for [`take_read`](Self::take_read).
    pub(super) fn start_reading(&mut self) {
        self.wanted = Wanted::ToRead(Kept::with_room());
    }

    /// The records of the scans since [`start_reading`](Self::start_reading). No more are kept.
    pub(super) fn take_read(&mut self) -> ReadScans {
        match std::mem::take(&mut self.wanted) {
            Wanted::ToRead(kept) => kept.into_scans(),
            Wanted::Nothing | Wanted::ToWalk(_) => Kept::default().into_scans(),
        }
    }

    /// A file was removed: nothing that was read of it counts any more.
    pub(super) fn forget(&mut self, file: FileId) {
        self.cut(file, 0);
        self.ends.remove(&file);
        self.starts.remove(&file);
        self.marks.remove(&file);
    }

    /// A file was cut to this length: what was read of it counts up to there. Logic that has cut a torn end reads on from
    /// the marks and ends that it was given before.
    pub(super) fn cut(&mut self, file: FileId, length: u64) {
        self.windows.forget(file);
        self.assessor.take_if(|(assessed, _)| *assessed == file);
        if let Some(ends) = self.ends.get_mut(&file) {
            ends.retain(|&(at, _)| at <= length);
        }
        if let Some(starts) = self.starts.get_mut(&file) {
            starts.retain(|&at| at <= length);
        }
        if let Some(marks) = self.marks.get_mut(&file) {
            marks.retain(|(mark, _)| mark.offset <= length);
        }
    }

    /// A frame that was checked ends at a mark.
    pub(super) fn mark(&mut self, mark: Mark, around: Surroundings) {
        let marks = self.marks.entry(mark.file).or_default();
        if marks.iter().all(|(known, _)| known.offset != mark.offset) {
            marks.push((mark, around));
        }
    }

    /// Other marks are known, and better ones.
    pub(super) fn forget_marks(&mut self) {
        self.marks.clear();
    }

    /// The marks that still stand.
    pub(super) fn marks(&self) -> Vec<Mark> {
        self.marks.values().flatten().map(|(mark, _)| *mark).collect()
    }

    /// What is known at a mark.
    pub(super) fn around_mark(&self, mark: Mark) -> Option<Surroundings> {
        let marks = self.marks.get(&mark.file)?.iter();
        marks.filter(|(known, _)| *known == mark).map(|(_, around)| *around).next()
    }

    /// Reads frames from an offset on until a limit is reached, for the host itself: the logic's scans know nothing of it.
    pub(super) fn walk_on(
        &mut self,
        subject: &mut Subject<'_>,
        offset: u64,
        around: Surroundings,
        limits: ScanLimits,
    ) -> Result<Walked, StorageError> {
        let wanted = std::mem::replace(&mut self.wanted, Wanted::ToWalk(Vec::new()));
        let found = self.walk_from(subject, offset, around, limits);
        let walked = std::mem::replace(&mut self.wanted, wanted);
        let (found, next_offset) = found?;
        let records = if let Wanted::ToWalk(records) = walked { records } else { Vec::new() };
        let (damaged_at, torn_at) = (damaged_at(&found.spans), torn_at(&found.spans));
        Ok(Walked { records, next_offset, around: found.around, damaged_at, torn_at })
    }

    /// Reads frames from an offset on until a limit is reached.
    pub(super) fn scan(
        &mut self,
        subject: &mut Subject<'_>,
        offset: u64,
        limits: ScanLimits,
    ) -> Result<Scanned, StorageError> {
        if let Wanted::ToRead(kept) = &mut self.wanted {
            kept.start_scan();
        }
        let around = self.surroundings(subject, offset);
        let (found, next_offset) = self.walk_from(subject, offset, around, limits)?;
        if let Wanted::ToRead(kept) = &mut self.wanted {
            kept.end_scan(subject.file, &found.spans, &found.behind);
        }
        let ends = self.ends.entry(subject.file).or_default();
        ends.retain(|&(at, _)| at != next_offset);
        ends.push_back((next_offset, found.around));
        if ends.len() > ENDS_MAX {
            ends.pop_front();
        }
        let starts = found.spans.iter().map(|span| span.offset).collect();
        self.starts.insert(subject.file, starts);
        Ok(Scanned { spans: found.spans, next_offset })
    }

    /// Whether a scan has named an offset, so that a frame begins there, or damage.
    pub(super) fn has_named(&self, file: FileId, offset: u64) -> bool {
        let is_end = self.ends.get(&file).is_some_and(|ends| ends.iter().any(|&(at, _)| at == offset));
        let is_mark =
            self.marks.get(&file).is_some_and(|marks| marks.iter().any(|(mark, _)| mark.offset == offset));
        is_end
            || is_mark
            || self.starts.get(&file).is_some_and(|starts| starts.binary_search(&offset).is_ok())
    }

    fn walk_from(
        &mut self,
        subject: &mut Subject<'_>,
        offset: u64,
        around: Surroundings,
        limits: ScanLimits,
    ) -> Result<(Found, u64), StorageError> {
        let started = Instant::now();
        let read_before = subject.read_bytes;
        let walked = self.walk_within(subject, offset, around, limits, || started.elapsed());
        let bytes = walked.as_ref().map_or(0, |(_, at)| at.saturating_sub(offset));
        let read = subject.read_bytes.saturating_sub(read_before);
        self.walked_bytes = self.walked_bytes.saturating_add(bytes.max(read));
        walked
    }

    /// Reads frames until a limit is reached, its own of bytes and of time among them.
    fn walk_within(
        &mut self,
        subject: &mut Subject<'_>,
        offset: u64,
        around: Surroundings,
        limits: ScanLimits,
        elapsed: impl Fn() -> Duration,
    ) -> Result<(Found, u64), StorageError> {
        let mut found = Found::new(around, limits, BYTES_MAX);
        let mut at = offset;
        while at < subject.length && !found.is_full {
            if at > offset && (elapsed() > TIME_MAX || at - offset > BYTES_MAX) {
                break;
            }
            let block = self.windows.block(subject, at)?;
            at = self.walk(subject, at, &block, &mut found)?;
        }
        Ok((found, at))
    }

    /// Walks the frames of one block, until it ends or a limit is reached. Gives where it stopped.
    fn walk(
        &mut self,
        subject: &mut Subject<'_>,
        start: u64,
        block: &Bytes,
        found: &mut Found,
    ) -> Result<u64, StorageError> {
        let mut at = start;
        loop {
            let rest = usize::try_from(at - start).ok().and_then(|skip| block.get(skip..));
            let followed = self.wanted.follow(at, rest.unwrap_or_default(), block, found);
            at = at.saturating_add(followed.bytes);
            let taken = match followed.behind {
                None => return Ok(at),
                Some(Ok(frame)) => self.judge(subject, at, &frame, block, found)?,
                // The frame goes on behind the block: the next block starts with it.
                Some(Err(FrameError::Incomplete { needed }))
                    if at > start && at.saturating_add(needed) <= subject.length =>
                {
                    return Ok(at);
                }
                Some(Err(_)) => self.assess(subject, at, found)?,
            };
            let Some(bytes) = taken else { return Ok(at) };
            at = at.saturating_add(bytes);
        }
    }

    /// A frame whose checksum agrees is a record if it belongs where it is: ids do not go back, and those that it skips do
    /// not come behind it. Gives its length, or `None` if a limit is reached.
    fn judge(
        &mut self,
        subject: &mut Subject<'_>,
        at: u64,
        frame: &Frame<'_>,
        block: &Bytes,
        found: &mut Found,
    ) -> Result<Option<u64>, StorageError> {
        let around = found.around;
        let belongs = around.admits(frame.id)
            && (frame.id == around.floor
                || !self.assessor(subject.file).is_stray(subject, at, frame, around)?);
        if !belongs {
            return Ok(found.damage(at, frame.bytes, SpanState::Corrupt));
        }
        let mut events = frame.events;
        if frame.count_source == CountSource::Payload && events > NonZeroU32::MIN {
            let ends_the_file = at.saturating_add(frame.bytes) >= subject.length;
            let behind = if ends_the_file { subject.id_behind()? } else { None };
            events = self.assessor(subject.file).events(subject, at, frame, behind)?;
        }
        let taken = found.whole(at, frame, events);
        if taken.is_some() {
            self.wanted.keep(at, frame, events, block);
        }
        Ok(taken)
    }

    /// What lies at an offset where no frame could be decoded. Gives its length, or `None` if a limit is reached.
    fn assess(
        &mut self,
        subject: &mut Subject<'_>,
        at: u64,
        found: &mut Found,
    ) -> Result<Option<u64>, StorageError> {
        let (bytes, state) = match self.assessor(subject.file).assess(subject, at, found.around)? {
            Damage::Length { frame_bytes } => {
                let block = self.windows.read_block(subject, at, frame_bytes)?;
                if let Ok(frame) = decode_undelimited(&block) {
                    return self.judge(subject, at, &frame, &block, found);
                }
                (frame_bytes, SpanState::Corrupt)
            }
            Damage::Corrupt { bytes } => (bytes, SpanState::Corrupt),
            Damage::Torn { bytes } => (bytes, SpanState::Torn),
        };
        Ok(found.damage(at, bytes, state))
    }

    fn assessor(&mut self, file: FileId) -> &mut Assessor {
        self.assessor.take_if(|(assessed, _)| *assessed != file);
        &mut self.assessor.get_or_insert_with(|| (file, Assessor::new())).1
    }

    fn surroundings(&self, subject: &Subject<'_>, offset: u64) -> Surroundings {
        let known = self.ends.get(&subject.file).into_iter().flatten().find(|&&(at, _)| at == offset);
        let mark = || {
            let marks = self.marks.get(&subject.file)?.iter();
            marks.filter(|(mark, _)| mark.offset == offset).map(|(_, around)| *around).next()
        };
        let nothing = Surroundings::at_start(subject.ceiling);
        let around = known.map(|end| end.1).or_else(mark).unwrap_or(nothing);
        Surroundings { ceiling: subject.ceiling, ..around }
    }
}

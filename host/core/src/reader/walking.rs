//! Walking through whole files: for the facts, for a survey, for what is dropped.

use forebay_types::{FileId, RecordId};

use super::{FileWalk, Files, Met, Reader, Step, WhyPassed, fence_of, fences::id_after};
use crate::{
    segments::{Fence, WalkedEnd},
    storage::StorageError,
};

/// What a survey of a file shows.
pub(crate) enum Seen<'a> {
    Record(&'a Met<'a>),
    Passed { why: WhyPassed, from: u64, to: u64 },
}

impl Reader {
    /// Walks through a file that was not walked to its end, and shows each record. Afterwards the facts know the ids in it.
    pub(crate) fn walk_through(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
        mut show: impl FnMut(&Met<'_>),
    ) -> Result<(), StorageError> {
        let Some(segment) = files.segments.get(file) else { return Ok(()) };
        let walked = segment.walked;
        let is_clean = walked.end == WalkedEnd::Whole && walked.to == walked.whole_end;
        let mut walk = if is_clean && walked.to > 0 {
            FileWalk::resume(file, walked.to, walked.next_id)
        } else {
            FileWalk::start(file, self.min_id(files, file)?)
        };
        loop {
            let step = self.step(&mut walk, files, |met| {
                show(met);
                true
            })?;
            if step == Step::End {
                return Ok(());
            }
        }
    }

    /// The id after what stands before a file: no id in it is lower. The file before it is walked for that only where no
    /// whole frame ends it.
    fn min_id(&mut self, files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
        let mut unknown = Vec::new();
        let mut end = files.segments.get(file).and_then(|segment| segment.min_id);
        if end.is_none() {
            let before: Vec<(FileId, u64, Option<RecordId>)> = files
                .segments
                .before(file)
                .map(|segment| {
                    let walked = segment.is_walked() && segment.walked.next_id > RecordId(0);
                    (segment.file, segment.bytes, walked.then_some(segment.walked.next_id))
                })
                .collect();
            for (before, bytes, walked) in before {
                end = match walked {
                    Some(next_id) => Some(next_id),
                    None => match id_after(files, before, bytes, file) {
                        Err(StorageError::NotFound { .. }) => None,
                        end => end?,
                    },
                };
                if end.is_some() {
                    break;
                }
                unknown.push(before);
            }
        }
        for before in unknown.into_iter().rev() {
            let mut walk = FileWalk::start(before, end);
            while self.step(&mut walk, files, |_| true)? != Step::End {}
            let next_id = walk.walked().next_id;
            end = if next_id > RecordId(0) { Some(next_id) } else { end };
        }
        if end.is_none() && files.segments.front().is_some_and(|front| front.file == file) {
            // The file before it has left. What the ledger has passed need not be found, and its ids may be anything.
            end = files.segments.first_unread();
            if let Fence::First(first) = fence_of(files, file)? {
                end = end.map(|unread| unread.min(first));
            }
        }
        if let Some(segment) = files.segments.get_mut(file) {
            segment.min_id = end;
        }
        Ok(end)
    }

    /// Walks through a file from its start, and shows each record.
    pub(crate) fn for_each_record(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
        mut show: impl FnMut(&Met<'_>),
    ) -> Result<(), StorageError> {
        self.survey(files, file, |seen| {
            if let Seen::Record(met) = seen {
                show(met);
            }
        })
    }

    /// Walks through a file from its start, and shows each record and what lies between them.
    pub(crate) fn survey(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
        mut show: impl FnMut(Seen<'_>),
    ) -> Result<(), StorageError> {
        let mut walk = FileWalk::start(file, self.min_id(files, file)?);
        loop {
            let step = self.step(&mut walk, files, |met| {
                show(Seen::Record(met));
                true
            })?;
            match step {
                Step::End => return Ok(()),
                Step::Passed { why, from, to } => show(Seen::Passed { why, from, to }),
                Step::On | Step::Full | Step::NeedsMap => {}
            }
        }
    }
}

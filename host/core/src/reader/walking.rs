//! Walking through whole files: for the facts, for a survey, for what is dropped.

use forebay_frame::Fences;
use forebay_types::{FileId, RecordId};

use super::{
    FileWalk, Files, Met, Reader, Step, WhyPassed,
    fences::{end_id, id_after, or_unplaced},
};
use crate::{
    segments::{Bound, Bounds, Segment, Segments, WalkedEnd},
    storage::{StorageError, unless_missing},
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
        let Some(mut walk) = walk_on(files.segments, file) else { return Ok(()) };
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

    /// The id of the first record in a file, or behind it.
    pub(crate) fn first_record_from(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
    ) -> Result<Option<RecordId>, StorageError> {
        let mut next = files.segments.position(file).map(|_| file);
        while let Some(file) = next {
            let found = unless_missing(self.first_record(files, file))?;
            if found.is_some() {
                return Ok(found);
            }
            next = files.segments.follower(file).map(|follower| follower.file);
        }
        Ok(None)
    }

    /// The id of the first record in a file. The facts know it afterwards.
    pub(crate) fn first_record(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
    ) -> Result<Option<RecordId>, StorageError> {
        if let Some(segment) = files.segments.get(file).filter(|segment| segment.is_met()) {
            return Ok(segment.first_id());
        }
        let mut walk = FileWalk::start(file);
        let mut first = None;
        loop {
            let step = self.step(&mut walk, files, |met| {
                first = Some(met.frame.id);
                false
            })?;
            if first.is_some() || step == Step::End {
                return Ok(first);
            }
        }
    }

    /// The bounds of the ids in a damaged file. They outlive the process.
    pub(super) fn bounds(&mut self, files: &mut Files<'_>, file: FileId) -> Result<Fences, StorageError> {
        let min = self.min_id(files, file)?;
        let end = match files.segments.bounds_of(file).end {
            Bound::NotAsked => end_id(files, file, min)?,
            told => told.id(),
        };
        files.segments.set_bounds(file, Bounds { min: Bound::told(min), end: Bound::told(end) });
        Ok(Fences { min, end })
    }

    /// The id after what stands before a file: no id in it is lower. Where the file does not begin with that id, the file before
    /// it is walked: a frame at the end of that one may be misplaced.
    pub(crate) fn min_id(
        &mut self,
        files: &mut Files<'_>,
        file: FileId,
    ) -> Result<Option<RecordId>, StorageError> {
        let told = files.segments.bounds_of(file);
        if told.min != Bound::NotAsked {
            return Ok(told.min.id());
        }
        let hint = min_hint(files, file)?;
        let first = files.segments.get(file).and_then(Segment::first_id);
        let min = if hint.is_some() && hint == first { hint } else { self.end_before(files, file)? };
        let min = or_unplaced(files, file, min)?;
        files.segments.set_bounds(file, Bounds { min: Bound::told(min), ..told });
        Ok(min)
    }

    /// The id after the last record before a file, by walking the files before it.
    fn end_before(&mut self, files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
        let before: Vec<FileId> = files.segments.before(file).map(|segment| segment.file).collect();
        // Each of these is walked after the one before it, so that no walk asks for another, however many are damaged.
        let mut unknown = Vec::new();
        for file in before.iter().copied() {
            let is_known = |segments: &Segments| segments.last_end(file) != Bound::NotAsked;
            if is_known(files.segments) {
                break;
            }
            if self.needs_bounds(files, file)? {
                unknown.push(file);
            } else if is_known(files.segments) {
                break;
            }
        }
        for file in unknown.into_iter().rev() {
            unless_missing(self.walk_through(files, file, |_| {}))?;
        }
        let mut ends = before.into_iter().map(|file| files.segments.last_end(file));
        Ok(ends.find(|end| *end != Bound::NotAsked).and_then(Bound::id))
    }

    /// Walks through a file as far as that can be done without the bounds of its ids. Gives whether they are needed for the rest.
    fn needs_bounds(&mut self, files: &mut Files<'_>, file: FileId) -> Result<bool, StorageError> {
        let Some(mut walk) = walk_on(files.segments, file) else { return Ok(false) };
        loop {
            match self.step_without_map(&mut walk, files, |_| true) {
                Ok(Step::End) => return Ok(false),
                Err(error) if error.is_missing() => return Ok(false),
                Ok(Step::NeedsMap) => return Ok(true),
                Ok(Step::On | Step::Full | Step::Passed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
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
        let mut walk = FileWalk::start(file);
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

/// A walk through a file, from where one came to that met only whole frames.
fn walk_on(segments: &Segments, file: FileId) -> Option<FileWalk> {
    let walked = segments.get(file)?.walked;
    let is_clean = walked.end == WalkedEnd::Whole && walked.to == walked.whole_end && walked.to > 0;
    Some(if is_clean { FileWalk::resume(file, walked.to, walked.next_id) } else { FileWalk::start(file) })
}

/// The id after what stands before a file, as far as two small reads tell it.
pub(super) fn min_hint(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    let told = files.segments.bounds_of(file).min;
    if told != Bound::NotAsked {
        return Ok(told.id());
    }
    let Some(before) = files.segments.before(file).next() else { return Ok(None) };
    if let Some(end) = before.records_end() {
        return Ok(Some(end));
    }
    let (before, bytes) = (before.file, before.bytes);
    unless_missing(id_after(files, before, bytes, file))
}

//! What the data files say, for decisions of opening. Everything is read when it is asked for, and once.

use std::{collections::BTreeMap, ops::Range};

use forebay_frame::{Fences, FileMap, Stretch};
use forebay_types::{FileId, RecordId};

use crate::{
    reader::{Files, Reader, Seen, fence_of, frame_ending_at},
    segments::{Bounds, Extent},
    storage::{Checkpoint, StorageError},
};

/// The data files of a directory, before their order is known.
pub(crate) struct Frames<'a> {
    pub(crate) files: Files<'a>,
    reader: &'a mut Reader,
    extents: BTreeMap<FileId, Extent>,
    /// The same with the runs that count only where the first frame of the file does, or only where it does not.
    options: BTreeMap<FileId, Extent>,
}

/// Ranges of ids without a gap, in file order, each with the offset where it starts.
#[derive(Clone, Debug, Default)]
struct Runs {
    ids: Vec<(u64, Range<RecordId>)>,
    records: u64,
}

impl Runs {
    fn add(&mut self, offset: u64, ids: Range<RecordId>, records: u64) {
        self.records = self.records.saturating_add(records);
        match self.ids.last_mut() {
            Some((_, run)) if run.end == ids.start => run.end = ids.end,
            _ => self.ids.push((offset, ids)),
        }
    }

    /// These and others of the same file.
    fn or(&self, others: &Self) -> Self {
        let mut ids = [self.ids.clone(), others.ids.clone()].concat();
        ids.sort_by_key(|(offset, run)| (*offset, run.start, run.end));
        ids.dedup();
        Self { ids, records: self.records.max(others.records) }
    }

    fn extent(self, file: FileId) -> Extent {
        Extent { file, runs: self.ids.into_iter().map(|(_, run)| run).collect() }
    }
}

impl<'a> Frames<'a> {
    pub(crate) fn new(files: Files<'a>, reader: &'a mut Reader) -> Self {
        Self { files, reader, extents: BTreeMap::new(), options: BTreeMap::new() }
    }

    /// The files that hold anything.
    pub(crate) fn nonempty(&self) -> Vec<FileId> {
        self.files.segments.iter().filter(|segment| segment.bytes > 0).map(|segment| segment.file).collect()
    }

    /// Whether a file holds nothing, or is not there.
    pub(crate) fn is_empty(&self, file: FileId) -> bool {
        self.files.segments.get(file).is_none_or(|segment| segment.bytes == 0)
    }

    /// The id of a file's first frame, as far as two small reads tell it.
    pub(crate) fn fence(&mut self, file: FileId) -> Result<Option<RecordId>, StorageError> {
        fence_of(&mut self.files, file)
    }

    /// The id after the frame that ends a file, if a whole one does.
    pub(crate) fn end_by_last_frame(&mut self, file: FileId) -> Result<Option<RecordId>, StorageError> {
        let Some(length) = self.files.segments.get(file).map(|segment| segment.bytes) else {
            return Ok(None);
        };
        frame_ending_at(&mut self.files, file, length)
    }

    /// Whether the frame ends at a checkpoint that should.
    pub(crate) fn stands(&mut self, checkpoint: Checkpoint) -> Result<bool, StorageError> {
        Ok(frame_ending_at(&mut self.files, checkpoint.file, checkpoint.offset)? == Some(checkpoint.next_id))
    }

    /// All runs of records in a file. Reads all of it.
    pub(crate) fn extent(&mut self, file: FileId) -> Result<&Extent, StorageError> {
        if !self.extents.contains_key(&file) {
            let mut found = Runs::default();
            let mut is_clean = true;
            self.reader.survey(&mut self.files, file, |seen| match seen {
                Seen::Record(met) => found.add(met.offset, met.frame.id..met.next_id(), 1),
                Seen::Passed { .. } => is_clean = false,
            })?;
            let has_bounds = self.files.segments.recalled_bounds(file) != Bounds::default();
            if !is_clean && !has_bounds {
                let without_start = self.without_committed_start(file)?;
                self.options.insert(file, found.or(&without_start).extent(file));
                if without_start.records > found.records {
                    found = without_start;
                }
            }
            self.extents.insert(file, found.extent(file));
        }
        Ok(self.extents.entry(file).or_insert_with(|| Extent { file, runs: Vec::new() }))
    }

    /// All runs that a file may turn out to hold, once its neighbours are known. Reads all of it.
    pub(crate) fn options(&mut self, file: FileId) -> Result<&Extent, StorageError> {
        self.extent(file)?;
        match self.options.get(&file) {
            Some(options) => Ok(options),
            None => Ok(self.extents.entry(file).or_insert_with(|| Runs::default().extent(file))),
        }
    }

    /// The runs of a file whose first frame counts no more than any other: a misplaced sector at the start hides all records with
    /// lower ids behind it, and it is not known yet which files are its neighbours.
    fn without_committed_start(&mut self, file: FileId) -> Result<Runs, StorageError> {
        let Some(bytes) = self.files.segments.get(file).map(|segment| segment.bytes) else {
            return Ok(Runs::default());
        };
        let map = FileMap::of(&mut self.files.bytes_of(file, bytes), Fences::UNPLACED)?;
        let mut found = Runs::default();
        for stretch in map.stretches() {
            match *stretch {
                Stretch::Run { offset, first_id, next_id, records, .. } => {
                    found.add(offset, first_id..next_id, records.into());
                }
                Stretch::Undelimited { offset, id, next_id, .. } => found.add(offset, id..next_id, 1),
                Stretch::Damaged { .. } | Stretch::Misplaced { .. } | Stretch::Unfinished { .. } => {}
            }
        }
        Ok(found)
    }

    /// Whether a whole record holds this event or a later one.
    pub(crate) fn reaches(&mut self, id: RecordId) -> Result<bool, StorageError> {
        let files = self.nonempty();
        let mut fences = Vec::new();
        for file in files {
            let fence = self.fence(file)?;
            if fence.is_some_and(|fence| fence >= id) && self.first_holding(file, id)?.is_some() {
                return Ok(true);
            }
            fences.push((fence, file));
        }
        // The file that begins highest is most likely to end highest.
        fences.sort_unstable_by(|one, other| other.cmp(one));
        for (_, file) in fences {
            if self.first_holding(file, id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first whole record of a file that holds this event or a later one.
    pub(crate) fn first_holding(
        &mut self,
        file: FileId,
        id: RecordId,
    ) -> Result<Option<RecordId>, StorageError> {
        let runs = &self.extent(file)?.runs;
        Ok(runs.iter().filter(|run| run.end > id).map(|run| run.start.max(id)).min())
    }

    /// The lowest event from this one on that any file holds.
    pub(crate) fn lowest_from(&mut self, id: RecordId) -> Result<Option<RecordId>, StorageError> {
        let mut lowest: Option<RecordId> = None;
        for file in self.nonempty() {
            lowest = lowest.into_iter().chain(self.first_holding(file, id)?).min();
        }
        Ok(lowest)
    }

    /// The id behind every whole record.
    pub(crate) fn end(&mut self) -> Result<Option<RecordId>, StorageError> {
        let mut end = None;
        for file in self.nonempty() {
            end = end.max(self.extent(file)?.runs.iter().map(|run| run.end).max());
        }
        Ok(end)
    }
}

//! Opening: bringing ledger and data files into agreement, whatever a crash, or somebody, has made of them.
//!
//! The ledger says which files are in use and where reading and writing stand. The frames have the last word: records
//! behind the ledger's end move it forward, and where its file numbers contradict the ids in the files, the files are put
//! in order by their ids. What is counted in the ledger and is in no file is lost.

use std::collections::VecDeque;

use crate::directory::Directory;
use crate::ledger::LiveLedger;
use crate::losses::Losses;
use crate::ring::FileId;
use crate::storage::{FileEntry, Ledger, Mark, RecordId, Storage, StorageError};
use crate::survey::Survey;
use crate::syncs::Syncs;
use crate::window::{DataFile, Window};

/// What was found on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// The first event that is not acknowledged.
    pub first_unread: RecordId,
    /// The id that the next event gets.
    pub next_id: RecordId,
    /// Events between the two: those that wait, and those of them that are lost.
    pub events: u64,
    /// Bytes in all data files.
    pub bytes: u64,
    /// Events that the ledger counted and no file holds, as far as it is known without reading.
    pub lost_events: u64,
    /// Bytes that were cut from the end of the newest file.
    pub cut_bytes: u64,
}

/// Opens the directory in storage: cuts a torn end if that can be, stores a ledger that agrees with the frames, and asks for the syncs of
/// all that is kept. A second opening changes nothing more. Files are read from the marks in them on.
///
/// Logic that resumes where other logic stood cuts nothing: it may not, as long as that may come back.
pub fn recover(
    storage: &mut impl Storage,
    marks: &[Mark],
    resumes: bool,
) -> Result<(Directory, Losses), StorageError> {
    let files = storage.list_files()?;
    let stored = match storage.load_ledger() {
        Ok(ledger) => Some(ledger),
        Err(StorageError::NotFound) => None,
        Err(error) => return Err(error),
    };
    let within = |mark: &&Mark| files.iter().any(|file| file.id == mark.file && file.length >= mark.offset);
    let survey = Survey::from_marks(marks.iter().filter(within).copied().collect());
    let mut recovery = Recovery { storage, survey, files, first_unread: RecordId::FIRST, resumes };
    let layout = recovery.layout(stored)?;
    recovery.finish(stored, &layout)
}

/// Which files are in use, oldest first, and which are not.
struct Layout {
    inside: Vec<FileEntry>,
    outside: Vec<FileEntry>,
    /// The file that the ledger may name as the writer's without a sync.
    writer: FileId,
    /// The id behind the last whole record of the files in use, if any holds one.
    data_end: Option<RecordId>,
}

impl Layout {
    /// The files from the reader's to the writer's are in use. All are put in the order of the ring from the reader's on.
    fn between(files: &[FileEntry], reader: FileId, writer: FileId) -> Self {
        let mut inside = files.to_vec();
        inside.sort_by_key(|file| reader.steps_to(file.id));
        let outside = inside
            .split_off(inside.partition_point(|file| reader.steps_to(file.id) <= reader.steps_to(writer)));
        let writer = inside.last().map_or(writer, |file| file.id);
        Self { inside, outside, writer, data_end: None }
    }
}

struct Recovery<'a, S> {
    storage: &'a mut S,
    survey: Survey,
    files: Vec<FileEntry>,
    first_unread: RecordId,
    resumes: bool,
}

impl<S: Storage> Recovery<'_, S> {
    /// Finds out which files are in use: those that the ledger says, and those behind them that it does not name yet; but
    /// if the frames contradict it, those that they say.
    fn layout(&mut self, stored: Option<Ledger>) -> Result<Layout, StorageError> {
        if let Some(ledger) = stored {
            self.first_unread = ledger.reader_last_record.after(1);
            if let Some(layout) = self.layout_by_ledger(ledger)? {
                return Ok(layout);
            }
        }
        self.layout_by_frames(stored)
    }

    /// `None` if the frames contradict the ledger's file numbers.
    fn layout_by_ledger(&mut self, ledger: Ledger) -> Result<Option<Layout>, StorageError> {
        let (reader, writer) = (ledger.reader_data_file, ledger.writer_data_file);
        let mut layout = Layout::between(&self.files, reader, writer);
        let last = self.last_ids(&layout.inside)?;
        layout.data_end = last.map(|(_, next_id)| next_id);
        let data_start = self.data_start(&layout.inside)?;
        if data_start.zip(last).is_some_and(|(start, (last_start, end))| start >= end || start > last_start) {
            return Ok(None);
        }
        let mut outside = Vec::new();
        for file in layout.outside {
            let ids = self.survey.contents(self.storage, file.id)?.ids;
            // Where the ids of the files in use are all lost, a file belongs to the end of the window that is nearer.
            let ahead = writer.steps_to(file.id) < file.id.steps_to(reader);
            let follows = |(first_id, _): &(RecordId, RecordId)| {
                layout.data_end.map_or(ahead, |data_end| *first_id >= data_end)
            };
            if let Some((_, next_id)) = ids.filter(follows) {
                // A crash came between the first record of this file and the ledger that names it. Where it is all
                // acknowledged it counts too: new records are to come behind it, as long as it is there.
                layout.data_end = Some(next_id);
                layout.inside.push(file);
            } else if ids.is_some_and(|ids| self.is_missing_in(data_start.zip(layout.data_end), ids)) {
                return Ok(None);
            } else {
                outside.push(file);
            }
        }
        layout.outside = outside;
        Ok(Some(layout))
    }

    /// The file whose first id is lowest, of those in which something is unread, is the reader's; the one with the highest
    /// id is the writer's. Reads all files.
    fn layout_by_frames(&mut self, stored: Option<Ledger>) -> Result<Layout, StorageError> {
        let mut unread = Vec::new();
        for file in &self.files {
            let contents = self.survey.contents(self.storage, file.id)?;
            unread.extend(
                contents.ids.filter(|_| contents.reaches(self.first_unread)).map(|ids| (file.id, ids)),
            );
        }
        let reader = unread.iter().min_by_key(|(_, (first_id, _))| *first_id);
        let writer = unread.iter().max_by_key(|(_, (_, next_id))| *next_id);
        let (Some((reader, (first_id, _))), Some((writer, (_, next_id)))) = (reader, writer) else {
            let (reader, writer) = stored.map_or((FileId::FIRST, FileId::FIRST), |ledger| {
                (ledger.writer_data_file, ledger.writer_data_file)
            });
            let mut layout = Layout::between(&self.files, reader, writer);
            layout.data_end = self.last_ids(&layout.inside)?.map(|(_, next_id)| next_id);
            return Ok(layout);
        };
        if stored.is_none() {
            self.first_unread = (*first_id).max(RecordId::FIRST);
        }
        let mut layout = Layout::between(&self.files, *reader, *writer);
        layout.data_end = Some(*next_id);
        Ok(layout)
    }

    /// The ids in the last of these files in which anything is whole: the lowest, and the one behind the highest.
    fn last_ids(&mut self, files: &[FileEntry]) -> Result<Option<(RecordId, RecordId)>, StorageError> {
        for file in files.iter().rev() {
            if let Some(ids) = self.survey.contents(self.storage, file.id)?.ids {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }

    /// The id of the first whole record of these files.
    fn data_start(&mut self, files: &[FileEntry]) -> Result<Option<RecordId>, StorageError> {
        for file in files {
            if let Some(first_id) = self.survey.first_id(self.storage, file.id)? {
                return Ok(Some(first_id));
            }
        }
        Ok(None)
    }

    /// Whether a file outside holds something unread of which the files in use, from the first of these ids up to the other,
    /// know nothing. One that only repeats their ids was left there by somebody.
    fn is_missing_in(
        &self,
        inside: Option<(RecordId, RecordId)>,
        (first_id, next_id): (RecordId, RecordId),
    ) -> bool {
        let unread = first_id.max(self.first_unread);
        let is_repeated = inside.is_some_and(|(start, end)| unread >= start && next_id <= end);
        next_id > self.first_unread && !is_repeated
    }

    fn finish(
        mut self,
        stored: Option<Ledger>,
        layout: &Layout,
    ) -> Result<(Directory, Losses), StorageError> {
        let mut losses = Losses::default();
        let next_id = self.settle_ids(stored, layout, &mut losses)?;
        let window = self.window(layout, next_id, &mut losses)?;
        if losses.events() > 0 && self.first_unread == next_id {
            // All that waited is passed over now, and nobody will read where it was.
            let damaged = self.damaged_behind(&layout.inside)?;
            losses.skipped(damaged.saturating_sub(losses.cut_bytes()));
        }
        let ledger = Ledger {
            writer_next_record: next_id,
            writer_data_file: layout.writer,
            reader_data_file: window.front().id,
            reader_last_record: stored.map_or(RecordId(0), |ledger| ledger.reader_last_record),
        };
        let mut ledger = LiveLedger::new(ledger, stored);
        ledger.advance_reader(self.first_unread);
        let is_suspect = self.files.iter().any(|file| file.suspect);
        let mut directory = Directory { ledger, window, syncs: Syncs::new(is_suspect) };
        directory.store_ledger(self.storage)?;
        directory.sync_files(self.storage)?;
        directory.syncs.directory(self.storage)?;
        directory.sync_ledger(self.storage)?;
        Ok((directory, losses))
    }

    /// Brings the two ids of the ledger into agreement with the frames. Gives the id that the next event gets.
    fn settle_ids(
        &mut self,
        stored: Option<Ledger>,
        layout: &Layout,
        losses: &mut Losses,
    ) -> Result<RecordId, StorageError> {
        let counted =
            stored.map_or(self.first_unread, |ledger| ledger.writer_next_record).max(self.first_unread);
        // Where nothing is whole, nothing is unread.
        let mut data_end = layout.data_end.unwrap_or(self.first_unread);
        if data_end <= self.first_unread && self.first_unread < counted {
            // All that is unread seems to be lost, and is to be passed over now: every file is asked first.
            for file in &layout.inside {
                let ids = self.survey.contents(self.storage, file.id)?.ids;
                data_end = ids.map_or(data_end, |(_, next_id)| data_end.max(next_id));
            }
        }
        let lost_from = data_end.max(self.first_unread).min(counted);
        losses.found_on_opening(lost_from, counted);
        if lost_from == self.first_unread {
            self.first_unread = counted;
        }
        Ok(counted.max(data_end))
    }

    /// Damaged bytes behind the last whole record of these files.
    fn damaged_behind(&mut self, files: &[FileEntry]) -> Result<u64, StorageError> {
        let mut damaged: u64 = 0;
        for file in files {
            let contents = self.survey.contents(self.storage, file.id)?;
            let before = if contents.ids.is_some() { 0 } else { damaged };
            damaged = before.saturating_add(contents.damaged_behind);
        }
        Ok(damaged)
    }

    fn window(
        &mut self,
        layout: &Layout,
        next_id: RecordId,
        losses: &mut Losses,
    ) -> Result<Window, StorageError> {
        let mut files = VecDeque::new();
        for (at, entry) in layout.inside.iter().enumerate() {
            files.push_back(self.data_file(entry, at + 1 == layout.inside.len(), next_id, losses)?);
        }
        let newest = if let Some(file) = files.pop_back() {
            file
        } else {
            self.storage.create_file(layout.writer)?;
            DataFile { next_id, ..DataFile::empty(layout.writer, 1) }
        };
        let mut window = Window::new(files, newest);
        for file in &layout.outside {
            let contents = self.survey.contents(self.storage, file.id)?;
            if contents.reaches(self.first_unread) {
                window.add_stranger(file.id, file.length, contents.ids.map(|(_, next_id)| next_id));
            } else {
                window.add_leaving(file.id, file.length);
            }
        }
        Ok(window)
    }

    /// A file in use. A torn end of the newest is cut: behind it, new records would not be found. Where that cannot be, or
    /// something else in it is damaged, they come in another file.
    fn data_file(
        &mut self,
        entry: &FileEntry,
        newest: bool,
        next_id: RecordId,
        losses: &mut Losses,
    ) -> Result<DataFile, StorageError> {
        let mut entry = *entry;
        let mut sealed = false;
        if newest {
            let contents = self.survey.contents(self.storage, entry.id)?;
            // What comes behind a damage might not be found, should another one follow.
            sealed = contents.is_damaged;
            if let Some(torn_at) = contents.torn_at {
                match (!self.resumes).then(|| self.storage.truncate_file(entry.id, torn_at)) {
                    Some(Ok(())) => {}
                    Some(Err(StorageError::Fenced)) => return Err(StorageError::Fenced),
                    None | Some(Err(_)) => sealed = true,
                }
                // Where the cut was made and its sync has failed, storage holds the file suspect now.
                let cut = self.storage.list_files()?.into_iter().find(|file| file.id == entry.id);
                let length = entry.length;
                entry = cut.unwrap_or(entry);
                losses.cut(length.saturating_sub(entry.length));
            }
        }
        let length = entry.length;
        let mut file = DataFile { length, next_id, sealed, ..DataFile::empty(entry.id, 1) };
        // Perhaps it was synced, or a sync of it has failed, while another instance had the buffer.
        file.learn(&entry);
        Ok(file)
    }
}

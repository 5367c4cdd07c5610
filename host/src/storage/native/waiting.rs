//! What waits, and what of it is not there, by the data files: where the ledger lags behind them, or they behind it.

use std::time::SystemTime;

use forebay_core::look::frame_before;
use forebay_frame::{RecordId, Source as _, first_frame_id};

use super::{
    holder::Holder,
    snapshot::{DataFileReader, Snapshot},
};
use crate::storage::{FileId, Ledger};

/// Data files that the ledger leads to, and that are not there or hold nothing although ids are missing at their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The files, in reading order.
    pub files: Vec<FileId>,
    /// How many of the events that wait are lost with them. `None`: a file beside them tells no ids.
    pub events: Option<u64>,
}

impl Missing {
    /// What two looks have both found. A file that one of them has met left the buffer in between.
    #[must_use]
    pub fn in_both(mut self, earlier: &Self) -> Self {
        self.files.retain(|file| earlier.files.contains(file));
        self
    }
}

impl Snapshot {
    /// A ledger with the next id that an opener of the buffer would find. Logic may store none for a long while, or the process
    /// dies before it has. Of a buffer that is held, the last note counts.
    pub fn brought_up(&self, ledger: &Ledger) -> Ledger {
        let next = match self.holder() {
            Holder::Held(_) => self.noted_next().unwrap_or(ledger.writer_next_record),
            Holder::Free | Holder::Unknown => self.next_by_frames(ledger),
        };
        Ledger { writer_next_record: ledger.writer_next_record.max(next), ..*ledger }
    }

    /// When the data file with the first record that waits was last written to: the record was written by then. `None` if nothing
    /// waits, or that cannot be found out. `ledger` is one that was [brought up](Self::brought_up).
    pub fn oldest_modified(&self, ledger: &Ledger) -> Option<SystemTime> {
        let first_unread = ledger.first_unread();
        if first_unread >= ledger.writer_next_record {
            return None;
        }
        let is_passed = |file: &FileId| {
            self.length(*file) == 0 || self.ids_behind(*file).is_some_and(|(_, next)| next <= first_unread)
        };
        let reader = ledger.reader_data_file;
        let named = usize::try_from(reader.steps_to(ledger.writer_data_file)).unwrap_or(usize::MAX);
        // Files that were begun since come behind the one that the ledger names as the writer's.
        let ring = std::iter::successors(Some(reader), |file| Some(file.successor()));
        let mut files = ring.take(named.saturating_add(self.data_files().len()).saturating_add(1));
        self.modified(files.find(|file| !is_passed(file))?)
    }

    /// The files that are missing, if any. `ledger` is one that was [brought up](Self::brought_up).
    pub fn missing(&self, ledger: &Ledger) -> Option<Missing> {
        let mut missing = Missing { events: Some(0), ..Missing::default() };
        let (mut gap, mut before) = (Vec::new(), None);
        let mut file = ledger.reader_data_file;
        for _ in 0..=file.steps_to(ledger.writer_data_file) {
            if self.length(file) == 0 {
                gap.push(file);
            } else {
                if !gap.is_empty() {
                    let first_id = self.first_id(file);
                    self.add_gap(&mut missing, std::mem::take(&mut gap), before, first_id, ledger);
                }
                before = Some(file);
            }
            file = file.successor();
        }
        if !gap.is_empty() {
            self.add_gap(&mut missing, gap, before, Some(ledger.writer_next_record), ledger);
        }
        Some(missing).filter(|missing| !missing.files.is_empty())
    }

    /// Adds files that are not there, if ids are missing between the file before them and the id behind them.
    fn add_gap(
        &self,
        missing: &mut Missing,
        files: Vec<FileId>,
        before: Option<FileId>,
        behind: Option<RecordId>,
        ledger: &Ledger,
    ) {
        let first_unread = ledger.reader_last_record.after(1);
        let end = match before {
            None => Some(first_unread),
            Some(before) => self.ids_behind(before).map(|(_, next_id)| next_id.max(first_unread)),
        };
        let events = behind.zip(end).map(|(behind, end)| behind.0.saturating_sub(end.0));
        // An empty file may be the next one to be written to.
        let is_gone = files.iter().any(|file| !self.is_listed(*file));
        if events.map_or(is_gone, |events| events > 0) {
            missing.files.extend(files);
            missing.events = missing.events.zip(events).map(|(sum, events)| sum.saturating_add(events));
        }
    }

    fn noted_next(&self) -> Option<RecordId> {
        let recalled = self.recalled().filter(|recalled| recalled.same_boot && !recalled.clean);
        recalled.map(|recalled| recalled.memo.ledger.writer_next_record)
    }

    /// The id behind the last frame from the writer's file on.
    fn next_by_frames(&self, ledger: &Ledger) -> RecordId {
        let (writer, mut next) = (ledger.writer_data_file, ledger.writer_next_record);
        let mut least = ledger.reader_last_record.after(1);
        let mut file = writer;
        while self.is_listed(file) {
            if self.length(file) > 0 {
                // What the ring holds behind the last file is older: it was acknowledged, and waits to be removed.
                if file != writer && self.first_id(file).is_none_or(|first_id| first_id < least) {
                    break;
                }
                let end = match self.ids_behind(file) {
                    Some((lowest, _)) => Some(lowest),
                    None => self.end_of_whole_frames(file),
                };
                least = least.max(end.unwrap_or(least));
                next = next.max(least);
            }
            file = file.successor();
            if file == writer || file == ledger.reader_data_file {
                break;
            }
        }
        next
    }

    pub(super) fn length(&self, file: FileId) -> u64 {
        let files = self.data_files();
        let position = files.binary_search_by_key(&file, |(other, _)| *other).ok();
        position.and_then(|position| files.get(position)).map_or(0, |(_, bytes)| *bytes)
    }

    fn reader_of(&self, file: FileId) -> Option<DataFileReader> {
        self.open_data_file(file).ok()
    }

    fn first_id(&self, file: FileId) -> Option<RecordId> {
        first_frame_id(self.reader_of(file)?).ok().flatten()
    }

    /// What the id behind a file's last frame may be, if the file ends with a whole one.
    fn ids_behind(&self, file: FileId) -> Option<(RecordId, RecordId)> {
        let mut reader = self.reader_of(file)?;
        let end = reader.len();
        frame_before(&mut reader, end).ok().flatten()
    }
}

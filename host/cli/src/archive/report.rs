//! What `forebay dump` and `forebay restore` answer.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use serde::Serialize;

use super::reading::{Archive, Fault, FaultKind};
use crate::{fill::Filled, print};

/// An archive that was written.
#[derive(Debug, Serialize)]
pub(super) struct Dumped {
    pub(super) records: u64,
    /// The first event that was not acknowledged.
    pub(super) first_id: u64,
    /// The id behind all records.
    pub(super) next_id: u64,
    /// Events that no data file holds whole.
    pub(super) lost_events: u64,
}

impl Dumped {
    /// The same for people.
    pub(super) fn text(&self, file: &Path) -> String {
        let ids = print::ids(self.first_id, self.next_id);
        format!("{}: {}{ids}\n", print::path(file), print::count(self.records, "record"))
    }
}

/// A buffer that was made from an archive.
#[derive(Debug, Serialize)]
pub(super) struct Restored {
    /// Records that are in the new buffer.
    records: u64,
    /// The first event that was not acknowledged.
    first_id: u64,
    /// The id that the next event gets.
    next_id: u64,
    /// Records that were in the archive and are not whole; `None` where the archive does not say any more how many there were.
    missing_records: Option<u64>,
    /// The same of events: a count that is damaged counts as one.
    missing_events: Option<u64>,
    /// What is wrong with the archive.
    faults: Vec<Fault>,
}

impl Restored {
    pub(super) fn new(archive: &Archive, filled: Filled) -> Self {
        Self {
            records: filled.records,
            first_id: archive.first_id().0,
            next_id: archive.next_id().0,
            missing_records: archive.missing_records(),
            missing_events: archive.missing_events(filled.events),
            faults: archive.faults(),
        }
    }

    /// Whether the archive was whole.
    pub(super) fn is_whole(&self) -> bool {
        self.faults.is_empty() && self.missing_records == Some(0) && self.missing_events == Some(0)
    }

    /// The same for people.
    pub(super) fn text(&self, file: &Path, dir: &Path) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let file = print::path(file);
        for Fault { kind, offset, bytes, ids } in &self.faults {
            let what = match kind {
                FaultKind::Head => "the head is damaged",
                FaultKind::Options => "the options that the buffer remembered are damaged, and are left out",
                FaultKind::Corrupt => "corrupt bytes",
                FaultKind::Misplaced => "whole frames that do not belong there",
                FaultKind::Length => "damaged length of a whole frame",
                FaultKind::Torn => "unfinished frame",
                FaultKind::End => "the end is missing or damaged: there may have been more records",
            };
            write!(text, "{file}: {what} at {offset}")?;
            if *bytes > 0 {
                write!(text, ", {}", print::count(*bytes, "byte"))?;
            }
            match ids {
                None => {}
                Some([first, end]) if end.saturating_sub(*first) == 1 => write!(text, ": id {first}")?,
                Some([first, end]) => write!(text, ": ids {first} to {}", end.saturating_sub(1))?,
            }
            text.push('\n');
        }
        let (dir, ids) = (print::path(dir), print::ids(self.first_id, self.next_id));
        write!(text, "{dir}: {}{ids}", print::count(self.records, "record"))?;
        match self.missing_records {
            Some(0) => match self.missing_events {
                None | Some(0) => {}
                Some(events) => {
                    write!(text, "; counts are damaged that said of {} more", print::count(events, "event"))?;
                }
            },
            Some(missing) => {
                write!(text, "; {} of the archive could not be read", print::count(missing, "record"))?;
            }
            None => text.push_str("; the archive does not say any more how many there were"),
        }
        text.push('\n');
        Ok(text)
    }
}

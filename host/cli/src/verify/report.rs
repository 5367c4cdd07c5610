//! What `forebay verify` answers.

use std::{
    fmt::{self, Write as _},
    ops::Range,
    path::Path,
};

use forebay::RecordId;
use serde::Serialize;

use crate::print;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Whether nothing is damaged.
    pub(crate) ok: bool,
    /// Whole frames in all data files.
    pub(super) frames: u64,
    /// Places that are damaged, or hold frames that do not belong there.
    pub(super) corrupt: u64,
    /// Bytes of unfinished frames at the ends of files.
    pub(super) torn_bytes: u64,
    /// Unread ids that a reader does not reach.
    pub(crate) lost_records: u64,
    pub(crate) faults: Vec<Fault>,
    #[serde(skip)]
    pub(super) files: u64,
    #[serde(skip)]
    pub(super) bytes: u64,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(super) file: Option<String>,
    pub(super) offset: Option<u64>,
    pub(super) kind: Kind,
    /// The first id that it concerns and the one after the last, where that is known.
    pub(super) ids: Option<[u64; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Damaged bytes.
    Corrupt,
    /// Whole frames that do not belong where they are, or in a file that no reader reaches.
    Misplaced,
    /// A frame that is whole but for the numbers that say how long it is.
    Length,
    /// An unfinished frame at the end of a file.
    Torn,
    /// Ids that a reader does not reach, and that no other fault accounts for.
    Missing,
    /// A ledger that is missing, cannot be read, or is damaged or out of date.
    Ledger,
    /// A ledger that has passed more than was ever written.
    Overrun,
    /// A ledger whose last acknowledged record, and nothing else, is another than when the buffer was closed.
    Doubtful,
}

impl Report {
    /// Adds a fault in a data file; gives its number.
    pub(super) fn add(&mut self, file: &str, offset: u64, kind: Kind, ids: Option<Range<RecordId>>) -> usize {
        let ids = ids.map(numbers);
        self.faults.push(Fault { file: Some(file.to_owned()), offset: Some(offset), kind, ids });
        self.faults.len() - 1
    }

    /// Says which ids a fault concerns, if they are any.
    pub(super) fn name(&mut self, fault: usize, ids: Range<RecordId>) {
        if let Some(fault) = self.faults.get_mut(fault) {
            fault.ids = (!ids.is_empty()).then(|| numbers(ids));
        }
    }

    /// Adds ids that no fault in a data file accounts for.
    pub(super) fn add_missing(&mut self, ids: Range<RecordId>) {
        let ids = Some(numbers(ids));
        self.faults.push(Fault { file: None, offset: None, kind: Kind::Missing, ids });
    }

    /// Whether the next opening replaces the ledger.
    pub(crate) fn is_ledger_bad(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.kind, Kind::Ledger | Kind::Overrun))
    }

    /// The ledger is none, cannot be right, or is in doubt about these ids.
    pub(super) fn add_bad_ledger(&mut self, kind: Kind, ids: Option<Range<RecordId>>) {
        self.faults.insert(0, Fault { file: None, offset: None, kind, ids: ids.map(numbers) });
        self.judge();
    }

    /// Says whether all is well.
    pub(super) fn judge(&mut self) {
        let is_bad = |fault: &Fault| matches!(fault.kind, Kind::Ledger | Kind::Overrun | Kind::Doubtful);
        let ledger_is_bad = self.faults.iter().any(is_bad);
        self.ok = !ledger_is_bad && self.corrupt == 0 && self.torn_bytes == 0 && self.lost_records == 0;
    }

    /// The report for people.
    pub(super) fn text(&self, dir: &Path) -> Result<String, fmt::Error> {
        let mut text = String::new();
        for fault in &self.faults {
            writeln!(text, "{fault}")?;
        }
        writeln!(
            text,
            "{}: {}; {} and {} in {}; {}, {}, {}",
            print::path(dir),
            if self.ok { "whole" } else { "damaged" },
            print::count(self.frames, "whole frame"),
            print::count(self.bytes, "byte"),
            print::count(self.files, "data file"),
            print::count(self.corrupt, "corrupt place"),
            print::count(self.torn_bytes, "torn byte"),
            print::count(self.lost_records, "lost record"),
        )?;
        Ok(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Corrupt => "corrupt bytes",
            Kind::Misplaced => "whole frames that do not belong there",
            Kind::Length => "damaged length of a whole frame",
            Kind::Torn => "unfinished frame",
            Kind::Missing => "whole in no data file",
            Kind::Ledger => {
                "the ledger, buffer.db, is missing, damaged or out of date: the next opening replaces it, from what was noted \
                 beside it or from the data files"
            }
            Kind::Overrun => {
                "the ledger, buffer.db, has passed more than was ever written: the next opening goes by what was noted beside \
                 it or by the data files, and may deliver again what was acknowledged"
            }
            Kind::Doubtful => {
                "the ledger, buffer.db, is as it was when the buffer was closed, but for what is acknowledged: unless another \
                 program has read from the buffer since, that number is damaged, and with buffer.db moved away the next opening \
                 goes by what was noted beside it"
            }
        })?;
        if let (Some(file), Some(offset)) = (&self.file, self.offset) {
            write!(f, " in {file} at {offset}")?;
        }
        match self.ids {
            None => Ok(()),
            Some([first, end]) if end == first.saturating_add(1) => write!(f, ": id {first}"),
            Some([first, end]) => write!(f, ": ids {first} to {}", end.saturating_sub(1)),
        }
    }
}

fn numbers(ids: Range<RecordId>) -> [u64; 2] {
    [ids.start.0, ids.end.0]
}

//! What `forebay repair` answers.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use forebay::storage::data_file_name;
use serde::Serialize;

use super::plan::{Action, Plan, Remains};
use crate::{print, verify};

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// Whether nothing was changed, and only said.
    dry_run: bool,
    /// Where the files are now as they were.
    pub(super) quarantine: Option<String>,
    /// Whole records that stay.
    records: u64,
    files: Vec<ChangedFile>,
    /// Whether the ledger was rebuilt.
    pub(super) ledger: bool,
    /// What was wrong, as `verify` says it.
    pub(super) found: verify::Report,
}

/// A data file that gave way.
#[derive(Debug, Serialize)]
struct ChangedFile {
    file: String,
    /// Whether no reader reached it; then nothing has taken its place.
    set_aside: bool,
    /// Records in it: those that stay, or those that went with it.
    records: u64,
    /// Bytes that were no record of this buffer.
    cut_bytes: u64,
}

impl Outcome {
    /// What was found, and what of it is to stay.
    pub(super) fn new(found: verify::Report, plan: &Plan, dry_run: bool) -> Self {
        Self {
            dry_run,
            quarantine: None,
            records: plan.records(),
            files: plan.changed().map(ChangedFile::of).collect(),
            ledger: found.is_ledger_bad(),
            found,
        }
    }

    pub(super) fn changes(&self) -> bool {
        self.ledger || !self.files.is_empty()
    }

    /// The outcome for people.
    pub(super) fn text(&self, dir: &Path) -> Result<String, fmt::Error> {
        let mut text = String::new();
        for fault in &self.found.faults {
            writeln!(text, "{fault}")?;
        }
        for file in &self.files {
            file.write(&mut text, self.dry_run)?;
        }
        let stay = print::count(self.records, "whole record");
        let dir = print::path(dir);
        match (&self.quarantine, self.changes()) {
            (_, false) => writeln!(text, "{dir}: nothing to repair; {stay}")?,
            (None, true) => writeln!(text, "{dir}: would be repaired; {stay} would stay")?,
            (Some(quarantine), true) => {
                let quarantine = print::printable(quarantine);
                writeln!(text, "{dir}: repaired; {stay} stay; what was replaced is in {quarantine}")?;
            }
        }
        Ok(text)
    }
}

impl ChangedFile {
    fn of(remains: &Remains) -> Self {
        Self {
            file: data_file_name(remains.file),
            set_aside: remains.action() == Action::SetAside,
            records: remains.records,
            cut_bytes: remains.cut_bytes,
        }
    }

    fn write(&self, text: &mut String, dry_run: bool) -> fmt::Result {
        let Self { file, records, cut_bytes, .. } = self;
        let records = print::count(*records, "record");
        match (self.set_aside, dry_run) {
            (true, true) => writeln!(text, "would set aside {file}, which no reader reaches: {records}"),
            (true, false) => writeln!(text, "set aside {file}, which no reader reaches: {records}"),
            (false, true) => {
                writeln!(text, "would replace {file}: {records} would stay, {cut_bytes} bytes would go")
            }
            (false, false) => writeln!(text, "replaced {file}: {records} stay, {cut_bytes} bytes went"),
        }
    }
}

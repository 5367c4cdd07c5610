//! What is in each data file.

use std::fmt::{self, Write as _};

use forebay::storage::{
    data_file_name,
    native::{Holder, Snapshot},
};
use forebay_core::look::{Finding, StretchKind};
use serde::Serialize;

use crate::print;

/// What is in a buffer's files.
#[derive(Debug, Default, Serialize)]
pub(super) struct Contents {
    ledger: Option<LedgerFields>,
    /// The process that has the buffer, where that is known.
    held_by: Option<u32>,
    files: Vec<FileContents>,
}

#[derive(Debug, Serialize)]
struct LedgerFields {
    next_id: u64,
    writer_file: String,
    acknowledged_through: u64,
    reader_file: String,
}

#[derive(Debug, Serialize)]
struct FileContents {
    file: String,
    /// Whether a reader reaches it.
    in_order: bool,
    /// Whole records.
    records: u64,
    /// The id of the first event, and the one after the last. `None`: no record is whole.
    ids: Option<[u64; 2]>,
    /// The length of all frames, and of all else.
    bytes: u64,
    /// Stretches without a record of this buffer.
    stretches: Vec<Stretch>,
}

#[derive(Debug, Serialize)]
struct Stretch {
    kind: &'static str,
    offset: u64,
    bytes: u64,
}

impl Contents {
    /// Adds what a look has found.
    pub(super) fn add(&mut self, finding: &Finding) {
        if let Finding::File { file, is_in_order } = finding {
            let (file, in_order) = (data_file_name(*file), *is_in_order);
            self.files.push(FileContents {
                file,
                in_order,
                records: 0,
                ids: None,
                bytes: 0,
                stretches: Vec::new(),
            });
        }
        let Some(contents) = self.files.last_mut() else { return };
        match finding {
            Finding::Record { bytes, ids, .. } => {
                contents.records += 1;
                contents.bytes = contents.bytes.saturating_add(*bytes);
                let [first, _] = contents.ids.unwrap_or([ids.start.0, ids.end.0]);
                contents.ids = Some([first, ids.end.0]);
            }
            Finding::Stretch { kind, offset, bytes } => {
                let kind = match kind {
                    StretchKind::Damaged => "damaged",
                    StretchKind::Misplaced => "misplaced",
                    StretchKind::Unfinished => "unfinished",
                };
                contents.bytes = contents.bytes.saturating_add(*bytes);
                contents.stretches.push(Stretch { kind, offset: *offset, bytes: *bytes });
            }
            _ => {}
        }
    }

    /// Puts ledger and holder beside the files.
    pub(super) fn compare(&mut self, snapshot: &Snapshot) {
        self.ledger = snapshot.readable_ledger().map(|ledger| LedgerFields {
            next_id: ledger.writer_next_record.0,
            writer_file: data_file_name(ledger.writer_data_file),
            acknowledged_through: ledger.reader_last_record.0,
            reader_file: data_file_name(ledger.reader_data_file),
        });
        self.held_by = match snapshot.holder() {
            Holder::Held(process) => process,
            _ => None,
        };
    }

    /// The same for people.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match &self.ledger {
            None => writeln!(text, "buffer.db: none that can be read")?,
            Some(LedgerFields { next_id, writer_file, acknowledged_through, reader_file }) => writeln!(
                text,
                "buffer.db: next id {next_id}, in {writer_file}; acknowledged through {acknowledged_through}, in {reader_file}"
            )?,
        }
        if let Some(process) = self.held_by {
            writeln!(text, "held by process {process}")?;
        }
        let acknowledged = self.ledger.as_ref().map_or(0, |ledger| ledger.acknowledged_through);
        for file in &self.files {
            file.write(&mut text, acknowledged)?;
        }
        Ok(text)
    }
}

impl FileContents {
    fn write(&self, text: &mut String, acknowledged: u64) -> fmt::Result {
        let Self { file, records, bytes, .. } = self;
        write!(text, "{file}: {}, {}", print::count(*bytes, "byte"), print::count(*records, "record"))?;
        if let Some([first, end]) = self.ids {
            let last = end.saturating_sub(1);
            write!(text, ", ids {first} to {last}")?;
            if last <= acknowledged {
                text.push_str(", all acknowledged");
            } else if first <= acknowledged {
                write!(text, ", acknowledged through {acknowledged}")?;
            }
        }
        if !self.in_order {
            text.push_str(", which no reader reaches");
        }
        text.push('\n');
        for Stretch { kind, offset, bytes } in &self.stretches {
            writeln!(text, "  {kind}: {} at {offset}", print::count(*bytes, "byte"))?;
        }
        Ok(())
    }
}

//! `forebay verify`: reads every frame of a buffer from outside, and says what is whole and what is not.

mod inspection;
mod ranges;
mod report;

use std::{ops::Range, path::Path};

use forebay::{
    RecordId,
    storage::{
        FileId, Ledger, StorageError,
        native::{DataFileReader, Holder, LedgerOnDisk, Snapshot},
    },
};
use forebay_frame::Source;

use self::{
    inspection::Inspection,
    report::{Kind, Report},
};
use crate::{
    args::{Format, LookArgs},
    exit::Exit,
    print,
};

pub(crate) fn run(args: &LookArgs) -> anyhow::Result<Exit> {
    let report = inspect(&args.dir)?;
    match args.format {
        Format::Json => print::json(&report)?,
        Format::Text => print::lines(&report.text(&args.dir)?)?,
    }
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

fn inspect(dir: &Path) -> anyhow::Result<Report> {
    let snapshot = Snapshot::take(dir)?;
    snapshot.must_be_buffer()?;
    let ledger = match snapshot.ledger() {
        LedgerOnDisk::Readable(ledger) => Some(ledger),
        LedgerOnDisk::None | LedgerOnDisk::Unreadable { .. } => None,
    };
    let is_held = matches!(snapshot.holder(), Holder::Held(_));
    let (next_id, live) = match ledger {
        Some(ledger) => (ledger.writer_next_record, is_held.then(|| ledger.reader_last_record.after(1))),
        None => (RecordId(u64::MAX), None),
    };
    let mut inspection =
        Inspection::new(next_id, snapshot.data_files().iter().map(|(_, bytes)| bytes).sum(), live);
    let files = in_reading_order(&snapshot, ledger.map(|ledger| ledger.reader_data_file));
    for (at, &file) in files.iter().enumerate() {
        let Some(mut reader) = open(&snapshot, file)? else { continue };
        let behind = files.get(at + 1..).unwrap_or_default();
        let follower = first_id(&snapshot, behind, &inspection)?;
        inspection.file(&name(file), &mut reader, follower)?;
    }
    let unread = match ledger {
        // What was acknowledged meanwhile may be gone by right.
        Some(ledger) if is_held => {
            let last = match Snapshot::take(dir)?.ledger() {
                LedgerOnDisk::Readable(now) => now.reader_last_record,
                LedgerOnDisk::None | LedgerOnDisk::Unreadable { .. } => ledger.reader_last_record,
            };
            last.after(1)..ledger.writer_next_record
        }
        Some(ledger) => ledger.reader_last_record.after(1)..ledger.writer_next_record,
        // Without a ledger nobody counts.
        None => RecordId(0)..RecordId(0),
    };
    // It has passed what nobody ever wrote: the number is damaged, and says nothing of what was acknowledged.
    let is_overrun = ledger.is_some_and(|ledger| {
        let last = ledger.reader_last_record;
        last >= ledger.writer_next_record && !inspection.reaches(last) && inspection.reaches(RecordId(0))
    });
    let mut report = inspection.finish(unread);
    if snapshot.lacks_ledger() {
        report.add_bad_ledger(Kind::Ledger, None);
    } else if is_overrun {
        report.add_bad_ledger(Kind::Overrun, None);
    } else if let Some(ids) = in_question(&snapshot, ledger) {
        report.add_bad_ledger(Kind::Doubtful, Some(ids));
    }
    Ok(report)
}

/// The ids that are acknowledged now and were not when the buffer was closed, or the other way round, if that is all that has
/// changed.
fn in_question(snapshot: &Snapshot, ledger: Option<Ledger>) -> Option<Range<RecordId>> {
    snapshot.recalled()?.in_question(&ledger?)
}

/// A data file; `None` if it was read to its end and removed while we were looking.
fn open(snapshot: &Snapshot, file: FileId) -> Result<Option<DataFile>, StorageError> {
    match snapshot.open_data_file(file) {
        Ok(reader) => Ok(Some(DataFile(reader))),
        Err(StorageError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id with which the first of these files begins that has anything in it.
fn first_id(
    snapshot: &Snapshot,
    files: &[FileId],
    inspection: &Inspection,
) -> Result<Option<RecordId>, StorageError> {
    for &file in files {
        if let Some(mut reader) = open(snapshot, file)?
            && reader.len() > 0
        {
            return inspection.first_id(&mut reader);
        }
    }
    Ok(None)
}

/// The data files from the reader's on: ids rise in this order. After the last number comes the first.
fn in_reading_order(snapshot: &Snapshot, first: Option<FileId>) -> Vec<FileId> {
    let first = first.map_or(0, |file| u32::from(file.get()));
    let mut files: Vec<FileId> = snapshot.data_files().iter().map(|&(file, _)| file).collect();
    files.sort_by_key(|file| (u32::from(file.get()) + FileId::MODULUS - first) % FileId::MODULUS);
    files
}

fn name(file: FileId) -> String {
    format!("buffer-data-{file}.dat")
}

/// A data file, as long as it was when it was opened.
struct DataFile(DataFileReader);

impl Source for DataFile {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.0.read_at(offset, into)
    }
}

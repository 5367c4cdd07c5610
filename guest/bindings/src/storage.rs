//! The logic's storage, answered by the component's imports.

use forebay_logic::{
    BatchId, FileEntry, FileId, Ledger, Mark, Placed, RecordId, ScanLimits, Scanned, Span, SpanState,
    Storage, StorageError, SyncTarget, Ticket, error::BREACH,
};

use crate::wit::forebay::buffer::storage as imports;

/// The host that runs this component.
pub(crate) struct Host;

impl Storage for Host {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        let ledger = imports::load_ledger()?;
        Ok(Ledger {
            writer_next_record: RecordId(ledger.writer_next_record),
            writer_data_file: file_id(ledger.writer_data_file)?,
            reader_data_file: file_id(ledger.reader_data_file)?,
            reader_last_record: RecordId(ledger.reader_last_record),
        })
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        Ok(imports::store_ledger(imports::Ledger {
            writer_next_record: ledger.writer_next_record.0,
            writer_data_file: ledger.writer_data_file.get(),
            reader_data_file: ledger.reader_data_file.get(),
            reader_last_record: ledger.reader_last_record.0,
        })?)
    }

    fn marks(&mut self) -> Result<Vec<Mark>, StorageError> {
        imports::marks()?
            .into_iter()
            .map(|mark| {
                Ok(Mark { file: file_id(mark.file)?, offset: mark.offset, next_id: RecordId(mark.next_id) })
            })
            .collect()
    }

    // Here and in `scan` both kinds of element have one size, so that the list is converted where it lies.
    fn list_files(&mut self) -> Result<Vec<FileEntry>, StorageError> {
        imports::list_files()?
            .into_iter()
            .map(|entry| {
                Ok(FileEntry {
                    id: file_id(entry.id)?,
                    length: entry.length,
                    durable_length: entry.durable_length,
                    suspect: entry.suspect,
                })
            })
            .collect()
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        Ok(imports::create_file(file.get())?)
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        Ok(imports::remove_file(file.get())?)
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        Ok(imports::truncate_file(file.get(), length)?)
    }

    fn append(
        &mut self,
        batch: BatchId,
        first: u32,
        count: u32,
        file: FileId,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, StorageError> {
        let placed = imports::append(batch.0, first, count, file.get(), at, id.0)?;
        Ok(Placed { records: placed.records, length: placed.length })
    }

    fn scan(&mut self, file: FileId, offset: u64, limits: ScanLimits) -> Result<Scanned, StorageError> {
        let limits = imports::ScanLimits {
            max_spans: limits.max_spans,
            max_records: limits.max_records,
            max_bytes: limits.max_bytes,
        };
        let scanned = imports::scan(file.get(), offset, limits)?;
        Ok(Scanned {
            spans: scanned.spans.into_iter().map(Span::from).collect(),
            next_offset: scanned.next_offset,
        })
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        let target = match target {
            SyncTarget::Data(file) => imports::SyncTarget::Data(file.get()),
            SyncTarget::Directory => imports::SyncTarget::Directory,
            SyncTarget::Ledger => imports::SyncTarget::Ledger,
        };
        Ok(Ticket(imports::request_sync(target)?))
    }
}

/// The file with this number. Only a host that breaks the contract names the one that is none.
fn file_id(number: u16) -> Result<FileId, StorageError> {
    FileId::new(number).ok_or(StorageError::Other(BREACH))
}

impl From<imports::Span> for Span {
    fn from(span: imports::Span) -> Self {
        Self {
            offset: span.offset,
            bytes: span.bytes,
            first_id: RecordId(span.first_id),
            next_id: RecordId(span.next_id),
            records: span.records,
            state: match span.state {
                imports::SpanState::Whole => SpanState::Whole,
                imports::SpanState::Corrupt => SpanState::Corrupt,
                imports::SpanState::Torn => SpanState::Torn,
            },
        }
    }
}

impl From<imports::Error> for StorageError {
    fn from(error: imports::Error) -> Self {
        match error {
            imports::Error::NotFound => Self::NotFound,
            imports::Error::AlreadyExists => Self::AlreadyExists,
            imports::Error::NoSpace => Self::NoSpace,
            imports::Error::Conflict => Self::Conflict,
            imports::Error::Fenced => Self::Fenced,
            imports::Error::Refused(rule) => Self::Refused(rule),
            imports::Error::Io(errno) => Self::Io(errno),
            imports::Error::Other(number) => Self::Other(number),
        }
    }
}

//! The functions that a component may import, each handed on to the guard. Numbers from the guest become ids here, or
//! are refused here.

use forebay_frame::RecordId;

use super::{
    bindings::forebay::buffer::{
        storage::{self, Error},
        types,
    },
    instance::GuestState,
};
use crate::{
    guard::{BatchId, Guard, GuardError, ScanLimits, SpanState},
    storage::{FileId, Ledger, StorageError, SyncTarget},
};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl types::Host for GuestState {}

impl storage::Host for GuestState {
    fn load_ledger(&mut self) -> Answer<types::Ledger> {
        self.host_call(|guard| {
            let ledger = guard.load_ledger()?;
            Ok(types::Ledger {
                writer_next_record: ledger.writer_next_record.0,
                writer_data_file: ledger.writer_data_file.get(),
                reader_data_file: ledger.reader_data_file.get(),
                reader_last_record: ledger.reader_last_record.0,
            })
        })
    }

    fn store_ledger(&mut self, ledger: types::Ledger) -> Answer<()> {
        self.host_call(|guard| {
            let writer_data_file = file(guard, ledger.writer_data_file)?;
            let reader_data_file = file(guard, ledger.reader_data_file)?;
            guard.store_ledger(Ledger {
                writer_next_record: RecordId(ledger.writer_next_record),
                writer_data_file,
                reader_data_file,
                reader_last_record: RecordId(ledger.reader_last_record),
            })?;
            Ok(())
        })
    }

    fn marks(&mut self) -> Answer<Vec<types::Mark>> {
        self.host_call(|guard| {
            let marks = guard.marks().into_iter().map(|mark| types::Mark {
                file: mark.file.get(),
                offset: mark.offset,
                next_id: mark.next_id.0,
            });
            Ok(marks.collect())
        })
    }

    fn list_files(&mut self) -> Answer<Vec<storage::FileEntry>> {
        self.host_call(|guard| {
            Ok(guard
                .list_files()
                .into_iter()
                .map(|entry| storage::FileEntry {
                    id: entry.id.get(),
                    length: entry.length,
                    durable_length: entry.durable_length,
                    suspect: entry.suspect,
                })
                .collect())
        })
    }

    fn create_file(&mut self, number: u16) -> Answer<()> {
        self.host_call(|guard| {
            let file = file(guard, number)?;
            Ok(guard.create_file(file)?)
        })
    }

    fn remove_file(&mut self, number: u16) -> Answer<()> {
        self.host_call(|guard| {
            let file = file(guard, number)?;
            Ok(guard.remove_file(file)?)
        })
    }

    fn truncate_file(&mut self, number: u16, length: u64) -> Answer<()> {
        self.host_call(|guard| {
            let file = file(guard, number)?;
            Ok(guard.truncate_file(file, length)?)
        })
    }

    fn append(
        &mut self,
        batch: u64,
        first: u32,
        count: u32,
        number: u16,
        at: u64,
        id: u64,
    ) -> Answer<storage::Placed> {
        self.host_call(|guard| {
            let file = file(guard, number)?;
            let placed = guard.append(BatchId(batch), first, count, file, at, RecordId(id))?;
            Ok(storage::Placed { records: placed.records, length: placed.length })
        })
    }

    fn scan(&mut self, number: u16, offset: u64, limits: storage::ScanLimits) -> Answer<storage::Scanned> {
        self.host_call(|guard| {
            let limits = ScanLimits {
                max_spans: limits.max_spans,
                max_records: limits.max_records,
                max_bytes: limits.max_bytes,
            };
            let file = file(guard, number)?;
            let scanned = guard.scan(file, offset, limits)?;
            let spans = scanned.spans.into_iter().map(|span| storage::Span {
                offset: span.offset,
                bytes: span.bytes,
                first_id: span.first_id.0,
                next_id: span.next_id.0,
                records: span.records,
                state: match span.state {
                    SpanState::Whole => storage::SpanState::Whole,
                    SpanState::Corrupt => storage::SpanState::Corrupt,
                    SpanState::Torn => storage::SpanState::Torn,
                },
            });
            Ok(storage::Scanned { spans: spans.collect(), next_offset: scanned.next_offset })
        })
    }

    fn request_sync(&mut self, target: storage::SyncTarget) -> Answer<u64> {
        self.host_call(|guard| {
            let target = match target {
                storage::SyncTarget::Data(number) => SyncTarget::Data(file(guard, number)?),
                storage::SyncTarget::Directory => SyncTarget::Directory,
                storage::SyncTarget::Ledger => SyncTarget::Ledger,
            };
            Ok(guard.request_sync(target)?.0)
        })
    }
}

fn file(guard: &mut Guard, number: u16) -> Result<FileId, Error> {
    FileId::new(number).ok_or_else(|| guard.no_such_file().into())
}

impl From<GuardError> for Error {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Conflict => Self::Conflict,
            GuardError::Refused(refusal) => Self::Refused(refusal.code()),
            GuardError::Storage(error) => match error {
                StorageError::NotFound { .. } => Self::NotFound,
                StorageError::AlreadyExists { .. } => Self::AlreadyExists,
                StorageError::NoSpace { .. } => Self::NoSpace,
                StorageError::Io { .. } => Self::Io(error.errno()),
            },
        }
    }
}

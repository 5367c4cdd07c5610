//! The buffer's logic, compiled natively and put behind the same seam as the component: what the host does for one it
//! does for the other.

use forebay::{
    OpenReport, RecordId, WhenFull,
    guard::{BatchId, Guard, GuardError, ScanLimits, SpanState, Ticket},
    logic::{CallError, Logic, LogicError, LogicOptions, Run},
    storage::{FileId, Ledger, StorageError as HostError, SyncTarget},
};
use forebay_logic as native;
use native::{Logic as _, StorageError};

use super::fuse::Fuse;

pub struct NativeLogic {
    guard: Guard,
    fuse: Fuse,
    buffer: Option<native::Buffer>,
    failed: bool,
}

impl NativeLogic {
    pub fn make(guard: Guard) -> Box<dyn Logic> {
        Self::with_fuse(guard, &Fuse::default())
    }

    /// Logic whose calls end where the fuse burns out.
    pub fn with_fuse(guard: Guard, fuse: &Fuse) -> Box<dyn Logic> {
        Box::new(Self { guard, fuse: fuse.clone(), buffer: None, failed: false })
    }

    fn call<T>(
        &mut self,
        export: impl FnOnce(&mut native::Buffer, &mut Imports<'_>) -> Result<T, native::BufferError>,
    ) -> Result<T, CallError> {
        let mut buffer = self.buffer.take();
        let result = self.run(|imports| {
            let buffer = buffer.as_mut().ok_or(native::BufferError::Closed)?;
            export(buffer, imports)
        });
        self.buffer = buffer;
        result
    }

    /// Runs a call of the logic, which a storage call may end.
    fn run<T>(
        &mut self,
        call: impl FnOnce(&mut Imports<'_>) -> Result<T, native::BufferError>,
    ) -> Result<T, CallError> {
        assert!(!self.failed, "an instance that has failed is called again");
        let mut imports = Imports(&mut self.guard, &self.fuse);
        let result = Fuse::catch(|| call(&mut imports));
        self.failed = result.is_none();
        let failed = || CallError::Failed { reason: "a storage call has ended it".to_owned() };
        result.ok_or_else(failed)?.map_err(refused)
    }
}

fn refused(error: native::BufferError) -> CallError {
    CallError::Refused(match error {
        native::BufferError::Closed => LogicError::Closed,
        native::BufferError::Degraded => LogicError::Degraded,
        native::BufferError::Storage(number) => LogicError::Storage(number),
        native::BufferError::Other(number) => LogicError::Other(number),
    })
}

impl Logic for NativeLogic {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.guard
    }

    fn open(&mut self, options: &LogicOptions) -> Result<OpenReport, CallError> {
        let options = native::Options {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            max_events: options.max_events,
            when_full: match options.when_full {
                WhenFull::Block => native::WhenFull::Block,
                WhenFull::Reject => native::WhenFull::Reject,
                WhenFull::DropOldest => native::WhenFull::DropOldest,
                _ => unreachable!(),
            },
            resume_after: options.resume_after.map(|id| native::RecordId(id.0)),
            sync_interval_ms: options.sync_interval_ms,
            now_ns: options.now_ns,
        };
        let (buffer, report) = self.run(|imports| native::Buffer::open(imports, &options))?;
        self.buffer = Some(buffer);
        Ok(OpenReport::new(
            RecordId(report.first_unread.0),
            RecordId(report.next_id.0),
            report.events,
            report.bytes,
            report.lost_events,
            report.cut_bytes,
        ))
    }

    fn write(&mut self, batch: u64, records: &[u64]) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.write(imports, native::BatchId(batch), records)).map(drop)
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<Vec<Run>, CallError> {
        let runs = self.call(|buffer, imports| buffer.read(imports, max_records, max_bytes))?;
        Ok(runs
            .into_iter()
            .map(|run| Run {
                file: FileId::new(run.file.get()).unwrap(),
                offset: run.offset,
                bytes: run.bytes,
                first_id: RecordId(run.first_id.0),
                next_id: RecordId(run.next_id.0),
                records: run.records,
            })
            .collect())
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.acknowledge(imports, native::RecordId(through.0)))
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        self.call(|buffer, imports| buffer.tick(imports, now_ns))
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.flush(imports))
    }

    fn synced(&mut self, ticket: Ticket, ok: bool) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.synced(imports, native::Ticket(ticket.0), ok))
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.close_writer(imports))
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        self.call(|buffer, _| Ok(buffer.status()))
    }
}

struct Imports<'a>(&'a mut Guard, &'a Fuse);

impl Imports<'_> {
    /// Each storage call comes through here.
    fn guard(&mut self) -> &mut Guard {
        self.1.burn();
        self.0
    }
}

fn host(id: native::FileId) -> FileId {
    FileId::new(id.get()).unwrap()
}

fn guest(id: FileId) -> native::FileId {
    native::FileId::new(id.get()).unwrap()
}

fn storage_error(error: GuardError) -> StorageError {
    match error {
        GuardError::Conflict => StorageError::Conflict,
        GuardError::Refused(refusal) => StorageError::Refused(refusal.code()),
        GuardError::Storage(HostError::NotFound { .. }) => StorageError::NotFound,
        GuardError::Storage(HostError::AlreadyExists { .. }) => StorageError::AlreadyExists,
        GuardError::Storage(HostError::NoSpace { .. }) => StorageError::NoSpace,
        GuardError::Storage(error) => StorageError::Io(error.errno()),
        _ => StorageError::Other(0),
    }
}

impl native::Storage for Imports<'_> {
    fn load_ledger(&mut self) -> Result<native::Ledger, StorageError> {
        let ledger = self.guard().load_ledger().map_err(storage_error)?;
        Ok(native::Ledger {
            writer_next_record: native::RecordId(ledger.writer_next_record.0),
            writer_data_file: guest(ledger.writer_data_file),
            reader_data_file: guest(ledger.reader_data_file),
            reader_last_record: native::RecordId(ledger.reader_last_record.0),
        })
    }

    fn store_ledger(&mut self, ledger: native::Ledger) -> Result<(), StorageError> {
        let ledger = Ledger {
            writer_next_record: RecordId(ledger.writer_next_record.0),
            writer_data_file: host(ledger.writer_data_file),
            reader_data_file: host(ledger.reader_data_file),
            reader_last_record: RecordId(ledger.reader_last_record.0),
        };
        self.guard().store_ledger(ledger).map_err(storage_error)
    }

    fn marks(&mut self) -> Result<Vec<native::Mark>, StorageError> {
        let marks = self.guard().marks().into_iter().map(|mark| native::Mark {
            file: guest(mark.file),
            offset: mark.offset,
            next_id: native::RecordId(mark.next_id.0),
        });
        Ok(marks.collect())
    }

    fn list_files(&mut self) -> Result<Vec<native::FileEntry>, StorageError> {
        let entries = self.guard().list_files().into_iter().map(|entry| native::FileEntry {
            id: guest(entry.id),
            length: entry.length,
            durable_length: entry.durable_length,
            suspect: entry.suspect,
        });
        Ok(entries.collect())
    }

    fn create_file(&mut self, file: native::FileId) -> Result<(), StorageError> {
        self.guard().create_file(host(file)).map_err(storage_error)
    }

    fn remove_file(&mut self, file: native::FileId) -> Result<(), StorageError> {
        self.guard().remove_file(host(file)).map_err(storage_error)
    }

    fn truncate_file(&mut self, file: native::FileId, length: u64) -> Result<(), StorageError> {
        self.guard().truncate_file(host(file), length).map_err(storage_error)
    }

    fn append(
        &mut self,
        batch: native::BatchId,
        first: u32,
        count: u32,
        file: native::FileId,
        at: u64,
        id: native::RecordId,
    ) -> Result<native::Placed, StorageError> {
        let placed = self
            .guard()
            .append(BatchId(batch.0), first, count, host(file), at, RecordId(id.0))
            .map_err(storage_error)?;
        Ok(native::Placed { records: placed.records, length: placed.length })
    }

    fn scan(
        &mut self,
        file: native::FileId,
        offset: u64,
        limits: native::ScanLimits,
    ) -> Result<native::Scanned, StorageError> {
        let limits = ScanLimits {
            max_spans: limits.max_spans,
            max_records: limits.max_records,
            max_bytes: limits.max_bytes,
        };
        let scanned = self.guard().scan(host(file), offset, limits).map_err(storage_error)?;
        let spans = scanned.spans.into_iter().map(|span| native::Span {
            offset: span.offset,
            bytes: span.bytes,
            first_id: native::RecordId(span.first_id.0),
            next_id: native::RecordId(span.next_id.0),
            records: span.records,
            state: match span.state {
                SpanState::Whole => native::SpanState::Whole,
                SpanState::Corrupt => native::SpanState::Corrupt,
                SpanState::Torn => native::SpanState::Torn,
            },
        });
        Ok(native::Scanned { spans: spans.collect(), next_offset: scanned.next_offset })
    }

    fn request_sync(&mut self, target: native::SyncTarget) -> Result<native::Ticket, StorageError> {
        let target = match target {
            native::SyncTarget::Data(file) => SyncTarget::Data(host(file)),
            native::SyncTarget::Directory => SyncTarget::Directory,
            native::SyncTarget::Ledger => SyncTarget::Ledger,
        };
        self.guard().request_sync(target).map(|ticket| native::Ticket(ticket.0)).map_err(storage_error)
    }
}

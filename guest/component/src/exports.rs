//! The component's exports, answered by the logic.

use std::cell::RefCell;

use forebay_logic::{BatchId, Buffer, BufferError, RecordId, Run, Ticket, WhenFull};

use crate::{
    bindings::exports::forebay::buffer::buffer::{
        self as contract, Error, Guest, OpenReport, Options, WriteOutcome,
    },
    storage::Host,
};

thread_local! {
    /// One instance is one buffer; none before `open`.
    static BUFFER: RefCell<Option<Buffer>> = const { RefCell::new(None) };
}

/// What the bindings export.
pub(crate) struct Component;

impl Guest for Component {
    fn open(options: Options) -> Result<OpenReport, Error> {
        // Closed first, so that a buffer whose second opening failed is not written to.
        BUFFER.set(None);
        let (buffer, report) = Buffer::open(&mut Host, &options.into())?;
        BUFFER.set(Some(buffer));
        Ok(OpenReport {
            first_unread: report.first_unread.0,
            next_id: report.next_id.0,
            events: report.events,
            bytes: report.bytes,
            lost_events: report.lost_events,
            cut_bytes: report.cut_bytes,
        })
    }

    fn write(batch: u64, records: Vec<u64>) -> Result<WriteOutcome, Error> {
        let outcome = with_buffer(|buffer| buffer.write(&mut Host, BatchId(batch), &records))?;
        Ok(WriteOutcome {
            accepted: outcome.accepted,
            first_id: outcome.first_id.0,
            dropped_events: outcome.dropped_events,
        })
    }

    fn read(max_records: u32, max_bytes: u64) -> Result<Vec<contract::Run>, Error> {
        let runs = with_buffer(|buffer| buffer.read(&mut Host, max_records, max_bytes))?;
        Ok(runs.into_iter().map(contract::Run::from).collect())
    }

    fn acknowledge(through: u64) -> Result<(), Error> {
        with_buffer(|buffer| buffer.acknowledge(&mut Host, RecordId(through)))
    }

    fn tick(now_ns: u64) -> Result<u64, Error> {
        with_buffer(|buffer| buffer.tick(&mut Host, now_ns))
    }

    fn flush() -> Result<(), Error> {
        with_buffer(|buffer| buffer.flush(&mut Host))
    }

    fn synced(ticket: u64, ok: bool) -> Result<(), Error> {
        with_buffer(|buffer| buffer.synced(&mut Host, Ticket(ticket), ok))
    }

    fn close_writer() -> Result<(), Error> {
        with_buffer(|buffer| buffer.close_writer(&mut Host))
    }

    fn status() -> Vec<(u16, u64)> {
        BUFFER.with_borrow(|buffer| buffer.as_ref().map(Buffer::status).unwrap_or_default())
    }
}

/// Calls the logic; `closed` before `open`.
fn with_buffer<T>(call: impl FnOnce(&mut Buffer) -> Result<T, BufferError>) -> Result<T, Error> {
    BUFFER.with_borrow_mut(|buffer| Ok(call(buffer.as_mut().ok_or(Error::Closed)?)?))
}

impl From<Options> for forebay_logic::Options {
    fn from(options: Options) -> Self {
        Self {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            max_events: options.max_events,
            when_full: match options.when_full {
                contract::WhenFull::Block => WhenFull::Block,
                contract::WhenFull::Reject => WhenFull::Reject,
                contract::WhenFull::DropOldest => WhenFull::DropOldest,
            },
            resume_after: options.resume_after.map(RecordId),
            sync_interval_ms: options.sync_interval_ms,
            now_ns: options.now_ns,
        }
    }
}

impl From<Run> for contract::Run {
    fn from(run: Run) -> Self {
        Self {
            file: run.file.get(),
            offset: run.offset,
            bytes: run.bytes,
            first_id: run.first_id.0,
            next_id: run.next_id.0,
            records: run.records,
        }
    }
}

impl From<BufferError> for Error {
    fn from(error: BufferError) -> Self {
        match error {
            BufferError::Closed => Self::Closed,
            BufferError::Degraded => Self::Degraded,
            BufferError::Storage(number) => Self::Storage(number),
            BufferError::Other(number) => Self::Other(number),
        }
    }
}

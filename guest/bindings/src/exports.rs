//! The component's exports, answered by the logic.

use std::marker::PhantomData;

use forebay_logic::{BatchId, BufferError, Logic, RecordId, Run, Ticket, WhenFull};

use crate::{
    storage::Host,
    wit::exports::forebay::buffer::buffer::{
        self as contract, Error, Guest, OpenReport, Options, WriteOutcome,
    },
};

/// Where a program keeps its logic: one instance is one buffer, and none before `open`. A generic type can have no
/// variable of its own, so [`export!`](crate::export) makes one.
pub trait Slot {
    /// The logic that is kept.
    type Logic: Logic;

    /// Works on what is kept.
    fn with<T>(call: impl FnOnce(&mut Option<Self::Logic>) -> T) -> T;
}

/// What the bindings export.
#[derive(Debug)]
pub struct Exports<S>(PhantomData<S>);

impl<S: Slot> Exports<S> {
    /// Calls the logic; `closed` before `open`.
    fn with_logic<T>(call: impl FnOnce(&mut S::Logic) -> Result<T, BufferError>) -> Result<T, Error> {
        S::with(|logic| Ok(call(logic.as_mut().ok_or(Error::Closed)?)?))
    }
}

impl<S: Slot> Guest for Exports<S> {
    fn open(options: Options) -> Result<OpenReport, Error> {
        S::with(|slot| {
            // Closed first, so that a buffer whose second opening failed is not written to.
            *slot = None;
            let (logic, report) = S::Logic::open(&mut Host, &options.into())?;
            *slot = Some(logic);
            Ok(OpenReport {
                first_unread: report.first_unread.0,
                next_id: report.next_id.0,
                events: report.events,
                bytes: report.bytes,
                lost_events: report.lost_events,
                cut_bytes: report.cut_bytes,
            })
        })
    }

    fn write(batch: u64, records: Vec<u64>) -> Result<WriteOutcome, Error> {
        let outcome = Self::with_logic(|logic| logic.write(&mut Host, BatchId(batch), &records))?;
        Ok(WriteOutcome {
            accepted: outcome.accepted,
            first_id: outcome.first_id.0,
            dropped_events: outcome.dropped_events,
        })
    }

    fn read(max_records: u32, max_bytes: u64) -> Result<Vec<contract::Run>, Error> {
        let runs = Self::with_logic(|logic| logic.read(&mut Host, max_records, max_bytes))?;
        Ok(runs.into_iter().map(contract::Run::from).collect())
    }

    fn acknowledge(through: u64) -> Result<(), Error> {
        Self::with_logic(|logic| logic.acknowledge(&mut Host, RecordId(through)))
    }

    fn tick(now_ns: u64) -> Result<u64, Error> {
        Self::with_logic(|logic| logic.tick(&mut Host, now_ns))
    }

    fn flush() -> Result<(), Error> {
        Self::with_logic(|logic| logic.flush(&mut Host))
    }

    fn synced(ticket: u64, ok: bool) -> Result<(), Error> {
        Self::with_logic(|logic| logic.synced(&mut Host, Ticket(ticket), ok))
    }

    fn close_writer() -> Result<(), Error> {
        Self::with_logic(|logic| logic.close_writer(&mut Host))
    }

    fn status() -> Vec<(u16, u64)> {
        S::with(|logic| logic.as_ref().map(Logic::status).unwrap_or_default())
    }
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

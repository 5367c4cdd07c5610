//! The component's exports, answered by the logic.

use std::marker::PhantomData;

use forebay_logic::{BatchId, BufferError, Logic, RecordId, Ticket, WhenFull};

use crate::{
    storage::Host,
    wit::exports::forebay::buffer::buffer::{self as contract, Error, Guest, Options, WriteOutcome},
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
    fn open(options: Options) -> Result<(), Error> {
        S::with(|slot| {
            // Closed first, so that a buffer whose second opening failed is not written to.
            *slot = None;
            *slot = Some(S::Logic::open(&mut Host, &options.into())?);
            Ok(())
        })
    }

    fn write(batch: u64, records: Vec<u64>) -> Result<WriteOutcome, Error> {
        let outcome = Self::with_logic(|logic| logic.write(&mut Host, BatchId(batch), &records))?;
        Ok(WriteOutcome { accepted: outcome.accepted, dropped_events: outcome.dropped_events })
    }

    fn read(max_records: u32, max_bytes: u64) -> Result<u32, Error> {
        Self::with_logic(|logic| logic.read(&mut Host, max_records, max_bytes))
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

    fn synced(ticket: u64) -> Result<(), Error> {
        Self::with_logic(|logic| logic.synced(&mut Host, Ticket(ticket)))
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
            takes_over: options.takes_over,
            sync_interval_ms: options.sync_interval_ms,
            now_ns: options.now_ns,
            more: options.more,
        }
    }
}

impl From<BufferError> for Error {
    fn from(error: BufferError) -> Self {
        match error {
            BufferError::Closed => Self::Closed,
            BufferError::Storage(errno) => Self::Storage(errno),
            BufferError::Refused(rule) => Self::Refused(rule),
            BufferError::Other(number) => Self::Other(number),
        }
    }
}

//! Well-behaved logic, but for some calls.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use forebay::{
    RecordId,
    guard::{BatchId, Guard, Ticket},
    logic::{CallError, Logic, LogicOptions},
};
use forebay_types::BufferError;

/// What comes before each write. It gets the batch's number.
type Meddling = Box<dyn FnMut(&mut Guard, BatchId) + Send>;

/// What comes beside a call.
type Beside = Box<dyn FnMut(&mut Guard) + Send>;

/// Logic that leaves undone what it says that it has done, or does more than it is asked for.
#[expect(clippy::struct_excessive_bools, reason = "each is a way of its own to be unfaithful")]
pub struct Unfaithful {
    logic: Box<dyn Logic>,
    acknowledges: bool,
    syncs: bool,
    /// Answers to writes and reads with an error.
    refuses: bool,
    opens: bool,
    before_write: Option<Meddling>,
    /// What comes before each call but `read` and `status`.
    before_each: Option<Beside>,
    /// Passes no ticket on.
    is_deaf: Arc<AtomicBool>,
    /// What comes after `close-writer`.
    after_close: Option<Beside>,
}

impl Unfaithful {
    fn over(logic: Box<dyn Logic>) -> Self {
        Self {
            logic,
            acknowledges: true,
            syncs: true,
            refuses: false,
            opens: true,
            before_write: None,
            before_each: None,
            is_deaf: Arc::default(),
            after_close: None,
        }
    }

    /// Passes no acknowledgement on.
    pub fn without_acknowledgements(logic: Box<dyn Logic>) -> Box<dyn Logic> {
        Box::new(Self { acknowledges: false, ..Self::over(logic) })
    }

    /// Requests no sync of what was written.
    pub fn without_syncs(logic: Box<dyn Logic>) -> Box<dyn Logic> {
        Box::new(Self { syncs: false, ..Self::over(logic) })
    }

    /// Neither writes nor reads, and says so.
    pub fn refusing(logic: Box<dyn Logic>) -> Box<dyn Logic> {
        Box::new(Self { refuses: true, ..Self::over(logic) })
    }

    /// Does not find its way in the directory, and says so.
    pub fn not_opening(logic: Box<dyn Logic>) -> Box<dyn Logic> {
        Box::new(Self { opens: false, ..Self::over(logic) })
    }

    /// Does something else before each write.
    pub fn meddling(
        logic: Box<dyn Logic>,
        before_write: impl FnMut(&mut Guard, BatchId) + Send + 'static,
    ) -> Box<dyn Logic> {
        Box::new(Self { before_write: Some(Box::new(before_write)), ..Self::over(logic) })
    }

    /// Does something else before each call but `read` and `status`.
    pub fn meddling_in_all(
        logic: Box<dyn Logic>,
        before_each: impl FnMut(&mut Guard) + Send + 'static,
    ) -> Box<dyn Logic> {
        Box::new(Self { before_each: Some(Box::new(before_each)), ..Self::over(logic) })
    }

    /// Hears of no sync once it is deaf, and so removes nothing. Does something else when it has closed.
    pub fn spoiling_the_close(
        logic: Box<dyn Logic>,
        is_deaf: Arc<AtomicBool>,
        after_close: impl FnMut(&mut Guard) + Send + 'static,
    ) -> Box<dyn Logic> {
        Box::new(Self { is_deaf, after_close: Some(Box::new(after_close)), ..Self::over(logic) })
    }

    fn meddle(&mut self) {
        if let Some(before_each) = &mut self.before_each {
            before_each(self.logic.guard());
        }
    }

    fn may(&self) -> Result<(), CallError> {
        if self.refuses { Err(BufferError::Other(77).into()) } else { Ok(()) }
    }
}

impl Logic for Unfaithful {
    fn guard(&mut self) -> &mut Guard {
        self.logic.guard()
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.logic.into_guard()
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        if self.opens { self.logic.open(options) } else { Err(BufferError::Other(78).into()) }
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        if let Some(before_write) = &mut self.before_write {
            before_write(self.logic.guard(), batch);
        }
        self.meddle();
        self.may()?;
        self.logic.write(batch, records)
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        self.may()?;
        self.logic.read(max_records, max_bytes)
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        if self.acknowledges { self.logic.acknowledge(through) } else { Ok(()) }
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        if self.syncs { self.logic.tick(now_ns) } else { Ok(u64::MAX) }
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.meddle();
        if self.syncs { self.logic.flush() } else { Ok(()) }
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        self.meddle();
        if self.is_deaf.load(Relaxed) {
            return Ok(());
        }
        self.logic.synced(ticket)
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        self.meddle();
        let closed = if self.syncs { self.logic.close_writer() } else { Ok(()) };
        if let Some(after_close) = &mut self.after_close {
            after_close(self.logic.guard());
        }
        closed
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        self.logic.status()
    }
}

//! Logic that makes no file of its own accord and takes no record: what it does on opening and closing is the test's.

use forebay::{
    RecordId,
    guard::{BatchId, Guard, Ticket},
    logic::{CallError, Logic, LogicOptions},
};

/// What it does with the guard in a call.
type Act = fn(&mut Guard);

pub struct Bare {
    guard: Guard,
    on_open: Act,
    on_close: Act,
}

impl Bare {
    pub fn make(guard: Guard, on_open: Act, on_close: Act) -> Box<dyn Logic> {
        Box::new(Self { guard, on_open, on_close })
    }
}

impl Logic for Bare {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.guard
    }

    fn open(&mut self, _: &LogicOptions) -> Result<(), CallError> {
        (self.on_open)(&mut self.guard);
        Ok(())
    }

    fn write(&mut self, _: BatchId, _: &[u64]) -> Result<(), CallError> {
        Ok(())
    }

    fn read(&mut self, _: u32, _: u64) -> Result<u32, CallError> {
        Ok(0)
    }

    fn acknowledge(&mut self, _: RecordId) -> Result<(), CallError> {
        Ok(())
    }

    fn tick(&mut self, _: u64) -> Result<u64, CallError> {
        Ok(u64::MAX)
    }

    fn flush(&mut self) -> Result<(), CallError> {
        Ok(())
    }

    fn synced(&mut self, _: Ticket) -> Result<(), CallError> {
        Ok(())
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        (self.on_close)(&mut self.guard);
        Ok(())
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        Ok(Vec::new())
    }
}

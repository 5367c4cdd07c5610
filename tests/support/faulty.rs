//! Logic whose answers get lost: a call is carried out, and then the instance fails.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use forebay::{
    RecordId,
    guard::{BatchId, Guard, Ticket},
    logic::{CallError, Logic, LogicOptions, NotMade},
};

use super::Runs;

/// When instances fail. Copies are the same plan.
#[derive(Clone)]
pub struct Faults {
    /// How many calls are left, counted over all instances.
    left: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
    every_write: Arc<AtomicU64>,
    hasty_ticks: Arc<AtomicU64>,
}

impl Default for Faults {
    /// Never.
    fn default() -> Self {
        Self {
            left: Arc::new(AtomicU64::new(u64::MAX)),
            calls: Arc::default(),
            every_write: Arc::default(),
            hasty_ticks: Arc::default(),
        }
    }
}

impl Faults {
    /// So many calls are answered from now on, and the one behind them fails.
    pub fn after(&self, calls: u64) {
        self.left.store(calls, SeqCst);
    }

    /// From now on every write fails.
    pub fn at_every_write(&self) {
        self.every_write.store(1, SeqCst);
    }

    /// So many ticks say that the next one was due long ago.
    pub fn hasty_ticks(&self, ticks: u64) {
        self.hasty_ticks.store(ticks, SeqCst);
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.load(SeqCst)
    }

    /// Makes instances under this plan.
    pub fn maker(
        &self,
        runs: Runs,
    ) -> impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static + use<> {
        let faults = self.clone();
        move |guard| runs.make(guard).map(|logic| faults.over(logic))
    }

    /// Puts an instance under this plan.
    pub fn over(&self, logic: Box<dyn Logic>) -> Box<dyn Logic> {
        Box::new(Faulty { logic, faults: self.clone(), failed: false })
    }

    fn fails(&self) -> bool {
        self.calls.fetch_add(1, SeqCst);
        self.left.fetch_sub(1, SeqCst) == 0
    }
}

struct Faulty {
    logic: Box<dyn Logic>,
    faults: Faults,
    failed: bool,
}

impl Faulty {
    fn answer<T>(&mut self, answer: Result<T, CallError>, fails: bool) -> Result<T, CallError> {
        assert!(!self.failed, "an instance that has failed is called again");
        if self.faults.fails() || fails {
            self.failed = true;
            return Err(CallError::Failed { reason: "its answer got lost".to_owned() });
        }
        answer
    }
}

impl Logic for Faulty {
    fn guard(&mut self) -> &mut Guard {
        self.logic.guard()
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.logic.into_guard()
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        let answer = self.logic.open(options);
        self.answer(answer, false)
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        let answer = self.logic.write(batch, records);
        let fails = self.faults.every_write.load(SeqCst) > 0;
        self.answer(answer, fails)
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        let answer = self.logic.read(max_records, max_bytes);
        self.answer(answer, false)
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        let answer = self.logic.acknowledge(through);
        self.answer(answer, false)
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        let is_hasty = |left: u64| left.checked_sub(1);
        let answer = match self.faults.hasty_ticks.fetch_update(SeqCst, SeqCst, is_hasty) {
            Ok(_) => self.logic.tick(now_ns).map(|_| 0),
            Err(_) => self.logic.tick(now_ns),
        };
        self.answer(answer, false)
    }

    fn flush(&mut self) -> Result<(), CallError> {
        let answer = self.logic.flush();
        self.answer(answer, false)
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        let answer = self.logic.synced(ticket);
        self.answer(answer, false)
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        let answer = self.logic.close_writer();
        self.answer(answer, false)
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        let answer = self.logic.status();
        self.answer(answer, false)
    }
}

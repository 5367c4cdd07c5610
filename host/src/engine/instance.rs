//! One instance of a component: the logic of one buffer, with its storage.

#[cfg(test)]
mod traps;

use std::time::{Duration, Instant};

use forebay_types::{BatchId, BufferError, RecordId, Ticket};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

use super::{
    Component, Limits,
    bindings::{Logic as Bindings, exports::forebay::buffer::buffer as exports},
    component::printable,
    epoch,
};
use crate::{
    descriptors::in_words,
    guard::Guard,
    logic::{CallError, Logic, LogicOptions, NotMade, WhenFull},
};

/// What the functions that a guest calls work on. It holds no function and no handle to the instance: a storage function
/// cannot call back into the guest.
pub(super) struct GuestState {
    guard: Guard,
    limits: Limits,
    memory: StoreLimits,
    call: Call,
}

/// The most that is charged to the guest for one stretch of its running. The clock ends a stretch after one epoch: a longer
/// one means that the machine was busy with something else.
const STRETCH_MAX: Duration = Limits::EPOCH.saturating_mul(2);

/// The account of the call of the guest that is under way.
struct Call {
    /// When the guest last began to run: at the call, on return from its host, or at an epoch.
    resumed: Instant,
    /// How long it has run before that.
    taken: Duration,
    host_calls: u64,
    refused: u64,
    walked: u64,
    /// What the data files held when it began: much of it may be removed before it ends.
    held: u64,
    running: bool,
}

impl Call {
    fn start(guard: &Guard) -> Self {
        let held = guard.bytes();
        Self {
            resumed: Instant::now(),
            taken: Duration::ZERO,
            host_calls: 0,
            refused: 0,
            walked: 0,
            held,
            running: true,
        }
    }

    /// The guest has run until now.
    fn charge(&mut self, now: Instant) {
        self.taken += now.saturating_duration_since(self.resumed).min(STRETCH_MAX);
        self.resumed = now;
    }
}

impl GuestState {
    /// Runs a storage function for the guest: on the host's time, and counted.
    pub(super) fn host_call<T>(&mut self, function: impl FnOnce(&mut Guard) -> T) -> wasmtime::Result<T> {
        debug_assert!(self.call.running, "the guest calls its host only while it is called itself");
        self.call.host_calls += 1;
        if self.call.host_calls > self.limits.host_calls {
            return Err(wasmtime::Error::msg(format!(
                "more than {} storage calls in one call",
                self.limits.host_calls
            )));
        }
        self.call.charge(Instant::now());
        let (refused, walked) = (self.guard.refused(), self.guard.walked_bytes());
        let result = function(&mut self.guard);
        self.call.refused += self.guard.refused().saturating_sub(refused);
        self.call.walked += self.guard.walked_bytes().saturating_sub(walked);
        self.call.resumed = Instant::now();
        if self.call.walked > self.limits.walked_bytes
            && self.call.walked > self.call.held.saturating_mul(Limits::WALKS)
        {
            return Err(wasmtime::Error::msg(format!(
                "it had {} bytes of data files read in one call, which held {}",
                self.call.walked, self.call.held
            )));
        }
        if self.call.refused > self.limits.refusals {
            return Err(wasmtime::Error::msg(format!(
                "it broke a rule more than {} times in one call",
                self.limits.refusals
            )));
        }
        Ok(result)
    }

    /// Called at each epoch while the guest runs.
    fn check_time(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.call.charge(Instant::now());
        if self.call.taken > self.limits.call_time {
            return Err(wasmtime::Error::msg(format!(
                "it ran for longer than {:?} in one call",
                self.limits.call_time
            )));
        }
        Ok(UpdateDeadline::Continue(1))
    }
}

/// A component's instance and its storage.
pub(super) struct Instance {
    store: Store<GuestState>,
    bindings: Bindings,
    failed: bool,
}

impl Instance {
    /// Makes an instance of a component over a guard.
    pub(super) fn new(component: &Component, guard: Guard, limits: Limits) -> Result<Self, Box<NotMade>> {
        Self::start(component, Self::store(component.pre.engine(), guard, limits))
    }

    /// The place for an instance, with its limits.
    fn store(engine: &Engine, guard: Guard, limits: Limits) -> Store<GuestState> {
        let memory = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .table_elements(limits.table_elements)
            .instances(limits.instances)
            .tables(limits.tables)
            .memories(1)
            .build();
        let call = Call::start(&guard);
        let mut store = Store::new(engine, GuestState { guard, limits, memory, call });
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.list_bytes);
        store.epoch_deadline_callback(|mut context| context.data_mut().check_time());
        store
    }

    /// Makes the instance, whose start functions run.
    fn start(component: &Component, mut store: Store<GuestState>) -> Result<Self, Box<NotMade>> {
        epoch::touch(store.engine());
        store.set_epoch_deadline(1);
        match component.pre.instantiate(&mut store) {
            Ok(bindings) => {
                store.data_mut().call.running = false;
                Ok(Self { store, bindings, failed: false })
            }
            Err(error) => Err(Box::new(NotMade { guard: store.into_data().guard, error: failed(&error) })),
        }
    }

    /// Calls an export, with a fresh account of its time. After an error the instance is not called again.
    fn call<T>(
        &mut self,
        export: impl FnOnce(&Bindings, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        if self.failed {
            return Err(CallError::Failed { reason: "it failed before".to_owned() });
        }
        epoch::touch(self.store.engine());
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.call = Call::start(&state.guard);
        let result = export(&self.bindings, &mut self.store);
        self.store.data_mut().call.running = false;
        result.map_err(|error| {
            self.failed = true;
            failed(&error)
        })
    }

    /// An answer that the contract does not allow: as bad as a trap.
    fn breach(&mut self, reason: &str) -> CallError {
        self.failed = true;
        CallError::Failed { reason: reason.to_owned() }
    }
}

impl Logic for Instance {
    fn guard(&mut self) -> &mut Guard {
        &mut self.store.data_mut().guard
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.store.into_data().guard
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        let options = exports::Options {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            max_events: options.max_events,
            when_full: match options.when_full {
                WhenFull::Reject => exports::WhenFull::Reject,
                WhenFull::DropOldest => exports::WhenFull::DropOldest,
                _ => exports::WhenFull::Block,
            },
            takes_over: options.takes_over,
            sync_interval_ms: options.sync_interval_ms,
            now_ns: options.now_ns,
            more: options.more.clone(),
        };
        Ok(self.call(|bindings, store| bindings.forebay_buffer_buffer().call_open(store, &options))??)
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        self.call(|bindings, store| bindings.forebay_buffer_buffer().call_write(store, batch.0, records))??;
        Ok(())
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        let allowed = self.call(|bindings, store| {
            bindings.forebay_buffer_buffer().call_read(store, max_records, max_bytes)
        })??;
        if allowed > max_records {
            return Err(self.breach("it let more records be delivered than it was asked for"));
        }
        Ok(allowed)
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        Ok(self
            .call(|bindings, store| bindings.forebay_buffer_buffer().call_acknowledge(store, through.0))??)
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        Ok(self.call(|bindings, store| bindings.forebay_buffer_buffer().call_tick(store, now_ns))??)
    }

    fn flush(&mut self) -> Result<(), CallError> {
        Ok(self.call(|bindings, store| bindings.forebay_buffer_buffer().call_flush(store))??)
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        Ok(self.call(|bindings, store| bindings.forebay_buffer_buffer().call_synced(store, ticket.0))??)
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        Ok(self.call(|bindings, store| bindings.forebay_buffer_buffer().call_close_writer(store))??)
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        let figures = self.call(|bindings, store| bindings.forebay_buffer_buffer().call_status(store))?;
        if figures.len() > Limits::LIST_MAX {
            return Err(self.breach("it gave more figures than a list may have"));
        }
        Ok(figures)
    }
}

impl From<exports::Error> for CallError {
    fn from(error: exports::Error) -> Self {
        Self::Refused(match error {
            exports::Error::Closed => BufferError::Closed,
            exports::Error::Storage(errno) => BufferError::Storage(errno),
            exports::Error::Refused(rule) => BufferError::Refused(rule),
            exports::Error::Other(number) => BufferError::Other(number),
        })
    }
}

fn failed(error: &wasmtime::Error) -> CallError {
    CallError::Failed { reason: printable(&in_words(error.root_cause())) }
}

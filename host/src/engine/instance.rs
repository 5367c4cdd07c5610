//! One instance of a component: the logic of one buffer, with its storage.

#[cfg(test)]
mod traps;

use std::time::Duration;

use forebay_types::{BatchId, BufferError, RecordId, Ticket};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

use super::{
    account::{Account, Braked, Given, Overrun},
    bindings::{Logic as Bindings, LogicPre, exports::forebay::buffer::buffer as exports},
    epoch,
    limits::Limits,
    printable::printable,
};
use crate::{
    brake::Brake,
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
    account: Account,
    braked: Braked,
    /// How long the guest itself has run in calls while its buffer was being closed.
    taken_in_closing: Duration,
}

impl GuestState {
    /// Runs a storage function for the guest: on the host's time, and counted.
    pub(super) fn host_call<T>(&mut self, function: impl FnOnce(&mut Guard) -> T) -> wasmtime::Result<T> {
        self.braked.check(&self.limits)?;
        Ok(self.account.host_call(&mut self.guard, function)?)
    }

    /// Called at each epoch while the guest runs.
    fn check_time(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.braked.check(&self.limits)?;
        self.account.check_time()?;
        Ok(UpdateDeadline::Continue(1))
    }

    /// A call begins.
    fn begin(&mut self, given: Given) -> Result<(), Overrun> {
        self.account = Account::start(self.limits, &self.guard, given);
        self.braked.begin();
        self.braked.check(&self.limits)?;
        if self.taken_in_closing > self.limits.closing_time {
            return Err(Overrun::Closing(self.limits.closing_time));
        }
        Ok(())
    }

    /// The call has ended.
    fn end(&mut self) {
        self.account.is_running = false;
        if self.guard.is_closing() {
            self.taken_in_closing = self.taken_in_closing.saturating_add(self.account.taken());
        }
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
    pub(super) fn new(
        component: &LogicPre<GuestState>,
        guard: Guard,
        limits: Limits,
        brake: Brake,
    ) -> Result<Self, Box<NotMade>> {
        Self::start(component, Self::store(component.engine(), guard, limits, brake))
    }

    /// The place for an instance, with its limits.
    fn store(engine: &Engine, guard: Guard, limits: Limits, brake: Brake) -> Store<GuestState> {
        let memory = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .table_elements(limits.table_elements)
            .instances(limits.instances)
            .tables(limits.tables)
            .memories(1)
            .build();
        let account = Account::start(limits, &guard, Given::default());
        let (braked, taken_in_closing) = (Braked::by(brake), Duration::ZERO);
        let state = GuestState { guard, limits, memory, account, braked, taken_in_closing };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.list_bytes);
        store.epoch_deadline_callback(|mut context| context.data_mut().check_time());
        store
    }

    /// Makes the instance, whose start functions run.
    fn start(component: &LogicPre<GuestState>, mut store: Store<GuestState>) -> Result<Self, Box<NotMade>> {
        let not_made = |store: Store<GuestState>, error| {
            Err(Box::new(NotMade { guard: store.into_data().guard, error }))
        };
        if let Err(error) = epoch::touch(store.engine()) {
            return not_made(store, CallError::Failed { reason: error.to_string() });
        }
        store.set_epoch_deadline(1);
        match component.instantiate(&mut store) {
            Ok(bindings) => {
                store.data_mut().account.is_running = false;
                Ok(Self { store, bindings, failed: false })
            }
            Err(error) => not_made(store, failed(&error)),
        }
    }

    /// Calls an export, with a fresh account. After an error the instance is not called again.
    fn call<T>(
        &mut self,
        export: impl FnOnce(&Bindings, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        self.call_with(Given::default(), export)
    }

    fn call_with<T>(
        &mut self,
        given: Given,
        export: impl FnOnce(&Bindings, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        if self.failed {
            return Err(CallError::Failed { reason: "it failed before".to_owned() });
        }
        let clock = epoch::touch(self.store.engine());
        self.store.set_epoch_deadline(1);
        let begun = clock.map_err(Into::into).and_then(|()| Ok(self.store.data_mut().begin(given)?));
        let result = begun.and_then(|()| export(&self.bindings, &mut self.store));
        self.store.data_mut().end();
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
        let given = Given { is_opening: true, ..Given::default() };
        let open = |bindings: &Bindings, store: &mut Store<GuestState>| {
            bindings.forebay_buffer_buffer().call_open(store, &options)
        };
        Ok(self.call_with(given, open)??)
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        let write = |bindings: &Bindings, store: &mut Store<GuestState>| {
            bindings.forebay_buffer_buffer().call_write(store, batch.0, records)
        };
        self.call_with(Given::offer(records), write)??;
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

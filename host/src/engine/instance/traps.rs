//! The shipped component trapped anywhere: at each of its storage calls, and between them, where its fuel runs out. A fresh
//! instance takes over, and after that the next process. No confirmed record is lost, and none is in the files twice.
//!
//! Fuel needs an engine of its own, so that these tests are here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

#[path = "../../../../tests/support/ids.rs"]
mod ids;

use super::*;
use crate::{
    Buffer, NewRecord, Options, Simulation,
    engine::{
        Component,
        component::EMBEDDED,
        configuration::{config, engine},
    },
    storage::memory::Disk,
};

/// The shipped component on an engine that counts fuel.
static COMPONENT: LazyLock<Component> = LazyLock::new(|| {
    // The clock belongs to the engine that is there first: not to this one.
    epoch::touch(engine().unwrap()).unwrap();
    let engine = Engine::new(config().consume_fuel(true)).unwrap();
    let compiled = wasmtime::component::Component::new(&engine, EMBEDDED).unwrap();
    Component::link(&engine, &compiled, "the embedded component, on fuel").unwrap()
});

/// When an instance traps, once. Copies are the same plan.
#[derive(Clone)]
struct Plan {
    /// Storage calls, and fuel, until then.
    calls_left: Arc<AtomicU64>,
    fuel_left: Arc<AtomicU64>,
    /// What was used of either.
    calls: Arc<AtomicU64>,
    fuel: Arc<AtomicU64>,
}

impl Plan {
    fn never() -> Self {
        let plan = Self {
            calls_left: Arc::default(),
            fuel_left: Arc::default(),
            calls: Arc::default(),
            fuel: Arc::default(),
        };
        plan.trap(u64::MAX, u64::MAX);
        plan
    }

    /// So many storage calls are carried out from now on, and so much fuel is burnt.
    fn trap(&self, calls: u64, fuel: u64) {
        self.calls_left.store(calls, SeqCst);
        self.fuel_left.store(fuel, SeqCst);
    }
}

/// An instance that traps by plan.
struct Trapping {
    instance: Instance,
    plan: Plan,
}

impl Trapping {
    fn make(guard: Guard, plan: &Plan) -> Result<Box<dyn Logic>, Box<NotMade>> {
        let mut store = Instance::store(COMPONENT.pre.engine(), guard, Limits::default(), Brake::default());
        store.set_fuel(u64::MAX).unwrap();
        let instance = Instance::start(&COMPONENT.pre, store)?;
        Ok(Box::new(Self { instance, plan: plan.clone() }))
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Instance) -> Result<T, CallError>) -> Result<T, CallError> {
        let (calls, fuel) = (self.plan.calls_left.load(SeqCst), self.plan.fuel_left.load(SeqCst));
        let store = &mut self.instance.store;
        store.data_mut().limits.host_calls = calls;
        store.set_fuel(fuel).unwrap();
        let result = call(&mut self.instance);
        let store = &self.instance.store;
        let (called, burnt) = (store.data().account.host_calls(), fuel - store.get_fuel().unwrap());
        self.plan.calls.fetch_add(called, SeqCst);
        self.plan.fuel.fetch_add(burnt, SeqCst);
        if matches!(result, Err(CallError::Failed { .. })) {
            self.plan.trap(u64::MAX, u64::MAX);
        } else {
            self.plan.trap(calls - called, fuel - burnt);
        }
        result
    }
}

impl Logic for Trapping {
    fn guard(&mut self) -> &mut Guard {
        self.instance.guard()
    }

    fn into_guard(self: Box<Self>) -> Guard {
        Box::new(self.instance).into_guard()
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        self.call(|instance| instance.open(options))
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        self.call(|instance| instance.write(batch, records))
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        self.call(|instance| instance.read(max_records, max_bytes))
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        self.call(|instance| instance.acknowledge(through))
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        self.call(|instance| instance.tick(now_ns))
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.call(Instance::flush)
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        self.call(|instance| instance.synced(ticket))
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        self.call(Instance::close_writer)
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        self.call(Instance::status)
    }
}

fn open(simulation: &Simulation, disk: &Disk, plan: &Plan) -> Result<Buffer, crate::OpenError> {
    let options = Options { file_bytes: 4096, max_bytes: 1 << 20, ..Options::default() };
    let plan = plan.clone();
    Buffer::open_on(simulation.runtime(), Box::new(disk.open().unwrap()), options, move |guard| {
        Trapping::make(guard, &plan)
    })
}

/// Takes what is there, and gives the ids.
fn take(buffer: &Buffer, most: usize) -> Vec<u64> {
    let records = buffer.reader().try_next_batch(most).unwrap();
    let is_right = |record: &crate::Record| record.payload()[..] == *payload(record.id().0).as_bytes();
    assert!(records.iter().all(is_right), "a record is another");
    records.iter().map(|record| record.id().0).collect()
}

/// Takes all that is there.
fn take_all(buffer: &Buffer) -> Vec<u64> {
    let mut ids = Vec::new();
    loop {
        let more = take(buffer, 100);
        if more.is_empty() {
            return ids;
        }
        ids.extend(more);
    }
}

fn payload(id: u64) -> String {
    format!("record {id} {}", "x".repeat(50))
}

/// Writes over several files, reads, acknowledges, ticks and syncs. Gives what was written, delivered and acknowledged:
/// all of it confirmed.
fn history(buffer: &Buffer, simulation: &Simulation) -> (u64, Vec<u64>, u64) {
    let (mut written, mut delivered, mut acknowledged) = (0, Vec::new(), 0);
    for round in 0..6 {
        let records = (written + 1..=written + 30).map(|id| NewRecord::new(payload(id))).collect();
        written += 30;
        assert_eq!(buffer.writer().write_batch(records).unwrap().last_id, Some(RecordId(written)));
        simulation.run_sync(0);
        delivered.extend(take(buffer, 25));
        if round % 2 == 1 {
            acknowledged = *delivered.last().unwrap();
            buffer.reader().ack_through(RecordId(acknowledged));
        }
        simulation.advance(Duration::from_secs(1));
        while round % 3 == 2 && simulation.run_sync(0) {}
    }
    (written, delivered, acknowledged)
}

/// The ids in all data files, none of them twice.
#[track_caller]
fn ids_on(disk: &Disk, at: &str) -> BTreeSet<u64> {
    ids::ids_once(disk.data_files().into_iter().map(|(file, _)| disk.data_file(file).unwrap()), at)
}

/// Runs the history with one trap in it, in a buffer that is open, and looks at what is left.
fn assert_survived(calls: u64, fuel: u64) {
    let at = format!("trapped after {calls} storage calls or {fuel} fuel");
    let (simulation, disk, plan) = (Simulation::new(), Disk::new(), Plan::never());
    let buffer = open(&simulation, &disk, &plan).unwrap();
    plan.trap(calls, fuel);
    let (written, mut delivered, acknowledged) = history(&buffer, &simulation);
    assert_eq!(buffer.status().unwrap().restarts, 1, "{at}");
    delivered.extend(take_all(&buffer));
    assert_eq!(delivered, (1..=written).collect::<Vec<_>>(), "{at}: each is delivered once");
    disk.kill();
    drop(buffer);

    let left: Vec<u64> = (acknowledged + 1..=written).collect();
    let on_disk = ids_on(&disk, &at);
    assert!(left.iter().all(|id| on_disk.contains(id)), "{at}");
    let buffer = open(&simulation, &disk, &Plan::never()).unwrap();
    assert_eq!(take_all(&buffer), left, "{at}: after the death of the process");
    assert_eq!(buffer.status().unwrap().lost_events, 0, "{at}");
    ids_on(&disk, &at);
}

/// What the history takes from an instance that does not trap: storage calls and fuel.
fn costs() -> (u64, u64) {
    let (simulation, disk, plan) = (Simulation::new(), Disk::new(), Plan::never());
    let buffer = open(&simulation, &disk, &plan).unwrap();
    let before = (plan.calls.load(SeqCst), plan.fuel.load(SeqCst));
    history(&buffer, &simulation);
    (plan.calls.load(SeqCst) - before.0, plan.fuel.load(SeqCst) - before.1)
}

/// Between any two of its storage calls the logic believes something about the disk that is not so yet.
#[test]
fn the_component_trapped_at_any_storage_call_loses_and_repeats_nothing() {
    let (calls, _) = costs();
    assert!(calls > 50, "{calls} storage calls are no history");
    (0..calls).for_each(|call| assert_survived(call, u64::MAX));
}

/// Out of its own time it traps between any two instructions.
#[test]
fn the_component_out_of_fuel_at_1000_places_loses_and_repeats_nothing() {
    let (_, fuel) = costs();
    // As good as random, and the same each time: multiples of the golden ratio.
    let places = (1..=1000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % fuel);
    places.for_each(|place| assert_survived(u64::MAX, place));
}

/// A trap while it opens is an error of opening; the next opener of the directory finds everything.
#[test]
fn the_component_trapped_in_opening_loses_and_repeats_nothing() {
    for call in 0.. {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let buffer = open(&simulation, &disk, &Plan::never()).unwrap();
        let (written, _, acknowledged) = history(&buffer, &simulation);
        disk.kill();
        drop(buffer);
        let plan = Plan::never();
        plan.trap(call, u64::MAX);
        let is_whole = open(&simulation, &disk, &plan).is_ok();
        let buffer = open(&simulation, &disk, &Plan::never()).unwrap();
        let left: Vec<u64> = (acknowledged + 1..=written).collect();
        let at = format!("trapped after {call} calls");
        assert_eq!(take_all(&buffer), left, "{at}");
        ids_on(&disk, &at);
        if is_whole {
            assert!(call > 1, "opening has storage calls");
            break;
        }
    }
}

/// Confirmed records, of which some are in a file whose sync has failed: what is there is copied to another, which takes its
/// place.
fn degraded(plan: &Plan) -> (Simulation, Disk, Buffer) {
    let (simulation, disk) = (Simulation::new(), Disk::new());
    let buffer = open(&simulation, &disk, plan).unwrap();
    let records = |ids: std::ops::RangeInclusive<u64>| ids.map(|id| NewRecord::new(payload(id))).collect();
    let writer = buffer.writer().with_durability(crate::Durability::Synced);
    writer.write_batch(records(1..=10)).unwrap();
    let file = disk.ledger().unwrap().writer_data_file;
    disk.fail_sync(crate::storage::SyncTarget::Data(file), 1);
    drop(writer.submit(records(11..=60)).unwrap());
    while simulation.run_sync(0) {}
    assert!(buffer.status().unwrap().sync_failed);
    assert_eq!(take_all(&buffer), (1..=60).collect::<Vec<_>>());
    buffer.reader().ack_through(RecordId(30));
    (simulation, disk, buffer)
}

fn mend(simulation: &Simulation) {
    for _ in 0..8 {
        simulation.advance(Duration::from_secs(1));
        while simulation.run_sync(0) {}
    }
}

/// Some files are rewritten then and some are not, and some names may not be durable.
#[test]
fn the_component_trapped_while_it_mends_loses_and_repeats_nothing() {
    let calls = {
        let plan = Plan::never();
        let (simulation, _disk, buffer) = degraded(&plan);
        let before = plan.calls.load(SeqCst);
        assert!(buffer.status().unwrap().sync_failed);
        mend(&simulation);
        assert!(!buffer.status().unwrap().sync_failed);
        plan.calls.load(SeqCst) - before
    };
    for call in 0..calls {
        let plan = Plan::never();
        let (simulation, disk, buffer) = degraded(&plan);
        plan.trap(call, u64::MAX);
        mend(&simulation);
        let status = buffer.status().unwrap();
        let figures = (status.restarts, status.sync_failed, status.lost_events, status.refused_calls);
        assert_eq!(figures, (1, false, 0, 0), "trapped after {call} calls");
        assert!(take_all(&buffer).is_empty(), "trapped after {call} calls");
        let on_disk = ids_on(&disk, &format!("trapped after {call} calls"));
        assert!((31..=60).all(|id| on_disk.contains(&id)), "trapped after {call} calls");
        disk.power_loss();
        drop(buffer);
        let buffer = open(&simulation, &disk, &Plan::never()).unwrap();
        assert_eq!(take_all(&buffer), (31..=60).collect::<Vec<_>>(), "trapped after {call} calls");
    }
}

//! An instance that traps while it makes up for a failed sync: some files are rewritten then and some are not, some names
//! may not be durable, and the fresh instance has to hear of it from the host.

use std::time::Duration;

use forebay::{
    Buffer, Durability, Pending, RecordId, Simulation,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    fuse::Fuse,
    native_logic::NativeLogic,
    storage::{file, ids, ids_on, options, read, records},
};

const INTERVAL: Duration = Duration::from_millis(500);

/// Which sync fails: records 11 to 60 are in the first file and the second.
const TARGETS: [SyncTarget; 2] = [SyncTarget::Directory, SyncTarget::Ledger];

fn targets() -> impl Iterator<Item = SyncTarget> {
    [0, 1].map(|number| SyncTarget::Data(file(number))).into_iter().chain(TARGETS)
}

struct Bench {
    disk: Disk,
    simulation: Simulation,
    fuse: Fuse,
    buffer: Buffer,
    /// Waits for records 11 to 60 to be synced.
    pending: Pending,
}

impl Bench {
    /// Records 1 to 10 are synced, the first `acknowledged` of all 60 are acknowledged, and a sync has failed.
    fn new(target: SyncTarget, acknowledged: u64) -> Self {
        let (disk, simulation, fuse) = (Disk::new(), Simulation::new(), Fuse::default());
        let mut options = options();
        options.sync_interval = INTERVAL;
        let make = {
            let fuse = fuse.clone();
            move |guard| Ok(NativeLogic::with_fuse(guard, &fuse))
        };
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options, make).unwrap();
        let writer = buffer.writer().with_durability(Durability::Synced);
        writer.write_batch(records(1..=10)).unwrap();
        disk.fail_sync(target, 1);
        let pending = writer.submit(records(11..=60)).unwrap();
        while simulation.run_sync(0) {}
        assert!(buffer.status().unwrap().sync_failed, "{target:?}");
        assert_eq!(read(&buffer), ids([1..=60]), "{target:?}");
        buffer.reader().ack_through(RecordId(acknowledged));
        Self { disk, simulation, fuse, buffer, pending }
    }

    /// Time passes, and syncs end, until all is safe again.
    fn mend(&self) {
        for _ in 0..8 {
            self.simulation.advance(INTERVAL);
            while self.simulation.run_sync(0) {}
        }
    }

    /// How many storage calls mending takes.
    fn calls(target: SyncTarget, acknowledged: u64) -> u64 {
        let bench = Self::new(target, acknowledged);
        let before = bench.fuse.burnt();
        bench.mend();
        assert!(!bench.buffer.status().unwrap().sync_failed, "{target:?}");
        bench.fuse.burnt() - before
    }
}

/// Wherever it traps, the fresh instance finishes the job: who waits for `synced` is answered, nothing is delivered twice or
/// lost, and when all is safe again each record is in one file.
#[test]
fn a_trap_at_any_storage_call_of_mending_loses_and_repeats_nothing() {
    for target in targets() {
        for acknowledged in [0, 30] {
            let calls = Bench::calls(target, acknowledged);
            // The host mends. What the logic calls is what follows from its tickets.
            for call in 0..=calls {
                let at = format!("{target:?}, {acknowledged} acknowledged, at {call}");
                let mut bench = Bench::new(target, acknowledged);
                bench.fuse.light(call);
                bench.mend();
                let status = bench.buffer.status().unwrap();
                assert_eq!((status.restarts, status.refused_calls), (u64::from(call < calls), 0), "{at}");
                assert!(!status.sync_failed && status.lost_events == 0, "{at}");
                assert_eq!(bench.pending.try_take().expect(&at).unwrap().records, 50, "{at}");
                assert_eq!(read(&bench.buffer), ids([]), "{at}: all was delivered before");
                let on_disk = ids_on(&bench.disk, &at);
                assert!(ids([acknowledged + 1..=60]).iter().all(|id| on_disk.contains(id)), "{at}");

                bench.disk.power_loss();
                drop(bench.buffer);
                let buffer = Runs::Natively.open(bench.disk.open().unwrap(), options());
                assert_eq!(buffer.open_report().lost_events, 0, "{at}");
                assert_eq!(read(&buffer), ids([acknowledged + 1..=60]), "{at}: after power loss");
            }
        }
    }
}

/// The machine goes down with the instance, or right after the next one has begun: what was answered as synced before the
/// failure is there. Where only the process dies all is there.
#[test]
fn a_crash_after_a_trap_in_mending_costs_nothing_that_was_confirmed() {
    for target in targets() {
        for call in 0..Bench::calls(target, 0) {
            for power_lost in [true, false] {
                for syncs in [0, 3] {
                    let at = format!("{target:?}, at {call}, power lost: {power_lost}, {syncs} syncs");
                    let bench = Bench::new(target, 0);
                    bench.fuse.light(call);
                    let mut syncs_left = syncs;
                    for _ in 0..8 {
                        bench.simulation.advance(INTERVAL);
                        if bench.buffer.status().unwrap().restarts > 0 {
                            break;
                        }
                        while bench.buffer.status().unwrap().restarts == 0 && bench.simulation.run_sync(0) {}
                    }
                    while syncs_left > 0 && bench.simulation.run_sync(0) {
                        syncs_left -= 1;
                    }
                    if power_lost {
                        bench.disk.power_loss();
                    } else {
                        bench.disk.kill();
                    }
                    drop(bench.buffer);
                    let buffer = Runs::Natively.open(bench.disk.open().unwrap(), options());
                    let found = read(&buffer);
                    let least = if power_lost { 10 } else { 60 };
                    assert!(found.starts_with(&ids([1..=least])), "{at}: {found:?}");
                    assert!(found.is_sorted_by(|one, next| one < next), "{at}: {found:?}");
                }
            }
        }
    }
}

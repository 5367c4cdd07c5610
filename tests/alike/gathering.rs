//! Callers that write again when they are answered share the next sync with those that waited meanwhile.

use std::time::Duration;

use forebay::{Buffer, Durability, Pending, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{options, records},
};

struct World {
    simulation: Simulation,
    buffer: Buffer,
    last: u64,
}

impl World {
    /// A buffer whose first file has its name. No tick comes.
    fn open(runs: Runs) -> Self {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = options();
        options.sync_interval = Duration::from_hours(1);
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        let mut world = Self { simulation, buffer, last: 0 };
        let mut first = world.submit();
        while world.simulation.run_sync(0) {}
        assert!(first.try_take().is_some());
        world
    }

    fn submit(&mut self) -> Pending {
        self.last += 1;
        let writer = self.buffer.writer().with_durability(Durability::Synced);
        writer.submit(records(self.last..=self.last)).unwrap()
    }

    /// The sync that is under way ends after 20 ms.
    fn end_sync(&self) {
        self.simulation.advance(Duration::from_millis(20));
        assert!(self.simulation.run_sync(0));
    }

    fn syncs(&self) -> usize {
        self.simulation.syncs().len()
    }
}

fn is_answered(mut pending: Pending) -> bool {
    pending.try_take().is_some_and(|answer| answer.is_ok())
}

/// Two groups that take turns would need twice as many syncs as one.
#[test]
fn the_next_sync_waits_for_those_that_the_last_has_answered() {
    for runs in Runs::ALL {
        let mut world = World::open(runs);
        let (first, second) = (world.submit(), world.submit());
        world.end_sync();
        assert!(is_answered(first), "{runs:?}");
        assert_eq!(world.syncs(), 0, "{runs:?}: the first may write again");
        let again = world.submit();
        assert_eq!(world.syncs(), 1, "{runs:?}: all are there");
        world.end_sync();
        assert!(is_answered(second) && is_answered(again), "{runs:?}");
    }
}

/// A tenth of what the last sync took, and no longer: the first may never write again.
#[test]
fn it_waits_for_a_tenth_of_the_last_syncs_time() {
    for runs in Runs::ALL {
        let mut world = World::open(runs);
        let (_first, second) = (world.submit(), world.submit());
        world.end_sync();
        world.simulation.advance(Duration::from_micros(1900));
        assert_eq!(world.syncs(), 0, "{runs:?}");
        world.simulation.advance(Duration::from_micros(100));
        assert_eq!(world.syncs(), 1, "{runs:?}");
        world.end_sync();
        assert!(is_answered(second), "{runs:?}");
    }
}

/// There is no other to wait for.
#[test]
fn the_sync_of_a_lone_caller_waits_for_no_other() {
    for runs in Runs::ALL {
        let mut world = World::open(runs);
        for _ in 0..3 {
            let pending = world.submit();
            assert_eq!(world.syncs(), 1, "{runs:?}");
            world.end_sync();
            assert!(is_answered(pending), "{runs:?}");
        }
    }
}

/// A disk that has answered nothing for a minute must not hold up the next sync for six seconds.
#[test]
fn it_never_waits_longer_than_some_milliseconds() {
    for runs in Runs::ALL {
        let mut world = World::open(runs);
        let (_first, _second) = (world.submit(), world.submit());
        world.simulation.advance(Duration::from_mins(1));
        assert!(world.simulation.run_sync(0));
        assert_eq!(world.syncs(), 0, "{runs:?}");
        world.simulation.advance(Duration::from_millis(10));
        assert_eq!(world.syncs(), 1, "{runs:?}");
    }
}

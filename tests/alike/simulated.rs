//! Buffers in a simulation: what they ask of the world, and when.

use std::time::Duration;

use forebay::{Buffer, Durability, RecordId, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write},
};

/// Has everything happen that is asked for. Fails if there is no end to it.
#[track_caller]
fn come_to_rest(simulation: &Simulation) {
    for _ in 0..1000 {
        while simulation.run_sync(0) {}
        match simulation.timers().first() {
            Some(due) => simulation.advance(Duration::from_nanos(due - simulation.now_ns())),
            None => return,
        }
    }
    panic!("it goes on and on: {simulation:?}");
}

fn open(runs: Runs, simulation: &Simulation, disk: &Disk) -> Buffer {
    let mut options = options();
    options.sync_interval = Duration::from_millis(500);
    runs.open_in(simulation, disk.open().unwrap(), options).unwrap()
}

/// A thousand idle buffers in a process must not wake it two thousand times a second.
#[test]
fn an_idle_buffer_rests() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk);
        come_to_rest(&simulation);
        write(&buffer, 1..=200);
        assert!(!simulation.timers().is_empty(), "{runs:?}: what was written waits to be synced");
        come_to_rest(&simulation);
        assert_eq!(buffer.status().unwrap().durable_next, RecordId(201), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=200]), "{runs:?}");
        buffer.reader().ack_through(RecordId(200));
        come_to_rest(&simulation);
    }
}

/// The logic need not ask for a tick when there is no room: the writer who waits is the host's to look after, and no
/// call says when a disk has room again.
#[test]
fn a_writer_who_waits_for_a_full_disk_is_tried_again_at_every_tick() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        disk.set_capacity_bytes(Some(2000));
        let buffer = open(runs, &simulation, &disk);
        let mut pending = buffer.writer().submit(records(1..=100)).unwrap();
        for _ in 0..10 {
            while simulation.run_sync(0) {}
            simulation.advance(Duration::from_secs(1));
        }
        assert!(pending.try_take().is_none(), "{runs:?}");

        disk.set_capacity_bytes(None);
        simulation.advance(Duration::from_secs(1));
        while simulation.run_sync(0) {}
        assert_eq!(pending.try_take().unwrap().unwrap().records, 100, "{runs:?}");
        come_to_rest(&simulation);
    }
}

/// A wait that runs what it waits for is what lets a whole history run on one thread.
#[test]
fn who_waits_in_a_simulation_has_happen_what_it_waits_for() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk);
        let writer = buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(1..=10)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}: no sync has ended");
        assert_eq!(writer.write_batch(records(11..=20)).unwrap().records, 10, "{runs:?}");
        assert_eq!(pending.try_take().unwrap().unwrap().records, 10, "{runs:?}");
        assert_eq!(simulation.now_ns(), 0, "{runs:?}: no caller had to wait for the clock");
        buffer.close().unwrap();
        disk.power_loss();
        assert_eq!(read(&open(runs, &simulation, &disk)), ids([1..=20]), "{runs:?}");
    }
}

//! A process may have no file descriptor left for a while. What cannot be opened then is there.

use std::{fs, path::Path, time::Duration};

use forebay::{
    Buffer, Durability, RecordId, Simulation, WhenFull,
    storage::{
        SyncTarget,
        native::{Create, Native},
    },
};

use super::failed_sync::Bench;
use crate::support::{
    Runs,
    storage::{data_file, disk, file, ids, ledger, options, read, records, write},
};

/// A file that is taken for lost is passed, and then removed.
#[test]
fn a_file_that_cannot_be_opened_for_want_of_a_descriptor_is_no_loss() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=5)), (1, data_file(6..=9)), (2, data_file(10..=12))];
        let disk = disk(Some(ledger(13, 2, 0, 0)), &files);
        disk.exhaust_descriptors(true);
        let simulation = Simulation::new();
        let opened = runs.open_in(&simulation, disk.open().unwrap(), options());
        assert!(opened.is_err(), "{runs:?}");
        disk.exhaust_descriptors(false);

        let buffer = runs.open(disk.open().unwrap(), options());
        disk.exhaust_descriptors(true);
        let mut found = Vec::new();
        // What was read to open the buffer is there.
        while let Ok(records) = buffer.reader().try_next_batch(100) {
            assert!(!records.is_empty(), "{runs:?}: it came to an end");
            found.extend(records.iter().map(|record| record.id().0));
        }
        for _ in 0..3 {
            assert!(buffer.reader().try_next_batch(100).is_err(), "{runs:?}");
        }
        disk.exhaust_descriptors(false);
        found.extend(read(&buffer));
        assert_eq!(found, ids([1..=12]), "{runs:?}");
        buffer.reader().ack_through(RecordId(12));
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.damaged_bytes), (0, 0), "{runs:?}");
    }
}

/// A sync that did not begin has put nothing in doubt, and writers go on. It is done when there is a descriptor.
#[test]
fn a_sync_that_got_no_descriptor_waits_for_one() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        let before = bench.disk.sync_count(SyncTarget::Data(file(0)));
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(11..=12)).unwrap();
        bench.disk.exhaust_descriptors(true);
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        bench.buffer.writer().write_batch(records(13..=13)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}");

        bench.disk.exhaust_descriptors(false);
        bench.wait();
        assert!(pending.try_take().unwrap().is_ok(), "{runs:?}");
        assert!(bench.disk.sync_count(SyncTarget::Data(file(0))) > before, "{runs:?}");
    }
}

/// A bed for a buffer in a real directory.
struct Idle {
    simulation: Simulation,
    buffer: Buffer,
}

impl Idle {
    fn open(runs: Runs, directory: &Path) -> Self {
        let simulation = Simulation::new();
        let mut options = options();
        options.sync_interval = Duration::from_millis(500);
        let native = Native::open(directory, Create::Yes).unwrap();
        let buffer = runs.open_in(&simulation, native, options).unwrap();
        Self { simulation, buffer }
    }

    /// How many descriptors lead into the directory once nothing has happened for a while.
    fn descriptors(&self, directory: &Path) -> usize {
        for _ in 0..4 {
            while self.simulation.run_sync(0) {}
            self.simulation.advance(Duration::from_secs(3));
        }
        assert!(self.simulation.timers().is_empty(), "it is not idle: {:?}", self.simulation);
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(directory)))
            .count()
    }
}

/// A program with hundreds of buffers, of which few are in use, needs no higher limit for them.
#[test]
fn an_idle_buffer_keeps_three_descriptors_at_most() {
    for runs in Runs::ALL {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let idle = Idle::open(runs, &path);
        assert_eq!(idle.descriptors(&path), 2, "{runs:?}: opened");
        write(&idle.buffer, 1..=200);
        assert_eq!(idle.descriptors(&path), 2, "{runs:?}: written");
        assert_eq!(idle.buffer.reader().try_next_batch(100).unwrap().len(), 100);
        assert_eq!(idle.descriptors(&path), 2, "{runs:?}: read");
        idle.buffer.reader().ack_through(RecordId(100));
        assert_eq!(idle.descriptors(&path), 2, "{runs:?}: acknowledged");

        assert_eq!(read(&idle.buffer), ids([101..=200]));
        write(&idle.buffer, 201..=203);
        assert_eq!(read(&idle.buffer), ids([201..=203]));
        idle.buffer.reader().ack_through(RecordId(203));
        // What is acknowledged is never synced: its file stays open.
        assert_eq!(idle.descriptors(&path), 3, "{runs:?}: acknowledged before it was synced");
        drop(idle);

        let idle = Idle::open(runs, &path);
        assert_eq!(idle.descriptors(&path), 2, "{runs:?}: opened again");
    }
}

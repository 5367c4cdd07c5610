//! What must be on the disk before what: the order of calls, and what a power failure between any two of them leaves.

use forebay::{
    Buffer, Durability, Options, RecordId, Simulation, WhenFull,
    storage::{FileId, SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    recorded::{Done, Journal, was_synced},
    storage::{ids, options, read, records, write},
};

/// A buffer that keeps a journal, in a world in which nothing happens by itself.
struct Scene {
    disk: Disk,
    simulation: Simulation,
    journal: Journal,
    buffer: Buffer,
}

impl Scene {
    fn new(runs: Runs, options: Options) -> Self {
        let (disk, simulation, journal) = (Disk::new(), Simulation::new(), Journal::default());
        let backend = journal.of(disk.open().unwrap());
        let buffer = runs.open_in(&simulation, backend, options).unwrap();
        Self { disk, simulation, journal, buffer }
    }

    /// Acknowledges a few records at a time, with the clock's ticks and a sync between, as long as there are syncs to run.
    fn acknowledge(&self, through: u64, mut syncs: usize) -> usize {
        for id in (1..=through).step_by(10).chain([through]) {
            self.buffer.reader().ack_through(RecordId(id));
            self.simulation.advance(options().sync_interval);
            if syncs > 0 && self.simulation.run_sync(0) {
                syncs -= 1;
            }
        }
        while syncs > 0 && self.simulation.run_sync(0) {
            syncs -= 1;
        }
        syncs
    }

    /// Lets all syncs end.
    fn settle(&self) {
        while self.simulation.run_sync(0) {}
    }

    /// Cuts the power, and opens what is left.
    fn after_power_loss(self, runs: Runs, options: Options) -> (Disk, Buffer) {
        self.disk.power_loss();
        // It would wait for a disk that is gone.
        std::mem::forget(self.buffer);
        let buffer = runs.open_in(&Simulation::new(), self.disk.open().unwrap(), options).unwrap();
        (self.disk, buffer)
    }
}

/// The places in a journal where files were removed.
fn removals(journal: &[Done]) -> Vec<(usize, FileId)> {
    let removed = |(at, done): (usize, &Done)| match done {
        Done::Removed(file) => Some((at, *file)),
        _ => None,
    };
    journal.iter().enumerate().filter_map(removed).collect()
}

/// The first place in a journal where a ledger has passed a file. The files do not go round in these tests.
fn passed(journal: &[Done], file: FileId) -> usize {
    let passes = |done: &Done| matches!(done, Done::Ledger(ledger) if ledger.reader_data_file > file);
    journal.iter().position(passes).expect("a ledger passes the file")
}

/// A file that is gone while the ledger still names it is a file that is missed at the next start.
#[test]
fn pain_25570_a_file_goes_only_when_the_ledger_that_has_passed_it_is_on_the_disk() {
    for runs in Runs::ALL {
        let scene = Scene::new(runs, options());
        write(&scene.buffer, 1..=300);
        scene.settle();
        assert_eq!(read(&scene.buffer), ids([1..=300]), "{runs:?}");
        scene.acknowledge(299, usize::MAX);
        let journal = scene.journal.all();
        let removals = removals(&journal);
        assert!(removals.len() >= 5, "{runs:?}: {removals:?}");
        for (at, file) in removals {
            let passed = passed(&journal, file);
            assert!(was_synced(&journal, SyncTarget::Ledger, passed, at), "{runs:?}, file {file}");
        }
    }
}

/// The same in the words of the user whose machine has died: wherever the power goes, the next start finds all that was not
/// acknowledged.
#[test]
fn pain_25570_a_power_failure_between_any_two_syncs_of_a_removal_costs_nothing() {
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 5)] {
        for syncs in (0..).step_by(step) {
            let scene = Scene::new(runs, options());
            write(&scene.buffer, 1..=300);
            scene.settle();
            // All of it is on the disk before anything is acknowledged.
            let mut flushed =
                scene.buffer.writer().with_durability(Durability::Synced).submit(records(301..=301)).unwrap();
            scene.settle();
            assert!(flushed.try_take().is_some(), "{runs:?}");
            read(&scene.buffer);
            let left = scene.acknowledge(250, syncs);
            let (_, buffer) = scene.after_power_loss(runs, options());
            let found = read(&buffer);
            assert!(found.ends_with(&ids([251..=301])), "{runs:?}, {syncs} syncs: {found:?}");
            assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}, {syncs} syncs");
            if left > 0 {
                break;
            }
        }
    }
}

/// A ledger that names a file which is not there yet, or a file that no ledger names: after a crash reader and writer wait
/// for each other.
#[test]
fn pain_25768_the_ledger_names_a_file_only_when_file_and_name_are_on_the_disk() {
    for runs in Runs::ALL {
        let scene = Scene::new(runs, options());
        for first in (1..300).step_by(20) {
            // Fewer syncs end than are asked for: the files are written to before they are named.
            write(&scene.buffer, first..=first + 19);
            scene.simulation.run_sync(0);
        }
        scene.settle();
        let journal = scene.journal.all();
        let mut named = FileId::new(0).unwrap();
        let mut rolls = 0;
        for (at, done) in journal.iter().enumerate() {
            let Done::Ledger(ledger) = done else { continue };
            let file = ledger.writer_data_file;
            if file != named {
                let created = journal.iter().position(|done| *done == Done::Created(file)).unwrap();
                assert!(was_synced(&journal, SyncTarget::Data(file), created, at), "{runs:?}, file {file}");
                assert!(was_synced(&journal, SyncTarget::Directory, created, at), "{runs:?}, file {file}");
                (named, rolls) = (file, rolls + 1);
            }
        }
        assert!(rolls >= 4, "{runs:?}: {rolls}");
    }
}

/// Wherever the power goes while a file is left for the next one, the next start goes on: what was answered as durable is
/// there, new records are taken, and all of them come out in order.
#[test]
fn pain_25768_a_power_failure_at_any_point_of_a_roll_stops_nothing() {
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 3)] {
        for (syncs, newest_first) in (0..30).step_by(step).flat_map(|syncs| [(syncs, false), (syncs, true)]) {
            let scene = Scene::new(runs, options());
            let writer = scene.buffer.writer().with_durability(Durability::Synced);
            let mut pending: Vec<_> = (0..10)
                .map(|batch| writer.submit(records(batch * 20 + 1..=batch * 20 + 20)).unwrap())
                .collect();
            for _ in 0..syncs {
                let newest = scene.simulation.syncs().len().saturating_sub(1);
                scene.simulation.run_sync(if newest_first { newest } else { 0 });
            }
            let answered = pending.iter_mut().filter_map(forebay::Pending::try_take);
            let durable = answered.map(|answer| answer.unwrap().last_id.unwrap().0).max().unwrap_or(0);
            let (_, buffer) = scene.after_power_loss(runs, options());
            let next = buffer.status().unwrap().next_id.0;
            assert!(next > durable, "{runs:?}, {syncs} syncs: {next} after {durable}");
            write(&buffer, next..=next + 99);
            let found = read(&buffer);
            assert!(found.starts_with(&ids([1..=durable])), "{runs:?}, {syncs} syncs");
            assert!(found.ends_with(&ids([next..=next + 99])), "{runs:?}, {syncs} syncs");
        }
    }
}

/// Bytes that are on the disk in a file whose name is not are lost with the power. No writer may be told that they are safe.
#[test]
fn pain_25766_nothing_is_durable_before_the_name_of_its_file_is() {
    for runs in Runs::ALL {
        let scene = Scene::new(runs, options());
        write(&scene.buffer, 1..=60);
        let second = FileId::new(1).unwrap();
        let writer = scene.buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(61..=70)).unwrap();
        let other = |target: &SyncTarget| *target != SyncTarget::Directory;
        while let Some(place) = scene.simulation.syncs().iter().position(other) {
            scene.simulation.run_sync(place);
            assert!(pending.try_take().is_none(), "{runs:?}: its name is not on the disk");
        }
        while pending.try_take().is_none() {
            assert!(scene.simulation.run_sync(0), "{runs:?}: nothing is left that could happen");
        }
        let journal = scene.journal.all();
        let created = journal.iter().position(|done| *done == Done::Created(second)).unwrap();
        assert!(was_synced(&journal, SyncTarget::Directory, created, journal.len()), "{runs:?}");
        // Nor before a ledger that names it is: the next opener may not look for a file that is not named.
        let is_named_by =
            |done: &Done| matches!(done, Done::Ledger(ledger) if ledger.writer_data_file == second);
        let named = journal.iter().position(is_named_by).expect("a ledger names the file");
        assert!(was_synced(&journal, SyncTarget::Ledger, named, journal.len()), "{runs:?}");
        let (_, buffer) = scene.after_power_loss(runs, options());
        assert_eq!(read(&buffer), ids([1..=70]), "{runs:?}");
    }
}

/// Dropping the oldest file has an order, too: the writer leaves it first if it is its own; the ledger passes it and is
/// synced; then it goes, and what was in it is counted by then.
#[test]
fn pain_8209_what_is_dropped_is_counted_and_passed_before_it_goes() {
    // It is the limit that is reached, or the end of the disk.
    for (runs, capacity_bytes) in Runs::ALL.into_iter().flat_map(|runs| [(runs, None), (runs, Some(9000))]) {
        let mut options = options();
        options.max_bytes = if capacity_bytes.is_none() { 2 * 4096 + 32 } else { 1 << 20 };
        options.when_full = WhenFull::DropOldest;
        let scene = Scene::new(runs, options);
        scene.disk.set_capacity_bytes(capacity_bytes);
        let mut next = 1;
        while removals(&scene.journal.all()).len() < 4 {
            let mut pending = scene.buffer.writer().submit(records(next..=next + 9)).unwrap();
            let before = scene.disk.data_files();
            while pending.try_take().is_none() {
                assert!(scene.simulation.run_sync(0), "{runs:?}: a writer waits for ever");
                // As soon as a file is gone, the figures and the ledger have its records.
                let gone = before.len() > scene.disk.data_files().len();
                let status = scene.buffer.status().unwrap();
                assert!(!gone || status.usage_since_open.dropped.events > 0, "{runs:?}");
                assert_eq!(status.usage_since_open.dropped.events, status.acknowledged.0, "{runs:?}");
            }
            next += 10;
        }
        let journal = scene.journal.all();
        let mut dropped_with_removals = 0;
        for (at, file) in removals(&journal) {
            let passed = passed(&journal, file);
            assert!(was_synced(&journal, SyncTarget::Ledger, passed, at), "{runs:?}, file {file}");
            let Done::Ledger(ledger) = journal[passed] else { unreachable!() };
            assert_ne!(ledger.writer_data_file, file, "{runs:?}: the writer has left it");
            dropped_with_removals = ledger.reader_last_record.0;
        }
        let dropped = scene.buffer.status().unwrap().usage_since_open.dropped.events;
        let (_, buffer) = scene.after_power_loss(runs, options);
        // None that was kept is gone, and none that was dropped comes back, but for what the ledger on the disk says.
        let found = read(&buffer);
        assert!(found.first().is_none_or(|first| *first > dropped), "{runs:?}: {found:?}");
        // The counter was on the disk before the files were gone: what the ledger has passed was dropped.
        let (status, first_unread) = (buffer.status().unwrap(), buffer.open_report().first_unread.0);
        let usage = status.usage_lifetime;
        assert!(usage.dropped.events >= dropped_with_removals, "{runs:?}: {usage:?}");
        assert_eq!(usage.dropped.events + usage.lost.events, first_unread - 1, "{runs:?}: {usage:?}");
        assert_eq!(buffer.status().unwrap().usage_since_open.dropped.events, 0, "{runs:?}");
    }
}

//! What callers see when a sync fails: the kernel may have dropped what it could not write, and says that all is well the
//! next time. Nothing is answered as synced until it is rewritten, and nothing has to be opened again.

use std::time::Duration;

use forebay::{
    Buffer, CloseError, Durability, RecordId, Simulation, WhenFull, WriteErrorKind,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    storage::{data_file, file, ids, options, read, records, written_and_refused},
};

pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// Which sync fails.
const TARGETS: [SyncTarget; 2] = [SyncTarget::Directory, SyncTarget::Ledger];

pub(super) struct Bench {
    runs: Runs,
    pub(super) disk: Disk,
    pub(super) simulation: Simulation,
    pub(super) buffer: Buffer,
}

impl Bench {
    /// A buffer with records 1 to 10, all synced.
    pub(super) fn new(runs: Runs, when_full: WhenFull) -> Self {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = options();
        (options.sync_interval, options.when_full) = (INTERVAL, when_full);
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        buffer.writer().with_durability(Durability::Synced).write_batch(records(1..=10)).unwrap();
        Self { runs, disk, simulation, buffer }
    }

    /// Records 11 to 60 wait to be synced, and the next sync of a target fails. They fill more than one file.
    pub(super) fn failing(runs: Runs, target: SyncTarget, when_full: WhenFull) -> (Self, forebay::Pending) {
        let bench = Self::new(runs, when_full);
        bench.disk.fail_sync(target, 1);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let pending = writer.submit(records(11..=60)).unwrap();
        while bench.simulation.run_sync(0) {}
        assert!(bench.is_degraded(), "{runs:?}, {target:?}");
        (bench, pending)
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.buffer.status().unwrap().sync_failed
    }

    /// Time passes, and syncs end.
    pub(super) fn wait(&self) {
        for _ in 0..4 {
            self.simulation.advance(INTERVAL);
            while self.simulation.run_sync(0) {}
        }
    }

    /// The machine loses power. Gives what is found after that.
    pub(super) fn found_after_power_loss(self) -> Vec<u64> {
        self.disk.power_loss();
        drop(self.buffer);
        let mut options = options();
        options.max_unacknowledged_records = 1 << 20;
        read(&self.runs.open(self.disk.open().unwrap(), options))
    }
}

fn every_target() -> Vec<(Runs, SyncTarget)> {
    let targets = [0, 1].map(|number| SyncTarget::Data(file(number))).into_iter().chain(TARGETS);
    targets.flat_map(|target| Runs::ALL.map(|runs| (runs, target))).collect()
}

/// A writer that waits for `synced` is answered when it is true, and not before: the disk may have lost the records although
/// the next sync ends well.
#[test]
fn a_writer_is_answered_when_its_records_are_safe_again() {
    for (runs, target) in every_target() {
        let (bench, mut pending) = Bench::failing(runs, target, WhenFull::Block);
        assert!(pending.try_take().is_none(), "{runs:?}, {target:?}");
        bench.wait();
        let receipt = pending.try_take().expect("the disk has recovered").unwrap();
        assert_eq!(receipt.last_id, Some(RecordId(60)), "{runs:?}, {target:?}");
        assert!(!bench.is_degraded(), "{runs:?}, {target:?}");
        assert_eq!(bench.found_after_power_loss(), ids([1..=60]), "{runs:?}, {target:?}");
    }
}

/// Before that a power loss may take what was never answered as synced, and nothing else.
#[test]
fn a_power_loss_before_that_takes_nothing_that_was_answered() {
    for (runs, target) in every_target() {
        let (bench, _pending) = Bench::failing(runs, target, WhenFull::Block);
        let found = bench.found_after_power_loss();
        assert!(found.starts_with(&ids([1..=10])), "{runs:?}, {target:?}: {found:?}");
    }
}

/// A disk may take its time for a sync, and meanwhile others fail and are made up for. Should that one fail in the end, no
/// caller asks for it any more: what it was to write is acknowledged by now. The guard has to hear of it all the same, or
/// nothing is written ever after.
#[test]
fn a_sync_that_fails_when_no_caller_waits_any_more_is_made_up_for() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        let data = SyncTarget::Data(file(0));
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let _pending = writer.submit(records(11..=12)).unwrap();
        assert_eq!(read(&bench.buffer), ids([1..=12]), "{runs:?}");
        bench.buffer.reader().ack_through(RecordId(12));
        bench.disk.fail_sync(SyncTarget::Ledger, 1);
        for _ in 0..4 {
            bench.simulation.advance(INTERVAL);
            while let Some(other) = bench.simulation.syncs().iter().position(|target| *target != data) {
                bench.simulation.run_sync(other);
            }
        }
        bench.disk.fail_sync(data, 1);
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        bench.buffer.writer().write_batch(records(13..=13)).unwrap();
    }
}

/// A file that was rewritten is walked again. Where it is whole, records go on in it.
#[test]
fn records_go_on_in_a_rewritten_file_that_is_whole() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        bench.disk.fail_sync(SyncTarget::Data(file(0)), 1);
        bench.buffer.writer().write_batch(records(11..=11)).unwrap();
        bench.wait();
        bench.buffer.writer().write_batch(records(12..=12)).unwrap();
        assert_eq!(bench.disk.data_file(file(0)).unwrap(), data_file(1..=12), "{runs:?}");
        assert_eq!(read(&bench.buffer), ids([1..=12]), "{runs:?}");
    }
}

/// Consumers have nothing to do with the disk's trouble.
#[test]
fn reading_and_acknowledging_go_on() {
    for (runs, target) in every_target() {
        let (bench, _pending) = Bench::failing(runs, target, WhenFull::Block);
        assert_eq!(read(&bench.buffer), ids([1..=60]), "{runs:?}, {target:?}");
        bench.buffer.reader().ack_through(RecordId(30));
        assert_eq!(bench.buffer.status().unwrap().acknowledged, RecordId(30), "{runs:?}, {target:?}");
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}, {target:?}");
        assert_eq!(bench.found_after_power_loss(), ids([31..=60]), "{runs:?}, {target:?}");
    }
}

/// A record that came after the failure could be lost with those before it, so writers wait, as if there were no room.
#[test]
fn writers_wait_until_all_is_safe_again() {
    for runs in Runs::ALL {
        let (bench, _pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
        let mut later = bench.buffer.writer().submit(records(61..=70)).unwrap();
        assert!(later.try_take().is_none(), "{runs:?}");
        bench.wait();
        assert_eq!(later.try_take().unwrap().unwrap().first_id, Some(RecordId(61)), "{runs:?}");
        assert_eq!(read(&bench.buffer), ids([1..=70]), "{runs:?}");
    }
}

/// Who has chosen not to wait gets the records back.
#[test]
fn a_buffer_that_rejects_hands_records_back_meanwhile() {
    for runs in Runs::ALL {
        let (bench, _pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Reject);
        let (receipt, refused) = written_and_refused(bench.buffer.writer().write_batch(records(61..=70)));
        assert_eq!((receipt.records, refused), (0, records(61..=70)), "{runs:?}");
    }
}

/// A disk that goes on failing must cost no more than patience.
#[test]
fn a_disk_that_fails_again_and_again_is_tried_again_and_again() {
    for runs in Runs::ALL {
        let (bench, mut pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
        for _ in 0..20 {
            bench.disk.fail_sync(SyncTarget::Directory, 1);
            bench.simulation.advance(INTERVAL);
            while bench.simulation.run_sync(0) {}
            assert!(bench.is_degraded() && pending.try_take().is_none(), "{runs:?}");
        }
        bench.wait();
        bench.wait();
        assert_eq!(pending.try_take().unwrap().unwrap().records, 50, "{runs:?}");
        assert_eq!(bench.found_after_power_loss(), ids([1..=60]), "{runs:?}");
    }
}

/// A disk may take seconds to find a sector. What it cannot read for long it will not read: a writer that waits for that waits
/// for ever, and the person who could mend the disk hears nothing.
#[test]
fn a_file_that_cannot_be_read_for_long_to_be_rewritten_stops_the_buffer() {
    for runs in Runs::ALL {
        for intervals in [12, 30] {
            let (bench, mut pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
            bench.disk.fail_calls("read", Some(5));
            for _ in 0..intervals {
                bench.simulation.advance(INTERVAL);
                while bench.simulation.run_sync(0) {}
            }
            bench.disk.fail_calls("read", None);
            bench.wait();
            let answer = pending.try_take().expect("it is decided");
            if intervals == 12 {
                assert_eq!(answer.unwrap().records, 50, "{runs:?}");
                continue;
            }
            let error = answer.unwrap_err();
            let WriteErrorKind::Stopped { reason } = error.kind else { panic!("{runs:?}: {error}") };
            assert!(reason.contains("could not read") && reason.contains("os error 5"), "{runs:?}: {reason}");
            assert!(bench.found_after_power_loss().starts_with(&ids([1..=10])), "{runs:?}");
        }
    }
}

/// What was replaced is not left behind.
#[test]
fn no_file_is_left_over() {
    for (runs, target) in every_target() {
        let (bench, _pending) = Bench::failing(runs, target, WhenFull::Block);
        bench.wait();
        let reader = bench.buffer.reader();
        assert_eq!(read(&bench.buffer), ids([1..=60]), "{runs:?}, {target:?}");
        reader.ack_through(RecordId(60));
        bench.wait();
        bench.buffer.close().unwrap();
        assert_eq!(bench.disk.data_files().len(), 1, "{runs:?}, {target:?}");
    }
}

/// Closing is the last chance: a disk that has recovered gets it.
#[test]
fn closing_makes_up_for_a_failed_sync() {
    for (runs, target) in every_target() {
        let (bench, pending) = Bench::failing(runs, target, WhenFull::Block);
        bench.buffer.close().unwrap();
        assert_eq!(pending.wait().unwrap().records, 50, "{runs:?}, {target:?}");
        bench.disk.power_loss();
        assert_eq!(
            read(&runs.open(bench.disk.open().unwrap(), options())),
            ids([1..=60]),
            "{runs:?}, {target:?}"
        );
    }
}

/// A buffer that could not be made durable must not be closed without a word.
#[test]
fn closing_on_a_disk_that_goes_on_failing_says_so() {
    for runs in Runs::ALL {
        let (bench, pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
        for nth in 1..20 {
            bench.disk.fail_sync(SyncTarget::Directory, nth);
        }
        let error = bench.buffer.close().unwrap_err();
        assert!(matches!(error, CloseError::SyncFailed), "{runs:?}: {error}");
        let error = pending.wait().unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::SyncFailed, "{runs:?}");
        assert_eq!(error.into_records(), records(11..=60), "{runs:?}");
        assert_eq!(read(&runs.open(bench.disk.open().unwrap(), options())), ids([1..=60]), "{runs:?}");
    }
}

/// All syncs that were asked for fail with the one that does. Where the file of that one is gone, the host has nothing more
/// against the others, and it is the logic that has to ask for them again.
#[test]
fn closing_syncs_what_failed_with_a_file_that_is_gone() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let pending = writer.submit(records(11..=60)).unwrap();
        let (spare, _) = *bench.disk.data_files().last().unwrap();
        let place = bench.simulation.syncs().iter().position(|target| *target == SyncTarget::Data(spare));
        bench.disk.fail_sync(SyncTarget::Data(spare), 1);
        assert!(bench.simulation.run_sync(place.unwrap()), "{runs:?}");
        bench.buffer.close().unwrap();
        assert_eq!(pending.wait().unwrap().records, 50, "{runs:?}");
        bench.disk.power_loss();
        let buffer = runs.open(bench.disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=60]), "{runs:?}");
    }
}

/// The kernel takes the ledger for written: unless it is stored again, no later sync writes it.
#[test]
fn a_ledger_whose_sync_failed_is_written_again() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        assert_eq!(read(&bench.buffer), ids([1..=10]), "{runs:?}");
        bench.buffer.reader().ack_through(RecordId(10));
        bench.disk.fail_sync(SyncTarget::Ledger, 1);
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        assert!(
            bench.found_after_power_loss().is_empty(),
            "{runs:?}: the ledger that says so is on the disk"
        );
    }
}

/// A sync may fail while a file is being rewritten, which goes on and ends well. The file has another name's sync to wait
/// for then, and no caller is told of it without asking: a writer that waits for `synced` would wait for ever.
#[test]
fn a_sync_that_fails_while_a_file_is_rewritten_keeps_no_writer_waiting() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        bench.wait();
        bench.disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(11..=12)).unwrap();
        while bench.simulation.run_sync(0) {}
        // So that the next tick has a ledger to sync.
        assert_eq!(read(&bench.buffer), ids([1..=12]), "{runs:?}");
        bench.buffer.reader().ack_through(RecordId(5));
        bench.simulation.advance(INTERVAL);
        let syncs = bench.simulation.syncs();
        assert!(syncs.contains(&SyncTarget::Data(file(0))), "{runs:?}: {syncs:?}");
        let ledger = syncs.iter().position(|target| *target == SyncTarget::Ledger).unwrap();
        bench.disk.fail_sync(SyncTarget::Ledger, 1);
        bench.simulation.run_sync(ledger);
        // Before the next tick.
        while bench.simulation.run_sync(0) {}
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        assert_eq!(pending.try_take().expect("it is answered").unwrap().records, 2, "{runs:?}");
        assert_eq!(bench.found_after_power_loss(), ids([6..=12]), "{runs:?}");
    }
}

/// The sync of a file with nothing in it may fail too, and the logic takes no records until all has ended well. An operator
/// who is told that all is well, and that the logic takes nothing, looks for the fault in the wrong place.
#[test]
fn a_failed_sync_of_an_empty_file_is_shown_too() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let mut options = options();
        options.sync_interval = INTERVAL;
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        while simulation.run_sync(0) {}
        let bench = Bench { runs, disk, simulation, buffer };
        assert!(bench.is_degraded(), "{runs:?}");
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
    }
}

/// A process that dies before it has made up for a failed sync leaves a note of it, and its successor rewrites all files:
/// those too that it does not use and cannot remove. If it did not, no later opening could do without, and no closing would
/// end well.
#[test]
fn files_that_are_not_in_use_do_not_keep_a_buffer_degraded() {
    for (runs, with_stranger) in Runs::ALL.into_iter().flat_map(|runs| [(runs, false), (runs, true)]) {
        let at = format!("{runs:?}, {with_stranger}");
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = options();
        options.sync_interval = INTERVAL;
        let open = || runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        let buffer = open();
        buffer.writer().write_batch(records(1..=10)).unwrap();
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        while simulation.run_sync(0) {}
        assert!(buffer.status().unwrap().sync_failed, "{at}");
        disk.kill();
        drop(buffer);
        if with_stranger {
            // It repeats what is unread.
            disk.put_data_file(file(7), data_file(3..=5));
        }

        let bench = Bench { runs, disk: disk.clone(), simulation: simulation.clone(), buffer: open() };
        assert!(bench.is_degraded(), "{at}: the note is believed");
        bench.wait();
        assert!(!bench.is_degraded(), "{at}");
        let Bench { buffer, .. } = bench;
        buffer.close().expect(&at);
        let buffer = open();
        assert!(!buffer.status().unwrap().sync_failed, "{at}: it is said again");
        assert_eq!(read(&buffer), ids([1..=10]), "{at}");
        assert_eq!(disk.data_file(file(7)), with_stranger.then(|| data_file(3..=5)), "{at}");
        disk.power_loss();
        drop(buffer);
        assert_eq!(read(&open()), ids([1..=10]), "{at}: what was rewritten is on the disk");
    }
}

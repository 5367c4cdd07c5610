//! An instance of the logic that fails is replaced by a fresh one, and only the log and the status tell of it.

use std::{thread, time::Duration};

use forebay::{
    Buffer, Durability, Options, ReadError, RecordId, Simulation, WhenFull, WriteErrorKind,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    faulty::Faults,
    fixtures::payload,
    fuse::Fuse,
    native_logic::NativeLogic,
    storage::{file, ids, ids_on, options, read, records, write},
};

/// Opens a buffer whose logic fails by plan.
fn faulty(runs: Runs, simulation: &Simulation, disk: &Disk, faults: &Faults) -> Buffer {
    let backend = Box::new(disk.open().unwrap());
    Buffer::open_on(simulation.runtime(), backend, options(), faults.maker(runs)).unwrap()
}

/// Opens a buffer on the native logic whose calls end where a fuse burns out.
fn fused(simulation: &Simulation, disk: &Disk, options: Options, fuse: &Fuse) -> Buffer {
    let fuse = fuse.clone();
    let make = move |guard| Ok(NativeLogic::with_fuse(guard, &fuse));
    Buffer::open_on(simulation.runtime(), Box::new(disk.open().unwrap()), options, make).unwrap()
}

/// Logic that wants its next tick at once, for ever, must not keep a thread busy.
#[test]
fn ticks_are_a_millisecond_apart_whatever_the_logic_says() {
    let (disk, simulation, faults) = (Disk::new(), Simulation::new(), Faults::default());
    let buffer = faulty(Runs::Natively, &simulation, &disk, &faults);
    write(&buffer, 1..=1);
    faults.hasty_ticks(1000);
    let due = simulation.timers()[0];
    simulation.advance(Duration::from_nanos(due - simulation.now_ns()));
    let calls = faults.calls();
    simulation.advance(Duration::from_millis(10));
    assert_eq!(faults.calls() - calls, 10);
}

/// What a history has done.
#[derive(Default)]
struct Done {
    written: u64,
    delivered: Vec<u64>,
    acknowledged: u64,
}

impl Done {
    fn take(&mut self, buffer: &Buffer, most: usize, keep: usize) {
        let records = buffer.reader().try_next_batch(most).unwrap();
        for record in &records {
            assert!(record.payload()[..] == payload(record.id().0), "record {} is another", record.id().0);
            self.delivered.push(record.id().0);
        }
        let done = records.len().saturating_sub(keep);
        // The last of them first: nothing moves until the first is acknowledged.
        records[..done].iter().rev().for_each(forebay::Record::ack);
        if keep == 0 {
            self.acknowledged = self.delivered.last().copied().unwrap_or_default();
            buffer.reader().ack_through(RecordId(self.acknowledged));
        }
    }
}

/// Writes over several files, reads, acknowledges out of order, ticks, and lets syncs end: files are made and go.
fn history(buffer: &Buffer, simulation: &Simulation) -> Done {
    let mut done = Done::default();
    for round in 0..12 {
        write(buffer, done.written + 1..=done.written + 40);
        done.written += 40;
        simulation.run_sync(0);
        done.take(buffer, 35, if round % 2 == 0 { 5 } else { 0 });
        simulation.advance(Duration::from_secs(1_000_000));
        while round % 3 == 2 && simulation.run_sync(0) {}
        buffer.status().unwrap();
    }
    done
}

/// A trap may come anywhere: between a record's bytes and the ledger, between a file and the ledger that has passed it.
/// Wherever it comes, what was confirmed is there once, in order, and delivered once.
#[test]
fn a_trap_at_any_storage_call_loses_and_repeats_nothing() {
    let calls = {
        let (simulation, disk, fuse) = (Simulation::new(), Disk::new(), Fuse::default());
        let buffer = fused(&simulation, &disk, options(), &fuse);
        let before = fuse.burnt();
        history(&buffer, &simulation);
        fuse.burnt() - before
    };
    assert!(calls > 100, "{calls} storage calls are no history");
    for at in 0..calls {
        let (simulation, disk, fuse) = (Simulation::new(), Disk::new(), Fuse::default());
        let buffer = fused(&simulation, &disk, options(), &fuse);
        fuse.light(at);
        let mut done = history(&buffer, &simulation);
        let status = buffer.status().unwrap();
        assert_eq!((status.restarts, status.refused_calls), (1, 0), "at {at}");
        assert_eq!(status.acknowledged, RecordId(done.acknowledged), "at {at}");

        done.delivered.extend(read(&buffer));
        assert_eq!(done.delivered, ids([1..=done.written]), "at {at}: each is delivered once");
        let left = ids([done.acknowledged + 1..=done.written]);
        let on_disk = ids_on(&disk, &format!("at {at}"));
        assert!(left.iter().all(|id| on_disk.contains(id)), "at {at}");

        // The next process finds what this one has confirmed and not finished with.
        disk.kill();
        drop(buffer);
        let buffer = Runs::Natively.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), left, "at {at}: after the death of the process");
        assert_eq!(buffer.status().unwrap().lost_events, 0, "at {at}");
        let writer = buffer.writer().with_durability(Durability::Synced);
        writer.write_batch(records(done.written + 1..=done.written + 1)).unwrap();
        disk.power_loss();
        drop(buffer);
        let buffer = Runs::Natively.open(disk.open().unwrap(), options());
        assert_eq!(
            read(&buffer),
            ids([done.acknowledged + 1..=done.written + 1]),
            "at {at}: after power loss"
        );
    }
}

/// The same where the oldest files are dropped to make room: what is not there was counted.
#[test]
fn a_trap_at_any_storage_call_drops_nothing_that_is_not_counted() {
    let mut dropping = options();
    dropping.max_bytes = 2 * 4096 + 32;
    dropping.when_full = WhenFull::DropOldest;
    let overflow = |buffer: &Buffer| (1..300).step_by(10).for_each(|first| write(buffer, first..=first + 9));
    let calls = {
        let (simulation, disk, fuse) = (Simulation::new(), Disk::new(), Fuse::default());
        let buffer = fused(&simulation, &disk, dropping, &fuse);
        let before = fuse.burnt();
        overflow(&buffer);
        assert!(buffer.status().unwrap().usage_since_open.dropped.events > 0);
        fuse.burnt() - before
    };
    for at in 0..calls {
        let (simulation, disk, fuse) = (Simulation::new(), Disk::new(), Fuse::default());
        let buffer = fused(&simulation, &disk, dropping, &fuse);
        fuse.light(at);
        overflow(&buffer);
        let status = buffer.status().unwrap();
        assert_eq!((status.restarts, status.refused_calls, status.lost_events), (1, 0, 0), "at {at}");
        assert_eq!(read(&buffer), ids([status.usage_since_open.dropped.events + 1..=300]), "at {at}");
        ids_on(&disk, &format!("at {at}"));
    }
}

/// An answer that gets lost was carried out all the same: the host goes by its own account, whatever runs the logic.
#[test]
fn a_call_whose_answer_is_lost_is_not_carried_out_twice() {
    for runs in Runs::ALL {
        let calls = {
            let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
            let buffer = faulty(runs, &simulation, &disk, &faults);
            let before = faults.calls();
            history(&buffer, &simulation);
            faults.calls() - before
        };
        for at in 0..calls {
            let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
            let buffer = faulty(runs, &simulation, &disk, &faults);
            faults.after(at);
            let mut done = history(&buffer, &simulation);
            assert_eq!(buffer.status().unwrap().restarts, 1, "{runs:?} at {at}");
            done.delivered.extend(read(&buffer));
            assert_eq!(done.delivered, ids([1..=done.written]), "{runs:?} at {at}");
            ids_on(&disk, &format!("{runs:?} at {at}"));
        }
    }
}

/// Logic that fails whenever it is used must not have the host start instances for ever, and the buffer's users have
/// to hear why it has stopped.
#[test]
fn logic_that_keeps_failing_stops_the_buffer_and_says_so() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let buffer = faulty(runs, &simulation, &disk, &faults);
        faults.at_every_write();
        // Each is placed before its answer gets lost, and answered by the host.
        let mut written = 0;
        let refused = loop {
            match buffer.writer().write_batch(records(written + 1..=written + 1)) {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(written, 6, "{runs:?}: once, and five times again");
        assert!(
            matches!(&refused.kind, WriteErrorKind::Stopped { reason } if reason.contains("its answer got lost")),
            "{runs:?}: {refused:?}"
        );
        let status = buffer.status().unwrap();
        assert_eq!(status.restarts, 5, "{runs:?}");
        assert!(status.stopped.unwrap().contains("its answer got lost"), "{runs:?}");
        assert!(matches!(buffer.reader().next(), Err(ReadError::Stopped { .. })), "{runs:?}");
        assert!(buffer.close().is_err(), "{runs:?}");
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().events, 6, "{runs:?}: what was placed counts, and the lock is free");
    }
}

/// Now and then is not too often.
#[test]
fn a_failure_that_is_long_past_is_forgotten() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let buffer = faulty(runs, &simulation, &disk, &faults);
        for number in 1..=20 {
            faults.after(0);
            write(&buffer, number..=number);
            simulation.advance(Duration::from_secs(13));
        }
        assert_eq!(buffer.status().unwrap().restarts, 20, "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
    }
}

/// A caller that waits goes on waiting, and is served by the fresh instance.
#[test]
fn waiting_readers_and_writers_are_not_disturbed() {
    for runs in Runs::ALL {
        let (disk, faults) = (Disk::new(), Faults::default());
        let mut small = options();
        small.max_bytes = 2 * 4096 + 32;
        let buffer = Buffer::open_with(Box::new(disk.open().unwrap()), small, faults.maker(runs)).unwrap();
        let reader = buffer.reader();
        let consumer = thread::spawn(move || {
            let mut ids = Vec::new();
            while let Some(records) = reader.next_batch(20).unwrap() {
                ids.extend(records.iter().map(|record| record.id().0));
                records.iter().for_each(forebay::Record::ack);
            }
            ids
        });
        faults.after(5);
        let pending = buffer.writer().submit(records(1..=1000)).unwrap();
        assert_eq!(pending.wait().unwrap().records, 1000, "{runs:?}");
        faults.after(0);
        assert_eq!(buffer.status().unwrap().restarts, 2, "{runs:?}");
        buffer.end_writing();
        assert_eq!(consumer.join().unwrap(), ids([1..=1000]), "{runs:?}");
    }
}

/// Syncs that the failed instance had asked for are not the fresh one's, whose numbers go on; who waits for `synced` is
/// answered by what the host has seen.
#[test]
fn a_writer_that_waits_for_a_sync_is_answered_by_the_hosts_account() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let buffer = faulty(runs, &simulation, &disk, &faults);
        let writer = buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(1..=10)).unwrap();
        faults.after(0);
        assert_eq!(buffer.status().unwrap().restarts, 1, "{runs:?}");
        assert!(pending.try_take().is_none(), "{runs:?}");
        while simulation.run_sync(0) {}
        assert_eq!(pending.try_take().unwrap().unwrap().records, 10, "{runs:?}");
        disk.power_loss();
        drop(buffer);
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=10]), "{runs:?}");
    }
}

/// A fresh instance has not seen the sync that failed; the host has, and tells it what to write again.
#[test]
fn a_failed_sync_is_not_forgotten() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let buffer = faulty(runs, &simulation, &disk, &faults);
        while simulation.run_sync(0) {}
        write(&buffer, 1..=10);
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        simulation.advance(Duration::from_secs(2_000_000));
        let place = simulation.syncs().iter().position(|sync| *sync == SyncTarget::Data(file(0))).unwrap();
        simulation.run_sync(place);
        assert!(buffer.status().unwrap().sync_failed, "{runs:?}");
        faults.after(0);
        let status = buffer.status().unwrap();
        assert_eq!((status.restarts, status.sync_failed), (1, true), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}: reading goes on");
        for _ in 0..4 {
            simulation.advance(Duration::from_secs(2_000_000));
            while simulation.run_sync(0) {}
        }
        assert!(!buffer.status().unwrap().sync_failed, "{runs:?}");
    }
}

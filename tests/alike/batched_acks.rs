//! Acknowledgements of single records wait for others, and no caller waits for them.

use std::{
    collections::BTreeSet,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use forebay::{Buffer, DrainReport, Options, Record, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write},
};

/// How many wait for others until they are taken, and how many where a reader has come by.
const ACKS_MAX: usize = 192;
const ACKS_MAX_PASSED: u64 = 64;

/// They wait for a tick longer than this.
const JUST_BEFORE: Duration = Duration::from_nanos(99_999_999);
const TICK: Duration = Duration::from_nanos(1);

/// Something that is asked of a buffer.
type Ask = fn(&Buffer);

/// What the ledger of a disk says: up to where all is acknowledged.
fn acknowledged(disk: &Disk) -> u64 {
    disk.ledger().unwrap().reader_last_record.0
}

/// A buffer that holds 1,000 records, all of which were delivered.
fn delivered(runs: Runs, simulation: &Simulation, disk: &Disk, options: Options) -> (Buffer, Vec<Record>) {
    let buffer = runs.open_in(simulation, disk.open().unwrap(), options).unwrap();
    write(&buffer, 1..=1000);
    let records = buffer.reader().try_next_batch(1000).unwrap();
    assert_eq!(records.len(), 1000);
    (buffer, records)
}

fn poll<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Each by itself would run the logic and store a ledger. What waits is bounded: a kill has that much delivered again, and no
/// more.
#[test]
fn acknowledgements_of_single_records_are_taken_together_and_a_kill_redelivers_no_more_than_one_batch() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (buffer, records) = delivered(runs, &simulation, &disk, options());
        records[..ACKS_MAX - 1].iter().for_each(Record::ack);
        simulation.run_jobs();
        assert_eq!(acknowledged(&disk), 0, "{runs:?}");
        records[ACKS_MAX - 1].ack();
        simulation.run_jobs();
        assert_eq!(acknowledged(&disk), ACKS_MAX as u64, "{runs:?}");

        records[ACKS_MAX..2 * ACKS_MAX - 1].iter().for_each(Record::ack);
        disk.kill();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([ACKS_MAX as u64 + 1..=1000]), "{runs:?}");
    }
}

/// A consumer that takes single records reads between any two acknowledgements.
#[test]
fn reading_single_records_takes_few_acknowledgements_at_a_time_and_never_many() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=1000);
        let reader = buffer.reader();
        let mut seen = BTreeSet::new();
        for id in 1..=900 {
            reader.next().unwrap().unwrap().ack();
            simulation.run_jobs();
            let acknowledged = acknowledged(&disk);
            assert!(acknowledged <= id && id - acknowledged < ACKS_MAX_PASSED + 1, "{runs:?}: {id}");
            seen.insert(acknowledged);
        }
        assert!(seen.len() < 25, "{runs:?}: {seen:?}");
        assert_eq!(buffer.status().unwrap().unacknowledged_records, 0, "{runs:?}");
        assert_eq!(acknowledged(&disk), 900, "{runs:?}");
    }
}

/// A consumer that has nothing more to do acknowledges its last record, and nothing else happens.
#[test]
fn an_acknowledgement_waits_no_longer_than_its_time() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (_buffer, records) = delivered(runs, &simulation, &disk, options());
        for (id, record) in (1..).zip(&records[..3]) {
            record.ack();
            simulation.advance(JUST_BEFORE);
            assert_eq!(acknowledged(&disk), id - 1, "{runs:?}");
            simulation.advance(TICK);
            assert_eq!(acknowledged(&disk), id, "{runs:?}");
        }
        assert!(simulation.timers().iter().all(|time| *time > 1_000_000_000), "{runs:?}: no timer is left");
    }
}

/// What is asked of the buffer itself has all that was said before.
#[test]
fn whatever_is_asked_of_a_buffer_has_all_acknowledgements() {
    let ask: [(&str, Ask); 5] = [
        ("status", |buffer| assert_eq!(buffer.status().unwrap().unacknowledged_records, 990)),
        ("read", |buffer| assert!(buffer.reader().try_next_batch(1).unwrap().is_empty())),
        ("write", |buffer| write(buffer, 1001..=1001)),
        ("drain", |buffer| assert_eq!(buffer.drain(Duration::ZERO).unacknowledged_records, 990)),
        ("acknowledge another", |buffer| buffer.reader().ack_through(forebay::RecordId(1))),
    ];
    for runs in Runs::ALL {
        for (what, ask) in ask {
            let (simulation, disk) = (Simulation::new(), Disk::new());
            let (buffer, records) = delivered(runs, &simulation, &disk, options());
            records[..10].iter().for_each(Record::ack);
            ask(&buffer);
            assert_eq!(acknowledged(&disk), 10, "{runs:?}, {what}");
        }
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (buffer, records) = delivered(runs, &simulation, &disk, options());
        records[..10].iter().for_each(Record::ack);
        buffer.close().unwrap();
        assert_eq!(acknowledged(&disk), 10, "{runs:?}, close");
    }
}

/// A server that answers its client promises that the records do not come again, and that those of other clients do.
#[test]
fn a_batch_is_acknowledged_at_once_and_nothing_besides() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (buffer, records) = delivered(runs, &simulation, &disk, options());
        buffer.reader().ack_batch(&records[..10]);
        assert_eq!(acknowledged(&disk), 10, "{runs:?}");
        buffer.reader().ack_batch(&records[500..]);
        assert_eq!(acknowledged(&disk), 10, "{runs:?}: others are open before them");
        let reader = buffer.reader();
        let mut acknowledging = pin!(reader.ack_batch_async(&records[10..500]));
        assert!(poll(&mut acknowledging).is_pending());
        simulation.run_jobs();
        assert!(poll(&mut acknowledging).is_ready());
        assert_eq!(acknowledged(&disk), 1000, "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        buffer.reader().ack_batch(&records);
        assert_eq!(buffer.status().unwrap().ignored_acknowledgements, 0, "{runs:?}: of another opening");
    }
}

/// A full buffer would stay full, a paused reader wait, and a drain not end, for as long as an acknowledgement waits.
#[test]
fn no_caller_waits_for_an_acknowledgement_that_waits_for_others() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let mut options = options();
        options.max_events = 1000;
        let (buffer, taken) = delivered(runs, &simulation, &disk, options);
        let mut pending = buffer.writer().submit(records(1001..=1001)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}: it is full");
        taken[0].ack();
        simulation.run_jobs();
        assert!(pending.try_take().is_some(), "{runs:?}: there is room");

        let (simulation, disk) = (Simulation::new(), Disk::new());
        let mut options = self::options();
        options.max_unacknowledged_records = 1000;
        let (buffer, taken) = delivered(runs, &simulation, &disk, options);
        write(&buffer, 1001..=1001);
        let reader = buffer.reader();
        let mut reading = pin!(reader.next_async());
        assert!(poll(&mut reading).is_pending());
        simulation.run_jobs();
        assert!(poll(&mut reading).is_pending(), "{runs:?}: it is paused");
        taken[0].ack();
        simulation.run_jobs();
        // It was woken, and asks once more.
        assert!(poll(&mut reading).is_pending());
        simulation.run_jobs();
        assert!(poll(&mut reading).is_ready(), "{runs:?}: it goes on");

        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (buffer, taken) = delivered(runs, &simulation, &disk, self::options());
        let mut draining = pin!(buffer.drain_async(Duration::from_secs(1)));
        let mut go_on = || {
            let report = poll(&mut draining);
            simulation.run_jobs();
            report
        };
        (0..5).for_each(|_| assert!(go_on().is_pending()));
        taken.iter().for_each(Record::ack);
        simulation.run_jobs();
        let report = (0..5).find_map(|_| match go_on() {
            Poll::Ready(report) => Some(report),
            Poll::Pending => None,
        });
        assert_eq!(report, Some(DrainReport::default()), "{runs:?}: it is drained");
        assert_eq!(simulation.now_ns(), 0, "{runs:?}: no time has passed");
    }
}

/// A consumer with a small limit gets all that its acknowledgements allow, and not only the record that the first of them does.
#[test]
fn delivery_does_not_pause_for_acknowledgements_that_wait() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let mut options = options();
        options.max_unacknowledged_records = 10;
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        write(&buffer, 1..=100);
        let reader = buffer.reader();
        let taken = reader.try_next_batch(9).unwrap();
        taken[3..6].iter().for_each(Record::ack);
        assert_eq!(reader.try_next_batch(100).unwrap().len(), 4, "{runs:?}");
    }
}

/// A consumer that must be quick would place a producer's megabytes.
#[test]
fn an_acknowledgement_does_no_other_callers_work() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let (buffer, taken) = delivered(runs, &simulation, &disk, options());
        let bytes = || disk.data_files().iter().map(|(_, bytes)| bytes).sum::<u64>();
        let before = bytes();
        let writer = buffer.writer();
        let mut writing = pin!(writer.write_batch_async(records(1001..=1001)));
        assert!(poll(&mut writing).is_pending());
        taken.iter().for_each(Record::ack);
        assert_eq!(bytes(), before, "{runs:?}");
        simulation.run_jobs();
        assert!(bytes() > before && poll(&mut writing).is_ready(), "{runs:?}");
    }
}

/// A consumer that was in time must not find its record delivered again.
#[test]
fn a_lease_does_not_end_while_its_acknowledgement_waits() {
    for runs in Runs::ALL {
        let (simulation, disk) = (Simulation::new(), Disk::new());
        let mut options = options();
        options.lease = Some(Duration::from_secs(30));
        let (buffer, taken) = delivered(runs, &simulation, &disk, options);
        simulation.advance(Duration::from_nanos(29_999_999_999));
        taken.iter().take(10).for_each(Record::ack);
        simulation.advance(Duration::from_secs(5));
        let status = buffer.status().unwrap();
        assert_eq!((status.expired_leases, status.ignored_acknowledgements), (990, 0), "{runs:?}");
    }
}

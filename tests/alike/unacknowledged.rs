//! Records that a consumer neither acknowledges nor gives back: they are seen, and come again where that was chosen.

use std::{num::NonZeroU32, time::Duration};

use forebay::{Buffer, Options, Record, RecordId, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    logged::logged,
    storage::{ids, options, read, write},
};

const LEASE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_nanos(1);

fn open(runs: Runs, simulation: &Simulation, options: Options) -> Buffer {
    let buffer = runs.open_in(simulation, Disk::new().open().unwrap(), options).unwrap();
    write(&buffer, 1..=10);
    buffer
}

fn seen(records: &[Record]) -> Vec<(u64, u32)> {
    records.iter().map(|record| (record.id().0, record.deliveries().get())).collect()
}

/// A worker that panics drops what it has. Another must get it, without a restart of the service.
#[test]
fn what_is_dropped_without_a_word_is_delivered_again_where_that_was_chosen() {
    for runs in Runs::ALL {
        let mut options = options();
        options.requeue_on_drop = true;
        let buffer = open(runs, &Simulation::new(), options);
        let reader = buffer.reader();
        let mut taken = reader.try_next_batch(5).unwrap();
        taken[0].ack();
        taken[1].nack();
        let copy = taken[2].clone();
        let kept = taken.pop().unwrap();
        drop(taken);
        assert_eq!(
            seen(&reader.try_next_batch(3).unwrap()),
            [(2, 2), (4, 2), (6, 1)],
            "{runs:?}: 3 has a copy"
        );
        drop(copy);
        assert_eq!(seen(&reader.try_next_batch(1).unwrap()), [(2, 3)], "{runs:?}");

        reader.ack_through(RecordId(10));
        drop(kept);
        let status = buffer.status().unwrap();
        assert_eq!(status.ignored_acknowledgements, 0, "{runs:?}: {status:?}");
    }
}

/// The default: nothing comes again by itself, and nothing is counted as a mistake.
#[test]
fn what_is_dropped_without_a_word_waits_for_the_next_opening_otherwise() {
    for runs in Runs::ALL {
        let buffer = open(runs, &Simulation::new(), options());
        drop(buffer.reader().try_next_batch(5).unwrap());
        assert_eq!(read(&buffer), ids([6..=10]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().unacknowledged_records, 10, "{runs:?}");
    }
}

/// A consumer that hangs has its records for as long as they are leased to it.
#[test]
fn what_is_not_acknowledged_within_its_lease_is_delivered_again() {
    for runs in Runs::ALL {
        let simulation = Simulation::new();
        let mut options = options();
        options.lease = Some(LEASE);
        let buffer = open(runs, &simulation, options);
        let reader = buffer.reader();
        let first = reader.try_next_batch(4).unwrap();
        simulation.advance(LEASE / 2);
        let later = reader.try_next_batch(2).unwrap();
        first[1].ack();
        simulation.advance((LEASE / 2).saturating_sub(TICK));
        assert_eq!(seen(&reader.try_next_batch(1).unwrap()), [(7, 1)], "{runs:?}: no lease has ended");

        simulation.advance(TICK);
        let again = reader.try_next_batch(3).unwrap();
        assert_eq!(seen(&again), [(1, 2), (3, 2), (4, 2)], "{runs:?}");
        // It comes too late.
        first[0].ack();
        let status = buffer.status().unwrap();
        assert_eq!((status.expired_leases, status.ignored_acknowledgements), (3, 1), "{runs:?}");
        again.iter().chain(&later).for_each(Record::ack);
        simulation.advance(LEASE * 2);
        let status = buffer.status().unwrap();
        assert_eq!(
            (status.acknowledged, status.expired_leases),
            (RecordId(6), 4),
            "{runs:?}: only 7 is left"
        );
        assert_eq!(seen(&reader.try_next_batch(1).unwrap()), [(7, 2)], "{runs:?}");
    }
}

/// A record that makes every consumer hang must not go round for ever.
#[test]
fn a_lease_that_ends_counts_as_a_delivery_that_came_to_nothing() {
    for runs in Runs::ALL {
        let simulation = Simulation::new();
        let mut options = options();
        (options.lease, options.max_deliveries) = (Some(LEASE), NonZeroU32::new(2));
        let buffer = open(runs, &simulation, options);
        let reader = buffer.reader();
        for deliveries in 1..=2 {
            let taken = reader.try_next_batch(1).unwrap();
            assert_eq!(seen(&taken), [(1, deliveries)], "{runs:?}");
            simulation.advance(LEASE * 2);
        }
        while simulation.run_sync(0) {}
        assert_eq!(buffer.status().unwrap().dead_letters, 1, "{runs:?}");
        assert_eq!(seen(&reader.try_next_batch(1).unwrap()), [(2, 1)], "{runs:?}");
    }
}

/// A consumer that forgets to acknowledge sees that nothing comes, and has to find out why.
#[test]
fn delivery_that_pauses_is_told() {
    for runs in Runs::ALL {
        let ((), log) = logged(|| {
            let mut options = options();
            options.max_unacknowledged_records = 5;
            let buffer = open(runs, &Simulation::new(), options);
            let reader = buffer.reader();
            assert!(!buffer.status().unwrap().delivery_paused, "{runs:?}");
            let taken = reader.try_next_batch(100).unwrap();
            assert_eq!(taken.len(), 5, "{runs:?}");
            assert!(buffer.status().unwrap().delivery_paused, "{runs:?}");
            assert!(reader.try_next_batch(100).unwrap().is_empty(), "{runs:?}");
            taken[0].ack();
            assert!(!buffer.status().unwrap().delivery_paused, "{runs:?}");
        });
        assert_eq!(log.matches("delivery pauses: too much is unacknowledged").count(), 1, "{runs:?}: {log}");
    }
}

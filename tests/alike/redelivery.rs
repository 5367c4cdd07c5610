//! Records that a consumer gives back: they come again, and the holder of an earlier delivery changes nothing.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use forebay::{Buffer, NewRecord, Reader, Record, RecordId, Simulation, WhenFull, storage::memory::Disk};
use tempfile::TempDir;

use crate::support::{
    Runs,
    dice::Dice,
    storage::{ids, options, read, write},
};

/// The next records that are there: each one's id, and how often it has been delivered.
#[track_caller]
fn take(buffer: &Buffer, max_records: usize) -> Vec<Record> {
    buffer.reader().try_next_batch(max_records).unwrap()
}

fn seen(records: &[Record]) -> Vec<(u64, u32)> {
    records.iter().map(|record| (record.id().0, record.deliveries().get())).collect()
}

/// (the last acknowledged id, records that are not acknowledged, acknowledgements that were ignored)
fn figures(buffer: &Buffer) -> (u64, usize, u64) {
    let status = buffer.status().unwrap();
    (status.acknowledged.0, status.unacknowledged_records, status.ignored_acknowledgements)
}

/// A consumer whose destination refuses a record once must not wait for the next opening to try again.
#[test]
fn pain_12145_what_is_given_back_comes_again_before_what_is_new() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=10);
        let first = take(&buffer, 4);
        first[2].nack();
        first[1].nack();
        let again = take(&buffer, 4);
        assert_eq!(seen(&again), [(2, 2), (3, 2), (5, 1), (6, 1)], "{runs:?}");
        assert_eq!(again[0].payload(), first[1].payload(), "{runs:?}");
        again[0].nack();
        assert_eq!(seen(&take(&buffer, 1)), [(2, 3)], "{runs:?}");
    }
}

/// What was given back is not done with: it holds up the ledger. It must not hold up the work on other records.
#[test]
fn what_is_given_back_stays_unacknowledged_and_holds_nothing_up() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=10);
        let records = take(&buffer, 10);
        records[3].nack_after(Duration::from_hours(1));
        for index in [9, 0, 5, 4, 2, 1, 8, 7, 6] {
            records[index].ack();
        }
        assert_eq!(figures(&buffer), (3, 1, 0), "{runs:?}");
        write(&buffer, 11..=12);
        let more = take(&buffer, 10);
        assert_eq!(seen(&more), [(11, 1), (12, 1)], "{runs:?}");
        more.iter().for_each(Record::ack);
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([4..=12]), "{runs:?}: the delay ends with the opening");
    }
}

/// A destination that asks to be left alone for a while is; the clock of the simulation says for how long.
#[test]
fn a_delay_is_kept_to_the_moment() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=4);
        let records = take(&buffer, 3);
        records[0].nack_after(Duration::from_secs(10));
        records[1].nack_after(Duration::from_secs(5));
        records[2].nack();
        assert_eq!(seen(&take(&buffer, 9)), [(3, 2), (4, 1)], "{runs:?}");
        simulation.advance(Duration::from_millis(4_999));
        assert_eq!(seen(&take(&buffer, 9)), [], "{runs:?}");
        simulation.advance(Duration::from_millis(1));
        assert_eq!(seen(&take(&buffer, 9)), [(2, 2)], "{runs:?}");
        simulation.advance(Duration::from_secs(5));
        assert_eq!(seen(&take(&buffer, 9)), [(1, 2)], "{runs:?}");
    }
}

/// A reader that waits sleeps: a timer has to wake it when the delay is over, and not only when records are written.
#[test]
fn a_reader_that_waits_gets_a_record_when_its_delay_is_over() {
    for runs in Runs::ALL {
        // Fails where it would wait for ever.
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=1);
        let reader = buffer.reader();
        reader.next().unwrap().unwrap().nack_after(Duration::from_secs(20));
        assert_eq!(reader.next().unwrap().unwrap().deliveries().get(), 2, "{runs:?}");
    }
}

/// One who reads to the end must not be told of it while a record waits to be delivered again.
#[test]
fn the_end_comes_after_what_was_given_back() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=2);
        buffer.end_writing();
        let reader = buffer.reader();
        let records = reader.next_batch(9).unwrap().unwrap();
        records[0].nack_after(Duration::from_mins(1));
        records[1].ack();
        let again = reader.next().unwrap().unwrap();
        assert_eq!(again.id(), RecordId(1), "{runs:?}");
        assert!(reader.next().unwrap().is_none(), "{runs:?}");
        again.nack();
        assert_eq!(reader.next().unwrap().unwrap().deliveries().get(), 3, "{runs:?}: by asking again");
    }
}

/// A consumer that may have one record at a time would never get another if the one that it gave back were held up by the
/// limit to which it counts.
#[test]
fn what_is_given_back_is_delivered_again_while_delivery_is_paused() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_unacknowledged_records = 1;
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=3);
        take(&buffer, 1)[0].nack_after(Duration::from_hours(1));
        assert_eq!(seen(&take(&buffer, 9)), [], "{runs:?}: it counts to the limit");
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=3);
        take(&buffer, 1)[0].nack();
        let again = take(&buffer, 9);
        assert_eq!(seen(&again), [(1, 2)], "{runs:?}");
        again[0].ack();
        assert_eq!(seen(&take(&buffer, 9)), [(2, 1)], "{runs:?}");
    }
}

/// A worker that was thought dead and acknowledges late must not end the work of the one that has the record now.
#[test]
fn a_late_word_on_an_earlier_delivery_is_ignored_and_counted() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=3);
        let first = take(&buffer, 1).remove(0);
        first.nack();
        first.ack();
        assert_eq!(figures(&buffer), (0, 1, 1), "{runs:?}: it waits");
        let second = take(&buffer, 1).remove(0);
        first.ack();
        first.nack();
        assert_eq!(figures(&buffer), (0, 1, 3), "{runs:?}: another consumer has it");
        assert_eq!(seen(&take(&buffer, 1)), [(2, 1)], "{runs:?}: it was not given back a second time");
        second.ack();
        second.ack();
        second.clone().nack();
        assert_eq!(figures(&buffer), (1, 1, 5), "{runs:?}: it is done with");
    }
}

/// `ack_through` is about all that was delivered; a record that its consumer could not handle was not dealt with by
/// the caller of it.
#[test]
fn acknowledging_through_leaves_alone_what_was_given_back() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=5);
        take(&buffer, 5)[1].nack();
        let reader = buffer.reader();
        reader.ack_through(RecordId(5));
        assert_eq!(figures(&buffer), (1, 1, 0), "{runs:?}");
        reader.ack_through(RecordId(5));
        assert_eq!(figures(&buffer), (1, 1, 1), "{runs:?}: nothing was left to acknowledge");
        assert_eq!(seen(&take(&buffer, 9)), [(2, 2)], "{runs:?}");
        reader.ack_through(RecordId(2));
        assert_eq!(figures(&buffer), (5, 0, 1), "{runs:?}");
    }
}

/// A record of several events is one record: it comes again whole, and its events are done with together.
#[test]
fn a_record_of_several_events_comes_again_and_is_acknowledged_whole() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        let batch = [3, 1, 1000].map(|events| {
            NewRecord::new(format!("{events} events"))
                .with_metadata(events)
                .with_events(NonZeroU32::new(events).unwrap())
        });
        buffer.writer().write_batch(batch.to_vec()).unwrap();
        let records = take(&buffer, 9);
        records[2].ack();
        records[0].nack();
        // An id within the first record, and one within the third: of what lies below, only the second can be done with.
        buffer.reader().ack_through(RecordId(2));
        buffer.reader().ack_through(RecordId(500));
        assert_eq!(figures(&buffer), (0, 1, 1), "{runs:?}");
        let again = take(&buffer, 9);
        assert_eq!(seen(&again), [(1, 2)], "{runs:?}");
        assert_eq!((again[0].events().get(), again[0].metadata()), (3, 3), "{runs:?}");
        assert_eq!(again[0].payload()[..], *b"3 events", "{runs:?}");
        buffer.reader().ack_through(RecordId(2));
        assert_eq!(figures(&buffer), (0, 1, 2), "{runs:?}: its third event is not done with");
        again[0].ack();
        assert_eq!(figures(&buffer), (1004, 0, 2), "{runs:?}");
    }
}

/// Whatever a consumer throws away unhandled must not be lost, and must not go round and round either.
#[test]
fn a_record_that_is_dropped_without_a_word_comes_again_at_the_next_opening_only() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=3);
        drop(take(&buffer, 2));
        assert_eq!(seen(&take(&buffer, 9)), [(3, 1)], "{runs:?}");
        assert_eq!(figures(&buffer), (0, 3, 0), "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(seen(&take(&buffer, 9)), [(1, 1), (2, 1), (3, 1)], "{runs:?}: counted from the beginning");
    }
}

/// Workers outlive the buffer that they work for. What they say then is about another opening, where other deliveries have
/// the same ids and numbers.
#[test]
fn handles_of_an_earlier_opening_change_nothing() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=4);
        let (old, old_reader) = (take(&buffer, 4), buffer.reader());
        old[3].nack_after(Duration::from_hours(1));
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        let new = take(&buffer, 3);
        old[0].ack();
        old[1].nack();
        old[2].nack_after(Duration::ZERO);
        old_reader.ack_through(RecordId(4));
        assert_eq!(figures(&buffer), (0, 3, 0), "{runs:?}");
        assert_eq!(seen(&take(&buffer, 9)), [(4, 1)], "{runs:?}");
        new.iter().for_each(Record::ack);
        assert_eq!(figures(&buffer), (3, 1, 0), "{runs:?}");
    }
}

/// The lock is the kernel's, and ends with the last handle to its file: whatever consumers and timers still hold must have
/// none.
#[test]
fn closing_frees_the_directory_while_records_are_held_and_wait() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    write(&buffer, 1..=4);
    let (held, reader, writer) = (take(&buffer, 4), buffer.reader(), buffer.writer());
    held[0].nack();
    held[1].nack_after(Duration::from_hours(1));
    held[2].ack();
    buffer.close().unwrap();

    let buffer = Buffer::builder(directory.path()).open().unwrap();
    held.iter().for_each(Record::nack);
    assert_eq!(read(&buffer), ids([1..=4]));
    drop((held, reader, writer));
}

/// Where the newest records are worth most, a record that no consumer could handle goes as the others do. Its holder may say
/// what it likes.
#[test]
fn dropped_records_do_not_come_again() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_bytes = 2 * 4096 + 32;
        options.when_full = WhenFull::DropOldest;
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=5);
        let records = take(&buffer, 5);
        records[0].nack();
        records[1].nack_after(Duration::from_hours(1));
        for first in (6..1000).step_by(5) {
            write(&buffer, first..=first + 4);
        }
        let dropped = buffer.status().unwrap().usage_since_open.dropped.events;
        assert_eq!(figures(&buffer), (dropped, 0, 0), "{runs:?}");
        records[2].nack();
        records[3].ack();
        records[1].ack();
        assert_eq!(figures(&buffer), (dropped, 0, 3), "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
    }
}

/// A loop of refusals: each record is given back as often as the dice say, by several workers, and is delivered exactly
/// once more than that. None is lost on the way, and none is left.
#[test]
fn records_that_go_round_many_times_are_delivered_exactly_as_often_as_they_should() {
    const RECORDS: u64 = 300;
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        // Less than there is: redelivery and new records are mixed.
        options.max_unacknowledged_records = 40;
        let buffer = runs.open(disk.open().unwrap(), options);
        write(&buffer, 1..=RECORDS);
        let mut dice = Dice::new();
        let refusals: HashMap<u64, u64> = (1..=RECORDS).map(|id| (id, dice.below(5))).collect();
        let delivered = Mutex::new(HashMap::<u64, Vec<u64>>::new());
        let deliveries = RECORDS + refusals.values().sum::<u64>();
        let started = Instant::now();
        let work = |reader: Reader| {
            while delivered.lock().unwrap().values().map(|times| times.len() as u64).sum::<u64>() < deliveries
            {
                assert!(started.elapsed() < Duration::from_mins(2), "{runs:?}: a record does not come again");
                for record in reader.try_next_batch(7).unwrap() {
                    let (id, time) = (record.id().0, u64::from(record.deliveries().get()));
                    delivered.lock().unwrap().entry(id).or_default().push(time);
                    match (refusals[&id], id % 3) {
                        (refusals, _) if time > refusals => record.ack(),
                        (_, 0) => record.nack_after(Duration::from_millis(1)),
                        _ => record.nack(),
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| work(buffer.reader()));
            }
        });
        for (id, mut times) in delivered.into_inner().unwrap() {
            times.sort_unstable();
            assert_eq!(times, (1..=refusals[&id] + 1).collect::<Vec<_>>(), "{runs:?}: record {id}");
        }
        assert_eq!(figures(&buffer), (RECORDS, 0, 0), "{runs:?}");
        assert!(read(&buffer).is_empty(), "{runs:?}");
    }
}

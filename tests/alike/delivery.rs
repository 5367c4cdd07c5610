//! Delivering and acknowledging: each record once for each opening, in order, until its consumer acknowledges it.

use std::{
    num::NonZeroU32,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use forebay::{Buffer, NewRecord, OpenError, ReadError, RecordId, Simulation, storage::memory::Disk};
use tempfile::TempDir;

use crate::support::{
    Runs,
    storage::{ids, options, read, write},
};

/// A consumer with several workers finishes records in any order. One that it still works on must not be lost when it
/// dies.
#[test]
fn acknowledgements_in_any_order_release_nothing_that_is_open() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=200);
        let records = buffer.reader().next_batch(200).unwrap().unwrap();
        for index in [199, 0, 150, 2, 1, 4, 150] {
            records[index].ack();
        }
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(3), "{runs:?}");
        disk.kill();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([4..=200]), "{runs:?}");
    }
}

/// Consumers finish records on threads of their own, and no task carries the word: when `ack` has returned, whatever is asked
/// of the buffer has it. A consumer that dies with a record in its hands has said nothing.
#[test]
fn the_buffer_knows_at_once_what_was_finished_on_any_thread() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=4);
        let figures = || {
            let status = buffer.status().unwrap();
            (status.acknowledged.0, status.unacknowledged_records)
        };
        let mut records = buffer.reader().next_batch(4).unwrap().unwrap();
        drop(records.pop());
        for (record, expected) in records.into_iter().zip([(1, 3), (2, 2), (3, 1)]) {
            thread::spawn(move || record.ack()).join().unwrap();
            assert_eq!(figures(), expected, "{runs:?}");
        }
    }
}

/// What was acknowledged once stays so, and what was not delivered cannot be.
#[test]
fn acknowledgements_that_make_no_sense_change_nothing() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=20);
        let reader = buffer.reader();
        let records = reader.next_batch(10).unwrap().unwrap();
        reader.ack_through(RecordId(5));
        reader.ack_through(RecordId(3));
        records[0].ack();
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(5), "{runs:?}");
        // Of these, only what was delivered is done with.
        reader.ack_through(RecordId(1_000_000));
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(10), "{runs:?}");
        assert_eq!(read(&buffer), ids([11..=20]), "{runs:?}");
    }
}

/// A record of several events has as many ids, and is delivered and acknowledged as a whole.
#[test]
fn a_record_of_several_events_is_one_record() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let batch = [3, 1, 1000, 2].map(|events| {
            NewRecord::new(format!("{events} events"))
                .with_metadata(events)
                .with_events(NonZeroU32::new(events).unwrap())
        });
        let receipt = buffer.writer().write_batch(batch.to_vec()).unwrap();
        assert_eq!(
            (receipt.first_id, receipt.last_id),
            (Some(RecordId(1)), Some(RecordId(1005))),
            "{runs:?}"
        );
        assert_eq!(buffer.status().unwrap().occupancy.events, 1006, "{runs:?}");
        let first = buffer.reader().next().unwrap().unwrap();
        first.ack();
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(3), "{runs:?}");
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        let records = buffer.reader().next_batch(10).unwrap().unwrap();
        let seen: Vec<_> =
            records.iter().map(|record| (record.id().0, record.events().get(), record.metadata())).collect();
        assert_eq!(seen, [(4, 1, 1), (5, 1000, 1000), (1005, 2, 2)], "{runs:?}");
        assert_eq!(records[1].payload()[..], *b"1000 events", "{runs:?}");
        assert_eq!(buffer.status().unwrap().next_id, RecordId(1007), "{runs:?}");
    }
}

/// Many producers share a buffer: the batches of each stay whole and in order, and every record is delivered once.
#[test]
fn two_writers_and_a_reader_work_at_the_same_time() {
    const BATCHES: usize = 60;
    const RECORDS: usize = 7;
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let delivered = thread::scope(|scope| {
            let reading = scope.spawn(|| read_and_acknowledge(&buffer));
            let writing = [0, 1].map(|who| {
                let writer = buffer.writer();
                scope.spawn(move || {
                    for batch in 0..BATCHES {
                        let records =
                            (0..RECORDS).map(|number| format!("{who} {}", batch * RECORDS + number).into());
                        let receipt = writer.write_batch(records.collect()).unwrap();
                        let (first, last) = (receipt.first_id.unwrap().0, receipt.last_id.unwrap().0);
                        assert_eq!(last - first + 1, RECORDS as u64, "{runs:?}: nothing comes between them");
                    }
                })
            });
            let written = writing.map(thread::ScopedJoinHandle::join);
            // Whatever became of the writers, the reader reaches an end.
            buffer.end_writing();
            written.into_iter().for_each(Result::unwrap);
            reading.join().unwrap()
        });
        let expected_ids: Vec<u64> = (1..=delivered.len() as u64).collect();
        assert_eq!(delivered.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected_ids, "{runs:?}");
        for who in ["0 ", "1 "] {
            let numbers = delivered.iter().filter_map(|(_, text)| text.strip_prefix(who));
            let numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers, (0..BATCHES * RECORDS).collect::<Vec<_>>(), "{runs:?}");
        }
        buffer.close().unwrap();
        assert_eq!(disk.ledger().unwrap().reader_last_record.0, expected_ids.len() as u64, "{runs:?}");
    }
}

fn read_and_acknowledge(buffer: &Buffer) -> Vec<(u64, String)> {
    let reader = buffer.reader();
    let mut delivered = Vec::new();
    while let Some(records) = reader.next_batch(50).unwrap() {
        for record in &records {
            delivered.push((record.id().0, String::from_utf8(record.payload().to_vec()).unwrap()));
        }
        reader.ack_through(records.last().unwrap().id());
    }
    delivered
}

/// A consumer that forgets to acknowledge must not take the whole buffer into memory.
#[test]
fn delivery_pauses_at_the_limit_of_records() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_unacknowledged_records = 10;
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=100);
        let reader = buffer.reader();
        let records = reader.next_batch(100).unwrap().unwrap();
        assert_eq!(records.len(), 10, "{runs:?}");
        assert!(reader.try_next_batch(100).unwrap().is_empty(), "{runs:?}");
        // In the middle: what counts is how many are out, not which.
        records[3..6].iter().for_each(forebay::Record::ack);
        let more = reader.try_next_batch(100).unwrap();
        assert_eq!(more.iter().map(|record| record.id().0).collect::<Vec<_>>(), [11, 12, 13], "{runs:?}");
        assert!(reader.try_next_batch(100).unwrap().is_empty(), "{runs:?}");
    }
}

/// Ten thousand large records are more than one process should hold.
#[test]
fn delivery_pauses_at_the_limit_of_bytes() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_unacknowledged_bytes = 300;
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=100);
        let reader = buffer.reader();
        let first = reader.next_batch(100).unwrap().unwrap();
        // 64, 72, 88 and 96 bytes: the last one crosses the limit.
        assert_eq!(first.len(), 4, "{runs:?}");
        assert!(reader.try_next_batch(100).unwrap().is_empty(), "{runs:?}");
        reader.ack_through(first.last().unwrap().id());
        assert_eq!(reader.try_next_batch(1).unwrap()[0].id(), RecordId(5), "{runs:?}");
    }
}

/// Each record of a small data file is read from a block of its own. What is delivered must not hold all of them: a few
/// megabytes of records would take gigabytes.
#[test]
fn records_of_many_small_files_hold_no_more_memory_than_they_need() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=4_000);
        let records = buffer.reader().next_batch(4_000).unwrap().unwrap();
        let status = buffer.status().unwrap();
        assert!(status.files > 70, "{runs:?}: {}", status.files);
        assert_eq!(status.unacknowledged_records, 4_000, "{runs:?}");
        let few_blocks = 16 * (256 << 10);
        let most = status.unacknowledged_bytes + few_blocks;
        assert!(status.unacknowledged_memory_bytes <= most, "{runs:?}: {status:?}");
        records.iter().for_each(forebay::Record::ack);
        assert_eq!(buffer.status().unwrap().unacknowledged_memory_bytes, 0, "{runs:?}");
    }
}

/// A consumer that is done with all records of a block but one holds the whole block. What it holds is what counts.
#[test]
fn delivery_pauses_at_the_limit_of_memory() {
    let mut options = options();
    (options.file_bytes, options.max_bytes) = (8 << 20, 64 << 20);
    options.max_unacknowledged_bytes = 1 << 20;
    let limit = options.max_unacknowledged_bytes + (16 << 20);
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        for _ in 0..40 {
            let records = vec![NewRecord::new(vec![7; 1024]); 1024];
            buffer.writer().write_batch(records).unwrap();
        }
        let reader = buffer.reader();
        let mut kept = Vec::new();
        loop {
            let mut records = reader.try_next_batch(200).unwrap();
            kept.extend(records.pop());
            if records.is_empty() {
                break;
            }
            records.iter().for_each(forebay::Record::ack);
        }
        let status = buffer.status().unwrap();
        assert!(status.delivery_paused && status.unacknowledged_bytes < 1 << 20, "{runs:?}: {status:?}");
        let memory = status.unacknowledged_memory_bytes;
        assert!((limit..limit + (2 << 20)).contains(&memory), "{runs:?}: {memory}");
        kept.iter().for_each(forebay::Record::ack);
        assert!(!reader.try_next_batch(200).unwrap().is_empty(), "{runs:?}");
    }
}

/// A consumer of a paused buffer sleeps, and goes on with the acknowledgement that another gives, and not before.
#[test]
fn an_acknowledgement_wakes_a_reader_that_is_paused() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_unacknowledged_records = 1;
        let buffer = runs.open(Disk::new().open().unwrap(), options);
        write(&buffer, 1..=2);
        let reader = buffer.reader();
        let first = reader.next().unwrap().unwrap();
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let mut reading = pin!(reader.next_batch_async(1));
        assert!(reading.as_mut().poll(&mut context).is_pending(), "{runs:?}");
        assert!(!bell.has_rung(), "{runs:?}");
        first.ack();
        // An executor may hold the core just now, and wakes the reader once more when it has let go.
        let second = pollster::block_on(reading).unwrap().unwrap();
        assert_eq!(second[0].id(), RecordId(2), "{runs:?}");
    }
}

/// Whether a sleeper was woken.
#[derive(Default)]
struct Bell(AtomicBool);

impl Bell {
    fn has_rung(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Records that are still being worked on must not keep the next process out, and cannot release anything any more.
#[test]
fn defect_d13_closing_lets_the_buffer_go_while_records_are_held() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=10);
        let held = buffer.reader().next_batch(10).unwrap().unwrap();
        let (reader, writer) = (buffer.reader(), buffer.writer());
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), options());
        held.iter().for_each(forebay::Record::ack);
        reader.ack_through(RecordId(10));
        assert!(reader.try_next_batch(1).is_err() && writer.write("late").is_err(), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(0), "{runs:?}");
        assert_eq!(held[9].payload()[..], *b"record-0010:abcdefghijabcdefghijabcdefghij");
    }
}

/// The same in a directory, whose lock is the kernel's.
#[test]
fn closing_releases_the_lock_of_a_directory() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    write(&buffer, 1..=10);
    let held = buffer.reader().next_batch(10).unwrap().unwrap();
    let error = Buffer::builder(directory.path()).open().unwrap_err();
    assert!(matches!(error, OpenError::Directory(_)) && error.to_string().contains("in use"), "{error}");
    buffer.close().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    assert_eq!(read(&buffer), ids([1..=10]));
    drop(held);
}

/// A consumer that has other things to do as well waits for a time. That no record came must not look like the end.
#[test]
fn a_reader_may_wait_for_a_time() {
    for runs in Runs::ALL {
        let simulation = Simulation::new();
        let buffer = runs.open_in(&simulation, Disk::new().open().unwrap(), options()).unwrap();
        let reader = buffer.reader();
        for _ in 0..3 {
            let before = simulation.now_ns();
            let timed_out = reader.next_timeout(Duration::from_secs(5));
            assert!(matches!(timed_out, Err(ReadError::TimedOut)), "{runs:?}: {timed_out:?}");
            assert_eq!(simulation.now_ns() - before, 5_000_000_000, "{runs:?}");
        }
        write(&buffer, 1..=10);
        let before = simulation.now_ns();
        assert_eq!(reader.next_batch_timeout(100, Duration::ZERO).unwrap().unwrap().len(), 10, "{runs:?}");
        buffer.end_writing();
        assert!(reader.next_timeout(Duration::from_secs(5)).unwrap().is_none(), "{runs:?}: this is the end");
        assert_eq!(simulation.now_ns(), before, "{runs:?}: nothing was waited for");
    }
}

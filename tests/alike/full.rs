//! Full buffers and full disks: records wait or are handed back, and nothing is lost either way.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use forebay::{NewRecord, RecordId, Simulation, WhenFull, WriteErrorKind, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write, written_and_refused},
};

/// Room for two files.
const MAX_BYTES: u64 = 2 * 4096 + 32;

/// A writer that chose to be refused has to know what was taken, and gets the rest back to do something else with it.
#[test]
fn a_full_buffer_hands_back_what_does_not_fit() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = MAX_BYTES;
        options.when_full = WhenFull::Reject;
        let buffer = runs.open(disk.open().unwrap(), options);
        let error = buffer.writer().write_batch(records(1..=1000)).unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Full, "{runs:?}");
        let receipt = &error.written;
        let taken = receipt.records as u64;
        assert!((90..110).contains(&taken), "{runs:?}: {taken}");
        assert_eq!(receipt.last_id, Some(RecordId(taken)), "{runs:?}");
        assert_eq!(error.into_records(), records(taken + 1..=1000), "{runs:?}");
        assert!(buffer.status().unwrap().bytes <= MAX_BYTES, "{runs:?}");
        let again = buffer.writer().write_batch(records(taken + 1..=taken + 7));
        assert_eq!(written_and_refused(again).1, records(taken + 1..=taken + 7), "{runs:?}");

        assert_eq!(read(&buffer), ids([1..=taken]), "{runs:?}");
        buffer.reader().ack_through(RecordId(taken));
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options);
        write(&buffer, taken + 1..=taken + 7);
    }
}

/// The same without opening again: a buffer that stays full after it was emptied is of no use.
#[test]
fn acknowledgements_make_room_again() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = MAX_BYTES;
        options.when_full = WhenFull::Reject;
        let buffer = runs.open(disk.open().unwrap(), options);
        let mut next = 1;
        for _ in 0..10 {
            // Files go when the syncs have ended that they wait for, on other threads.
            let receipt = loop {
                let (receipt, _) =
                    written_and_refused(buffer.writer().write_batch(records(next..=next + 999)));
                if receipt.records > 0 {
                    break receipt;
                }
                thread::yield_now();
            };
            next += receipt.records as u64;
            let expected: Vec<u64> = (receipt.first_id.unwrap().0..next).collect();
            assert_eq!(read(&buffer), expected, "{runs:?}");
            buffer.reader().ack_through(receipt.last_id.unwrap());
        }
    }
}

/// A writer that waits gets its answer when a consumer has made room, and its records are in order.
#[test]
fn a_full_buffer_makes_writers_wait_for_acknowledgements() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = MAX_BYTES;
        let buffer = runs.open(disk.open().unwrap(), options);
        let mut pending = buffer.writer().submit(records(1..=1000)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}");
        assert!(buffer.status().unwrap().waiting_records > 800, "{runs:?}");

        let mut delivered = Vec::new();
        thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let answer = pending.wait();
                buffer.end_writing();
                answer.unwrap()
            });
            while let Some(records) = buffer.reader().next_batch(50).unwrap() {
                assert!(
                    disk.data_files().iter().map(|(_, bytes)| bytes).sum::<u64>() <= MAX_BYTES,
                    "{runs:?}"
                );
                delivered.extend(records.iter().map(|record| record.id().0));
                records.iter().for_each(forebay::Record::ack);
            }
            assert_eq!(writing.join().unwrap().records, 1000, "{runs:?}");
        });
        assert_eq!(delivered, ids([1..=1000]), "{runs:?}");
    }
}

/// A full disk is no error: a program that makes room need not tell the buffer.
#[test]
fn a_full_disk_makes_writers_wait_until_it_has_room() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.set_capacity_bytes(Some(5000));
        let mut options = options();
        options.sync_interval = Duration::from_millis(1);
        let buffer = runs.open(disk.open().unwrap(), options);
        let mut pending = buffer.writer().submit(records(1..=500)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}");

        disk.set_capacity_bytes(None);
        let receipt = pending.wait().unwrap();
        assert_eq!((receipt.records, receipt.first_id), (500, Some(RecordId(1))), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=500]), "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options);
        assert_eq!(buffer.open_report().cut_bytes, 0, "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=500]), "{runs:?}");
    }
}

/// A producer that must not wait keeps what does not fit. Nothing overtakes a writer who waits.
#[test]
fn a_writer_may_refuse_to_wait_for_room() {
    for runs in Runs::ALL {
        let mut options = options();
        options.max_bytes = MAX_BYTES;
        let buffer = runs.open_in(&Simulation::new(), Disk::new().open().unwrap(), options).unwrap();
        let writer = buffer.writer();
        let error = writer.try_write_batch(records(1..=1000)).unwrap_err();
        assert!(error.is_full(), "{runs:?}: {error}");
        let taken = error.written.records as u64;
        assert!((90..110).contains(&taken), "{runs:?}: {taken}");
        assert_eq!(error.records, records(taken + 1..=1000), "{runs:?}");
        assert_eq!(buffer.status().unwrap().waiting_records, 0, "{runs:?}");

        let waiting = writer.submit(records(taken + 1..=taken + 200)).unwrap();
        let error = writer.try_write("small").unwrap_err();
        assert!(error.is_full(), "{runs:?}: {error}");
        assert_eq!(error.into_records(), ["small".into()], "{runs:?}");
        drop(waiting);
        assert_eq!(read(&buffer), ids([1..=taken]), "{runs:?}");
    }
}

/// A writer that waits gets its records back when its time is over, and one behind it that needs less room goes on.
#[test]
fn a_writer_may_wait_for_room_for_a_time() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = options();
        options.max_events = 10;
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        write(&buffer, 1..=8);
        let writer = buffer.writer();
        let three = NewRecord::new("three").with_events(3.try_into().unwrap());
        let before = simulation.now_ns();
        let error = writer.write_timeout(three.clone(), Duration::from_secs(5)).unwrap_err();
        assert!(error.is_full(), "{runs:?}: {error}");
        assert_eq!(error.into_records(), vec![three.clone()], "{runs:?}");
        assert_eq!(simulation.now_ns() - before, 5_000_000_000, "{runs:?}");

        let mut context = Context::from_waker(Waker::noop());
        let mut limited = pin!(writer.write_batch_timeout_async(vec![three], Duration::from_secs(5)));
        assert!(limited.as_mut().poll(&mut context).is_pending(), "{runs:?}");
        let mut behind = writer.submit(records(9..=10)).unwrap();
        simulation.advance(Duration::from_secs(4));
        assert!(limited.as_mut().poll(&mut context).is_pending(), "{runs:?}");
        assert!(behind.try_take().is_none(), "{runs:?}: nothing overtakes a writer who waits");
        simulation.advance(Duration::from_secs(1));
        let Poll::Ready(answer) = limited.as_mut().poll(&mut context) else { panic!("{runs:?}: it is time") };
        assert!(answer.unwrap_err().is_full(), "{runs:?}");
        assert_eq!(behind.try_take().unwrap().unwrap().last_id, Some(RecordId(10)), "{runs:?}");
    }
}

/// Writers that wait again and again would fill the memory with timers, each until its own time.
#[test]
fn writers_that_wait_for_a_time_share_a_timer() {
    for runs in Runs::ALL {
        let simulation = Simulation::new();
        let mut options = options();
        options.max_events = 10;
        let buffer = runs.open_in(&simulation, Disk::new().open().unwrap(), options).unwrap();
        write(&buffer, 1..=10);
        let writer = buffer.writer();
        for hours in 1..=100 {
            let mut context = Context::from_waker(Waker::noop());
            let mut limited =
                pin!(writer.write_batch_timeout_async(records(1..=1), Duration::from_hours(hours)));
            assert!(limited.as_mut().poll(&mut context).is_pending(), "{runs:?}");
            simulation.advance(Duration::from_millis(1));
        }
        assert_eq!(buffer.status().unwrap().waiting_records, 100, "{runs:?}");
        assert!(simulation.timers().len() < 5, "{runs:?}: {:?}", simulation.timers());
        simulation.advance(Duration::from_hours(100));
        assert_eq!(buffer.status().unwrap().waiting_records, 0, "{runs:?}");
    }
}

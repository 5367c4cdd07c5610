//! The `async` ways in. They work on any runtime; here the simplest polls them.

use std::thread;

use forebay::{Durability, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{options, records},
};

fn on_any_thread<F: Future + Send>(future: F) -> F {
    future
}

/// A service that never blocks its threads must get the same as one that does.
#[test]
fn futures_give_what_blocking_calls_give() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let writer = buffer.writer().with_durability(Durability::Synced);
        let written = pollster::block_on(on_any_thread(writer.write_batch_async(records(1..=50)))).unwrap();
        assert_eq!((written.first_id.unwrap().0, written.last_id.unwrap().0), (1, 50), "{runs:?}");

        let reader = buffer.reader();
        let read = pollster::block_on(on_any_thread(reader.next_batch_async(100))).unwrap().unwrap();
        assert_eq!(read.len(), 50, "{runs:?}");
        // What was answered as synced is there after a power failure.
        disk.power_loss();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().events, 50, "{runs:?}");
    }
}

/// A consumer that waits for the first record is woken by it, and one that waits for more by the end of writing.
#[test]
fn a_future_that_waits_is_woken() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        let reader = buffer.reader();
        let consumer = thread::spawn(move || {
            let mut ids = Vec::new();
            while let Some(records) = pollster::block_on(reader.next_batch_async(10)).unwrap() {
                ids.extend(records.iter().map(|record| record.id().0));
            }
            ids
        });
        for number in 1..=20 {
            buffer.writer().write_batch(records(number..=number)).unwrap();
        }
        buffer.end_writing();
        assert_eq!(consumer.join().unwrap(), (1..=20).collect::<Vec<_>>(), "{runs:?}");
    }
}

//! Full buffers and full disks: records wait or are handed back, and nothing is lost either way.

use std::{thread, time::Duration};

use forebay::{RecordId, WhenFull, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write},
};

/// Room for two files.
const MAX_BYTES: u64 = 2 * 4096 + 32;

/// Whoever chose to be refused has to know what was taken, and gets the rest back to do something else with it.
#[test]
fn a_full_buffer_hands_back_what_does_not_fit() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = MAX_BYTES;
        options.when_full = WhenFull::Reject;
        let buffer = runs.open(disk.open().unwrap(), options);
        let receipt = buffer.writer().write_batch(records(1..=1000)).unwrap();
        let taken = receipt.records as u64;
        assert!((90..110).contains(&taken), "{runs:?}: {taken}");
        assert_eq!(receipt.last_id, Some(RecordId(taken)), "{runs:?}");
        assert_eq!(receipt.rejected, records(taken + 1..=1000), "{runs:?}");
        assert!(buffer.status().unwrap().bytes <= MAX_BYTES, "{runs:?}");
        assert_eq!(
            buffer.writer().write_batch(records(taken + 1..=taken + 7)).unwrap().records,
            0,
            "{runs:?}"
        );

        assert_eq!(read(&buffer), ids([1..=taken]), "{runs:?}");
        buffer.reader().ack_through(RecordId(taken));
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options);
        write(&buffer, taken + 1..=taken + 7);
    }
}

/// The same without opening anew: a buffer that stays full after it was emptied is of no use.
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
                let receipt = buffer.writer().write_batch(records(next..=next + 999)).unwrap();
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

/// A writer that waits gets its answer when somebody has made room, and its records are in order.
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

/// A full disk is no error: whoever makes room need not tell anybody.
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

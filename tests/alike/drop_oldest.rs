//! Buffers whose newest records are worth more than their oldest.

use forebay::{Buffer, Options, RecordId, WhenFull, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{ids, options, read, write},
};

/// Room for two files.
const MAX_BYTES: u64 = 2 * 4096 + 32;

fn dropping() -> Options {
    let mut options = options();
    options.max_bytes = MAX_BYTES;
    options.when_full = WhenFull::DropOldest;
    options
}

/// Writes many more records than there is room for. Gives how many events were dropped.
fn overflow(buffer: &Buffer) -> u64 {
    for first in (1..1000).step_by(10) {
        write(buffer, first..=first + 9);
    }
    buffer.status().unwrap().dropped_events
}

/// What it is chosen for: writers never wait for readers, the newest records are there, and the numbers say what went.
#[test]
fn the_newest_records_are_kept() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), dropping());
        let dropped = overflow(&buffer);
        assert!((850..1000).contains(&dropped), "{runs:?}: {dropped}");
        assert!(buffer.status().unwrap().bytes <= MAX_BYTES, "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.acknowledged), (0, RecordId(dropped)), "{runs:?}");
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), dropping());
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
    }
}

/// A record that a consumer still works on goes with its file; its late acknowledgement must release no other.
#[test]
fn delivered_records_go_too_and_their_late_acknowledgement_is_ignored() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), dropping());
        write(&buffer, 1..=5);
        let delivered = buffer.reader().next_batch(5).unwrap().unwrap();
        for first in (6..1000).step_by(5) {
            write(&buffer, first..=first + 4);
        }
        let dropped = buffer.status().unwrap().dropped_events;
        assert_eq!(buffer.status().unwrap().unacknowledged_records, 0, "{runs:?}");
        delivered.iter().for_each(forebay::Record::ack);
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(dropped), "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=1000]), "{runs:?}");
    }
}

//! What a buffer tells of itself to those who watch it: ages, and how its syncs end.

use std::{
    fs::File,
    time::{Duration, SystemTime},
};

use forebay::{Buffer, Durability, RecordId, Simulation, storage::memory::Disk};
use tempfile::TempDir;

use super::failed_sync::Bench;
use crate::support::{
    Runs,
    storage::{file, options, records, write},
};

const INTERVAL: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_hours(1);

/// Whether an age is this, or up to an interval less.
fn is_about(age: Option<Duration>, expected: Duration) -> bool {
    age.is_some_and(|age| age <= expected && age + INTERVAL >= expected)
}

fn age(buffer: &Buffer) -> Option<Duration> {
    buffer.status().unwrap().oldest_waiting_age
}

/// A stream that never pauses keeps the file of an old record new: its age must rise all the same.
#[test]
fn a_record_grows_older_while_others_are_written() {
    for runs in Runs::ALL {
        let simulation = Simulation::new();
        let mut options = options();
        options.sync_interval = INTERVAL;
        let buffer = runs.open_in(&simulation, Disk::new().open().unwrap(), options).unwrap();
        let pass = |time: Duration| {
            simulation.advance(time);
            while simulation.run_sync(0) {}
        };
        write(&buffer, 1..=10);
        pass(HOUR);
        write(&buffer, 11..=20);
        pass(HOUR);
        assert!(is_about(age(&buffer), 2 * HOUR), "{runs:?}: {:?}", age(&buffer));

        let reader = buffer.reader();
        reader.next_batch(20).unwrap();
        reader.ack_through(RecordId(10));
        assert!(is_about(age(&buffer), HOUR), "{runs:?}: {:?}", age(&buffer));
        reader.ack_through(RecordId(20));
        assert_eq!(age(&buffer), None, "{runs:?}: nothing waits");
        write(&buffer, 21..=21);
        assert!(age(&buffer).unwrap() <= INTERVAL, "{runs:?}: it is new");
    }
}

/// What an earlier process left in the last file stays old when this one writes to the file.
#[test]
fn records_of_an_earlier_process_stay_as_old_as_they_were() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    write(&buffer, 1..=10);
    buffer.close().unwrap();
    let data_file = File::options().write(true).open(directory.path().join("buffer-data-0.dat")).unwrap();
    data_file.set_modified(SystemTime::now().checked_sub(24 * HOUR).unwrap()).unwrap();

    let buffer = Buffer::builder(directory.path()).open().unwrap();
    write(&buffer, 11..=20);
    assert!(age(&buffer).unwrap() >= 24 * HOUR, "{:?}", age(&buffer));
    let reader = buffer.reader();
    reader.next_batch(10).unwrap();
    reader.ack_through(RecordId(10));
    assert!(age(&buffer).unwrap() < HOUR, "{:?}", age(&buffer));
}

/// Each sync that ends well counts once, and one that fails is told until the next has ended well.
#[test]
fn the_status_tells_how_syncs_end() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, forebay::WhenFull::Block);
        let status = || bench.buffer.status().unwrap();
        let before = status();
        assert!(before.sync_latency.count() > 0, "{runs:?}");
        assert_eq!((before.failed_syncs, before.last_sync_error.as_deref()), (0, None), "{runs:?}");

        bench.disk.fail_sync(forebay::storage::SyncTarget::Data(file(0)), 1);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let _pending = writer.submit(records(11..=11)).unwrap();
        assert!(bench.simulation.run_sync(0));
        let failed = status();
        assert_eq!(failed.failed_syncs, 1, "{runs:?}");
        assert!(failed.last_sync_error.unwrap().contains("sync"), "{runs:?}");
        assert_eq!(
            failed.sync_latency, before.sync_latency,
            "{runs:?}: how long it took to fail is no latency"
        );

        bench.wait();
        let after = status();
        assert_eq!((after.failed_syncs, after.last_sync_error.as_deref()), (1, None), "{runs:?}");
        assert!(after.sync_latency.count() > before.sync_latency.count(), "{runs:?}");
        let told = serde_json::to_value(&after).unwrap();
        let counts: u64 = told["sync_latency"]["counts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .sum();
        assert_eq!(counts, after.sync_latency.count(), "{runs:?}: {told}");
    }
}

/// What was acknowledged long ago may lie in the file before the one with the first record that waits.
#[test]
fn a_record_is_no_older_than_its_own_data_file() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).file_bytes(4096).open().unwrap();
    write(&buffer, 1..=100);
    let data_file = File::options().write(true).open(directory.path().join("buffer-data-0.dat")).unwrap();
    data_file.set_modified(SystemTime::now().checked_sub(24 * HOUR).unwrap()).unwrap();
    let mut left = data_file.metadata().unwrap().len();
    let in_file = |record: &&forebay::NewRecord| {
        left = left.saturating_sub(record.frame_bytes());
        left > 0
    };
    let last = u64::try_from(records(1..=100).iter().take_while(in_file).count()).unwrap() + 1;
    let reader = buffer.reader();
    reader.next_batch(100).unwrap();
    for acknowledged in [last - 1, last, last + 1] {
        reader.ack_through(RecordId(acknowledged));
        let is_old = age(&buffer).unwrap() >= 24 * HOUR;
        assert_eq!(is_old, acknowledged < last, "{acknowledged} of {last}: {:?}", age(&buffer));
    }
}

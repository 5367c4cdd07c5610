//! Scenarios that run twice: on the logic compiled natively, and on the component that ships.

mod batched_acks;
mod dead_letters;
mod delivery;
mod descriptors;
mod drop_oldest;
mod durability;
mod each_call;
mod events;
pub(super) mod failed_sync;
mod fallback;
mod figures;
mod files;
mod full;
mod futures;
mod gathering;
mod losses;
mod misplaced;
mod not_blocking;
mod on_tokio;
mod recovery;
mod redelivery;
mod remembered;
mod rewriting;
mod same;
mod simulated;
mod storage_errors;
mod taken_away;
mod turns;
mod unacknowledged;
mod under_the_reader;
mod unreadable;
mod unwritable;
mod usage;
mod vanished;

use forebay::{Options, storage::memory::Disk};

use crate::support::Runs;

/// The straight way: what goes in comes out, once acknowledged it is gone, and what was not is there after reopening.
#[test]
fn what_is_not_acknowledged_is_there_after_reopening() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), Options::default());
        let lines: Vec<_> = (1..=1000).map(|n| format!("line {n}")).collect();
        let receipt =
            buffer.writer().write_batch(lines.iter().map(|line| line.clone().into()).collect()).unwrap();
        assert_eq!(
            (receipt.records, receipt.first_id.unwrap().0, receipt.last_id.unwrap().0),
            (1000, 1, 1000)
        );

        let records = buffer.reader().next_batch(600).unwrap().unwrap();
        assert_eq!(records.len(), 600, "{runs:?}");
        buffer.reader().ack_through(records[399].id());
        buffer.close().unwrap();

        let buffer = runs.open(disk.open().unwrap(), Options::default());
        buffer.end_writing();
        let reader = buffer.reader();
        let mut again = Vec::new();
        while let Some(records) = reader.next_batch(100).unwrap() {
            again.extend(records.iter().map(|record| String::from_utf8(record.payload().to_vec()).unwrap()));
        }
        assert_eq!(again, lines[400..], "{runs:?}");
    }
}

//! The files whose sync has failed are rewritten: what goes on meanwhile, and what a rewrite needs.

use forebay::{RecordId, WhenFull, storage::SyncTarget};

use super::failed_sync::{Bench, INTERVAL};
use crate::support::{
    Runs,
    storage::{file, ids, read, records},
};

/// A reader in the middle of a file has blocks of the old one, and goes on in the new one.
#[test]
fn a_reader_amid_a_file_that_is_rewritten_goes_on_where_it_was() {
    for runs in Runs::ALL {
        let (bench, pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
        let reader = bench.buffer.reader();
        let before = reader.try_next_batch(5).unwrap();
        assert_eq!(before.iter().map(|record| record.id().0).collect::<Vec<_>>(), ids([1..=5]), "{runs:?}");
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        drop(pending);
        assert_eq!(read(&bench.buffer), ids([6..=60]), "{runs:?}");
        reader.ack_through(RecordId(60));
        bench.wait();
        assert!(bench.found_after_power_loss().is_empty(), "{runs:?}");
    }
}

/// The ledger's sync says nothing of the data files: each of them rewritten would cost as much as the buffer holds.
#[test]
fn a_failed_sync_of_the_ledger_rewrites_no_data_file() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        bench.wait();
        assert_eq!(read(&bench.buffer), ids([1..=10]), "{runs:?}");
        let syncs_before = bench.disk.sync_count(SyncTarget::Data(file(0)));
        let bytes_before = bench.disk.bytes_read();
        bench.buffer.reader().ack_through(RecordId(5));
        bench.disk.fail_sync(SyncTarget::Ledger, 1);
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        assert_eq!(bench.disk.bytes_read(), bytes_before, "{runs:?}: a rewrite reads what it writes");
        assert_eq!(bench.disk.sync_count(SyncTarget::Data(file(0))), syncs_before, "{runs:?}");
    }
}

/// A rewrite needs room beside the old file. A disk without room is waited for, and nothing is given up meanwhile.
#[test]
fn a_rewrite_that_finds_no_room_is_done_once_there_is_room() {
    for runs in Runs::ALL {
        let (bench, mut pending) = Bench::failing(runs, SyncTarget::Data(file(0)), WhenFull::Block);
        let used = bench.disk.data_files().iter().map(|(_, bytes)| bytes).sum();
        bench.disk.set_capacity_bytes(Some(used));
        bench.wait();
        bench.wait();
        assert!(bench.is_degraded(), "{runs:?}");
        assert!(pending.try_take().is_none(), "{runs:?}");
        assert_eq!(read(&bench.buffer), ids([1..=60]), "{runs:?}");
        bench.disk.set_capacity_bytes(None);
        bench.wait();
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        assert_eq!(pending.try_take().expect("there is room").unwrap().records, 50, "{runs:?}");
        assert_eq!(bench.found_after_power_loss(), ids([1..=60]), "{runs:?}");
    }
}

/// A buffer at `max_bytes` of which nothing is acknowledged has no room of its own for the copy of a file.
#[test]
fn a_buffer_at_its_limit_is_made_durable_although_nothing_is_acknowledged() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Reject);
        let writer = bench.buffer.writer();
        let mut next = 11;
        while writer.write_batch(records(next..=next + 19)).is_ok() {
            next += 20;
        }
        let full = bench.buffer.status().unwrap().next_id.0 - 1;
        for (file, _) in bench.disk.data_files() {
            bench.disk.fail_sync(SyncTarget::Data(file), 1);
        }
        bench.simulation.advance(INTERVAL);
        bench.simulation.run_sync(0);
        assert!(bench.is_degraded(), "{runs:?}");
        bench.wait();
        bench.wait();
        assert!(!bench.is_degraded(), "{runs:?}");
        assert_eq!(bench.found_after_power_loss(), ids([1..=full]), "{runs:?}");
    }
}

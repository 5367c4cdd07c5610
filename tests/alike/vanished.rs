//! Records that a failed sync has lost come back to their writer.

use forebay::{Durability, RecordId, WhenFull, WriteErrorKind, storage::SyncTarget};

use super::failed_sync::Bench;
use crate::support::{
    Runs,
    storage::{data_file, file, ids, read, records},
};

/// Of a batch, those records come back that are lost, and no others: the rest is safe.
#[test]
fn of_a_batch_those_come_back_that_vanished() {
    for runs in Runs::ALL {
        let bench = Bench::new(runs, WhenFull::Block);
        bench.disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let mut waiting = writer.submit(records(11..=20)).unwrap();
        while bench.simulation.run_sync(0) {}
        let mut bytes = bench.disk.data_file(file(0)).unwrap();
        bytes[data_file(1..13).len()..data_file(1..=13).len()].fill(0);
        bench.disk.put_data_file(file(0), bytes);
        bench.wait();
        let error = waiting.try_take().unwrap().unwrap_err();
        let kind = WriteErrorKind::Vanished { first: RecordId(13), next: RecordId(14) };
        assert_eq!(error.kind, kind, "{runs:?}");
        assert_eq!(error.written.records, 9, "{runs:?}");
        assert_eq!(error.records, records(13..=13), "{runs:?}");
    }
}

/// The kernel may let go of what it could not write, and reads older bytes then. A writer that waits for such a record must not
/// hear that it is on the disk, and the others need not hear anything else.
#[test]
fn a_writer_is_told_what_vanished_with_a_failed_sync() {
    for (runs, vanished, was_read) in
        Runs::ALL.into_iter().flat_map(|runs| [(runs, 11, false), (runs, 13, true), (runs, 15, false)])
    {
        let at = format!("{runs:?}, {vanished}");
        let bench = Bench::new(runs, WhenFull::Block);
        bench.disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let writer = bench.buffer.writer().with_durability(Durability::Synced);
        let waiting = (11..=15).map(|id| (id, writer.submit(records(id..=id)).unwrap())).collect::<Vec<_>>();
        while bench.simulation.run_sync(0) {}
        if was_read {
            // What is in memory is no proof.
            assert_eq!(read(&bench.buffer), ids([1..=15]), "{at}");
        }
        let mut bytes = bench.disk.data_file(file(0)).unwrap();
        bytes[data_file(1..vanished).len()..data_file(1..=vanished).len()].fill(0);
        bench.disk.put_data_file(file(0), bytes);
        bench.wait();
        for (id, mut waiting) in waiting {
            match waiting.try_take().expect(&at) {
                Ok(receipt) => {
                    assert!(id != vanished && receipt.first_id == Some(RecordId(id)), "{at}: {id}");
                }
                Err(error) => {
                    let (first, next) = (RecordId(vanished), RecordId(vanished + 1));
                    assert_eq!(
                        (error.kind, id),
                        (WriteErrorKind::Vanished { first, next }, vanished),
                        "{at}"
                    );
                    assert_eq!(error.records, records(vanished..=vanished), "{at}");
                }
            }
        }
        assert!(!bench.is_degraded(), "{at}");
        let later = writer.submit(records(16..=20)).unwrap();
        while bench.simulation.run_sync(0) {}
        assert_eq!(later.wait().unwrap().records, 5, "{at}");
        let left = ids([1..=20]).into_iter().filter(|id| *id != vanished).collect::<Vec<_>>();
        assert_eq!(bench.found_after_power_loss(), left, "{at}");
    }
}

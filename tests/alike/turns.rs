//! Buffers share the threads of the process, and no buffer gets all of them.

use std::{sync::mpsc::channel, thread, time::Duration};

use forebay::{Durability, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{options, records, write},
};

/// Far longer than a test takes. What stands behind all syncs of another buffer would wait for ever.
const PATIENCE: Duration = Duration::from_mins(1);

/// A buffer with thousands of files that wait to be synced, on a slow disk, must not keep the others from their own.
#[test]
fn a_buffer_whose_syncs_wait_for_its_disk_leaves_a_thread_to_the_others() {
    for runs in Runs::ALL {
        let [slow, fast] = [Disk::new(), Disk::new()];
        let waits = runs.open(slow.open().unwrap(), options());
        let goes_on = runs.open(fast.open().unwrap(), options());
        slow.hold_syncs();
        write(&waits, 1..=2000);
        assert!(slow.data_files().len() > 30);
        let pending =
            waits.writer().with_durability(Durability::Synced).submit(records(2001..=2001)).unwrap();

        let (answer, answered) = channel();
        let writer = goes_on.writer().with_durability(Durability::Synced);
        let other = thread::spawn(move || {
            for id in 1..=20 {
                answer
                    .send(
                        writer
                            .write_batch(records(id..=id))
                            .map(|receipt| receipt.records)
                            .map_err(|error| error.kind),
                    )
                    .unwrap();
            }
        });
        let answers: Vec<_> = (1..=20).map_while(|_| answered.recv_timeout(PATIENCE).ok()).collect();
        slow.let_syncs_go_on();
        assert_eq!(answers.len(), 20, "{runs:?}: it waits for the other buffer's disk");
        assert!(answers.into_iter().all(|answer| answer == Ok(1)), "{runs:?}");
        other.join().unwrap();
        assert_eq!(pending.wait().unwrap().records, 1, "{runs:?}: all of them were run in the end");
        waits.close().unwrap();
    }
}

/// A caller that waits for its sync runs it itself. On a disk that does not answer it holds nothing that others need.
#[test]
fn a_caller_that_syncs_keeps_no_other_from_the_buffer() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        disk.hold_syncs();
        thread::scope(|scope| {
            let writer = buffer.writer().with_durability(Durability::Synced);
            let other = writer.clone();
            let syncs = scope.spawn(move || writer.write_batch(records(1..=1)).unwrap().records);
            let wait_for = |next_id| {
                while buffer.status().unwrap().next_id.0 < next_id {
                    thread::yield_now();
                }
            };
            wait_for(2);
            write(&buffer, 2..=3);
            assert_eq!(buffer.reader().next_batch(10).unwrap().unwrap().len(), 3, "{runs:?}");
            // Its records wait for the next sync, which it may not run before this one has ended.
            let waits = scope.spawn(move || other.write_batch(records(4..=4)).unwrap().records);
            wait_for(5);
            disk.let_syncs_go_on();
            assert_eq!((syncs.join().unwrap(), waits.join().unwrap()), (1, 1), "{runs:?}");
        });
        buffer.close().unwrap();
    }
}

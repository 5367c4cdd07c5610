//! Files that another program removes while the buffer is open. The host leaves them out of the reading order when it meets
//! them, and the logic finds out by a refusal.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{Bed, OPTIONS, records};
use disk::{Disk, ledger, whole};

/// 35 records in four files, all durable.
fn written() -> Bed {
    let mut bed = Bed::new();
    bed.write(&records(35, 100));
    bed.flush();
    bed.end_syncs();
    bed
}

/// What is left goes as ever, and nothing waits for what is lost.
#[test]
fn a_vanished_file_is_passed() {
    for vanished in [vec![0], vec![1], vec![2], vec![0, 1], vec![1, 2], vec![0, 2], vec![0, 1, 2]] {
        for step in [1, 5, 100] {
            let mut bed = written();
            for file in &vanished {
                bed.disk.vanish(*file);
            }
            let mut read = 0;
            loop {
                let given = bed.read(step, 1 << 20).len();
                if given == 0 {
                    break;
                }
                read += given;
                bed.acknowledge(u64::MAX);
                bed.end_syncs();
            }
            assert_eq!(read, 35 - 10 * vanished.len());
            bed.tick();
            bed.end_syncs();
            assert_eq!((bed.disk.files(), bed.ledger()), (vec![3], (36, 3, 3, 35)), "{vanished:?}");
            assert_eq!((bed.figure(10), bed.figure(1)), (0, 500), "{vanished:?}");
            assert_eq!(bed.write(&records(10, 100)), 10);
            bed.flush();
            bed.end_syncs();
            assert!(bed.all_durable());
        }
    }
}

/// The ledger names the next file that is there.
#[test]
fn the_readers_own_file_may_vanish() {
    let mut bed = written();
    bed.disk.vanish(0);
    assert_eq!(bed.read_all(), (11..=35).collect::<Vec<_>>());
    bed.acknowledge(12);
    assert_eq!(bed.ledger(), (36, 3, 1, 12));
}

/// Records that come later are made durable all the same.
#[test]
fn a_file_that_vanishes_under_a_flush_does_not_keep_it_from_ending() {
    let mut bed = Bed::new();
    bed.write(&records(25, 100));
    bed.disk.vanish(1);
    bed.read_all();
    bed.write(&records(10, 100));
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    bed.read_all();
    bed.acknowledge(u64::MAX);
    bed.end_syncs();
    bed.tick();
    bed.end_syncs();
    assert_eq!(bed.disk.files(), [3]);
}

/// The same where the flush itself has the ledger name the file.
#[test]
fn a_flush_that_names_a_vanished_file_looks_again() {
    let mut bed = Bed::new();
    bed.end_syncs();
    bed.disk.refuse_data_syncs = true;
    bed.write(&records(25, 100));
    bed.flush();
    bed.end_syncs();
    bed.disk.vanish(1);
    assert_eq!(bed.read_all().len(), 15);
    bed.disk.refuse_data_syncs = false;
    bed.flush();
    bed.end_syncs();
    assert!(bed.all_durable());
    assert_eq!((bed.ledger().1, bed.figure(2)), (2, 2));
}

/// Of files from before opening, storage knows few ids. One that vanishes among them must not stop those behind it.
#[test]
fn files_whose_ids_were_not_known_go_round_a_vanished_one() {
    let files: Vec<_> = (0..40).map(|n| (n, whole(u64::from(n) * 10 + 1..=u64::from(n) * 10 + 10))).collect();
    for vanished in [0, 1, 2, 3, 20, 37, 38] {
        let mut bed = Bed::on(Disk::with(Some(ledger(401, 39, 0, 0)), &files), OPTIONS);
        bed.end_syncs();
        bed.disk.vanish(vanished);
        while !bed.read(15, 1 << 20).is_empty() {
            bed.acknowledge(u64::MAX);
            bed.end_sync();
        }
        for _ in 0..3 {
            bed.end_syncs();
            bed.tick();
        }
        assert_eq!((bed.disk.files(), bed.figure(2)), (vec![39], 1), "{vanished}");
    }
}

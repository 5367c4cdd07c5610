//! What becomes of a buffer after a sync has failed: the kernel may have dropped what it could not write, and says that all
//! is well the next time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::NoLuck;
use disk::bed::{Bed, OPTIONS, records};
use forebay_logic::{BufferError, Options};

/// A buffer with 25 records in three files, of which only the names and what was there at the first flush are durable.
fn written() -> Bed {
    let mut bed = Bed::new();
    bed.write(&records(8, 100));
    bed.flush();
    bed.end_syncs();
    bed.write(&records(17, 100));
    bed
}

fn is_degraded(bed: &Bed) -> bool {
    bed.figure(11) == 1
}

/// Ticks pass and syncs end until nothing is left to do.
fn rest(bed: &mut Bed) {
    for _ in 0..10 {
        bed.end_syncs();
        bed.tick();
    }
}

/// The oldest sync of this target that is under way fails; those before it end well.
fn fail_sync_of(bed: &mut Bed, target: &str) {
    while bed.disk.targets_under_way().first().is_some_and(|first| first != target) {
        bed.end_sync(true);
    }
    assert_eq!(bed.disk.targets_under_way().first().map(String::as_str), Some(target));
    bed.end_sync(false);
}

// Records that a failed sync was to make durable are written anew: a power loss after that finds all of them.
#[test]
fn what_a_failed_sync_left_unwritten_is_written_anew() {
    for target in ["data 0", "data 1", "data 2"] {
        let mut bed = written();
        bed.flush();
        fail_sync_of(&mut bed, target);
        assert!(is_degraded(&bed), "{target}");
        rest(&mut bed);
        assert!(!is_degraded(&bed), "{target}");
        assert!(bed.all_durable(), "{target}");
        let mut bed = bed.power_lost(&mut NoLuck);
        assert_eq!(bed.read_all(), (1..=25).collect::<Vec<_>>(), "{target}");
    }
}

// Nothing can be promised before that: a record that is taken now could be lost with those before it.
#[test]
fn nothing_is_written_until_all_is_safe_again() {
    let mut bed = written();
    bed.flush();
    fail_sync_of(&mut bed, "data 0");
    assert_eq!(bed.try_write(&records(1, 100)), Err(BufferError::Degraded));
    rest(&mut bed);
    assert_eq!(bed.write(&records(1, 100)), 1);
    assert_eq!(bed.read_all(), (1..=26).collect::<Vec<_>>());
}

// A file that is written anew has the same number, and the same records at the same places: a reader in its midst goes on.
#[test]
fn reading_goes_on_where_it_was() {
    for read in [0, 3, 8, 12, 20, 25] {
        let mut bed = written();
        assert_eq!(bed.read(read, u64::MAX).len(), usize::try_from(read).unwrap());
        bed.flush();
        fail_sync_of(&mut bed, "data 0");
        let files = bed.disk.file_ids();
        rest(&mut bed);
        assert_eq!(bed.disk.file_ids(), files);
        let read = u64::from(read);
        assert_eq!(bed.read_all(), (read + 1..=25).collect::<Vec<_>>());
        bed.acknowledge(25);
        rest(&mut bed);
        assert_eq!(bed.disk.file_ids().len(), 1, "what is acknowledged has gone");
    }
}

// What the consumer is done with goes as ever, and is not waited for.
#[test]
fn files_that_are_acknowledged_meanwhile_go() {
    let mut bed = written();
    bed.read_all();
    bed.flush();
    fail_sync_of(&mut bed, "data 0");
    bed.acknowledge(24);
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    let mut bed = bed.power_lost(&mut NoLuck);
    assert_eq!(bed.disk.file_ids().len(), 1);
    assert_eq!(bed.read_all(), [25]);
}

// A ledger whose sync has failed is written anew: nothing is wrong with the data files.
#[test]
fn a_failed_sync_of_the_ledger_leaves_the_files_alone() {
    let mut bed = written();
    bed.flush();
    fail_sync_of(&mut bed, "ledger");
    assert!(is_degraded(&bed));
    let files = bed.disk.names.clone();
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    assert_eq!(bed.disk.names, files);
    assert!(bed.all_durable());
}

// A file whose name may not be on the disk is as good as none, however well its bytes were synced.
#[test]
fn a_file_whose_name_may_be_lost_is_written_anew() {
    let mut bed = Bed::new();
    bed.end_syncs();
    bed.write(&records(15, 100));
    bed.flush();
    fail_sync_of(&mut bed, "directory");
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    let mut bed = bed.power_lost(&mut NoLuck);
    assert_eq!(bed.read_all(), (1..=15).collect::<Vec<_>>());
}

// A disk that goes on failing is tried again at every tick, and nothing is promised meanwhile.
#[test]
fn a_disk_that_goes_on_failing_is_tried_again() {
    let mut bed = written();
    bed.flush();
    fail_sync_of(&mut bed, "data 0");
    for _ in 0..20 {
        assert_eq!(bed.tick(), Some(disk::bed::TICK));
        while bed.end_sync(false) {}
        assert!(is_degraded(&bed));
    }
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    let mut bed = bed.power_lost(&mut NoLuck);
    assert_eq!(bed.read_all(), (1..=25).collect::<Vec<_>>());
}

// A file that is written anew needs room beside the old one. Where there is none the buffer waits for it, as for everything
// else.
#[test]
fn a_file_that_finds_no_room_to_be_written_anew_waits_for_it() {
    let mut bed = written();
    bed.flush();
    fail_sync_of(&mut bed, "data 0");
    bed.disk.room = 500;
    rest(&mut bed);
    assert!(is_degraded(&bed));
    assert_eq!(bed.read_all(), (1..=25).collect::<Vec<_>>(), "reading goes on");
    bed.disk.room = u64::MAX;
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    assert!(bed.all_durable());
}

// What the operator allows is for records. A full buffer that could not be mended before somebody reads would never be
// where nobody does.
#[test]
fn a_full_buffer_is_mended_without_anything_being_acknowledged() {
    let mut bed = Bed::with(Options { max_bytes: 3_300, ..OPTIONS });
    bed.write(&records(15, 100));
    bed.flush();
    bed.end_syncs();
    bed.write(&records(15, 100));
    bed.flush();
    fail_sync_of(&mut bed, "data 1");
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    assert_eq!(bed.power_lost(&mut NoLuck).read_all(), (1..=30).collect::<Vec<_>>());
}

// A process that dies before all is safe again leaves it to the next one, which hears of it from the host.
#[test]
fn a_death_before_all_is_safe_leaves_it_to_the_next() {
    let mut bed = written();
    bed.flush();
    fail_sync_of(&mut bed, "data 0");
    let mut bed = bed.killed();
    assert!(is_degraded(&bed));
    rest(&mut bed);
    assert!(!is_degraded(&bed));
    assert_eq!(bed.read_all(), (1..=25).collect::<Vec<_>>());
    assert_eq!(bed.power_lost(&mut NoLuck).read_all(), (1..=25).collect::<Vec<_>>());
}

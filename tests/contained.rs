//! Logic that misbehaves is stopped, and takes nothing with it.

use std::time::{Duration, Instant};

use forebay::{Buffer, Component, WriteError, WriteErrorKind, storage::memory::Disk};

use crate::support::{
    Runs, fixtures,
    recorded::{Done, Journal},
    storage::{ids, options, read, records, write},
};

/// A guest that never comes back would hang its writers, and the lock with them.
#[test]
fn a_guest_that_spins_is_cut() {
    let spins = Component::from_file(&fixtures::project_file("tests/guests/spins.wasm")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let buffer = Buffer::builder(directory.path()).component(spins).open().unwrap();

    let started = Instant::now();
    let answer = buffer.writer().write_batch(records(1..=1));
    assert!(
        matches!(&answer, Err(WriteError { kind: WriteErrorKind::Stopped { reason }, .. }) if reason.contains("it ran for longer")),
        "{answer:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5), "it is a matter of a tenth of a second");

    // Another buffer of the process knows nothing of it, and the directory is free for better logic.
    write(&Runs::AsComponent.open(Disk::new().open().unwrap(), options()), 1..=10);
    assert!(buffer.close().is_err(), "that the logic had failed is said once more");
    write(&Buffer::builder(directory.path()).open().unwrap(), 1..=10);
}

/// A disk may stall for seconds. That is not the guest's time: logic in order must not be taken for one that spins.
#[test]
fn a_disk_that_stalls_has_no_guest_cut() {
    const STALL_MS: u64 = 200;
    let (disk, journal) = (Disk::new(), Journal::default());
    let buffer = Runs::AsComponent.open(journal.of(disk.open().unwrap()), options());
    journal.stall(STALL_MS);
    // One call of the guest, which writes to one file after the other.
    write(&buffer, 1..=800);
    let appends = journal.all().into_iter().filter(|done| matches!(done, Done::Appended(_))).count();
    assert!(appends >= 10, "{appends} appends stall for less than two seconds");
    let status = buffer.status().unwrap();
    assert_eq!((status.restarts, status.stopped), (0, None));
    assert_eq!(read(&buffer), ids([1..=800]));
}

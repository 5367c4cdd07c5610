//! Logic that misbehaves is stopped, and takes nobody with it.

use std::time::{Duration, Instant};

use forebay::{Buffer, Component, WriteError, storage::memory::Disk};

use crate::support::{
    Runs, fixtures,
    storage::{options, records, write},
};

/// A guest that never comes back would hang whoever writes, and the lock with it.
#[test]
fn a_guest_that_spins_is_cut() {
    let spins = Component::from_file(&fixtures::project_file("tests/guests/spins.wasm")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let buffer = Buffer::builder(directory.path()).component(spins).open().unwrap();

    let started = Instant::now();
    let answer = buffer.writer().write_batch(records(1..=1));
    assert!(
        matches!(&answer, Err(WriteError::Stopped { reason }) if reason.contains("it ran for longer")),
        "{answer:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5), "it is a matter of a tenth of a second");

    // Another buffer of the process knows nothing of it, and the directory is free for better logic.
    write(&Runs::AsComponent.open(Disk::new().open().unwrap(), options()), 1..=10);
    assert!(buffer.close().is_err(), "that the logic had failed is said once more");
    write(&Buffer::builder(directory.path()).open().unwrap(), 1..=10);
}

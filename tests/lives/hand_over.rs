//! Handing an open buffer to another owner in the same process.

use forebay::{
    Buffer, ReadError, RecordId, Simulation, WhenFull, WriteError, WriteErrorKind,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs, cli,
    storage::{file, ids, options, read, records, write, written_and_refused},
};

/// A reload of a service's configuration takes the buffer from one part of it to another. Between the two nobody may come in.
#[test]
fn pain_5147_nobody_gets_the_directory_between_two_owners() {
    let directory = tempfile::tempdir().unwrap();
    let in_use = || {
        assert!(Buffer::builder(directory.path()).open().is_err(), "it was taken in this process");
        cli::run([std::ffi::OsStr::new("read"), directory.path().as_os_str()]).assert_refusal(&["in use by"]);
    };
    let buffer = Buffer::builder_with(directory.path(), options()).open().unwrap();
    write(&buffer, 1..=10);
    let locked = buffer.hand_over().unwrap();
    in_use();
    let buffer = locked.open().unwrap();
    in_use();
    assert_eq!(read(&buffer), ids([1..=10]));
    drop(buffer.hand_over().unwrap());
    Buffer::builder(directory.path()).open().unwrap();
}

/// The next owner has reasons of its own, and options that go with them.
#[test]
fn the_next_owner_may_choose_other_options() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=300);
        let mut locked = buffer.hand_over().unwrap();

        let mut wrong = options();
        wrong.max_bytes = 1;
        assert!(locked.set_options(wrong).is_err(), "{runs:?}");
        let mut rejecting = options();
        rejecting.max_bytes = 8 * 4096;
        rejecting.when_full = WhenFull::Reject;
        locked.set_options(rejecting).unwrap();
        let buffer = locked.open().unwrap();
        let (receipt, refused) = written_and_refused(buffer.writer().write_batch(records(301..=1000)));
        assert!(!refused.is_empty(), "{runs:?}");
        assert_eq!(receipt.first_id, Some(RecordId(301)), "{runs:?}");
    }
}

/// What the former owner's parts still hold is of another life: a late acknowledgement must not release a record that the
/// next owner delivers again.
#[test]
fn handles_of_the_former_owner_are_of_no_effect() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        write(&buffer, 1..=20);
        let (writer, reader) = (buffer.writer(), buffer.reader());
        let held = reader.next_batch(20).unwrap().unwrap();
        held[0].ack();
        let next = buffer.hand_over().unwrap().open().unwrap();

        held.iter().for_each(forebay::Record::ack);
        reader.ack_through(RecordId(20));
        assert!(
            matches!(writer.write("late"), Err(WriteError { kind: WriteErrorKind::Closed, .. })),
            "{runs:?}"
        );
        assert!(matches!(reader.next(), Err(ReadError::Closed)), "{runs:?}");
        assert_eq!(read(&next), ids([2..=20]), "{runs:?}");
        assert_eq!(next.status().unwrap().next_id, RecordId(21), "{runs:?}");
    }
}

/// Everything is on the disk when it changes hands, as when a buffer is closed.
#[test]
fn what_is_handed_over_is_durable() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        let locked = buffer.hand_over().unwrap();
        disk.power_loss();
        drop(locked);
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=100]), "{runs:?}");
    }
}

/// The next owner would call durable what a failed sync has left in doubt: it does not get the directory that way.
#[test]
fn a_buffer_with_a_failed_sync_is_not_handed_over() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        while simulation.run_sync(0) {}
        write(&buffer, 1..=10);
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        for nth in 1..20 {
            disk.fail_sync(SyncTarget::Directory, nth);
        }
        assert!(buffer.hand_over().is_err(), "{runs:?}");
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=10]), "{runs:?}: it is free");
    }
}

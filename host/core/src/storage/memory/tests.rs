//! The simulated disk: what is kept, and what is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods)] // Tests run where there are threads.

use std::sync::mpsc;
use std::thread;

use forebay_frame::RecordId;

use super::*;

pub(super) fn file(number: u16) -> FileId {
    FileId::new(number).unwrap()
}

pub(super) fn ledger(next: u64) -> Ledger {
    Ledger { writer_next_record: RecordId(next), ..Ledger::EMPTY }
}

pub(super) fn sync(buffer: &mut Memory, target: SyncTarget) -> Result<(), StorageError> {
    buffer.prepare_sync(target).unwrap()()
}

/// A disk whose file 0 and its name are durable, with "synced" in it, and a ledger that says 7.
pub(super) fn prepared() -> (Disk, Memory) {
    let disk = Disk::new();
    let mut buffer = disk.open().unwrap();
    buffer.create_file(file(0)).unwrap();
    buffer.append(file(0), 0, b"synced").unwrap();
    buffer.store_ledger(ledger(7)).unwrap();
    for target in [SyncTarget::Data(file(0)), SyncTarget::Directory, SyncTarget::Ledger] {
        sync(&mut buffer, target).unwrap();
    }
    (disk, buffer)
}

/// The page cache outlives a process.
#[test]
fn a_kill_keeps_all_that_was_written() {
    let (disk, mut buffer) = prepared();
    buffer.append(file(0), 6, b", written").unwrap();
    buffer.create_file(file(1)).unwrap();
    buffer.store_ledger(ledger(9)).unwrap();
    disk.kill();
    assert!(buffer.list_files().is_err(), "the dead do nothing");

    let mut buffer = disk.open().unwrap();
    assert_eq!(buffer.load_ledger().unwrap(), Some(ledger(9)));
    assert_eq!(buffer.list_files().unwrap(), [(file(0), 15), (file(1), 0)]);
}

/// A test of durability is worth as much as what its disk forgets.
#[test]
fn a_power_loss_keeps_only_what_was_synced() {
    let (disk, mut buffer) = prepared();
    buffer.append(file(0), 6, b", written").unwrap();
    buffer.store_ledger(ledger(9)).unwrap();
    disk.power_loss();
    assert_eq!(disk.data_file(file(0)).unwrap(), b"synced");
    assert_eq!(disk.ledger(), Some(ledger(7)));
}

/// POSIX promises nothing about a file's name when its data are synced, nor the other way round.
#[test]
fn names_and_bytes_become_durable_apart() {
    let (disk, mut buffer) = prepared();
    buffer.create_file(file(1)).unwrap();
    sync(&mut buffer, SyncTarget::Directory).unwrap();
    buffer.append(file(1), 0, b"named only").unwrap();
    buffer.create_file(file(2)).unwrap();
    buffer.append(file(2), 0, b"synced only").unwrap();
    sync(&mut buffer, SyncTarget::Data(file(2))).unwrap();
    buffer.remove_file(file(0)).unwrap();
    disk.power_loss();
    assert_eq!(disk.data_files(), [(file(0), 6), (file(1), 0)], "the removed file is back");
}

/// A rewritten file has the bytes that the failed sync left unwritten, as soon as its name is synced.
#[test]
fn a_file_that_is_renewed_takes_its_place_with_the_next_sync_of_the_names() {
    for is_named in [false, true] {
        let (disk, mut buffer) = prepared();
        buffer.append(file(0), 6, b", written").unwrap();
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap_err();
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap();
        buffer.prepare_renewal(file(0)).unwrap()().unwrap();
        buffer.renew(file(0)).unwrap();
        if is_named {
            sync(&mut buffer, SyncTarget::Directory).unwrap();
        }
        disk.power_loss();
        let kept: &[u8] = if is_named { b"synced, written" } else { b"synced\0\0\0\0\0\0\0\0\0" };
        assert_eq!(disk.data_file(file(0)).unwrap(), kept);
    }
}

/// A file that is removed and made again under its old id is two files on a disk.
#[test]
fn a_name_may_lead_back_to_the_file_that_had_it_before() {
    let (disk, mut buffer) = prepared();
    buffer.remove_file(file(0)).unwrap();
    buffer.create_file(file(0)).unwrap();
    buffer.append(file(0), 0, b"new").unwrap();
    sync(&mut buffer, SyncTarget::Data(file(0))).unwrap();
    disk.power_loss();
    assert_eq!(disk.data_file(file(0)).unwrap(), b"synced");
}

/// What is stored or made after a sync was made ready waits for the next.
#[test]
fn a_sync_covers_nothing_that_came_later() {
    let (disk, mut buffer) = prepared();
    let targets = [SyncTarget::Data(file(0)), SyncTarget::Directory, SyncTarget::Ledger];
    let jobs: Vec<_> = targets.map(|target| buffer.prepare_sync(target).unwrap()).into();
    buffer.append(file(0), 6, b", late").unwrap();
    buffer.create_file(file(1)).unwrap();
    buffer.store_ledger(ledger(9)).unwrap();
    for job in jobs {
        job().unwrap();
    }
    disk.power_loss();
    assert_eq!(disk.data_files(), [(file(0), 6)]);
    assert_eq!(disk.ledger(), Some(ledger(7)));
}

/// A retry after a failed sync is told that all is well, and it is not.
#[test]
fn the_chosen_sync_fails_and_later_ones_write_nothing_of_it() {
    let (disk, mut buffer) = prepared();
    buffer.append(file(0), 6, b"12").unwrap();
    buffer.create_file(file(1)).unwrap();
    buffer.store_ledger(ledger(9)).unwrap();
    for target in [SyncTarget::Data(file(0)), SyncTarget::Directory, SyncTarget::Ledger] {
        disk.fail_sync(target, 1);
        assert_eq!(sync(&mut buffer, target).unwrap_err().errno(), 5);
        sync(&mut buffer, target).unwrap();
        assert_eq!(disk.sync_count(target), 3);
    }
    let mut seen = [0; 8];
    assert_eq!(buffer.read_at(file(0), 0, &mut seen).unwrap(), 8);
    assert_eq!(&seen, b"synced12", "the cache shows what the disk does not have");
    disk.power_loss();
    assert_eq!(disk.data_file(file(0)).unwrap(), b"synced\0\0");
    assert_eq!(disk.data_files().len(), 1);
    assert_eq!(disk.ledger(), Some(ledger(7)));
}

/// Logic that mends a buffer removes files, and cuts another one when they are durably gone. Where the sync of their removal
/// has failed it asks for another, and nothing changes in the directory between the two.
#[test]
fn a_removal_whose_sync_has_failed_is_durable_with_the_next() {
    let (disk, mut buffer) = prepared();
    buffer.create_file(file(1)).unwrap();
    buffer.remove_file(file(0)).unwrap();
    disk.fail_sync(SyncTarget::Directory, 1);
    sync(&mut buffer, SyncTarget::Directory).unwrap_err();
    sync(&mut buffer, SyncTarget::Directory).unwrap();
    disk.power_loss();
    assert_eq!(disk.data_files(), [], "the name of file 1 was to be written by the sync that failed");
}

/// A test that fails "the third" must not fail another.
#[test]
fn faults_are_counted_per_target() {
    let (disk, mut buffer) = prepared();
    disk.fail_sync(SyncTarget::Ledger, 2);
    sync(&mut buffer, SyncTarget::Directory).unwrap();
    sync(&mut buffer, SyncTarget::Directory).unwrap();
    sync(&mut buffer, SyncTarget::Ledger).unwrap();
    sync(&mut buffer, SyncTarget::Ledger).unwrap_err();
    sync(&mut buffer, SyncTarget::Ledger).unwrap();
}

/// A real file system writes what fits: a torn frame is left, and the host has to truncate it.
#[test]
fn a_full_disk_takes_part_of_an_append() {
    let (disk, mut buffer) = prepared();
    disk.set_capacity_bytes(Some(10));
    let error = buffer.append(file(0), 6, b"123456").unwrap_err();
    assert!(matches!(error, StorageError::NoSpace { .. }));
    assert_eq!(disk.data_file(file(0)).unwrap(), b"synced1234");
    buffer.truncate_file(file(0), 6).unwrap();
    buffer.append(file(0), 6, b"1234").unwrap();
}

/// A held sync is how a test stops the world between a write and its durability.
#[test]
fn held_syncs_wait_until_they_are_let_go() {
    let (disk, mut buffer) = prepared();
    disk.hold_syncs();
    buffer.append(file(0), 6, b"!").unwrap();
    let job = buffer.prepare_sync(SyncTarget::Data(file(0))).unwrap();
    let (ended, has_ended) = mpsc::channel();
    let runner = thread::spawn(move || ended.send(job()));
    assert_eq!(disk.sync_count(SyncTarget::Data(file(0))), 1);
    assert!(has_ended.try_recv().is_err());
    disk.let_syncs_go_on();
    has_ended.recv().unwrap().unwrap();
    runner.join().unwrap().unwrap();
    assert_eq!(disk.sync_count(SyncTarget::Data(file(0))), 2);
}

/// A sync of a process that has died must not reach the disk under its successor's hands.
#[test]
fn a_held_sync_dies_with_its_process() {
    let (disk, mut buffer) = prepared();
    disk.hold_syncs();
    buffer.append(file(0), 6, b"!").unwrap();
    let job = buffer.prepare_sync(SyncTarget::Data(file(0))).unwrap();
    let runner = thread::spawn(job);
    disk.kill();
    assert!(runner.join().unwrap().is_err());
    disk.power_loss();
    assert_eq!(disk.data_file(file(0)).unwrap(), b"synced");
}

/// The same rule as on a real disk: one owner.
#[test]
fn a_disk_is_held_by_one() {
    let (disk, buffer) = prepared();
    assert!(disk.open().is_err());
    drop(buffer);
    let second = disk.open().unwrap();
    disk.kill();
    let third = disk.open().unwrap();
    drop(second);
    assert!(disk.open().is_err(), "the dead let go of nothing");
    drop(third);
}

/// As the native backend does it: with data files the ledger is for the logic to make.
#[test]
fn a_lost_ledger_beside_data_files_is_not_made_up() {
    let disk = Disk::new();
    disk.put_data_file(file(3), b"frames".to_vec());
    let mut buffer = disk.open().unwrap();
    assert_eq!(buffer.load_ledger().unwrap(), None);
    buffer.store_ledger(ledger(5)).unwrap();
    disk.power_loss();
    assert_eq!(disk.ledger(), Some(ledger(5)), "it is made durable at once");
}

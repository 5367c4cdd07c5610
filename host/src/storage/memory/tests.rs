//! The simulated disk: what is kept, what is lost, and that it otherwise does what the native backend does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

use std::sync::mpsc;
use std::thread;

use forebay_frame::RecordId;
use proptest::prelude::*;

use super::*;
use crate::storage::native::{Create, Native};

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

/// A file that is written anew has the bytes that the failed sync left unwritten, as soon as its name is synced.
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

/// Whoever tries again after a failed sync is told that all is well, and it is not.
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

/// A real file system writes what fits: a torn frame is left, and somebody has to cut it.
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

/// One call on a backend.
#[derive(Clone, Debug)]
enum Call {
    Load,
    Store(u64, u16),
    List,
    Create(u16),
    Remove(u16),
    /// To a share of its length.
    Truncate(u16, u8),
    Append(u16, Vec<u8>),
    /// Over the last bytes, as after a partial write that could not be cut.
    Overwrite(u16, u8, Vec<u8>),
    Read(u16, u64, usize),
    Sync(u16),
    Release(u16),
    Renew(u16),
    Reopen,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let id = || prop_oneof![0..3_u16, Just(65_534)];
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(
        prop_oneof![
            1 => Just(Call::Load),
            2 => (1..u64::MAX, id()).prop_map(|(next, file)| Call::Store(next, file)),
            2 => Just(Call::List),
            4 => id().prop_map(Call::Create),
            2 => id().prop_map(Call::Remove),
            2 => (id(), any::<u8>()).prop_map(|(file, share)| Call::Truncate(file, share)),
            6 => (id(), bytes()).prop_map(|(file, bytes)| Call::Append(file, bytes)),
            1 => (id(), any::<u8>(), bytes()).prop_map(|(file, share, bytes)| Call::Overwrite(file, share, bytes)),
            4 => (id(), 0..100_u64, 0..100_usize).prop_map(|(file, offset, len)| Call::Read(file, offset, len)),
            1 => id().prop_map(Call::Sync),
            1 => id().prop_map(Call::Release),
            1 => id().prop_map(Call::Renew),
            1 => Just(Call::Reopen),
        ],
        1..60,
    )
}

/// What a call answers, with errors by their kind.
fn answer(backend: &mut dyn Backend, call: &Call) -> Result<String, u32> {
    fn shown<T: std::fmt::Debug>(result: Result<T, StorageError>) -> Result<String, u32> {
        result.map(|value| format!("{value:?}")).map_err(|error| error.errno())
    }
    let length = |backend: &mut dyn Backend, id: u16| {
        let files = backend.list_files().unwrap();
        files.into_iter().find(|(found, _)| *found == file(id)).map_or(0, |(_, length)| length)
    };
    match call {
        Call::Load => shown(backend.load_ledger()),
        Call::Store(next, id) => {
            shown(backend.store_ledger(Ledger { writer_data_file: file(*id), ..ledger(*next) }))
        }
        Call::List => shown(backend.list_files()),
        Call::Create(id) => shown(backend.create_file(file(*id))),
        Call::Remove(id) => shown(backend.remove_file(file(*id))),
        Call::Truncate(id, share) => {
            let to = length(backend, *id) * u64::from(*share) / 255;
            shown(backend.truncate_file(file(*id), to))
        }
        Call::Append(id, bytes) => {
            let at = length(backend, *id);
            shown(backend.append(file(*id), at, bytes))
        }
        Call::Overwrite(id, share, bytes) => {
            let at = length(backend, *id) * u64::from(*share) / 255;
            shown(backend.append(file(*id), at, bytes))
        }
        Call::Read(id, offset, len) => {
            let mut into = vec![0; *len];
            let read = backend.read_at(file(*id), *offset, &mut into);
            shown(read.map(|read| into[..read].to_vec()))
        }
        Call::Sync(id) => shown(backend.prepare_sync(SyncTarget::Data(file(*id))).and_then(|job| job())),
        Call::Release(id) => {
            backend.release(file(*id));
            Ok(String::new())
        }
        Call::Renew(id) => {
            let written = backend.prepare_renewal(file(*id)).and_then(|job| job());
            shown(written.and_then(|()| backend.renew(file(*id))))
        }
        Call::Reopen => Ok(String::new()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// All tests above the trait run in memory: they prove something about real disks only if both backends agree.
    #[test]
    fn it_answers_as_the_native_backend_does(calls in calls()) {
        let directory = tempfile::TempDir::new().unwrap();
        let open = || Native::open(directory.path(), Create::No).unwrap();
        let disk = Disk::new();
        let (mut native, mut memory) = (Some(open()), Some(disk.open().unwrap()));
        for call in &calls {
            if matches!(call, Call::Reopen) {
                (native, memory) = (None, None);
            }
            let native = native.get_or_insert_with(open);
            let memory = memory.get_or_insert_with(|| disk.open().unwrap());
            prop_assert_eq!(answer(native, call), answer(memory, call), "{:?}", call);
        }
    }
}

//! The simulated disk does what this backend does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

use forebay_types::RecordId;
use proptest::prelude::*;

use crate::storage::{
    Backend, FileId, Ledger, StorageError, SyncTarget,
    memory::Disk,
    native::{Create, Native},
};

fn file(number: u16) -> FileId {
    FileId::new(number).unwrap()
}

fn ledger(next: u64) -> Ledger {
    Ledger { writer_next_record: RecordId(next), ..Ledger::EMPTY }
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
    Rest,
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
            1 => Just(Call::Rest),
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
        Call::Rest => {
            backend.rest();
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

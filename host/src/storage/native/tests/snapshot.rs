//! A look at a buffer leaves it as it was.

use super::*;

/// `forebay status` is run while a service works, and on directories that are evidence: it changes nothing.
#[test]
fn a_snapshot_sees_a_held_buffer_and_changes_nothing() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    native.create_file(file(2)).unwrap();
    native.append(file(2), 0, b"0123456789").unwrap();
    native.store_ledger(some_ledger()).unwrap();
    let state = || {
        let of = |name: &String| {
            let metadata = fs::metadata(path.join(name)).unwrap();
            (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec(), metadata.len())
        };
        names(&path).into_iter().map(|name| (of(&name), name)).collect::<Vec<_>>()
    };
    let before = state();

    let snapshot = Snapshot::take(&path).unwrap();
    assert_eq!(snapshot.ledger(), LedgerOnDisk::Readable(some_ledger()));
    assert_eq!(snapshot.data_files(), [(file(2), 10)]);
    assert_eq!(snapshot.holder(), Holder::Held(Some(std::process::id())));
    let mut reader = snapshot.open_data_file(file(2)).unwrap();
    native.append(file(2), 10, b"later").unwrap();
    let mut into = [0; 20];
    assert_eq!(
        (reader.len(), reader.read_at(7, &mut into).unwrap()),
        (10, 3),
        "as it was when it was opened"
    );
    assert_eq!(&into[..3], b"789");
    assert_eq!(reader.read_at(u64::MAX, &mut into).unwrap(), 0);
    native.truncate_file(file(2), 10).unwrap();

    let after = state();
    for (before, after) in before.iter().zip(&after) {
        if before.1 != "buffer-data-2.dat" {
            assert_eq!(before, after);
        }
    }
    assert_eq!(before.len(), after.len());
}

/// Looking at a directory that never held a buffer leaves nothing behind that looks like one.
#[test]
fn a_snapshot_makes_nothing() {
    let (_above, path) = temporary();
    assert!(matches!(Snapshot::take(&path), Err(SnapshotError::Directory(OpenDirError::Missing { .. }))));
    fs::create_dir(&path).unwrap();
    let snapshot = Snapshot::take(&path).unwrap();
    assert_eq!(snapshot.ledger(), LedgerOnDisk::None);
    assert_eq!(snapshot.holder(), Holder::Free);
    assert!(matches!(snapshot.open_data_file(file(0)), Err(StorageError::NotFound { .. })));
    assert_eq!(names(&path), [""; 0]);
}

/// A bad ledger is reported, and left for the next opener.
#[test]
fn a_snapshot_reports_a_ledger_that_cannot_be_read() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    File::create(path.join(LEDGER_NAME)).unwrap().write_all_at(&[9; 25], 0).unwrap();
    assert_eq!(Snapshot::take(&path).unwrap().ledger(), LedgerOnDisk::Unreadable { length_bytes: 25 });
    assert_eq!(names(&path), [LEDGER_NAME]);
}

//! What is never done to ledger and files, whichever caller asks for it, and what is done with a file that is still open.

use std::{fs, sync::Arc};

use forebay::{
    guard::{Guard, GuardError, Refusal, StoppedClock},
    storage::{
        Backend,
        memory::Disk,
        native::{Create, Native},
    },
};
use tempfile::TempDir;

use crate::support::storage::{data_file, disk, file, ledger};

/// Ids that went back would be given twice, and acknowledged records would come again for ever.
#[test]
fn the_ledger_never_goes_back() {
    let disk: Disk = disk(Some(ledger(4, 0, 0, 2)), &[(0, data_file(1..=3))]);
    let mut guard = guard(&disk);
    let refused = guard.store_ledger(ledger(3, 0, 0, 2));
    assert!(matches!(refused, Err(GuardError::Refused(Refusal::LedgerNext))), "{refused:?}");
    guard.opened().unwrap();
    for (wrong, rule) in [
        (ledger(3, 0, 0, 2), Refusal::LedgerNext),
        (ledger(5, 0, 0, 2), Refusal::LedgerNext),
        (ledger(4, 0, 0, 1), Refusal::LedgerLast),
        // No consumer has acknowledged it.
        (ledger(4, 0, 0, 3), Refusal::LedgerLast),
        (ledger(4, 1, 0, 2), Refusal::UnknownFile),
    ] {
        let refused = guard.store_ledger(wrong);
        assert!(matches!(refused, Err(GuardError::Refused(said)) if said == rule), "{wrong:?}: {refused:?}");
    }
    assert_eq!(disk.ledger(), Some(ledger(4, 0, 0, 2)));
}

/// A truncation takes no length: it can take nothing but an unfinished frame, and a whole file has none.
#[test]
fn a_whole_file_is_not_truncated() {
    let bytes = data_file(1..=3);
    let disk: Disk = disk(Some(ledger(4, 0, 0, 0)), &[(0, bytes.clone())]);
    let mut guard = guard(&disk);
    let refused = guard.truncate();
    assert!(matches!(refused, Err(GuardError::Refused(Refusal::Truncate))), "{refused:?}");
    assert_eq!(disk.data_file(file(0)).unwrap(), bytes);
}

fn guard(disk: &Disk) -> Guard {
    let clock = Arc::new(StoppedClock::default());
    Guard::new(Box::new(disk.open().unwrap()), clock, 1 << 20, Box::new(|_, _| {})).unwrap()
}

/// After a full disk, a partial write is cut from the file that is being appended to, through the handle that is open,
/// and the next write goes where the cut was.
#[test]
fn a_file_that_is_open_for_appending_is_cut_and_appended_to() {
    let above = TempDir::new().unwrap();
    let path = above.path().join("buffer");
    let mut native = Native::open(&path, Create::Yes).unwrap();
    native.create_file(file(0)).unwrap();
    native.append(file(0), 0, b"whole and half").unwrap();
    native.truncate_file(file(0), 5).unwrap();
    assert_eq!(fs::read(path.join("buffer-data-0.dat")).unwrap(), b"whole");
    native.append(file(0), 5, b", again").unwrap();
    assert_eq!(fs::read(path.join("buffer-data-0.dat")).unwrap(), b"whole, again");
}

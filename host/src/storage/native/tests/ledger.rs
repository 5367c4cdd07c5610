//! A ledger that is new, foreign, damaged, or changed under our hands.

use super::*;
use crate::storage::native::looks::LOOK_INTERVAL;

/// Vector opens what we made: byte for byte its own new ledger.
#[test]
fn a_new_buffer_has_an_empty_ledger_of_24_bytes() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    assert_eq!(native.load_ledger().unwrap(), Some(Ledger::EMPTY));
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(Ledger::EMPTY));
}

/// A look after our death shows what we stored, without any sync: that is what `written` promises.
#[test]
fn a_stored_ledger_is_seen_by_other_readers_at_once() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    native.store_ledger(some_ledger()).unwrap();
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(some_ledger()));
    assert_eq!(native.load_ledger().unwrap(), Some(some_ledger()));
    sync(&mut native, SyncTarget::Ledger);
    drop(native);
    assert_eq!(open(&path).load_ledger().unwrap(), Some(some_ledger()));
}

/// The padding is Vector's, and what wrote the bytes in front of a longer ledger is not known.
#[test]
fn a_longer_ledger_is_its_last_24_bytes_and_stays_as_long() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    // 4,112 bytes: the ledger lies across the border of two pages.
    let mut bytes = vec![0xaa; 4088];
    bytes.extend(encode(Ledger::EMPTY));
    bytes[4088 + 12..4088 + 16].fill(0xbb);
    fs::write(path.join(LEDGER_NAME), &bytes).unwrap();
    let mut native = open(&path);
    assert_eq!(native.load_ledger().unwrap(), Some(Ledger::EMPTY));
    native.store_ledger(some_ledger()).unwrap();
    sync(&mut native, SyncTarget::Ledger);

    bytes[4088..].copy_from_slice(&encode(some_ledger()));
    bytes[4088 + 12..4088 + 16].fill(0xbb);
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), bytes);
}

/// What cannot be read is evidence: it is never overwritten, and never a reason not to start.
#[test]
fn ledgers_that_cannot_be_read_are_kept_under_rising_numbers() {
    let (_above, path) = temporary();
    let mut writer_beyond = encode(Ledger::EMPTY).to_vec();
    writer_beyond[8..10].fill(0xff);
    let mut reader_beyond = encode(Ledger::EMPTY).to_vec();
    reader_beyond[10..12].fill(0xff);
    fs::create_dir(&path).unwrap();
    let bad = [vec![1], vec![2; 23], vec![3; 25], vec![4; 28], writer_beyond, reader_beyond, vec![0; 24]];
    for (number, bytes) in (1..).zip(&bad) {
        fs::write(path.join(LEDGER_NAME), bytes).unwrap();
        let log = logged(|| assert_eq!(open(&path).load_ledger().unwrap(), Some(Ledger::EMPTY)));
        assert!(log.contains("WARN") && log.contains(&format!("bad-{number}")), "{log}");
    }
    for (number, bytes) in (1..).zip(&bad) {
        assert_eq!(&fs::read(path.join(format!("{LEDGER_NAME}.bad-{number}"))).unwrap(), bytes);
    }
}

/// A disk that damages the ledger again and again would be filled with what nothing reads.
#[test]
fn of_ledgers_that_cannot_be_read_the_newest_are_kept() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    let strangers = ["buffer.db.bad-007", "buffer.db.bad-", "buffer.db.bad-x"];
    for name in strangers {
        fs::write(path.join(name), b"of a person").unwrap();
    }
    for number in 1..=20_u8 {
        fs::write(path.join(LEDGER_NAME), [number]).unwrap();
        drop(open(&path));
    }
    let kept: Vec<_> = names(&path).into_iter().filter(|name| name.contains(".bad-")).collect();
    assert_eq!(kept.len(), 8 + strangers.len(), "{kept:?}");
    for number in 13..=20_u8 {
        assert_eq!(fs::read(path.join(format!("{LEDGER_NAME}.bad-{number}"))).unwrap(), [number]);
    }
}

/// An empty ledger beside full data files would have the reader believe that nothing was ever written.
#[test]
fn with_data_files_a_lost_ledger_is_made_by_the_first_store_only() {
    for lost in [None, Some(&b""[..]), Some(&b"damaged"[..])] {
        let (_above, path) = temporary();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("buffer-data-3.dat"), b"frames").unwrap();
        if let Some(bytes) = lost {
            fs::write(path.join(LEDGER_NAME), bytes).unwrap();
        }
        let mut native = open(&path);
        assert_eq!(native.load_ledger().unwrap(), None);
        assert!(fs::read(path.join(LEDGER_NAME)).unwrap_or_default().is_empty());
        sync(&mut native, SyncTarget::Ledger);

        native.store_ledger(some_ledger()).unwrap();
        assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(some_ledger()));
        assert_eq!(native.load_ledger().unwrap(), Some(some_ledger()));
    }
}

/// A process that dies while it makes a file leaves it empty: Vector replaces such a ledger, and so do we.
#[test]
fn an_empty_ledger_without_data_files_is_replaced() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    fs::write(path.join(LEDGER_NAME), b"").unwrap();
    assert_eq!(open(&path).load_ledger().unwrap(), Some(Ledger::EMPTY));
    assert_eq!(names(&path), [LEDGER_NAME, LOCK_NAME], "nothing is kept of it");
}

/// A process may die between making a ledger and naming it.
#[test]
fn a_ledger_that_never_got_its_name_holds_nothing_up() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("buffer.db.new"), b"half").unwrap();
    assert_eq!(open(&path).load_ledger().unwrap(), Some(Ledger::EMPTY));
    assert_eq!(names(&path), [LEDGER_NAME, LOCK_NAME]);
}

/// To touch a mapped file that was cut is a signal that kills the process, and with it every other buffer in it.
#[test]
fn a_ledger_that_is_cut_under_our_hands_is_replaced() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    File::options().write(true).open(path.join(LEDGER_NAME)).unwrap().set_len(0).unwrap();
    assert_eq!(native.load_ledger().unwrap(), None);
    let log = logged(|| native.store_ledger(some_ledger()).unwrap());
    assert!(log.contains("changed by another program"), "{log}");
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(some_ledger()));
    sync(&mut native, SyncTarget::Ledger);
}

/// A store must not cost a system call, and one that goes into a file which is gone is lost: it is noticed after a moment.
#[test]
fn a_ledger_that_is_removed_between_two_stores_is_made_again_soon() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    native.store_ledger(Ledger::EMPTY).unwrap();
    fs::remove_file(path.join(LEDGER_NAME)).unwrap();
    native.store_ledger(some_ledger()).unwrap();
    std::thread::sleep(LOOK_INTERVAL);
    native.store_ledger(some_ledger()).unwrap();
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(some_ledger()));
    sync(&mut native, SyncTarget::Ledger);
}

/// The kernel tells of a failed sync once. The next one says that all is well.
#[test]
fn after_a_failed_sync_of_the_ledger_only_a_new_one_is_synced() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let inode = || fs::metadata(path.join(LEDGER_NAME)).unwrap().ino();
    let before = inode();
    let cut =
        |length| File::options().write(true).open(path.join(LEDGER_NAME)).unwrap().set_len(length).unwrap();
    cut(0);
    assert!(native.prepare_sync(SyncTarget::Ledger).unwrap()().is_err());
    cut(24);
    assert!(native.prepare_sync(SyncTarget::Ledger).unwrap()().is_err(), "whatever it looks like now");
    native.store_ledger(some_ledger()).unwrap();
    assert_ne!(inode(), before);
    sync(&mut native, SyncTarget::Ledger);
}

/// A sync of a file that no process will find again is no sync.
#[test]
fn a_ledger_that_is_removed_under_our_hands_is_not_called_synced() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    native.store_ledger(some_ledger()).unwrap();
    fs::remove_file(path.join(LEDGER_NAME)).unwrap();
    assert!(native.prepare_sync(SyncTarget::Ledger).unwrap()().is_err());
    assert!(native.prepare_sync(SyncTarget::Ledger).unwrap()().is_err(), "nor the second time");
    native.store_ledger(some_ledger()).unwrap();
    assert_eq!(fs::read(path.join(LEDGER_NAME)).unwrap(), encode(some_ledger()));
    sync(&mut native, SyncTarget::Ledger);
}

/// The host writes to what it maps: a link would have it write anywhere.
#[test]
fn a_ledger_that_is_a_link_is_refused() {
    let (above, path) = temporary();
    fs::create_dir(&path).unwrap();
    for target in [above.path().join("elsewhere"), PathBuf::from("beside")] {
        fs::write(path.join(&target), encode(some_ledger())).unwrap();
        symlink(&target, path.join(LEDGER_NAME)).unwrap();
        let error = Native::open(&path, Create::Yes).unwrap_err();
        assert!(matches!(error, NativeOpenError::Storage { .. }), "{error:?}");
        assert!(Snapshot::take(&path).is_err());
        fs::remove_file(path.join(LEDGER_NAME)).unwrap();
    }
}

/// A pipe has no length, and would pass for an empty file that may be replaced.
#[test]
fn a_ledger_that_is_a_pipe_is_refused_at_once() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    make_pipe(&path.join(LEDGER_NAME));
    let error = Native::open(&path, Create::Yes).unwrap_err();
    assert!(matches!(error, NativeOpenError::Storage { .. }), "{error:?}");
    assert!(matches!(Snapshot::take(&path), Err(SnapshotError::Storage(_))));
}

//! One owner at a time, whatever others do to the lock file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

/// Two owners of one buffer destroy it.
#[test]
fn a_second_owner_is_refused_and_told_of_the_first() {
    let (_above, path) = temporary();
    let first = open(&path);
    assert_eq!(refused(Native::open(&path, Create::Yes)), Some(std::process::id()));
    let message = Native::open(&path, Create::Yes).unwrap_err().to_string();
    assert!(message.contains(&format!("this process, {}: close it first", std::process::id())), "{message}");
    drop(first);
    drop(open(&path));
}

/// People delete lock files to get rid of a message.
#[test]
fn deleting_the_lock_file_lets_no_process_in() {
    let (_above, path) = temporary();
    let _first = open(&path);
    fs::remove_file(path.join(LOCK_NAME)).unwrap();
    assert_eq!(refused(Native::open(&path, Create::Yes)), Some(std::process::id()));
    assert!(!path.join(LOCK_NAME).exists(), "who is refused leaves nothing behind");
}

/// Vector locks the file only.
#[test]
fn a_lock_on_the_file_alone_keeps_us_out() {
    let (_above, path) = temporary();
    drop(open(&path));
    let vector = File::open(path.join(LOCK_NAME)).unwrap();
    vector.lock().unwrap();
    assert_eq!(refused(Native::open(&path, Create::Yes)), Some(std::process::id()));
    vector.unlock().unwrap();
    drop(open(&path));
}

/// Vector must be kept out as well, which looks at the file only.
#[test]
fn the_lock_file_is_locked_and_stays_empty() {
    let (_above, path) = temporary();
    let native = open(&path);
    let vector = File::open(path.join(LOCK_NAME)).unwrap();
    assert!(vector.try_lock().is_err());
    assert_eq!(vector.metadata().unwrap().len(), 0);
    drop(native);
    vector.try_lock().unwrap();
}

/// A sync that is still queued when a buffer is closed has the directory open, and must not keep the next owner out.
#[test]
fn the_lock_ends_with_its_owner_and_not_with_the_last_handle() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let queued = native.prepare_sync(SyncTarget::Directory).unwrap();
    drop(native);
    drop(open(&path));
    queued().unwrap();
}

/// `forebay status` tells who holds a buffer, and must not keep anybody out by asking.
#[test]
fn the_holder_is_found_without_locking() {
    let (_above, path) = temporary();
    let native = open(&path);
    let directory = Directory::open(&path, Create::No).unwrap();
    assert_eq!(holder(&directory), Holder::Held(Some(std::process::id())));
    fs::remove_file(path.join(LOCK_NAME)).unwrap();
    assert_eq!(holder(&directory), Holder::Held(Some(std::process::id())), "by the directory's lock");
    drop(native);
    assert_eq!(holder(&directory), Holder::Free);
}

/// The kernel lists the locks of all processes, and the list may change while it is read: a holder must not be missed for
/// what others do.
#[test]
fn the_holder_is_found_while_others_lock_and_unlock() {
    let (above, path) = temporary();
    let others: Vec<_> =
        (0..20).map(|number| File::create(above.path().join(number.to_string())).unwrap()).collect();
    let _native = open(&path);
    let directory = Directory::open(&path, Create::No).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for other in &others {
                    other.lock().unwrap();
                }
                for other in &others {
                    other.unlock().unwrap();
                }
            }
        });
        let found: Vec<_> = (0..500).map(|_| holder(&directory)).collect();
        is_done.store(true, Ordering::Relaxed);
        assert!(found.iter().all(|holder| *holder == Holder::Held(Some(std::process::id()))));
    });
}

/// What is locked through a link would be a file of another user's choice.
#[test]
fn a_lock_file_that_is_a_link_is_refused() {
    let (above, path) = temporary();
    fs::create_dir(&path).unwrap();
    for target in [above.path().join("elsewhere"), PathBuf::from("beside")] {
        symlink(&target, path.join(LOCK_NAME)).unwrap();
        let error = Native::open(&path, Create::Yes).unwrap_err();
        assert!(matches!(error, NativeOpenError::Lock(LockError::Io { .. })), "{error:?}");
        fs::remove_file(path.join(LOCK_NAME)).unwrap();
        assert!(!path.join(target).exists());
    }
}

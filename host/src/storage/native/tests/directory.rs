//! Which directories are used, made, warned of and refused.

use cap_std::fs::{Dir, MetadataExt as _};

use super::super::names::make;
use super::*;

/// The first act on a new machine: one call makes all that a buffer needs, with modes that keep others out.
#[test]
fn a_missing_directory_is_made_for_its_owner() {
    let above = TempDir::new().unwrap();
    let path = above.path().join("a/b/buffer");
    drop(open(&path));
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().mode() & 0o7777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode(LEDGER_NAME) & !0o640, 0, "never more than Vector's mode, less the umask");
    assert_eq!(mode(LOCK_NAME) & !0o640, 0);
    assert_eq!(names(&path), [LEDGER_NAME, LOCK_NAME]);
}

/// The names of directories are as good as lost until they are synced, and all that is in them with them. One that is made
/// in another is worth nothing before that one is durable.
#[test]
fn directories_are_made_from_the_top_each_durable_before_the_next() {
    let above = TempDir::new().unwrap();
    let path = above.path().join("a/b/buffer");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let mut synced = Vec::new();
    let mut sync = |dir: &Dir| {
        let made = ["a", "a/b", "a/b/buffer"].map(|name| above.path().join(name).exists());
        synced.push((dir.dir_metadata().unwrap().ino(), made));
        Ok(())
    };
    make(&path, 0o700, &mut sync).unwrap();
    let expected = [
        // The directory above the first that was missing may have been made a moment ago, by a process that then died.
        (inode(above.path().parent().unwrap()), [false, false, false]),
        (inode(above.path()), [true, false, false]),
        (inode(&above.path().join("a")), [true, true, false]),
        (inode(&above.path().join("a/b")), [true, true, true]),
    ];
    assert_eq!(synced, expected);
}

/// A directory that may be gone after a power loss must not be taken for one that is there.
#[test]
fn a_directory_that_cannot_be_made_durable_is_not_used() {
    for failing in 0..3 {
        let (_above, path) = temporary();
        let mut syncs = 0..;
        let mut sync = |_: &Dir| match syncs.next() {
            Some(number) if number == failing => Err(io::Error::other("the disk is broken")),
            _ => Ok(()),
        };
        let made = make(&path.join("deeper"), 0o700, &mut sync);
        assert!(matches!(made, Err(OpenDirError::Io { operation: "make", .. })), "{failing}: {made:?}");
    }
}

/// A mistyped path on the reading side must not turn into an empty buffer.
#[test]
fn a_missing_directory_is_not_made_unasked() {
    let (_above, path) = temporary();
    let error = Native::open(&path, Create::No).unwrap_err();
    assert!(matches!(error, NativeOpenError::Directory(OpenDirError::Missing { .. })), "{error:?}");
    assert!(!path.exists());
}

/// Nor may it make one of a user's home directory; what is left of a buffer is one.
#[test]
fn a_directory_that_holds_no_buffer_becomes_none_unasked() {
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("letter.txt"), b"dear").unwrap();
    let error = Native::open(&path, Create::No).unwrap_err();
    assert!(matches!(error, NativeOpenError::Directory(OpenDirError::NoBuffer { .. })), "{error:?}");
    assert_eq!(names(&path), ["letter.txt"]);

    fs::write(path.join("buffer-data-7.dat"), b"").unwrap();
    drop(Native::open(&path, Create::No).unwrap());
    fs::remove_file(path.join("buffer-data-7.dat")).unwrap();
    drop(open(&path));
    drop(Native::open(&path, Create::No).unwrap());
}

/// Overwriting a user's file, or a message about I/O, would both be the wrong answer.
#[test]
fn a_path_that_is_a_file_is_refused() {
    let (_above, path) = temporary();
    fs::write(&path, b"precious").unwrap();
    for path in [path.clone(), path.join("deeper"), path.join("deeper/still")] {
        let error = Native::open(&path, Create::Yes).unwrap_err();
        assert!(matches!(error, NativeOpenError::Directory(OpenDirError::NotADirectory { .. })), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()));
    }
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

/// The message must say that this is about permissions, and not that nothing is there.
#[test]
fn a_directory_that_may_not_be_read_is_refused() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let (_above, path) = temporary();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let error = Native::open(&path, Create::Yes).unwrap_err();
    assert!(matches!(error, NativeOpenError::Directory(OpenDirError::PermissionDenied { .. })), "{error:?}");
}

/// Many keep their data on another disk and lead there by a link.
#[test]
fn a_directory_may_be_reached_by_a_link() {
    let (above, path) = temporary();
    let real = above.path().join("elsewhere");
    drop(open(&real));
    symlink(&real, &path).unwrap();
    drop(Native::open(&path, Create::No).unwrap());
}

/// A link that leads nowhere is no reason to make a directory at its end.
#[test]
fn a_dangling_link_is_refused() {
    let (above, path) = temporary();
    symlink("nowhere", &path).unwrap();
    let error = Native::open(&path, Create::Yes).unwrap_err();
    assert!(matches!(error, NativeOpenError::Directory(OpenDirError::Io { .. })), "not missing: {error:?}");
    assert!(!above.path().join("nowhere").exists());
}

/// Another user's directory is used as it is, but its owner should hear that others can destroy the buffer.
#[test]
fn a_directory_that_others_may_write_to_is_warned_of_once() {
    let (_above, path) = temporary();
    drop(open(&path));
    let log = logged(|| drop(open(&path)));
    assert!(!log.contains("WARN"), "{log}");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let log = logged(|| drop(open(&path)));
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("mode=0777") && log.contains(&path.display().to_string()), "{log}");
}

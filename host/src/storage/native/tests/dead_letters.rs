//! The dead-letter file, which anybody may take away, and which ends with its owner.

use super::*;
use crate::storage::native::dead_letter_file::NAME;

/// Work that was handed to another thread may come after the lock was let go: the next owner must not find its file
/// written to.
#[test]
fn a_former_owner_writes_nothing() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let file = native.dead_letters();
    file.replace_end(0, b"ours").unwrap();
    drop(native);
    let _next = open(&path);
    assert!(file.replace_end(4, b"late").is_err() && file.length().is_err() && file.sync().is_err());
    assert_eq!(fs::read(path.join(NAME)).unwrap(), b"ours");
}

/// The operator looks into the letters and moves the file away. What is added later must not go where that one is.
#[test]
fn a_file_that_was_moved_away_is_left_alone() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let file = native.dead_letters();
    assert_eq!(file.length().unwrap(), 0);
    assert!(!path.join(NAME).exists(), "looking makes no file");
    file.replace_end(0, b"first").unwrap();
    file.sync().unwrap();
    fs::rename(path.join(NAME), path.join("away")).unwrap();
    // Between asking for the length and writing.
    let error = file.replace_end(5, b"second").unwrap_err();
    assert!(error.to_string().contains(NAME), "{error}");
    assert_eq!(file.length().unwrap(), 0);
    file.replace_end(0, b"second").unwrap();
    file.sync().unwrap();
    assert_eq!(fs::read(path.join("away")).unwrap(), b"first");
    assert_eq!(fs::read(path.join(NAME)).unwrap(), b"second");
}

/// What lies behind the place that is written to is what a crash has torn, or what did not fit.
#[test]
fn what_was_at_the_end_is_replaced() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let file = native.dead_letters();
    file.replace_end(0, b"whole and torn").unwrap();
    file.replace_end(5, b"!").unwrap();
    let mut bytes = [0; 20];
    assert_eq!(file.read_at(1, &mut bytes).unwrap(), 5);
    assert_eq!(&bytes[..5], b"hole!");
}

/// Through a link, letters would go to a file of another user's choice.
#[test]
fn a_link_is_not_followed() {
    let (above, path) = temporary();
    let mut native = open(&path);
    let target = above.path().join("elsewhere");
    fs::write(&target, b"precious").unwrap();
    symlink(&target, path.join(NAME)).unwrap();
    assert!(native.dead_letters().replace_end(0, b"letter").is_err());
    assert_eq!(fs::read(target).unwrap(), b"precious");
}

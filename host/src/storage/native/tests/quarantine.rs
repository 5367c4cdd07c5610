//! `buffer.quarantine`: what was cut can be looked at, and does not fill the disk.

use super::*;
use crate::storage::QUARANTINE_BYTES_MAX;

fn quarantine(path: &Path) -> Vec<u8> {
    fs::read(path.join("buffer.quarantine/cut-ends")).unwrap()
}

fn file_of(native: &mut Native, bytes: &[u8]) {
    native.create_file(file(0)).unwrap();
    native.append(file(0), 0, bytes).unwrap();
}

/// A person who doubts that a truncation was right has nothing but this to look at.
#[test]
fn what_is_cut_is_kept_with_its_place() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    file_of(&mut native, b"whole, torn");
    native.keep_cut(file(0), 5, 6).unwrap();
    native.keep_cut(file(0), 7, 4).unwrap();
    let expected =
        "data file 0, 6 bytes from offset 5 on:\n, torn\ndata file 0, 4 bytes from offset 7 on:\ntorn\n";
    assert_eq!(String::from_utf8(quarantine(&path)).unwrap(), expected);
}

/// A process that is killed over and over leaves a torn end each time: the disk must not fill up with them.
#[test]
fn what_is_kept_of_cuts_is_bounded() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let most = usize::try_from(QUARANTINE_BYTES_MAX).unwrap();
    file_of(&mut native, &vec![b'x'; most + 1000]);
    for _ in 0..3 {
        native.keep_cut(file(0), 0, QUARANTINE_BYTES_MAX / 2).unwrap();
        assert!(quarantine(&path).len() <= most);
    }
    native.keep_cut(file(0), 0, QUARANTINE_BYTES_MAX + 1000).unwrap();
    let kept = quarantine(&path);
    assert_eq!(kept.len(), most, "of a long end the beginning");
    assert!(kept.starts_with(b"data file 0, 4195304 bytes from offset 0 on:\nxxx"));
}

/// The file is found by its name in a directory that others may write to.
#[test]
fn a_quarantine_that_is_a_link_is_not_followed() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    file_of(&mut native, b"torn");
    symlink("/dev/full", path.join("buffer.quarantine")).unwrap();
    assert!(native.keep_cut(file(0), 0, 4).is_err());
}

/// Earlier versions kept the ends in a file of the folder's name.
#[test]
fn what_was_kept_before_there_was_a_folder_moves_into_it() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    file_of(&mut native, b"torn");
    fs::write(path.join("buffer.quarantine"), "kept before\n").unwrap();
    native.keep_cut(file(0), 0, 4).unwrap();
    let expected = "kept before\ndata file 0, 4 bytes from offset 0 on:\ntorn\n";
    assert_eq!(String::from_utf8(quarantine(&path)).unwrap(), expected);
}

/// The process may have died when the folder was made and the file had not moved yet.
#[test]
fn a_move_into_the_folder_that_was_cut_off_is_completed() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    file_of(&mut native, b"torn");
    fs::create_dir(path.join("buffer.quarantine")).unwrap();
    fs::write(path.join("buffer.quarantine.moving"), "kept before\n").unwrap();
    native.keep_cut(file(0), 0, 4).unwrap();
    assert!(quarantine(&path).starts_with(b"kept before\n"));
}

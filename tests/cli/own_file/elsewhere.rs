//! The file in another directory, or another thing in the file's place.

use std::{fs, os::unix::fs::symlink, path::Path};

use forebay::RecordId;
use tempfile::TempDir;

use super::{NAME, all_known, begun_again, last_lines, make, open, opened, peek, told};
use crate::support::{
    cli::{Running, forebay, run},
    storage::{read, write},
};

/// What another buffer has acknowledged says nothing of this one.
#[test]
fn the_file_of_another_buffer_counts_as_missing() {
    let (directory, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    make(directory.path());
    let buffer = open(other.path());
    write(&buffer, 1..=900);
    assert_eq!(read(&buffer).len(), 900);
    buffer.reader().ack_through(RecordId(899));
    buffer.close().unwrap();
    fs::copy(other.path().join(NAME), directory.path().join(NAME)).unwrap();

    assert_eq!(told(directory.path()), None);
    assert!(peek(directory.path()).assert_quiet_success().stdout == last_lines());
    assert_eq!(opened(directory.path(), "with the file of another"), begun_again());
}

/// Both go on from the same records, and only one of them is what the file tells of.
#[test]
fn a_copied_directory_counts_from_zero_and_a_moved_one_does_not() {
    let above = TempDir::new().unwrap();
    let [made, copied, moved] = ["made", "copied", "moved"].map(|name| above.path().join(name));
    make(&made);
    fs::create_dir(&copied).unwrap();
    for entry in fs::read_dir(&made).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copied.join(entry.file_name())).unwrap();
    }
    fs::rename(&made, &moved).unwrap();
    assert_eq!((told(&copied), told(&moved)), (None, Some(all_known())));
    assert_eq!(opened(&copied, "copied"), begun_again());
    assert_eq!(opened(&moved, "moved"), all_known());
}

/// Puts something that is no file in the place of the file.
fn replace(path: &Path, target: Option<&Path>) {
    let file = path.join(NAME);
    fs::remove_file(&file).unwrap();
    match target {
        Some(target) => symlink(target, file).unwrap(),
        None => fs::create_dir(file).unwrap(),
    }
}

/// A link could lead to anything: it is neither read nor written through. The buffer works without what it remembers, and
/// `status` shows the rest of it.
#[test]
fn what_is_no_file_is_left_alone_and_stops_nothing() {
    for is_link in [true, false] {
        let (directory, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let path = directory.path();
        make(path);
        let target = other.path().join("target");
        fs::copy(path.join(NAME), &target).unwrap();
        let before = fs::read(&target).unwrap();
        replace(path, is_link.then_some(&target));

        for command in ["status", "verify"] {
            let ended = run([command.as_ref(), path.as_os_str(), "--format=json".as_ref()]);
            assert!(ended.code == Some(0) && ended.stderr.contains(NAME), "{command}: {ended}");
            assert_ne!(ended.json()["usage"]["received"]["events"], 300, "{command}: {ended}");
        }
        let ended = peek(path);
        assert!(ended.code == Some(0) && ended.stdout == last_lines(), "{ended}");
        assert!(ended.stderr.contains(NAME), "{ended}");
        assert_eq!(opened(path, "with no file"), begun_again());
        assert!(fs::read(&target).unwrap() == before);
    }
}

/// It may go on for days: it is said when it begins, and not at every sync.
#[test]
fn what_cannot_be_written_is_said_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    make(path);
    replace(path, None);
    let flags = ["--durability=synced", "--sync-interval=1ms"];
    let arguments = [&["pipe", path.to_str().unwrap()][..], &flags].concat();
    let mut pipe = Running::start(&mut forebay(arguments));
    for _ in 211..=300 {
        pipe.next_line().unwrap();
    }
    for number in 0..30 {
        pipe.feed(format!("{number}\n").as_bytes());
        assert_eq!(pipe.next_line().unwrap(), number.to_string().into_bytes());
    }
    let ended = pipe.end();
    let mentions = ended.stderr.matches(NAME).count();
    assert!(ended.code == Some(0) && (1..=2).contains(&mentions), "{ended}");
}

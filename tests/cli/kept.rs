//! Data files that were damaged when they were read: they are the only trace of what is lost.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{
    cli::{Ended, run},
    fixtures,
};

/// Damages a record in each of the data files with these numbers.
fn damaged(numbers: impl IntoIterator<Item = u16>) -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let mut files = BTreeMap::new();
    for number in numbers {
        let name = format!("buffer-data-{number}.dat");
        let mut bytes = fs::read(directory.path().join(&name)).unwrap();
        bytes[16] ^= 0x10;
        fs::write(directory.path().join(&name), &bytes).unwrap();
        files.insert(name, bytes);
    }
    (directory, files)
}

fn read(directory: &Path, flags: &[&str]) -> Ended {
    let ended = run([&["read", directory.to_str().unwrap()][..], flags].concat());
    assert_eq!(ended.code, Some(1), "{ended}");
    ended
}

fn kept(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory.join("buffer.quarantine")).into_iter().flatten().flatten();
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.starts_with("damaged-"))
        .collect()
}

/// A tool of tomorrow, or a person with a hex editor, may still find what this version cannot.
#[test]
fn a_damaged_file_is_kept_as_it_was_when_its_records_were_read() {
    let (directory, files) = damaged([5, 8]);
    read(directory.path(), &[]);
    let expected: BTreeMap<_, _> = (1..)
        .zip(&files)
        .map(|(number, (name, bytes))| (format!("damaged-{number}-{name}"), bytes.clone()))
        .collect();
    assert!(kept(directory.path()) == expected, "{:?}", kept(directory.path()).keys());
    assert!(files.keys().all(|name| !directory.path().join(name).exists()));
}

/// The bytes of a record that was cut in two are all that is left of it.
#[test]
fn a_file_that_was_cut_short_is_kept_too() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().join("buffer-data-5.dat");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 20);
    fs::write(&path, &bytes).unwrap();
    read(directory.path(), &[]);
    assert!(kept(directory.path()).into_values().eq([bytes]), "{:?}", kept(directory.path()).keys());
}

/// A disk that damages a file a day must not be filled by that.
#[test]
fn the_last_eight_are_kept() {
    let (directory, files) = damaged(3..=12);
    read(directory.path(), &[]);
    let names: Vec<_> = kept(directory.path()).into_keys().collect();
    let there =
        files.keys().filter(|name| names.iter().any(|kept| kept.ends_with(&format!("-{name}")))).count();
    assert_eq!((names.len(), there), (8, 8), "{names:?}");
}

/// Where nothing may stay of what was read.
#[test]
fn none_is_kept_where_the_operator_wants_none() {
    let (directory, files) = damaged([5]);
    read(directory.path(), &["--discard-damaged"]);
    assert_eq!(kept(directory.path()).len(), 0);
    assert!(files.keys().all(|name| !directory.path().join(name).exists()));
}

/// Large damaged files must not take the disk from the buffer: they have an eighth of its maximum size.
#[test]
fn what_is_kept_takes_an_eighth_of_the_maximum_size_and_the_last_file_always() {
    let (directory, _) = damaged(3..=8);
    read(directory.path(), &["--file-size=4KiB", "--max-size=64KiB", "--small-files"]);
    let files = kept(directory.path());
    let bytes: usize = files.values().map(Vec::len).sum();
    assert!(files.len() < 6 && bytes <= 8 << 10, "{bytes} bytes of {:?}", files.keys());
    let (directory, _) = damaged(3..=8);
    read(directory.path(), &["--file-size=4KiB", "--max-size=9KiB", "--small-files"]);
    assert_eq!(kept(directory.path()).len(), 1, "{:?}", kept(directory.path()).keys());
}

/// They pile up otherwise: a person who has looked into them wants the space back.
#[test]
fn the_quarantine_is_cleared_on_demand() {
    let (directory, files) = damaged([5, 8]);
    let path = directory.path().to_str().unwrap();
    assert_eq!(run(["repair", path]).code, Some(1));
    let folder = directory.path().join("buffer.quarantine");
    fs::write(folder.join("notes"), "mine").unwrap();
    let bytes: usize = files.values().map(Vec::len).sum();
    let cleared = run(["repair", path, "--clear-quarantine", "--format=json"]);
    assert!(cleared.assert_quiet_success().json()["bytes"].as_u64().unwrap() >= bytes as u64, "{cleared}");
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes"], "what is not ours stays");
    fs::remove_file(folder.join("notes")).unwrap();
    run(["repair", path, "--clear-quarantine"]).assert_quiet_success();
    assert!(!folder.exists());
}

//! `forebay read --peek` changes nothing, whatever state the directory is in.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::support::{
    cli::{run, run_with},
    fixtures,
};

/// A file or directory with its bytes, and when bytes and inode were last changed.
type State = (String, Vec<u8>, u64, (i64, i64), (i64, i64));

/// All files in a directory, and the directory itself.
fn states(directory: &Path) -> Vec<State> {
    let mut states = Vec::new();
    for (name, bytes) in fixtures::contents(directory).into_iter().chain([(String::new(), Vec::new())]) {
        let metadata = fs::metadata(directory.join(&name)).unwrap();
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        states.push((name, bytes, metadata.len(), changed, (metadata.ctime(), metadata.ctime_nsec())));
    }
    states
}

/// Peeks twice. Gives what came out.
#[track_caller]
fn assert_untouched(directory: &Path, what: &str) -> Vec<u8> {
    let path = directory.to_str().unwrap();
    let before = states(directory);
    let [first, second] = [0, 1].map(|_| run(["read", path, "--peek"]));
    let has_lost = first.stderr.contains("forebay: lost");
    assert_eq!((first.code, second.code), (Some(i32::from(has_lost)), first.code), "{what}: {first}");
    assert!(first.stdout == second.stdout, "{what}: {first}, then {second}");
    assert_eq!(first.stderr, second.stderr, "{what}");
    let after = states(directory);
    assert!(before == after, "{what}: {:?}", after.iter().map(|state| &state.0).collect::<Vec<_>>());
    first.stdout
}

fn flip(directory: &Path, name: &str, at: usize) {
    let path = directory.join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// As Vector left it, and as Forebay did.
fn each_whole(mut test: impl FnMut(&Path, &str)) {
    for opened_by_us in [false, true] {
        let directory = fixtures::copy("multifile_w600_r150_4k");
        if opened_by_us {
            run(["read", directory.path().to_str().unwrap(), "--count=0"]).assert_quiet_success();
        }
        test(directory.path(), if opened_by_us { "Forebay's" } else { "Vector's" });
    }
}

#[test]
fn a_whole_buffer_is_looked_at() {
    each_whole(|directory, whose| {
        assert!(assert_untouched(directory, whose) == fixtures::lines(151..=600));
    });
}

/// A crash has left half of the last record. It is truncated when the buffer is opened, not when it is looked at.
#[test]
fn a_torn_end_stays() {
    each_whole(|directory, whose| {
        let newest = directory.join("buffer-data-12.dat");
        let length = fs::metadata(&newest).unwrap().len();
        OpenOptions::new().write(true).open(&newest).unwrap().set_len(length - 5).unwrap();
        assert!(assert_untouched(directory, whose) == fixtures::lines(151..=599));
    });
}

/// Each file in turn: at its start, in a record, and shorter by one byte. Then without it.
#[test]
fn damage_in_any_file_stays() {
    each_whole(|directory, whose| {
        let whole = fixtures::contents(directory);
        for name in whole.keys() {
            for damage in ["start", "record", "short", "missing"] {
                let path = directory.join(name);
                match damage {
                    "start" if !whole[name].is_empty() => flip(directory, name, 0),
                    "record" if !whole[name].is_empty() => flip(directory, name, 16),
                    "short" if !whole[name].is_empty() => {
                        fs::write(&path, &whole[name][..whole[name].len() - 1]).unwrap();
                    }
                    "missing" => fs::remove_file(&path).unwrap(),
                    _ => continue,
                }
                assert_untouched(directory, &format!("{whose} with {name}: {damage}"));
                fs::write(path, &whole[name]).unwrap();
            }
        }
    });
}

/// Nothing but data files: the records are found without a ledger, and none is made.
#[test]
fn a_directory_of_data_files_alone_gets_no_other_file() {
    let directory = fixtures::copy("w100_r40");
    for name in fixtures::contents(directory.path()).keys() {
        if Path::new(name).extension().is_none_or(|extension| extension != "dat") {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
    }
    assert!(assert_untouched(directory.path(), "data files alone") == fixtures::lines(1..=100));
}

/// An empty directory is an empty buffer, and stays empty.
#[test]
fn an_empty_directory_stays_empty() {
    let directory = tempfile::TempDir::new().unwrap();
    assert_eq!(assert_untouched(directory.path(), "empty"), b"");
}

/// A process died after it had acknowledged the records in three files and before it removed these. They go when the buffer
/// is opened, not when it is looked at.
#[test]
fn files_that_are_acknowledged_stay() {
    each_whole(|directory, whose| {
        let mut ledger = fs::read(directory.join("buffer.db")).unwrap();
        ledger[16..].copy_from_slice(&u64::to_le_bytes(300));
        fs::write(directory.join("buffer.db"), ledger).unwrap();
        assert!(assert_untouched(directory, whose) == fixtures::lines(301..=600), "{whose}");
    });
}

/// The lock is taken all the same: a look at a file that is just being truncated would show nonsense.
#[test]
fn what_was_looked_at_can_be_opened_and_written_to() {
    each_whole(|directory, whose| {
        let path = directory.to_str().unwrap();
        assert_untouched(directory, whose);
        run_with(["write", path], b"next\n").assert_quiet_success();
        let expected = [&fixtures::lines(151..=600)[..], b"next\n"].concat();
        assert!(run(["read", path]).assert_quiet_success().stdout == expected, "{whose}");
    });
}

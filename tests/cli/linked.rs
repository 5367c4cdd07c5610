//! Data files that were moved to another disk and linked to, and other things in the place of data files.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{Place, seq};
use crate::support::{cli::run, fixtures};

const SMALL: [&str; 2] = ["--file-size=4KiB", "--small-files"];

/// Five hundred records in files of 4 KiB.
fn place() -> Place {
    let place = Place::new();
    place.write(&SMALL, &seq(1..=500)).assert_quiet_success();
    place
}

/// The records are there: to read on without them, and to take them for acknowledged, would lose them.
#[test]
fn what_is_no_file_in_the_place_of_a_data_file_is_refused_and_changes_nothing() {
    type Put = fn(&Path, &Path);
    let ways: [(Put, &str); 4] = [
        (|moved, file| symlink(moved, file).unwrap(), "symbolic link"),
        (|_, file| symlink("/nowhere/at/all", file).unwrap(), "symbolic link"),
        (|_, file| fs::create_dir(file).unwrap(), "it is a directory"),
        (
            |_, file| {
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            },
            "it is a pipe",
        ),
    ];
    for (put, cause) in ways {
        let place = place();
        let (file, moved) = (place.data_file(1), place.above.path().join("moved"));
        fs::rename(&file, &moved).unwrap();
        put(&moved, &file);
        for command in ["write", "read", "pipe", "verify", "status"] {
            let small = if matches!(command, "verify" | "status") { &[][..] } else { &SMALL[..] };
            let ended = run([&[command, &*place.path], small].concat());
            ended.assert_refusal(&["buffer-data-1.dat", cause, "move"]);
        }
        if fs::symlink_metadata(&file).unwrap().is_dir() {
            fs::remove_dir(&file).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        // The way out that the message shows.
        fs::rename(&moved, &file).unwrap();
        assert!(place.read(&SMALL).assert_quiet_success().stdout == seq(1..=500), "{cause}");
    }
}

/// A backup by hard links shares its files with the buffer, which writes on in them.
#[test]
fn a_data_file_with_a_second_name_is_warned_of_and_used() {
    let place = place();
    let file = place.data_file(1);
    fs::hard_link(&file, place.above.path().join("backup")).unwrap();
    let before = fixtures::contents(place.above.path());
    let peeked = place.read(&[&SMALL[..], &["--peek"]].concat());
    assert!(peeked.stdout == seq(1..=500) && fixtures::contents(place.above.path()) == before, "{peeked}");
    let ended = place.read(&SMALL);
    assert!(ended.code == Some(0) && ended.stdout == seq(1..=500), "{ended}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
    assert!(ended.stderr.contains("hard links") && ended.stderr.contains("buffer-data-1.dat"), "{ended}");
}

//! Where a buffer is made, and how large its files are when only the whole was chosen.

use std::fs;

use super::{Place, seq};
use crate::support::{
    cli::{Running, by_shell, run, run_with, status},
    fixtures,
};

/// Data files among a user's own files are taken for rubbish and removed, and a home directory is no queue.
#[test]
fn no_buffer_is_made_among_other_files() {
    for others in [&["notes.txt"][..], &["notes.txt", "photos/"], &[".profile"]] {
        let place = Place::new();
        let dir = place.above.path();
        for name in others {
            match name.strip_suffix('/') {
                Some(name) => fs::create_dir(dir.join(name)).unwrap(),
                None => fs::write(dir.join(name), "mine").unwrap(),
            }
        }
        let before = fixtures::contents(dir);
        let path = dir.to_str().unwrap();
        for command in ["write", "pipe", "demo"] {
            run([command, path]).assert_refusal(&[path, "no buffer", &format!("{path}/queue")]);
        }
        assert!(fixtures::contents(dir) == before, "{others:?}");
        // The way out that is named.
        run_with(["write", &format!("{path}/queue")], b"one\n").assert_quiet_success();
    }
}

/// What a file system or a tool puts there by itself is in no user's way, and a buffer that is there is one.
#[test]
fn a_directory_with_a_buffer_or_nothing_of_a_user_is_taken() {
    let place = Place::new();
    fs::create_dir(&place.path).unwrap();
    fs::create_dir(format!("{}/lost+found", place.path)).unwrap();
    fs::write(format!("{}/.gitkeep", place.path), "").unwrap();
    place.write(&[], b"one\n").assert_quiet_success();
    fs::write(format!("{}/notes.txt", place.path), "beside the buffer").unwrap();
    place.write(&[], b"two\n").assert_quiet_success();
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\ntwo\n");
}

/// A user who has so much room must not have to compute a file size.
#[test]
fn the_whole_size_alone_chooses_the_size_of_the_files() {
    let place = Place::new();
    let sized = ["--max-size=1MiB", "--when-full=reject"];
    let ended = place.write(&sized, &seq(1..=30_000));
    assert_eq!(ended.code, Some(1), "{ended}");
    let status = status(&place.path);
    let bytes = status["bytes"].as_u64().unwrap();
    assert!((900 << 10..=1 << 20).contains(&bytes), "{status}");
    assert!(status["files"].as_u64().unwrap() > 1, "{status}");
    for size in ["8224", "128MiB", "256MiB", "300GiB"] {
        let ended = Place::new().write(&["--max-size", size, "--small-files"], b"one\n");
        ended.assert_quiet_success();
    }
}

/// A service with a limit on the length of files need not know of data files.
#[test]
fn a_file_size_that_was_not_chosen_fits_the_limit_of_the_process() {
    let place = Place::new();
    let script = "ulimit -S -f 400; exec \"$0\" \"$@\"";
    let mut writer = Running::start(&mut by_shell(script, &["write", &place.path]));
    writer.feed(&seq(1..=20_000));
    writer.end().assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=20_000));
}

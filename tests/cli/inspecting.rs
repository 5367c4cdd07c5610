//! `forebay inspect` and `forebay doctor`: what lies where, and whether the place is good.

use std::{fs, path::Path};

use super::Place;
use crate::support::{
    cli::{Ended, by_shell, run, run_command},
    fixtures,
};

/// After `verify` has named an offset, people want to see what is there.
#[test]
fn each_data_file_is_told_with_its_ids_and_what_is_wrong_in_it() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().to_str().unwrap();
    let whole = run(["inspect", path, "--format=json"]);
    assert_eq!(whole.code, Some(0), "{whole}");
    let files = whole.json()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 10);
    let mut next = files[0]["ids"][0].as_u64().unwrap();
    for file in &files {
        assert_eq!(file["ids"][0], next, "{file}");
        next = file["ids"][1].as_u64().unwrap();
        let length = fs::metadata(directory.path().join(file["file"].as_str().unwrap())).unwrap().len();
        assert_eq!((&file["bytes"], &file["stretches"]), (&length.into(), &serde_json::json!([])), "{file}");
    }
    assert_eq!((next, &whole.json()["ledger"]["acknowledged_through"]), (601, &150.into()));

    let damaged = directory.path().join("buffer-data-5.dat");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[20] ^= 1;
    fs::write(damaged, bytes).unwrap();
    let told = run(["inspect", path]);
    assert_eq!(told.code, Some(1), "{told}");
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = text.lines().skip_while(|line| !line.starts_with("buffer-data-5.dat")).nth(1).unwrap();
    assert!(line.starts_with("  damaged: ") && line.ends_with(" at 0"), "{text}");
}

/// Acknowledged records are shown as long as their file is there.
#[test]
fn one_record_is_shown_byte_by_byte() {
    let directory = fixtures::copy("w100_r40");
    let path = directory.path().to_str().unwrap();
    for id in [1, 40, 41, 100] {
        let shown = run(["inspect", path, &format!("--record={id}"), "--format=json"]);
        assert_eq!(shown.code, Some(0), "{shown}");
        let shown = shown.json();
        assert_eq!((&shown["id"], &shown["events"]), (&id.into(), &1.into()), "{shown}");
        let bytes = fs::read(directory.path().join(shown["file"].as_str().unwrap())).unwrap();
        let (from, length) = (shown["offset"].as_u64().unwrap(), shown["bytes"].as_u64().unwrap());
        let frame = &bytes[usize::try_from(from).unwrap()..][..usize::try_from(length).unwrap()];
        let digits = shown["frame"].as_str().unwrap();
        let told =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        assert!(told.eq(frame.iter().copied()), "{shown}");
        let payload = fixtures::payload(id);
        assert_eq!(shown["payload_bytes"], payload.len());
        assert_eq!(frame[8..][..payload.len()], payload);
    }
    let text = run(["inspect", path, "--record=7"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("record 7 in buffer-data-0.dat at "), "{text}");
    let none = run(["inspect", path, "--record=101"]);
    assert_eq!(none.code, Some(1), "{none}");
    assert!(none.stderr.contains("holds record 101 whole"), "{none}");
}

fn verdict(ended: &Ended, subject: &str) -> String {
    let checks = ended.json();
    let check = checks.as_array().unwrap().iter().find(|check| check["subject"] == subject);
    check.unwrap_or_else(|| panic!("{subject}: {ended}"))["verdict"].as_str().unwrap().to_owned()
}

/// It is asked before a buffer is made, too, and must not make one.
#[test]
fn the_doctor_looks_at_a_place_and_leaves_nothing_there() {
    let place = Place::new();
    let ended = run(["doctor", &place.path, "--format=json"]);
    assert_eq!(verdict(&ended, "directory"), "note", "{ended}");
    assert_eq!(verdict(&ended, "descriptors"), "ok", "{ended}");
    assert_eq!(fs::read_dir(place.above.path()).unwrap().count(), 0);
    let directory = fixtures::copy("w100_r40");
    let before = fixtures::contents(directory.path());
    let ended = run(["doctor", directory.path().to_str().unwrap(), "--format=json"]);
    assert_eq!(verdict(&ended, "holder"), "ok", "{ended}");
    assert!(fixtures::contents(directory.path()) == before);
}

/// Each of these loses records, or refuses them at the worst time.
#[test]
fn the_doctor_names_memory_missing_syncs_and_low_limits() {
    let ended = run(["doctor", "/proc", "--format=json"]);
    assert_eq!((ended.code, &*verdict(&ended, "directory sync")), (Some(1), "bad"), "{ended}");
    if Path::new("/dev/shm").is_dir() {
        let ended = run(["doctor", "/dev/shm", "--format=json"]);
        assert_eq!((ended.code, &*verdict(&ended, "file system")), (Some(1), "bad"), "{ended}");
    }
    let place = Place::new();
    let script = r#"ulimit -n 100; exec "$0" "$@""#;
    let ended = run_command(&mut by_shell(script, &["doctor", &place.path, "--format=json"]), b"");
    assert_eq!((ended.code, &*verdict(&ended, "descriptors")), (Some(1), "bad"), "{ended}");
}

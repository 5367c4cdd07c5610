//! `forebay status`, `forebay verify`, `forebay component`, and help.

use serde_json::json;

use super::{Place, seq};
use crate::support::{
    cli::{run, status},
    fixtures,
};

/// The fixtures show what Vector left; this, what the binary itself leaves.
#[test]
fn status_counts_what_waits() {
    let place = Place::with_lines(&seq(1..=5));
    place.read(&["--count=2"]).assert_quiet_success();
    let mut told = status(&place.path);
    let age_ms = told.as_object_mut().unwrap().remove("oldest_waiting_age_ms").unwrap();
    assert!(age_ms.as_u64().unwrap() < 600_000, "{age_ms}");
    let expected = json!({
        "directory": place.path,
        "ledger": {
            "writer_next_record": 6, "writer_data_file": 0, "reader_data_file": 0, "reader_last_record": 2
        },
        "records": 3, "bytes": 240, "files": 1, "locked": false, "locked_by": null,
        "dead_letters": { "records": 0, "bytes": 0 },
        "usage": {
            "received": { "events": 5, "bytes": 240 }, "sent": { "events": 2, "bytes": 96 },
            "dropped": { "events": 0, "bytes": 0 }, "lost": { "events": 0, "bytes": 0 },
            "rejected": { "events": 0, "bytes": 0 },
        },
    });
    assert_eq!(told, expected);
}

/// For people, the same: what waits, how much it takes up, and who has it.
#[test]
fn status_for_people_says_the_same() {
    let place = Place::with_lines(&seq(1..=5));
    let ended = run(["status", &place.path]);
    let text = String::from_utf8(ended.assert_quiet_success().stdout.clone()).unwrap();
    for words in
        ["5 records", "240 bytes", "1 data file", "free", "received 5 records, 240 bytes", "sent     0"]
    {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
}

/// Looking needs no permission to write, and leaves no lock file behind in a directory that had none.
#[test]
fn looking_makes_nothing() {
    let place = Place::new();
    std::fs::create_dir(&place.path).unwrap();
    assert_eq!(status(&place.path)["files"], 0);
    let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
    assert!(String::from_utf8_lossy(&text).contains("there is no buffer here yet"));
    run(["verify", &place.path]).assert_quiet_success();
    assert!(fixtures::contents(&place.path).is_empty());
}

/// A typing error must not be answered with "whole".
#[test]
fn a_directory_of_other_things_is_no_buffer_that_is_whole() {
    let place = Place::new();
    std::fs::create_dir(&place.path).unwrap();
    let other = std::path::Path::new(&place.path).join("letter.txt");
    std::fs::write(other, "dear").unwrap();
    for command in ["verify", "dead-letters"] {
        run([command, &place.path]).assert_refusal(&["no buffer in", "check the path"]);
    }
}

/// Of what waits only the ledger knows. Without it, "0 records" and "whole" are wrong.
#[test]
fn data_files_without_a_ledger_are_no_empty_buffer() {
    let place = Place::with_lines(&seq(1..=5));
    std::fs::remove_file(std::path::Path::new(&place.path).join("buffer.db")).unwrap();
    run(["status", &place.path]).assert_refusal(&["no ledger", "forebay verify", "forebay read"]);
    let verified = run(["verify", &place.path, "--format=json"]);
    assert_eq!(verified.code, Some(1), "{verified}");
    let report = verified.json();
    assert_eq!((&report["frames"], &report["faults"][0]["kind"]), (&5.into(), &"ledger".into()), "{report}");
    assert_eq!(place.read(&[]).stdout, seq(1..=5));
    run(["verify", &place.path]).assert_quiet_success();
}

/// What the ledger counts and no file holds is damage as well, though every byte that is there is whole.
#[test]
fn verify_misses_a_file_that_is_gone() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    // It held 241 to 288.
    std::fs::remove_file(directory.path().join("buffer-data-5.dat")).unwrap();
    let ended = run(["verify", directory.path().to_str().unwrap(), "--format=json"]);
    let report = ended.json();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert_eq!(
        (&report["frames"], &report["corrupt"], &report["torn_bytes"]),
        (&408.into(), &0.into(), &0.into())
    );
    assert_eq!((&report["ok"], &report["lost_records"]), (&false.into(), &48.into()), "{report}");
    assert_eq!(report["faults"][0]["ids"], json!([241, 289]), "{report}");
}

/// For people: the fault, where it is, and what it cost.
#[test]
fn verify_for_people_names_the_fault() {
    let directory = fixtures::copy("w100_r0_bitflip");
    let ended = run(["verify", directory.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.code == Some(1) && ended.stderr.is_empty(), "{ended}");
    for words in ["buffer-data-0.dat", "4144", "50", "damaged"] {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
}

/// A user who wants to run foreign logic looks first at what it asks for.
#[test]
fn component_shows_what_a_file_imports() {
    let file = fixtures::project_file("tests/guests/asks_for_a_clock.wasm");
    let ended = run(["component".as_ref(), file.as_os_str(), "--format=json".as_ref()]);
    let summary = ended.assert_quiet_success().json();
    assert_eq!(summary["imports"], json!(["wasi:clocks/monotonic-clock@0.2.0"]));
    assert_eq!(summary["exports"], json!([]));
    assert_eq!(summary["bytes"], std::fs::metadata(&file).unwrap().len());
    let text = run(["component".as_ref(), file.as_os_str()]);
    let text = String::from_utf8_lossy(&text.assert_quiet_success().stdout).into_owned();
    assert!(text.contains("wasi:clocks/monotonic-clock@0.2.0"), "{text}");
}

/// What goes to a log collector is taken apart there; what else is on stderr would not be.
#[test]
fn log_lines_in_json_are_json() {
    let place = Place::new();
    let ended = place.write(&["--log-format=json", "-v", "--file-size=4KiB"], b"one\n");
    assert!(ended.code == Some(0) && ended.stderr.lines().count() > 1, "{ended}");
    let levels: Vec<String> = ended
        .stderr
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            line["level"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(levels.contains(&"INFO".to_owned()) && levels.contains(&"WARN".to_owned()), "{levels:?}");
}

/// Help is no error, comes on stdout, and shows how it is done.
#[test]
fn every_command_has_help_with_examples() {
    for command in ["write", "read", "pipe", "status", "verify", "dead-letters", "component", "demo"] {
        let ended = run([command, "--help"]);
        let text = String::from_utf8_lossy(&ended.assert_quiet_success().stdout);
        assert!(text.contains("Examples:") && text.contains(&format!("forebay {command}")), "{text}");
    }
    let text = run(["--help"]).assert_quiet_success().stdout.clone();
    assert!(String::from_utf8_lossy(&text).contains("Exit codes:"));
}

/// Between two runs a cleaner removes a data file. An operator who watches the figures must hear of the loss before a reader does.
#[test]
fn status_tells_at_once_that_a_data_file_is_missing() {
    let ways: [fn(std::path::PathBuf); 2] =
        [|file| std::fs::remove_file(file).unwrap(), |file| drop(std::fs::File::create(file).unwrap())];
    for take in ways {
        // Records of 48 bytes, 85 in a file.
        for (number, lost, left) in [(0, 85, 215), (1, 85, 215), (2, 85, 215), (3, 45, 255)] {
            let place = Place::new();
            place.write(&["--file-size=4KiB", "--small-files"], &seq(1..=300)).assert_quiet_success();
            assert_eq!(status(&place.path)["missing"], json!(null), "nothing is");
            take(place.data_file(number));
            let told = status(&place.path);
            assert_eq!(told["missing"], json!({ "files": 1, "first": number, "records": lost }), "{told}");
            let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
            let text = String::from_utf8(text).unwrap();
            let said = format!("missing  1 data file, from buffer-data-{number}.dat on: {lost} records");
            assert!(text.contains(&said), "{text}");
            assert_eq!(super::numbers(&place.read(&[]).stdout).len(), left);
            assert_eq!(status(&place.path)["missing"], json!(null), "it was read past");
        }
    }
}

/// A process that holds the buffer keeps nothing from a user who looks.
#[test]
fn status_tells_of_a_missing_data_file_while_the_buffer_is_held() {
    let place = Place::new();
    let flags = ["--file-size=4KiB", "--small-files", "--confirm"];
    let write = [&["write", &*place.path], &flags[..]].concat();
    let mut writer = crate::support::cli::Running::start(&mut crate::support::cli::forebay(write));
    writer.feed(&seq(1..=300));
    while writer.next_line().unwrap() != b"300" {}
    assert_eq!(status(&place.path)["missing"], json!(null));
    std::fs::remove_file(place.data_file(1)).unwrap();
    let told = status(&place.path);
    assert_eq!(told["missing"], json!({ "files": 1, "first": 1, "records": 85 }), "{told}");
    writer.end();
}

//! The seven fixtures, looked at from outside and read.

use serde_json::json;

use super::facts::FACTS;
use crate::support::{cli, fixtures};

/// A fixture that no test asks about proves nothing.
#[test]
fn every_fixture_has_its_facts() {
    assert_eq!(FACTS.map(|facts| facts.name), fixtures::ALL);
    let count = std::fs::read_dir(fixtures::original("")).unwrap().count();
    assert_eq!(count, fixtures::ALL.len());
}

/// The figures that people and scripts go by, down to the names of the fields.
#[test]
fn status_says_what_the_manifest_says() {
    for facts in FACTS {
        let directory = fixtures::copy(facts.name);
        let mut told = cli::status(directory.path());
        let fields = told.as_object_mut().unwrap();
        assert_eq!(fields.remove("directory").unwrap(), directory.path().to_str().unwrap());
        // When the copy was made.
        assert!(fields.remove("oldest_waiting_age_ms").is_some());
        assert_eq!(told, facts.status(), "{}", facts.name);
    }
}

/// Damage must be found where it is, and nowhere else.
#[test]
fn pain_19154_verify_finds_what_the_manifest_says() {
    for facts in FACTS {
        let directory = fixtures::copy(facts.name);
        let ended = cli::run(["verify", directory.path().to_str().unwrap(), "--format", "json"]);
        let report = ended.json();
        let whole = facts.verified[1..] == [0, 0, 0];
        assert_eq!(ended.code, Some(i32::from(!whole)), "{}: {ended}", facts.name);
        assert_eq!(report["ok"], whole, "{}: {ended}", facts.name);
        let figures =
            ["frames", "corrupt", "torn_bytes", "lost_records"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(figures, facts.verified, "{}: {ended}", facts.name);
        let faults = match facts.name {
            "w100_r0_torn_tail" => {
                json!([{ "file": "buffer-data-0.dat", "offset": 8352, "kind": "torn", "ids": [100, 101] }])
            }
            "w100_r0_bitflip" => {
                json!([{ "file": "buffer-data-0.dat", "offset": 4144, "kind": "corrupt", "ids": [50, 51] }])
            }
            _ => json!([]),
        };
        assert_eq!(report["faults"], faults, "{}", facts.name);
    }
}

/// Looking at a buffer in trouble must not make it worse.
#[test]
fn looking_changes_nothing() {
    for name in fixtures::ALL {
        let directory = fixtures::copy(name);
        for command in ["status", "verify"] {
            cli::run([command, directory.path().to_str().unwrap()]);
            assert_eq!(
                fixtures::contents(directory.path()),
                fixtures::contents(fixtures::original(name)),
                "{name}"
            );
        }
    }
}

/// What Vector left is delivered, no more and no less, and what is missing is said.
#[test]
fn pain_21653_read_delivers_what_vector_would() {
    for facts in FACTS {
        let directory = fixtures::copy(facts.name);
        let ended = cli::run(["read", directory.path().to_str().unwrap()]);
        assert_eq!(ended.code, Some(i32::from(facts.lost > 0)), "{}: {ended}", facts.name);
        assert!(ended.stdout == fixtures::lines(facts.unread()), "{}: {ended}", facts.name);
        if facts.lost == 0 {
            assert_eq!(ended.stderr, "", "{}", facts.name);
        } else {
            let said =
                ended.stderr.contains("lost") && ended.stderr.contains(&format!("{} record", facts.lost));
            assert!(said, "{}: {ended}", facts.name);
        }
    }
}

/// What was read is gone: a buffer that never gets empty fills up.
#[test]
fn nothing_waits_after_everything_was_read() {
    for facts in FACTS {
        let directory = fixtures::copy(facts.name);
        cli::run(["read", directory.path().to_str().unwrap()]);
        let status = cli::status(directory.path());
        assert_eq!(status["records"], 0, "{}: {status}", facts.name);
        assert_eq!(status["ledger"]["writer_next_record"], facts.ledger[0], "{}: {status}", facts.name);
        assert_eq!(status["files"], 1, "{}: {status}", facts.name);
        let again = cli::run(["read", directory.path().to_str().unwrap()]);
        assert_eq!(again.assert_quiet_success().stdout, b"", "{}", facts.name);
    }
}

/// A peek is a way to look, too.
#[test]
fn a_peek_leaves_the_records_where_they_are() {
    for facts in FACTS {
        let directory = fixtures::copy(facts.name);
        for _ in 0..2 {
            let ended = cli::run(["read", directory.path().to_str().unwrap(), "--peek"]);
            assert!(ended.stdout == fixtures::lines(facts.unread()), "{}: {ended}", facts.name);
        }
    }
}

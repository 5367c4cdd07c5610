//! Logic of one's own: the example is built as the shipped component is, and run by the binary.

use forebay_test_components::CUSTOM_POLICY;
use serde_json::json;
use tempfile::TempDir;

use crate::support::cli::{run, run_with};

/// What the example keeps at least.
const KEPT: u64 = 1_000;

/// Writes the numbers from 1 on, each a record, to a buffer with data files of some 80 records, and gives what is left.
fn left_of(numbers: u64, when_full: &str) -> Vec<u64> {
    let root = TempDir::new().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    let lines: Vec<String> = (1..=numbers).map(|number| format!("{number}\n")).collect();
    let options =
        ["--component", CUSTOM_POLICY, "--when-full", when_full, "--file-size=4KiB", "--small-files"];
    // What is dropped is said on stderr.
    let written = run_with([&["write", &buffer], &options[..]].concat(), lines.concat().as_bytes());
    assert_eq!(written.code, Some(0), "{written}");
    let left = run([&["read", &buffer], &options[..]].concat());
    let left = String::from_utf8(left.assert_quiet_success().stdout.clone()).unwrap();
    left.lines().map(|line| line.parse().unwrap()).collect()
}

/// What the example is there to show: logic that decides otherwise than ours, and the host carries it out.
#[test]
fn the_example_keeps_the_newest_records() {
    let left = left_of(5_000, "drop-oldest");
    let kept = u64::try_from(left.len()).unwrap();
    assert!((KEPT..KEPT + 200).contains(&kept), "{kept} records are left");
    assert_eq!(left, (5_001 - kept..=5_000).collect::<Vec<_>>());
}

/// Whether unread records may go is the operator's to say, and not the logic's.
#[test]
fn the_example_keeps_everything_unless_the_operator_lets_it_go() {
    assert_eq!(left_of(5_000, "block"), (1..=5_000).collect::<Vec<_>>());
}

/// A library between the logic and the contract must not bring imports along.
#[test]
fn the_example_imports_storage_and_nothing_else() {
    let summary = run(["component", CUSTOM_POLICY, "--format=json"]);
    let summary = summary.assert_quiet_success().json();
    let imports = summary["imports"].as_array().unwrap();
    assert!(imports.contains(&json!("forebay:buffer/storage@0.1.0")), "{imports:?}");
    let others = imports.iter().filter(|import| *import != "forebay:buffer/storage@0.1.0");
    assert!(others.clone().all(|import| import == "forebay:buffer/types@0.1.0"), "{imports:?}");
    assert_eq!(summary["exports"], json!(["forebay:buffer/buffer@0.1.0"]));
}

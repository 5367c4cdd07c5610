//! Logic of one's own: the example is built as the shipped component is, and run by the binary.

use forebay_test_components::CUSTOM_POLICY;
use serde_json::json;
use tempfile::TempDir;

use super::numbers;
use crate::support::cli::{run, run_with};

/// What the operator retains.
const KEPT: u64 = 1_000;

/// Writes the numbers from 1 to this, each a record, to a buffer with data files of some 80 records, and gives what is left, and
/// what was said.
fn left_of(last: u64, what_may_go: &str) -> (Vec<u64>, String) {
    let root = TempDir::new().unwrap();
    let buffer = root.path().join("buffer").to_str().unwrap().to_owned();
    let lines: Vec<String> = (1..=last).map(|number| format!("{number}\n")).collect();
    let options = ["--component", CUSTOM_POLICY, what_may_go, "--file-size=4KiB", "--small-files"];
    let written = run_with([&["write", &buffer], &options[..]].concat(), lines.concat().as_bytes());
    assert_eq!(written.code, Some(0), "{written}");
    let left = run([&["read", &buffer], &options[..]].concat());
    (numbers(&left.assert_quiet_success().stdout), written.stderr)
}

/// What the example is there to show: logic that decides otherwise than ours, and the host carries it out.
#[test]
fn the_example_keeps_the_newest_records() {
    let (left, said) = left_of(5_000, "--retain=newest:1000");
    let kept = u64::try_from(left.len()).unwrap();
    assert!((KEPT..KEPT + 200).contains(&kept), "{kept} records are left");
    assert_eq!(left, (5_001 - kept..=5_000).collect::<Vec<_>>());
    assert!(said.contains("newer ones wait") && !said.contains("to make room"), "{said}");
}

/// Whether unread records may go is the operator's to say, and not the logic's. `drop-oldest` is for a full buffer.
#[test]
fn the_example_keeps_everything_unless_the_operator_lets_it_go() {
    for what_may_go in ["--when-full=block", "--when-full=drop-oldest"] {
        assert_eq!(left_of(5_000, what_may_go), ((1..=5_000).collect::<Vec<_>>(), String::new()));
    }
}

/// The logic that ships drops nothing early: a user who asks for it must not believe that it does.
#[test]
fn what_is_retained_is_for_a_component_of_ones_own() {
    let ended = run(["write", "/nowhere/buffer", "--retain=newest:5"]);
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("--component"), "{ended}");
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

//! `forebay demo`.

use std::fs;

use super::Place;
use crate::support::cli::{run, status};

/// The figures in the last line.
fn figures(stdout: &[u8]) -> Vec<(String, u64)> {
    let text = String::from_utf8_lossy(stdout);
    let words: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect()
}

/// The first thing that people run. What it shows has to be what happened.
#[test]
fn it_kills_its_own_processes_and_loses_nothing() {
    let place = Place::new();
    let ended = run(["demo", &place.path, "--records=200000"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
    let figures = figures(&ended.stdout);
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["written", "confirmed", "delivered", "redelivered", "lost"], "{ended}");
    let figure = |index: usize| figures[index].1;
    assert!(figure(0) >= 200_000 && figure(2) >= 200_000 && figure(1) <= figure(0), "{ended}");
    assert_eq!(figure(4), 0, "{ended}");
    assert!(!ended.stdout.contains(&0x1b), "this is no terminal: {ended}");
    // Left behind, to be looked at.
    assert!(
        String::from_utf8_lossy(&ended.stdout).contains(&format!("forebay status {}", place.path)),
        "{ended}"
    );
    assert_eq!(status(&place.path)["records"], 0);
}

/// With the user's own text.
#[test]
fn it_sends_the_lines_of_a_file() {
    let place = Place::new();
    let input = place.above.path().join("input");
    fs::write(&input, "a line\nanother\n\nlast").unwrap();
    let ended = run(["demo", &place.path, "--records=150000", "--input", input.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(figures(&ended.stdout).last().unwrap(), &("lost".to_owned(), 0), "{ended}");
}

/// None is taken out before all are in: a user who allows fewer records than the demo has would wait for ever.
#[test]
fn it_sends_no_more_records_than_may_wait() {
    let place = Place::new();
    let limited = ["--records=4000", "--max-events=3000", "--when-full=reject"];
    let ended = run([&["demo", &place.path], &limited[..]].concat());
    assert_eq!(ended.code, Some(0), "{ended}");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(text.contains("sending 3000 records") && text.contains("--max-events"), "{ended}");
    assert_eq!(figures(&ended.stdout)[0], ("written".to_owned(), 3_000), "{ended}");
}

/// A user's records must not be mixed with the demo's.
#[test]
fn it_does_not_touch_a_buffer_with_records_in_it() {
    let place = Place::with_lines(b"precious\n");
    let ended = run(["demo", &place.path]);
    ended.assert_refusal(&["1 record", "empty"]);
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"precious\n");
}

//! Delivery in batches: nothing is acknowledged before its batch is delivered, whatever fails.

mod blame;
mod endpoint;
mod exec;
mod flaky;
mod gathering;
mod groups;
mod odd;

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::{Place, numbers};
use crate::support::cli::{Running, forebay, run};

/// A file beside the buffer, which commands write to.
fn file(place: &Place, name: &str) -> PathBuf {
    place.above.path().join(name)
}

/// The numbers that commands have written to a file.
fn delivered(place: &Place, name: &str) -> Vec<u64> {
    numbers(&fs::read(file(place, name)).unwrap_or_default())
}

/// The dead letters as objects.
fn dead_letters(place: &Place) -> Vec<Value> {
    let ended = run(["dead-letters", &place.path, "--framing=json"]);
    let text = String::from_utf8(ended.assert_quiet_success().stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until something is so.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// A process that owns the buffer until it is dropped.
fn owner(place: &Place) -> Running {
    let owner = Running::start(&mut forebay(["serve", &place.path]));
    until(|| PathBuf::from(&place.path).join("buffer.sock").exists());
    owner
}

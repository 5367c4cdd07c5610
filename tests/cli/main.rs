//! The binary `forebay`, run as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub
)]

mod archives;
mod bad_input;
mod closed;
mod copying;
mod damage;
mod dead_letters;
mod delivering;
mod demo;
mod descriptors;
mod errors;
mod failing;
mod filling;
mod format;
mod framing;
mod full;
mod inspecting;
mod installing;
mod interrupted;
mod json;
mod kept;
mod kill;
mod limited;
mod linked;
mod loading;
mod lock;
mod looking;
mod made;
mod metrics;
mod overlong;
mod own_file;
mod own_logic;
mod peeking;
mod pipe;
mod placing;
mod purging;
mod reading;
mod recipes;
mod remembering;
mod repairing;
mod serving;
mod sharing;
mod shipped;
mod signals;
mod sockets;
mod stopping;
mod support;
mod taken_away;
mod terminal;
mod threads;
mod unreadable;
mod unsyncable;
mod unwilling;
mod worn;
mod writing;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ChildStdin,
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

use crate::support::cli::{Ended, run, run_with};

/// A place for a buffer that is not there yet.
struct Place {
    above: TempDir,
    path: String,
}

impl Place {
    fn new() -> Self {
        let above = TempDir::new().unwrap();
        let path = above.path().join("buffer").to_str().unwrap().to_owned();
        Self { above, path }
    }

    /// A buffer that holds these lines.
    fn with_lines(lines: &[u8]) -> Self {
        let place = Self::new();
        place.write(&[], lines).assert_quiet_success();
        place
    }

    /// The path of the data file with this number.
    fn data_file(&self, number: u16) -> PathBuf {
        Path::new(&self.path).join(format!("buffer-data-{number}.dat"))
    }

    fn write(&self, flags: &[&str], stdin: &[u8]) -> Ended {
        run_with([&["write", &self.path], flags].concat(), stdin)
    }

    fn read(&self, flags: &[&str]) -> Ended {
        run([&["read", &self.path], flags].concat())
    }
}

/// What `seq` prints.
fn seq(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

/// The numbers on the lines of an output, as [`seq`] gives them.
fn numbers(output: &[u8]) -> Vec<u64> {
    String::from_utf8_lossy(output).lines().map(|line| line.parse().unwrap()).collect()
}

/// Feeds lines as `seq` prints them, until the pipe is closed.
fn feed_without_end(mut stdin: ChildStdin) -> JoinHandle<()> {
    const LINES: u64 = 1000;
    thread::spawn(move || {
        for piece in 0.. {
            if stdin.write_all(&seq(piece * LINES + 1..=(piece + 1) * LINES)).is_err() {
                return;
            }
        }
    })
}

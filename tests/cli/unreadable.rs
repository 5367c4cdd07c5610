//! Data files that the process may not read: their records are there, and a person can make them readable.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{Place, seq};
use crate::support::{
    cli::{Ended, Running},
    user::{by_unprivileged, give, is_there},
};

const SMALL: [&str; 2] = ["--file-size=4KiB", "--small-files"];

/// A buffer of an unprivileged user, with records 1 to 2000 in it.
struct Bed(Place);

impl Bed {
    fn new() -> Self {
        let place = Place::new();
        give(place.above.path());
        let bed = Self(place);
        bed.run("write", &[], &seq(1..=2000)).assert_quiet_success();
        bed
    }

    fn run(&self, command: &str, flags: &[&str], stdin: &[u8]) -> Ended {
        let arguments = [&[command, &*self.0.path], &SMALL[..], flags].concat();
        let mut running = Running::start(&mut by_unprivileged(&arguments, self.0.above.path()));
        running.feed(stdin);
        // It ends by itself where it has to: its standard input does not.
        if stdin.is_empty() || flags.is_empty() { running.end() } else { running.wait() }
    }

    fn set_mode(&self, number: u16, mode: u32) {
        fs::set_permissions(self.0.data_file(number), fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// A supervisor restarts what ends, and a person reads what it said. A process that waits for ever does neither.
#[test]
fn a_writer_ends_when_a_data_file_may_not_be_read_and_nothing_is_lost() {
    if !is_there() {
        return;
    }
    for (durability, file) in [("written", 5), ("synced", 7)] {
        let bed = Bed::new();
        bed.set_mode(file, 0);
        let ended = bed.run("write", &[&format!("--durability={durability}")], &seq(2001..=2400));
        assert_eq!(ended.code, Some(2), "{durability}: {ended}");
        let said = ended.stderr.lines().last().unwrap();
        for word in ["could not open", &format!("buffer-data-{file}.dat"), "ermission denied", "run as"] {
            assert!(said.contains(word), "{durability}: {word:?} is missing: {ended}");
        }
        bed.set_mode(file, 0o640);
        let read = bed.run("read", &[], b"");
        assert!(!read.stderr.contains("rewrites"), "nothing was in doubt: {read}");
        let lines = read.stdout.split(|byte| *byte == b'\n').take(2000);
        let numbers: Vec<u64> = lines.map(|line| String::from_utf8_lossy(line).parse().unwrap()).collect();
        assert_eq!(numbers, (1..=2000).collect::<Vec<_>>(), "{read}");
    }
}

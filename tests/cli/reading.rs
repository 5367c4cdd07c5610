//! `forebay read`.

use std::process::Command;

use rustix::process::Signal;

use super::{Place, seq};
use crate::support::cli::{BINARY, Running, forebay, run_command, status, undisturbed};

/// What is printed is acknowledged, and nothing else: the next reader goes on with the next record.
#[test]
fn count_takes_so_many_and_leaves_the_rest() {
    let place = Place::with_lines(&seq(1..=10_000));
    assert_eq!(place.read(&["--count=3"]).assert_quiet_success().stdout, seq(1..=3));
    assert_eq!(status(&place.path)["records"], 9_997);
    assert_eq!(place.read(&["--count=0"]).assert_quiet_success().stdout, b"");
    assert!(place.read(&["--count=9000"]).assert_quiet_success().stdout == seq(4..=9_003));
    assert!(place.read(&["--count=1000000"]).assert_quiet_success().stdout == seq(9_004..=10_000));
    assert_eq!(status(&place.path)["records"], 0);
}

/// Looking is not taking, however much there is to look at.
#[test]
fn peek_shows_everything_and_acknowledges_nothing() {
    let place = Place::with_lines(&seq(1..=30_000));
    for _ in 0..2 {
        assert!(place.read(&["--peek"]).assert_quiet_success().stdout == seq(1..=30_000));
        assert_eq!(status(&place.path)["records"], 30_000);
    }
    assert_eq!(place.read(&["--peek", "--count=2"]).assert_quiet_success().stdout, b"1\n2\n");
    assert_eq!(status(&place.path)["ledger"]["reader_last_record"], 0);
}

/// More than may be out unacknowledged goes through, since what is printed is acknowledged.
#[test]
fn more_than_the_limit_of_unacknowledged_records_is_read() {
    let place = Place::with_lines(&seq(1..=50_000));
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=50_000));
    assert_eq!(status(&place.path)["records"], 0);
}

/// One who follows waits for more, and what it has printed is done with.
#[test]
fn follow_ends_with_a_signal_only() {
    let place = Place::with_lines(&seq(1..=3));
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--follow"]));
    for number in 1..=3 {
        assert_eq!(reader.next_line().unwrap(), number.to_string().into_bytes());
    }
    assert_eq!(status(&place.path)["locked_by"], reader.pid());
    reader.signal(Signal::TERM);
    let ended = reader.wait();
    // Had it ended by itself at the end of the buffer, this would be 0.
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(143), ""), "{ended}");
    assert_eq!(status(&place.path)["records"], 0);
}

/// Lines of 100 bytes each.
fn long_lines(numbers: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    numbers.flat_map(|number| format!("{number:0>99}\n").into_bytes()).collect()
}

/// `head` closes the pipe when it has enough. What it has not taken out of the pipe is not gone, and the caller hears how much of what it
/// has taken is in doubt.
#[test]
fn a_reader_that_goes_early_costs_only_what_it_has_taken() {
    for (bytes, taken) in [(1000, 10), (1099, 10), (99, 0)] {
        let place = Place::with_lines(&long_lines(1..=2000));
        let script = format!("\"$0\" \"$@\" | dd bs={bytes} count=1 2>/dev/null; exit ${{PIPESTATUS[0]}}");
        let mut command = Command::new("bash");
        undisturbed(command.args(["-c", &script, BINARY, "read", &place.path]));
        let ended = run_command(&mut command, b"");
        assert_eq!((ended.code, ended.stdout.len()), (Some(1), bytes), "{ended}");
        let said = format!(
            "{taken} records acknowledged, all of which it took; it may not have used the last {taken}; all others wait"
        );
        assert!(ended.stderr.contains(&said), "{ended}");
        assert!(place.read(&[]).assert_quiet_success().stdout == long_lines(taken + 1..=2000));
    }
}

/// A consumer that is slow, or hangs, has not got what lies in the pipe: killed then, the next one begins with the first record that was
/// not taken.
#[test]
fn what_lies_in_the_pipe_is_not_acknowledged() {
    // What the test's own buffer takes beyond what is asked for.
    const AHEAD: u64 = 8 << 10;
    let lines = long_lines(1..=20_000);
    for is_owner in [true, false] {
        let place = Place::with_lines(&lines);
        let mut owner = (!is_owner).then(|| {
            let owner = Running::start(&mut forebay(["serve", &place.path]));
            while status(&place.path)["locked_by"] != owner.pid() {}
            owner
        });
        let mut reader = Running::start(&mut forebay(["read", &place.path, "--follow"]));
        for taken in [1000_u64, 700_000] {
            let more = usize::try_from(if taken > 1000 { taken - 1000 } else { taken }).unwrap();
            reader.read_exactly(more);
            // It is acknowledged in time, and no more than it.
            let acknowledged = || 20_000 - status(&place.path)["records"].as_u64().unwrap();
            while acknowledged() < taken / 100 {}
            assert!(acknowledged() <= (taken + AHEAD) / 100, "{} of {taken} bytes", acknowledged());
        }
        reader.signal(Signal::KILL);
        reader.wait_without_reading();
        if let Some(owner) = &mut owner {
            owner.signal(Signal::TERM);
            owner.wait();
        }
        let rest = place.read(&[]).assert_quiet_success().stdout.clone();
        assert!(lines.ends_with(&rest) && rest.len() <= 2_000_000 - 700_000);
    }
}

/// A record that is half written at the moment of a signal is completed, and the next reader goes on with the one behind it.
#[test]
fn a_signal_leaves_whole_records_in_the_pipe() {
    let lines = long_lines(1..=20_000);
    let place = Place::with_lines(&lines);
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--grace=1m"]));
    let mut all = reader.read_exactly(100);
    reader.signal(Signal::TERM);
    let ended = reader.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(143), ""), "{ended}");
    all.extend(&ended.stdout);
    assert!(lines.starts_with(&all) && all.ends_with(b"\n"), "{} bytes", all.len());
    let rest = place.read(&[]).assert_quiet_success().stdout.clone();
    assert!(lines.ends_with(&rest) && rest.len() + all.len() == lines.len());
}

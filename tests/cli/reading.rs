//! `forebay read`.

use rustix::process::Signal;

use super::{Place, seq};
use crate::support::cli::{Running, forebay, status};

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

/// `head` closes the pipe when it has enough. That is no error, and what was not seen is not gone.
#[test]
fn a_closed_stdout_ends_it_quietly_and_loses_nothing() {
    const LINE_BYTES: usize = 100;
    // What a pipe and the test's own buffer hold: it was written, and not read from there.
    const UNSEEN_BYTES: usize = (64 << 10) + (8 << 10);
    let lines: Vec<u8> =
        (1..=30_000_u64).flat_map(|number| format!("{number:0>99}\n").into_bytes()).collect();
    let place = Place::with_lines(&lines);
    let acknowledged_bytes = || {
        let last = status(&place.path)["ledger"]["reader_last_record"].as_u64().unwrap();
        usize::try_from(last).unwrap() * LINE_BYTES
    };
    for taken in [0, 1000, 1_000_000] {
        let before = acknowledged_bytes();
        let mut reader = Running::start(&mut forebay(["read", &place.path]));
        assert!(reader.read_exactly(taken) == lines[before..before + taken]);
        reader.close_stdout();
        reader.wait().assert_quiet_success();

        let acknowledged = acknowledged_bytes() - before;
        assert!(acknowledged <= taken + UNSEEN_BYTES, "{acknowledged} bytes of {taken} that were taken");
        assert!(taken < 1_000_000 || acknowledged > 0, "what was written is done with");
    }
    let before = acknowledged_bytes();
    assert!(place.read(&[]).assert_quiet_success().stdout == lines[before..]);
}

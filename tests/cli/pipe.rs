//! `forebay pipe`.

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run_with, status},
    fixtures,
};

/// The first example of the README.
#[test]
fn everything_goes_through_in_order() {
    let place = Place::new();
    let lines = seq(1..=100_000);
    let ended = run_with(["pipe", &place.path], &lines);
    assert!(ended.assert_quiet_success().stdout == lines, "{ended}");
    let status = status(&place.path);
    assert_eq!((&status["records"], &status["ledger"]["writer_next_record"]), (&0.into(), &100_001.into()));
}

/// What an earlier process left comes first: it is older.
#[test]
fn what_the_buffer_held_comes_first() {
    let directory = fixtures::copy("w100_r40");
    let ended = run_with(["pipe", directory.path().to_str().unwrap()], b"new\nnewer\n");
    let expected = [&fixtures::lines(41..=100)[..], b"new\nnewer\n"].concat();
    assert_eq!(ended.assert_quiet_success().stdout, expected);
}

/// Many times what fits: the buffer is emptied as it fills.
#[test]
fn more_goes_through_than_fits() {
    let place = Place::new();
    let lines = seq(1..=5000);
    let ended = run_with(["pipe", &place.path, "--file-size=4KiB", "--max-size=8224"], &lines);
    assert!(ended.code == Some(0) && ended.stdout == lines, "{ended}");
    assert_eq!(status(&place.path)["records"], 0);
}

/// A line is not kept back until there are more of them.
#[test]
fn pain_22946_each_line_comes_out_before_the_next_goes_in() {
    let place = Place::new();
    let mut pipe = Running::start(&mut forebay(["pipe", &place.path]));
    for number in 1..=20 {
        let line = format!("line {number}");
        pipe.feed(format!("{line}\n").as_bytes());
        assert_eq!(pipe.next_line().unwrap(), line.into_bytes());
    }
    assert_eq!(pipe.end().assert_quiet_success().stdout, b"");
}

/// Records with newlines in them go through with lengths on both sides.
#[test]
fn lengths_go_through_as_lengths() {
    let place = Place::new();
    let records = b"\0\0\0\x02a\n\0\0\0\0\0\0\0\x01\n";
    let ended = run_with(["pipe", &place.path, "--framing=length"], records);
    assert_eq!(ended.assert_quiet_success().stdout, records);
}

/// What cannot be cut into records ends it with an error, after all before it has gone through.
#[test]
fn a_record_above_the_limit_stops_it_after_those_before_it() {
    let place = Place::new();
    let ended = run_with(["pipe", &place.path, "--max-record=3"], b"one\ntwo\nthree\nsix\n");
    assert!(ended.code == Some(2) && ended.stderr.contains("record 3"), "{ended}");
    assert_eq!(ended.stdout, b"one\ntwo\n");
    assert_eq!(status(&place.path)["records"], 0);
}

/// Its consumer dies while the producer goes on: the producer is not killed by it, and nothing that it has sent is lost.
#[test]
fn records_are_kept_when_the_consumer_is_gone() {
    let place = Place::new();
    let mut pipe = Running::start(&mut forebay(["pipe", &place.path]));
    pipe.feed(&seq(1..=10));
    while pipe.next_line().unwrap() != b"10" {}
    pipe.close_stdout();
    pipe.feed(&seq(11..=50_000));
    assert!(pipe.next_error_line().contains("records stay in the buffer until standard input ends"));
    pipe.feed(&seq(50_001..=100_000));
    let ended = pipe.end();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("10 records acknowledged, all of which it took"), "{ended}");
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(11..=100_000));
}

/// A consumer that hangs for a while holds up no producer.
#[test]
fn a_slow_consumer_holds_up_no_producer() {
    let place = Place::new();
    let mut pipe = Running::start(&mut forebay(["pipe", &place.path]));
    // Much more than two pipes hold.
    pipe.feed(&seq(1..=200_000));
    assert!(pipe.end().assert_quiet_success().stdout == seq(1..=200_000));
    assert_eq!(status(&place.path)["records"], 0);
}

/// The consumer ends early: what it has not taken waits for the next time, and the caller hears of it.
#[test]
fn what_a_consumer_that_goes_has_not_taken_is_kept() {
    let lines: Vec<u8> =
        (1..=20_000_u64).flat_map(|number| format!("{number:0>99}\n").into_bytes()).collect();
    let place = Place::with_lines(&lines);
    let mut pipe = Running::start(&mut forebay(["pipe", &place.path]));
    assert!(pipe.read_exactly(1000) == lines[..1000]);
    pipe.close_stdout();
    let ended = pipe.end();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("the reader of standard output has gone"), "{ended}");
    let rest = place.read(&[]).assert_quiet_success().stdout.clone();
    // What the test's own buffer takes beyond what is asked for.
    assert!(lines.ends_with(&rest) && rest.len() >= lines.len() - 1000 - (8 << 10), "{} bytes", rest.len());
}

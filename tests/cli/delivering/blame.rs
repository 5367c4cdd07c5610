//! Which record is to blame for a failure: one that fails alone while others pass becomes a dead letter, and no other.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{
    dead_letters, delivered,
    endpoint::{Endpoint, deliver, undisturbed},
    file, until,
};
use crate::{
    Place, seq,
    support::cli::{Running, forebay, status},
};

/// Waits until it is logged that all are held, and ends the reader.
fn end_when_held(mut reader: Running) {
    while !reader.next_error_line().contains("none becomes a dead letter") {}
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
}

/// A wrong URL, or a wrong framing, has an endpoint refuse all records. It emptied the whole buffer into the dead letters.
#[test]
fn an_endpoint_that_refuses_all_records_gets_none_of_them_lost() {
    for answer in ["400", "413", "415", "422"] {
        let place = Place::with_lines(&seq(1..=150));
        let Some(endpoint) = Endpoint::start(&place, &[answer]) else { return };
        end_when_held(Running::start(&mut undisturbed(&[
            "read",
            &place.path,
            "--to",
            &endpoint.url,
            "--retry-wait=1ms",
        ])));
        assert_eq!(status(&place.path)["records"], 150);
        assert!(dead_letters(&place).is_empty());
    }
}

/// The same, after the operator has mended it.
#[test]
fn records_that_were_refused_are_delivered_when_the_endpoint_takes_them() {
    let place = Place::with_lines(&seq(1..=150));
    let answers = [&["400"; 200][..], &["200"]].concat();
    let Some(endpoint) = Endpoint::start(&place, &answers) else { return };
    let ended = deliver(&place, &endpoint, &[]);
    assert_eq!(ended.code, Some(0), "{ended}");
    let mut all = delivered(&place, "taken");
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=150));
    assert!(dead_letters(&place).is_empty());
}

/// A collector that is down behind `curl` fails each command. Its outage emptied the buffer into the dead letters.
#[test]
fn a_command_that_always_fails_gets_no_record_lost() {
    for action in ["hold", "requeue"] {
        let place = Place::with_lines(&seq(1..=30));
        let on_failure = format!("--on-failure={action}");
        let flags = ["--exec=exit 7", "--max-deliveries=2", "--retry-wait=1ms", "--retry-wait-max=2ms"];
        let own = ["read", &place.path, &on_failure];
        end_when_held(Running::start(&mut forebay([&own[..], &flags].concat())));
        until(|| status(&place.path)["records"] == 30);
        assert!(dead_letters(&place).is_empty());
    }
}

/// Nothing was said about the records: an outage made dead letters of them after a few attempts.
#[test]
fn what_is_not_answered_counts_for_no_record() {
    for answer in ["503", "429", "502", "504", "broken", "gone", "silent"] {
        let place = Place::with_lines(&seq(1..=3));
        let Some(endpoint) = Endpoint::start(&place, &[answer, answer, "200"]) else { return };
        let ended = deliver(&place, &endpoint, &["--max-deliveries=1", "--timeout=300ms"]);
        assert_eq!(ended.code, Some(0), "{answer}: {ended}");
        assert!(dead_letters(&place).is_empty(), "{answer}");
        assert_eq!(status(&place.path)["records"], 0, "{answer}");
    }
}

/// Deliveries to processes that were killed before they sent anything counted, too.
#[test]
fn a_delivery_that_was_not_tried_counts_for_no_record() {
    let place = Place::with_lines(&seq(1..=3));
    for _ in 0..3 {
        let mut reader = Running::start(&mut forebay(["read", &place.path, "--framing=json", "--follow"]));
        // It has them all, and acknowledges those that the test takes out of the pipe: none.
        until(|| std::fs::metadata(&place.path).is_ok() && status(&place.path)["locked_by"] == reader.pid());
        reader.signal(Signal::KILL);
        reader.wait_without_reading();
    }
    let command = format!(
        "[ -e {0} ] && cat >>{1} && exit 0; : >{0}; exit 1",
        file(&place, "flag").display(),
        file(&place, "out").display()
    );
    let ended = place.read(&["--exec", &command, "--max-deliveries=2", "--retry-wait=1ms"]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(delivered(&place, "out").into_iter().eq(1..=3));
    assert!(dead_letters(&place).is_empty());
}

/// A record at the head of the buffer, with none behind it: it waits until another passes, and only then is to blame.
#[test]
fn a_lone_record_is_to_blame_when_the_next_one_passes() {
    let place = Place::with_lines(&seq([17]));
    let Some(endpoint) = Endpoint::start(&place, &["picky"]) else { return };
    let own =
        ["read", &place.path, "--follow", "--to", &endpoint.url, "--retry-wait=1ms", "--batch-wait=1ms"];
    let mut reader = Running::start(&mut undisturbed(&own));
    while !reader.next_error_line().contains("none becomes a dead letter") {}
    assert!(dead_letters(&place).is_empty());
    place.write(&[], &seq([18])).assert_quiet_success();
    until(|| status(&place.path)["records"] == 0);
    assert_eq!(delivered(&place, "taken"), [18]);
    assert_eq!(dead_letters(&place)[0]["id"], 1);
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
}

/// The last record of a run has none behind it that could pass.
#[test]
fn the_last_record_of_a_run_is_to_blame_when_others_passed() {
    let place = Place::with_lines(&seq(10..=17));
    let Some(endpoint) = Endpoint::start(&place, &["picky"]) else { return };
    for flags in [&["--batch=1"][..], &[]] {
        let ended = deliver(&place, &endpoint, flags);
        assert!(matches!(ended.code, Some(0 | 1)), "{ended}");
    }
    assert!(delivered(&place, "taken").into_iter().eq(10..=16));
    assert_eq!(dead_letters(&place).len(), 1);
}

/// An endpoint that chokes on a record is given the time that it asks for, also when the record is set aside.
#[test]
fn there_is_a_pause_behind_a_record_that_is_set_aside() {
    let place = Place::with_lines(&seq(15..=20));
    let Some(endpoint) = Endpoint::start(&place, &["choking"]) else { return };
    let began = Instant::now();
    let ended = deliver(&place, &endpoint, &["--batch=1", "--max-deliveries=1"]);
    assert_eq!(ended.code, Some(1), "{ended}");
    // It fails, others pass, and it fails again.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(delivered(&place, "taken").into_iter().eq([15, 16, 18, 19, 20]));
    assert_eq!(dead_letters(&place).len(), 1);
}

/// A full disk, or a folder in the way: the record was counted as moved, and the destination was sent it again and again at once.
#[test]
fn a_dead_letter_that_cannot_be_written_holds_its_record() {
    for is_owned_elsewhere in [false, true] {
        let place = Place::with_lines(&seq(15..=20));
        let letters = std::path::Path::new(&place.path).join("buffer.dead-letters");
        std::fs::create_dir(&letters).unwrap();
        let _owner = is_owned_elsewhere.then(|| super::owner(&place));
        let Some(endpoint) = Endpoint::start(&place, &["picky"]) else { return };
        let own = ["read", &place.path, "--follow", "--to", &endpoint.url, "--retry-wait=1ms", "--wait=1m"];
        let mut reader = Running::start(&mut undisturbed(&own));
        while !reader.next_error_line().contains("cannot become a dead letter") {}
        std::fs::remove_dir(&letters).unwrap();
        until(|| status(&place.path)["records"] == 0);
        reader.signal(Signal::TERM);
        let ended = reader.wait();
        assert!(ended.stderr.contains("5 records delivered, and 1 moved to the dead letters"), "{ended}");
        assert_eq!(dead_letters(&place)[0]["id"], 3);
    }
}

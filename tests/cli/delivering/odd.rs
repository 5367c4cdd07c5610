//! Endpoints that answer in odd ways.

use super::{
    dead_letters, delivered,
    endpoint::{Endpoint, deliver},
};
use crate::{Place, seq, support::cli::status};

/// A server that closes connections between requests, as many do after some seconds, made failed attempts of good batches.
#[test]
fn a_connection_that_the_endpoint_closes_makes_no_failure() {
    let place = Place::with_lines(&seq(1..=300));
    let Some(endpoint) = Endpoint::start(&place, &["closing"]) else { return };
    deliver(&place, &endpoint, &["--batch=2", "--max-deliveries=1"]).assert_quiet_success();
    assert!(delivered(&place, "taken").into_iter().eq(1..=300));
    assert_eq!(status(&place.path)["records"], 0);
}

/// Hints before an answer are no answer, and nobody needs all of a long one.
#[test]
fn only_the_answer_itself_counts() {
    for answer in ["hinting", "endless"] {
        let place = Place::with_lines(&seq(1..=20));
        let Some(endpoint) = Endpoint::start(&place, &[answer]) else { return };
        deliver(&place, &endpoint, &["--batch=10"]).assert_quiet_success();
        assert!(delivered(&place, "taken").into_iter().eq(1..=20), "{answer}");
    }
}

/// Another protocol is no acknowledgement.
#[test]
fn an_endpoint_that_switches_protocols_holds_all_records() {
    let place = Place::with_lines(&seq(1..=3));
    let Some(endpoint) = Endpoint::start(&place, &["switching", "200"]) else { return };
    let ended = deliver(&place, &endpoint, &["--max-deliveries=1"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("answers 101"), "{ended}");
    assert!(delivered(&place, "taken").into_iter().eq(1..=3));
}

/// A proxy with a limit on bodies answers before it has read them, and closes the connection. The batch must become smaller.
#[test]
fn an_endpoint_that_refuses_a_large_body_unread_gets_smaller_ones() {
    let line = vec![b'x'; 1_000_000];
    let place = Place::with_lines(&[&line[..]; 8].join(&b"\n"[..]));
    let Some(endpoint) = Endpoint::start(&place, &["early"]) else { return };
    let ended = deliver(&place, &endpoint, &["--batch-bytes=100MB"]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(dead_letters(&place).is_empty());
    assert_eq!(status(&place.path)["records"], 0);
}

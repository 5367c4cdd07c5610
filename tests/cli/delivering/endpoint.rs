//! `forebay read --to`: a request for each batch.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{dead_letters, delivered, file, until};
use crate::{
    Place, seq,
    support::{
        cli::{Ended, Running, forebay, status},
        tools,
    },
};

/// Python's http.server, which answers as it is told and keeps what it takes in the file `taken`.
pub struct Endpoint {
    _process: Running,
    pub url: String,
}

impl Endpoint {
    /// `None` where there is no Python.
    pub fn start(place: &Place, answers: &[&str]) -> Option<Self> {
        if !tools::is_there("python3") {
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cli/delivering/endpoint.py");
        let mut command = Command::new("python3");
        let mut process = Running::start(command.arg(script).arg(file(place, "taken")).args(answers));
        let port = String::from_utf8(process.next_line().unwrap()).unwrap();
        Some(Self { _process: process, url: format!("http://127.0.0.1:{port}/logs") })
    }
}

/// A command that speaks to endpoints on this machine, whatever proxy the machine has.
pub fn undisturbed(arguments: &[&str]) -> Command {
    let mut command = forebay(arguments);
    command.env("NO_PROXY", "*");
    command
}

pub fn deliver(place: &Place, endpoint: &Endpoint, flags: &[&str]) -> Ended {
    let to = ["read", &place.path, "--to", &endpoint.url, "--retry-wait=1ms", "--retry-wait-max=5ms"];
    Running::start(&mut undisturbed(&[&to, flags].concat())).end()
}

/// The first thing that a user tries, in each framing and compressed: all arrives, once and in order.
#[test]
fn an_endpoint_gets_all_records_in_order() {
    for flags in [&[][..], &["--gzip"], &["--batch=7", "--gzip"]] {
        let place = Place::with_lines(&seq(1..=250));
        let Some(endpoint) = Endpoint::start(&place, &["200"]) else { return };
        deliver(&place, &endpoint, flags).assert_quiet_success();
        assert!(delivered(&place, "taken").into_iter().eq(1..=250));
        assert_eq!(status(&place.path)["records"], 0);
    }
    let place = Place::with_lines(&seq(1..=3));
    let Some(endpoint) = Endpoint::start(&place, &["200"]) else { return };
    deliver(&place, &endpoint, &["--framing=json"]).assert_quiet_success();
    let taken = fs::read_to_string(file(&place, "taken")).unwrap();
    assert!(taken.lines().count() == 3 && taken.contains("\"id\":3"), "{taken}");
}

/// Whatever fails for a while, each record arrives, and none is acknowledged before.
#[test]
fn what_passes_is_waited_for() {
    for answers in
        [["503", "200"], ["500", "200"], ["broken", "200"], ["silent", "200"], ["404", "200"], ["302", "200"]]
    {
        let place = Place::with_lines(&seq(1..=10));
        let Some(endpoint) = Endpoint::start(&place, &answers) else { return };
        let ended = deliver(&place, &endpoint, &["--timeout=300ms"]);
        assert_eq!(ended.code, Some(0), "{answers:?}: {ended}");
        assert!(ended.stderr.contains("records are not delivered"), "{answers:?}: {ended}");
        let all = delivered(&place, "taken");
        let is_doubtful = matches!(answers[0], "broken" | "silent");
        let expected: Vec<u64> =
            if is_doubtful { (1..=10).chain(1..=10).collect() } else { (1..=10).collect() };
        assert_eq!(all, expected, "{answers:?}");
        assert_eq!(status(&place.path)["records"], 0);
    }
}

/// An endpoint that says when to come back is not asked before.
#[test]
fn retry_after_is_honoured() {
    let place = Place::with_lines(&seq(1..=10));
    let Some(endpoint) = Endpoint::start(&place, &["429", "200"]) else { return };
    let began = Instant::now();
    assert_eq!(deliver(&place, &endpoint, &[]).code, Some(0));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(delivered(&place, "taken").into_iter().eq(1..=10));
}

/// A wrong token must not empty the buffer, and the operator must hear of it.
#[test]
fn a_wrong_token_holds_all_records() {
    for answer in ["401", "403", "404", "405"] {
        let place = Place::with_lines(&seq(1..=10));
        let Some(endpoint) = Endpoint::start(&place, &[answer]) else { return };
        let headers = file(&place, "headers");
        fs::write(&headers, "Authorization: Bearer secret\n").unwrap();
        let header = format!("--header=@{}", headers.display());
        let flags = ["--max-deliveries=1", "--on-failure=requeue", "--retry-wait=1ms", &header];
        let mut reader = Running::start(&mut undisturbed(
            &[&["read", &place.path, "--to", &endpoint.url], &flags[..]].concat(),
        ));
        let line = reader.next_error_line();
        // The endpoint shows what it was sent: this one got the token.
        assert!(line.contains(&format!("answers {answer}")) && line.contains("Bearer secret"), "{line}");
        reader.signal(Signal::TERM);
        assert_eq!(reader.wait().code, Some(143));
        assert_eq!(status(&place.path)["records"], 10);
        assert!(dead_letters(&place).is_empty());
    }
}

/// One bad record, and batches that are too large: all others arrive, and the bad one is a dead letter with what the endpoint said.
#[test]
fn only_the_record_that_is_refused_alone_becomes_a_dead_letter() {
    let place = Place::with_lines(&seq(1..=100));
    let Some(endpoint) = Endpoint::start(&place, &["picky"]) else { return };
    let ended = deliver(&place, &endpoint, &[]);
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("99 records delivered, and 1 moved to the dead letters"), "{ended}");
    assert!(delivered(&place, "taken").into_iter().eq((1..=100).filter(|number| *number != 17)));
    let letters = dead_letters(&place);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["id"], 17);
    assert_eq!(letters[0]["reason"], "the endpoint answers 400 Bad Request: 400 for text/plain; None");
    assert_eq!(status(&place.path)["records"], 0);
}

/// An endpoint that cannot be reached is no fault of any record.
#[test]
fn an_endpoint_that_is_down_holds_all_records() {
    let place = Place::with_lines(&seq(1..=10));
    let arguments =
        ["read", &place.path, "--to=http://127.0.0.1:1/", "--max-deliveries=1", "--retry-wait=1ms"];
    let mut reader = Running::start(&mut undisturbed(&arguments));
    let line = reader.next_error_line();
    assert!(line.contains("the endpoint does not answer"), "{line}");
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
    assert_eq!(status(&place.path)["records"], 10);
}

/// A request that hangs keeps no service manager waiting.
#[test]
fn a_signal_ends_a_request_that_is_not_answered() {
    let place = Place::with_lines(&seq(1..=10));
    let Some(endpoint) = Endpoint::start(&place, &["silent"]) else { return };
    let mut reader =
        Running::start(&mut undisturbed(&["read", &place.path, "--to", &endpoint.url, "--grace=200ms"]));
    until(|| delivered(&place, "taken").len() == 10);
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
    assert_eq!(status(&place.path)["records"], 10);
}

/// What is mistyped is named before a record is taken.
#[test]
fn what_is_no_endpoint_is_refused() {
    let place = Place::with_lines(&seq(1..=3));
    for (flags, word) in [
        (&["--to=nowhere"][..], "no URL"),
        (&["--to=ftp://user:secret@example.org/"], "begins otherwise"),
        (&["--to=http://user:secret@:bad/"], "no URL"),
        (&["--to=http://127.0.0.1:1/", "--header=secret"], "NAME: VALUE"),
        (&["--to=http://127.0.0.1:1/", "--header=@/nowhere/headers"], "/nowhere/headers"),
        (&["--to=http://127.0.0.1:1/", "--exec=true"], "--exec"),
        (&["--exec=true", "--gzip"], "--gzip"),
    ] {
        let ended = place.read(flags);
        ended.assert_refusal(&[word]);
        assert!(!ended.stderr.contains("secret"), "{ended}");
    }
    assert_eq!(status(&place.path)["records"], 3);
}

/// A header that says how a request is sent had an endpoint take a part of a batch for all of it.
#[test]
fn a_header_that_breaks_requests_is_refused() {
    let place = Place::with_lines(&seq(1..=3));
    for header in
        ["Content-Length: 3", "transfer-encoding: chunked", "Connection: close", "Host: a", "Expect: b"]
    {
        let ended = place.read(&["--to=http://127.0.0.1:1/", "--header", header]);
        ended.assert_refusal(&[&header.split(':').next().unwrap().to_lowercase(), "leave it out"]);
    }
    let zipped = ["--to=http://127.0.0.1:1/", "--gzip", "--header=Content-Encoding: zstd"];
    place.read(&zipped).assert_refusal(&["--gzip"]);
    assert_eq!(status(&place.path)["records"], 3);
}

/// A collector may take several tags. The second took the place of the first.
#[test]
fn a_header_that_is_given_twice_is_sent_twice() {
    let place = Place::with_lines(&seq(1..=3));
    let Some(endpoint) = Endpoint::start(&place, &["404", "200"]) else { return };
    let flags = ["--header=X-Tag: one", "--header=X-Tag: two", "--header=Content-Type: text/csv"];
    let ended = deliver(&place, &endpoint, &flags);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("404 for text/csv; None; one; two"), "{ended}");
}

/// A request that is sent elsewhere may lose its body on the way. The operator must learn where it was to go.
#[test]
fn a_redirection_is_not_followed() {
    let place = Place::with_lines(&seq(1..=3));
    let Some(endpoint) = Endpoint::start(&place, &["307", "302", "200"]) else { return };
    let ended = deliver(&place, &endpoint, &[]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("it redirects to /elsewhere, which Forebay does not follow"), "{ended}");
    assert!(!ended.stderr.contains("secret"), "{ended}");
    assert!(delivered(&place, "taken").into_iter().eq(1..=3));
}

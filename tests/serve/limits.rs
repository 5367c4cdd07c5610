//! What is garbage, too much, or never ends: the right answer, and others go on.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::support::{Http, Served};

/// The connection ends, with an answer of this status unless the client sent on after that.
fn assert_ended(mut http: Http, status: u16) {
    let mut answer = Vec::new();
    http.0.get_mut().read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
}

/// Whatever one client sends, the others are served.
#[test]
fn garbage_ends_its_connection_and_no_other() {
    let served = Served::new();
    let mut other = served.connect();
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", &[0xff; 1000]] {
        let mut http = served.connect();
        http.send(garbage);
        http.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
        assert_ended(http, 400);
        other.append("1\n");
    }
    let mut many = served.connect();
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    for number in 0..1000 {
        head.extend(format!("x-{number}: y\r\n").bytes());
    }
    head.extend(b"\r\n");
    // The answer comes before all of it is read.
    let _ = many.0.get_mut().write_all(&head);
    assert_ended(many, 431);
    other.append("2\n");
}

/// A length is a claim: it is refused before a byte of it is read.
#[test]
fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let served = Served::new();
    let mut http = served.connect();
    http.send(b"POST /v1/buffers/main/records HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10000000000\r\n\r\n");
    assert_eq!(http.answer().failure(), (413, "body_too_large".to_owned()));
    assert!(http.is_closed());
    let mut http = served.connect();
    http.send(b"POST /v1/buffers/main/pull HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n");
    assert_eq!(http.answer().failure(), (413, "body_too_large".to_owned()));
}

/// Half of a body is no records.
#[test]
fn a_client_that_dies_in_the_middle_of_a_body_writes_nothing() {
    let served = Served::new();
    let mut http = served.connect();
    http.send(b"POST /v1/buffers/main/records HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\na\nb\n");
    http.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    assert_ended(http, 400);
    let mut other = served.connect();
    assert_eq!(other.append("c\n"), json!({ "placed": 1, "first_id": 1, "last_id": 1 }));
}

/// Descriptors are bounded: a client that opens thousands of connections gets an answer, and those before it are served.
#[test]
fn connections_beyond_the_limit_are_told_so() {
    let served = Served::new();
    let mut connections: Vec<_> = (0..512).map(|_| served.connect()).collect();
    // They are accepted in order.
    assert_eq!(connections[511].get("/healthz").status, 200);
    let mut surplus = served.connect();
    let answer = surplus.answer();
    assert_eq!(answer.failure(), (503, "too_many_connections".to_owned()));
    assert!(surplus.is_closed());
    connections[0].append("1\n");
    connections.truncate(1);
    // Their places are free when the server has seen them go.
    while served.connect().get_if_served().is_none() {}
}

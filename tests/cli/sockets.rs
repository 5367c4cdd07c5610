//! A socket as standard output: what its peer has not read is not acknowledged.

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Stdio},
    thread,
};

use super::{Place, numbers, seq};
use crate::support::cli::{forebay, status};

/// `forebay read` or `pipe` with a socket as its stdout.
fn start(place: &Place, command: &str, stdout: impl Into<OwnedFd>) -> Child {
    let mut command = forebay([command, &place.path]);
    command.stdin(Stdio::piped()).stdout(Stdio::from(stdout.into())).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Node.js starts its children with such a socket. What it read is delivered, and gone.
#[test]
fn a_peer_that_reads_gets_all_records_once() {
    for command in ["read", "pipe"] {
        let place = Place::with_lines(&seq(1..=100_000));
        let (mut peer, theirs) = UnixStream::pair().unwrap();
        let child = start(&place, command, theirs);
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            peer.read_to_end(&mut read).map(|_| read)
        });
        assert_eq!(end(child), (Some(0), String::new()), "{command}");
        assert!(reading.join().unwrap().unwrap() == seq(1..=100_000));
        assert_eq!(status(&place.path)["records"], 0);
    }
}

/// The peer may crash with all of it unread: it was acknowledged, and lost.
#[test]
fn what_the_peer_has_not_read_stays() {
    for bytes in [0, 1000, 50_000] {
        let place = Place::with_lines(&seq(1..=100_000));
        let (mut peer, theirs) = UnixStream::pair().unwrap();
        let child = start(&place, "read", theirs);
        // There is more in the socket than what is read.
        let mut read = vec![0; bytes + 1];
        peer.read_exact(&mut read).unwrap();
        thread::yield_now();
        drop(peer);
        let (code, said) = end(child);
        assert!(
            code == Some(1) && said.contains("the reader of standard output has gone"),
            "{code:?}: {said}"
        );
        let whole =
            read.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| numbers(&read[..=last]).len());
        let left = status(&place.path)["records"].as_u64().unwrap();
        assert!(left >= 100_000 - u64::try_from(whole).unwrap(), "{left} are left, {whole} were read");
    }
}

/// A peer that goes while nothing is read and all is written.
#[test]
fn a_few_records_that_no_peer_reads_stay() {
    let place = Place::with_lines(&seq(1..=10));
    let (peer, theirs) = UnixStream::pair().unwrap();
    let child = start(&place, "read", theirs);
    let mut look = peer.try_clone().unwrap();
    look.set_nonblocking(true).unwrap();
    // They are in the socket once the first byte can be read.
    while look.read(&mut [0]).is_err() {
        thread::yield_now();
    }
    drop((look, peer));
    assert_eq!(end(child).0, Some(1));
    assert_eq!(status(&place.path)["records"], 10);
}

/// The peer's kernel takes bytes that no process ever reads, so nothing could be acknowledged truthfully.
#[test]
fn another_socket_is_refused_before_a_record_is_taken() {
    let place = Place::with_lines(&seq(1..=10));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let (code, said) = end(start(&place, "read", stream));
    assert!(code == Some(2) && said.contains("is a socket") && said.contains("| cat"), "{code:?}: {said}");
    let mut read = Vec::new();
    peer.read_to_end(&mut read).unwrap();
    assert!(read.is_empty());
    assert_eq!(status(&place.path)["records"], 10);
}

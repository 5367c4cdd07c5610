//! The end of an owner, in order.

use std::{fs, thread, time::Duration};

use serde_json::json;

use crate::support::Served;

/// A pull that waits must not keep the owner from ending, and its client has to know that another owner comes.
#[test]
fn a_pull_that_waits_is_told_of_the_end() {
    let served = Served::new();
    let mut http = served.connect();
    http.ask("POST", "~/pull", "application/json", br#"{"wait_ms":60000}"#);
    // Its request was read before that of the next connection is answered.
    let socket = served.directory.path().join("buffer.sock");
    assert_eq!(served.connect().get("/healthz").status, 200);
    let directory = served.end();
    assert_eq!(http.answer().failure(), (503, "closing".to_owned()));
    assert!(http.is_closed() && !socket.exists());
    drop(directory);
}

/// No duplicates in a clean handover: who has records says what became of them before the owner goes.
#[test]
fn the_end_waits_for_acknowledgements_and_takes_nothing_more() {
    let mut served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n");
    let (incarnation, _, _) = http.pull();
    let ending = served.take_server();
    let ending = thread::spawn(move || ending.stop(Duration::from_mins(1)));
    while http.get("/readyz").status == 200 {}
    assert_eq!(http.call("POST", "~/records", "text/plain", b"3\n").failure(), (503, "closing".to_owned()));
    assert_eq!(http.post("~/pull", &json!({})).failure(), (503, "closing".to_owned()));
    let done = json!({ "incarnation": incarnation, "ranges": [[1, 2]] });
    assert_eq!(http.post("~/ack", &done).done(), json!({ "acknowledged": 2, "noted": 0 }));
    ending.join().unwrap();
    assert_eq!(served.status().acknowledged.0, 2);
    assert!(!served.directory.path().join("buffer.sock").exists());
}

/// The next owner has to know that clients of the one before it may have records.
#[test]
fn the_name_stays_where_clients_still_have_records() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n");
    assert_eq!(http.pull().2.len(), 1);
    let directory = served.end();
    assert!(fs::symlink_metadata(directory.path().join("buffer.sock")).is_ok());
    let served = Served::at(directory, |builder| builder);
    served.service.hold_off(Duration::ZERO);
    assert_eq!(served.connect().pull().2, ["1"]);
}

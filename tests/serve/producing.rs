//! Putting records in.

use forebay::WhenFull;
use serde_json::json;

use crate::support::{Served, payload};

/// Three ways to say the same, for shells, programs and people.
#[test]
fn lines_lengths_and_objects_become_records() {
    let served = Served::new();
    let mut http = served.connect();
    let lines = http.call("POST", "~/records", "text/plain; charset=utf-8", b"a\n\nc").done();
    assert_eq!(lines, json!({ "placed": 3, "first_id": 1, "last_id": 3 }));
    let lengths = b"\0\0\0\x03d\ne\0\0\0\0";
    let lengths = http.call("POST", "~/records?metadata=7", "application/vnd.forebay.length", lengths).done();
    assert_eq!(lengths, json!({ "placed": 2, "first_id": 4, "last_id": 5 }));
    let objects = b"{\"payload\":\"g\",\"events\":2,\"metadata\":5}\n{\"payload_base64\":\"aGk=\"}\n";
    let objects = http.call("POST", "~/records", "application/x-ndjson", objects).done();
    assert_eq!(objects, json!({ "placed": 2, "first_id": 6, "last_id": 8 }));

    let answer = http.post("~/pull", &json!({})).done();
    let records: Vec<_> = answer["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let number = |name: &str| record[name].as_u64().unwrap();
            (number("id"), number("events"), number("metadata"), number("deliveries"), payload(record))
        })
        .collect();
    let expected = [
        (1, 1, 0, 1, "a"),
        (2, 1, 0, 1, ""),
        (3, 1, 0, 1, "c"),
        (4, 1, 7, 1, "d\ne"),
        (5, 1, 7, 1, ""),
        (6, 2, 5, 1, "g"),
        (8, 1, 0, 1, "hi"),
    ];
    assert_eq!(
        records,
        expected.map(|(id, events, metadata, deliveries, text)| {
            (id, events, metadata, deliveries, text.to_owned())
        })
    );
}

/// A client that sends the whole batch again would write the first half twice.
#[test]
fn what_finds_no_room_is_told_apart_from_what_was_placed() {
    let served = Served::with(|builder| builder.max_events(3).when_full(WhenFull::Reject));
    let mut http = served.connect();
    let full = http.call("POST", "~/records", "text/plain", b"1\n2\n3\n4\n5\n");
    assert_eq!(full.failure(), (503, "buffer_full".to_owned()));
    assert_eq!(full.json()["placed"], json!({ "placed": 3, "first_id": 1, "last_id": 3 }));
    assert!(full.head.contains("retry-after: 1\r\n"), "{}", full.head);

    let (incarnation, _, payloads) = http.pull();
    assert_eq!(payloads, ["1", "2", "3"]);
    let acknowledged = http.post("~/ack", &json!({ "incarnation": incarnation, "ranges": [[1, 3]] })).done();
    assert_eq!(acknowledged, json!({ "acknowledged": 3, "noted": 0 }));
    assert_eq!(http.append("4\n5\n"), json!({ "placed": 2, "first_id": 4, "last_id": 5 }));
}

/// A full buffer that blocks has its client wait for room, as long as it wants to.
#[test]
fn records_wait_for_room() {
    let served = Served::with(|builder| builder.max_events(1));
    let (mut writer, mut reader) = (served.connect(), served.connect());
    writer.append("1\n");
    writer.ask("POST", "~/records?wait_ms=60000", "text/plain", b"2\n");
    let (incarnation, _, payloads) = reader.pull();
    assert_eq!(payloads, ["1"]);
    reader.post("~/ack", &json!({ "incarnation": incarnation, "ids": [1] })).done();
    assert_eq!(writer.answer().done()["first_id"], 2);
}

/// The promise of `synced` is that of the library.
#[test]
fn synced_is_answered_when_it_is_durable() {
    let served = Served::new();
    let mut http = served.connect();
    http.call("POST", "~/records?durability=synced", "text/plain", b"1\n2\n").done();
    assert_eq!(served.status().durable_next.0, 3);
}

/// One bad line must not leave half of a body in the buffer: the client would send it again.
#[test]
fn a_body_that_is_wrong_places_nothing() {
    let served = Served::with(|builder| builder.file_bytes(4096));
    let mut http = served.connect();
    let long = format!("good\n{}\n", "x".repeat(5000));
    for (media, body, expected) in [
        ("text/plain", long.as_bytes(), (413, "record_too_long")),
        ("application/vnd.forebay.length", &b"\0\0\0\x01a\0\0\0\x05b"[..], (400, "bad_request")),
        ("application/x-ndjson", b"{\"payload\":\"a\"}\n{\"paylaod\":\"b\"}", (400, "bad_request")),
        ("application/json", b"[]", (415, "unsupported_media_type")),
        ("", b"a\n", (415, "unsupported_media_type")),
    ] {
        let answer = http.call("POST", "~/records", media, body);
        assert_eq!(answer.failure(), (expected.0, expected.1.to_owned()), "{media}");
        assert_eq!(served.status().next_id.0, 1, "{media}");
    }
}

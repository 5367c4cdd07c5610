//! Requests that cannot be served, and who is asked.

use serde_json::json;

use crate::support::Served;

/// A program goes by the code, a person by the message; both need the right one.
#[test]
fn each_mistake_has_its_code() {
    let served = Served::new();
    let mut http = served.connect();
    for (method, path, body, expected) in [
        ("GET", "/", "", (404, "not_found")),
        ("GET", "/v2/buffers/main/status", "", (404, "not_found")),
        ("GET", "/v1/buffers/other/status", "", (404, "unknown_buffer")),
        ("POST", "/v1/buffers/other/pull", "{}", (404, "unknown_buffer")),
        ("DELETE", "~/records", "", (405, "method_not_allowed")),
        ("GET", "~/pull", "", (405, "method_not_allowed")),
        ("POST", "~/pull", "{", (400, "bad_request")),
        ("POST", "~/pull", r#"{"maxx":1}"#, (400, "bad_request")),
        ("POST", "~/ack", "{}", (400, "bad_request")),
        ("POST", "~/ack", r#"{"incarnation":1,"ranges":[[2,1]]}"#, (400, "bad_request")),
        ("POST", "~/records?durability=maybe", "", (400, "bad_request")),
        ("GET", "~/records?from=x", "", (400, "bad_request")),
    ] {
        let answer = http.call(method, path, "text/plain", body.as_bytes());
        assert_eq!(answer.failure(), (expected.0, expected.1.to_owned()), "{method} {path} {body}");
        assert!(answer.json()["message"].as_str().unwrap().len() > 20, "{method} {path}");
    }
    assert_eq!(served.status().next_id.0, 1);
}

/// A page in a browser cannot reach the socket, but a proxy to it can be reached.
#[test]
fn requests_with_an_origin_are_refused() {
    let served = Served::new();
    let mut http = served.connect();
    http.send(b"GET /v1/buffers/main/status HTTP/1.1\r\nhost: x\r\norigin: http://evil.example\r\n\r\n");
    assert_eq!(http.answer().failure(), (403, "forbidden".to_owned()));
}

/// A client has to know whom it talks to, and under which options.
#[test]
fn status_tells_the_owner_and_the_figures() {
    let served = Served::with(|builder| builder.max_events(77));
    let mut http = served.connect();
    http.append("1\n");
    let status = http.get("~/status").done();
    let owner = &status["owner"];
    assert_eq!((&owner["api"], &owner["pid"]), (&json!(1), &json!(std::process::id())));
    assert_eq!((&owner["options"]["max_events"], &status["buffer"]["next_id"]), (&json!(77), &json!(2)));
    assert_eq!((http.get("/healthz").status, http.get("/readyz").status), (200, 200));
}

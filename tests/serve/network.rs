//! A buffer that is served on a network.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
    time::Duration,
};

use forebay::Buffer;
use forebay_serve::{Network, Server, Service, Socket, Tokens};

const PRODUCE: &str = "produce-0123456789";
const CONSUME: &str = "consume-0123456789";
const METRICS: &str = "metrics-0123456789";

struct Served {
    address: SocketAddr,
    server: Server,
    _buffer: Arc<Buffer>,
    _directory: tempfile::TempDir,
}

fn served() -> Served {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("buffer.tokens");
    std::fs::write(&file, format!("produce {PRODUCE}\nconsume {CONSUME}\nmetrics {METRICS}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let buffer = Arc::new(Buffer::builder(directory.path()).open().unwrap());
    let weak = Arc::downgrade(&buffer);
    let service = Service::new(&buffer, directory.path(), None, move || weak.upgrade()?.status());
    let hosts = ["queue.example".to_owned()];
    let tokens = Tokens::from_file(file).unwrap();
    let network = Network::bind("127.0.0.1:0".parse().unwrap(), tokens, &hosts).unwrap();
    let address = network.address().unwrap();
    let server = Server::start(service, Socket::bind(directory.path()).unwrap(), Some(network)).unwrap();
    Served { address, server, _buffer: buffer, _directory: directory }
}

/// The status of the answer to a request with these headers, and its body.
fn call(served: &Served, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(served.address).unwrap();
    let length = body.len();
    write!(stream, "{request} HTTP/1.1\r\ncontent-length: {length}\r\nconnection: close\r\n").unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    write!(stream, "\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Whoever reaches the port must neither fill the buffer nor empty it.
#[test]
fn each_call_on_a_network_needs_a_token_of_its_scope() {
    let served = served();
    let host = served.address.to_string();
    let bearer = |token: &str| format!("Bearer {token}");
    let (produce, consume, unknown) = (bearer(PRODUCE), bearer(CONSUME), bearer("unknown-0123456789"));
    let (metrics, watch) = ("GET /metrics", bearer(METRICS));
    let (records, pull) = ("POST /v1/buffers/main/records", "POST /v1/buffers/main/pull");
    let (look, status) = ("GET /v1/buffers/main/records", "GET /v1/buffers/main/status");
    for (request, token, expected) in [
        (records, Some(&produce), 200),
        (records, Some(&consume), 403),
        (records, Some(&unknown), 401),
        (records, None, 401),
        (pull, Some(&produce), 403),
        (look, Some(&produce), 403),
        (look, Some(&consume), 200),
        (pull, Some(&consume), 200),
        (status, Some(&produce), 200),
        (status, Some(&consume), 200),
        (status, None, 401),
        (metrics, Some(&produce), 200),
        (metrics, Some(&watch), 200),
        (metrics, Some(&unknown), 401),
        (metrics, None, 401),
        (status, Some(&watch), 200),
        (records, Some(&watch), 403),
        (look, Some(&watch), 403),
        (pull, Some(&watch), 403),
        ("GET /healthz", None, 200),
        ("GET /elsewhere", None, 401),
    ] {
        let mut headers = vec![("host", &*host), ("content-type", "text/plain")];
        headers.extend(token.map(|token| ("authorization", &**token)));
        let body = if request == records { "a\n" } else { "" };
        assert_eq!(call(&served, request, &headers, body).0, expected, "{request} {token:?}");
    }
    served.server.stop(Duration::ZERO);
}

/// A web page that a user of the machine looks at can send requests to any port of it.
#[test]
fn requests_of_web_pages_are_refused() {
    let served = served();
    let (host, token) = (served.address.to_string(), format!("Bearer {PRODUCE}"));
    let port = served.address.port();
    let status = |host: &str, others: &[(&str, &str)]| {
        let headers = [&[("host", host), ("authorization", &*token)], others].concat();
        call(&served, "GET /v1/buffers/main/status", &headers, "").0
    };
    for name in [&host, &format!("localhost:{port}"), "queue.example", &format!("Queue.Example:{port}")] {
        assert_eq!(status(name, &[]), 200, "{name}");
    }
    for name in ["", "127.0.0.1", "evil.example", &format!("evil.example:{port}")] {
        assert_eq!(status(name, &[]), 403, "{name}");
    }
    assert_eq!(status(&host, &[("origin", "http://evil.example")]), 403);
}

/// A connection on a network breaks by itself, and another one takes its place: what was leased is still leased.
#[test]
fn a_lease_on_a_network_outlives_its_connection() {
    let served = served();
    let host = served.address.to_string();
    let with = |token: &str| format!("Bearer {token}");
    let (produce, consume) = (with(PRODUCE), with(CONSUME));
    let produce = [("host", &*host), ("content-type", "text/plain"), ("authorization", &*produce)];
    let consume = [("host", &*host), ("authorization", &*consume)];
    call(&served, "POST /v1/buffers/main/records", &produce, "a\n");
    let first = call(&served, "POST /v1/buffers/main/pull", &consume, "").1;
    let second = call(&served, "POST /v1/buffers/main/pull", &consume, "").1;
    assert!(second.contains(r#""records":[]"#), "{second}");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let (incarnation, lease) = (&first["incarnation"], &first["lease_id"]);
    let ack = format!(r#"{{"incarnation":{incarnation},"through":1,"lease_id":{lease}}}"#);
    assert_eq!(
        call(&served, "POST /v1/buffers/main/ack", &consume, &ack).1,
        r#"{"acknowledged":1,"noted":0}"#
    );
}

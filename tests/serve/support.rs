//! A served buffer, and a client that knows nothing but HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use forebay::{Buffer, Builder};
use forebay_serve::{Server, Service, Socket};
use serde_json::Value;
use tempfile::TempDir;

/// A buffer that is served until this is dropped.
pub struct Served {
    pub directory: TempDir,
    pub service: Service,
    server: Option<Server>,
    buffer: Option<Arc<Buffer>>,
}

impl Served {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Opened with these options.
    pub fn with(options: impl FnOnce(Builder) -> Builder) -> Self {
        Self::at(tempfile::tempdir().unwrap(), options)
    }

    pub fn at(directory: TempDir, options: impl FnOnce(Builder) -> Builder) -> Self {
        let buffer = Arc::new(options(Buffer::builder(directory.path())).open().unwrap());
        let weak = Arc::downgrade(&buffer);
        let figures = move || weak.upgrade()?.status();
        let service = Service::new(&buffer, directory.path(), None, figures);
        let server = Server::start(service.clone(), Socket::bind(directory.path()).unwrap(), None).unwrap();
        Self { directory, service, server: Some(server), buffer: Some(buffer) }
    }

    pub fn connect(&self) -> Http {
        Http::connect(self.directory.path())
    }

    pub fn status(&self) -> forebay::Status {
        self.buffer.as_ref().unwrap().status().unwrap()
    }

    pub fn take_server(&mut self) -> Server {
        self.server.take().unwrap()
    }

    /// Ends in order, and gives the directory.
    pub fn end(mut self) -> TempDir {
        self.server.take().unwrap().stop(Duration::ZERO);
        Arc::into_inner(self.buffer.take().unwrap()).unwrap().close().unwrap();
        self.directory
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The code of a failure, and its HTTP status.
    pub fn failure(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }

    /// The object of a success.
    #[track_caller]
    pub fn done(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

/// A connection.
pub struct Http(pub BufReader<UnixStream>);

impl Http {
    pub fn connect(directory: &Path) -> Self {
        Self(BufReader::new(forebay_serve::connect(directory).unwrap()))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Sends a request, and does not wait for the answer.
    pub fn ask(&mut self, method: &str, path: &str, media: &str, body: &[u8]) {
        let path = path.replace('~', "/v1/buffers/main");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        // In one piece: a server that refuses a request by its head closes the connection when the body has not come yet.
        self.send(&[head.as_bytes(), body].concat());
    }

    /// The answer to what was sent.
    pub fn answer(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "the connection ended: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        Answer { status, head, body }
    }

    pub fn call(&mut self, method: &str, path: &str, media: &str, body: &[u8]) -> Answer {
        self.ask(method, path, media, body);
        self.answer()
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, "text/plain", b"")
    }

    /// A call with an object.
    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, "application/json", body.to_string().as_bytes())
    }

    /// Appends lines, all of which must be placed.
    #[track_caller]
    pub fn append(&mut self, lines: &str) -> Value {
        self.call("POST", "~/records", "text/plain", lines.as_bytes()).done()
    }

    /// Pulls what is there: incarnation, lease and payloads.
    #[track_caller]
    pub fn pull(&mut self) -> (u64, Value, Vec<String>) {
        let answer = self.post("~/pull", &serde_json::json!({ "max": 100 })).done();
        let payloads = answer["records"].as_array().unwrap().iter().map(payload).collect();
        (answer["incarnation"].as_u64().unwrap(), answer["lease_id"].clone(), payloads)
    }

    /// Whether the other end has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        self.0.read(&mut [0]).is_ok_and(|read| read == 0)
    }
}

/// The text of a record.
pub fn payload(record: &Value) -> String {
    record["payload"].as_str().unwrap().to_owned()
}

impl Http {
    /// Pulls until so many records are there, and none is in flight.
    #[track_caller]
    pub fn pull_until(&mut self, records: usize) -> (u64, Value, Vec<String>) {
        let wait = serde_json::json!({ "max": records, "wait_ms": 60_000 });
        let answer = self.post("~/pull", &wait).done();
        let payloads = answer["records"].as_array().unwrap().iter().map(payload).collect();
        (answer["incarnation"].as_u64().unwrap(), answer["lease_id"].clone(), payloads)
    }

    /// Whether this connection has a place: `None` if there are too many.
    pub fn get_if_served(mut self) -> Option<()> {
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        // It may be closed by now.
        let _ = self.0.get_mut().write_all(request);
        (self.answer().status == 200).then_some(())
    }
}

//! What it costs to store what is posted: `just e2e`.

use std::{
    future::poll_fn,
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::support::Served;

const CONNECTIONS: usize = 64;
const RECORD_BYTES: usize = 1024;
const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves the same protocol with the same libraries, and stores nothing.
fn serve_nothing(path: &Path) {
    const ANSWER: &str = r#"{"placed":1,"first_id":1,"last_id":1}"#;
    let path = path.to_owned();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = UnixListener::bind(path).unwrap();
            let handler = post(|body: Bytes| async move {
                assert_eq!(body.len(), RECORD_BYTES);
                ([("content-type", "application/json")], ANSWER)
            });
            let routes = Router::new().route("/v1/buffers/main/records", handler);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(routes.clone());
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
}

/// Sends one request after the other until the time is over, and says how many were answered.
async fn client(path: PathBuf, request: Vec<u8>, until: Instant) -> io::Result<u64> {
    let mut stream = UnixStream::connect(path).await?;
    let (mut answers, mut buffer) = (0, [0; 4096]);
    while Instant::now() < until {
        stream.write_all(&request).await?;
        let read = stream.read(&mut buffer).await?;
        let answer = &buffer[..read];
        // An answer of this length comes in one piece.
        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"}"), "{answer:?}");
        answers += 1;
    }
    Ok(answers)
}

/// How many requests a second are answered.
fn rate(path: &Path, connections: usize) -> f64 {
    let head =
        "POST /v1/buffers/main/records?durability=synced HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain";
    let mut request = format!("{head}\r\ncontent-length: {RECORD_BYTES}\r\n\r\n").into_bytes();
    request.extend(vec![b'x'; RECORD_BYTES - 1]);
    request.push(b'\n');
    let begun = Instant::now();
    let answers = runtime().block_on(async {
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            clients.spawn(client(path.to_owned(), request.clone(), begun + TIME));
        }
        let mut answers = 0;
        while let Some(ended) = poll_fn(|context| clients.poll_join_next(context)).await {
            answers += ended.unwrap().unwrap();
        }
        answers
    });
    f64::from(u32::try_from(answers).unwrap()) / begun.elapsed().as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A server that syncs is asked by many at once: they must share the syncs.
#[test]
#[ignore = "it measures"]
fn what_storing_costs() {
    let served = Served::with(|builder| builder.max_bytes(8 << 30));
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("socket");
    serve_nothing(&nothing);
    while !nothing.exists() {}
    let socket = served.directory.path().join("buffer.sock");
    let (mut stored, mut not_stored) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        not_stored.push(rate(&nothing, CONNECTIONS));
        stored.push(rate(&socket, CONNECTIONS));
    }
    let (stored, not_stored) = (median(stored), median(not_stored));
    let latency = served.status().sync_latency;
    let part = stored / not_stored;
    println!("| figure | seen | goal | |");
    println!("| --- | --- | --- | --- |");
    println!("| POST `synced`, {CONNECTIONS} connections, 1 KiB: requests/s | {stored:.0} | | |");
    println!("| the same, a handler that stores nothing | {not_stored:.0} | | |");
    println!(
        "| the first as a part of the second | {part:.2} | 0.5 | {} |",
        if part >= 0.5 { "ok" } else { "short" }
    );
    println!("| syncs, and their mean time | {latency:?} | | |");
}

//! `forebay serve` at rest, and beside clients that mean harm, as a table: `just e2e`.

#![allow(clippy::cast_precision_loss, reason = "these numbers are small")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Signal, getrlimit, setrlimit};

use crate::{
    Place,
    support::cli::{Running, forebay},
};

const TOKEN: &str = "produce-0123456789";

/// How long the process is looked at while it has nothing to do.
const REST: Duration = Duration::from_secs(10);

/// How many calls another client makes beside an attack, and how often.
const CALLS: usize = 400;
const ROUNDS: usize = 3;

const MIB: f64 = 1024.0 * 1024.0;

fn serve(place: &Place) -> (Running, SocketAddr) {
    let tokens = place.above.path().join("tokens");
    fs::write(&tokens, format!("produce {TOKEN}\n")).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    // The port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (listen, tokens) = (format!("--listen={address}"), format!("--token-file={}", tokens.display()));
    let serve =
        Running::start(&mut forebay(["serve", &place.path, &listen, &tokens, "--host=queue.example"]));
    while !Path::new(&place.path).join("buffer.sock").exists() || TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(5));
    }
    (serve, address)
}

/// A number of `/proc/PID/status`, or of one of its threads.
fn figure(path: &Path, name: &str) -> u64 {
    let status = fs::read_to_string(path.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

fn wakeups(process: &Path) -> u64 {
    let threads = fs::read_dir(process.join("task")).unwrap();
    threads.map(|thread| figure(&thread.unwrap().path(), "voluntary_ctxt_switches")).sum()
}

fn verdict(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "short" }
}

/// Appends a record, and says how long that took.
fn append(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let request = format!(
        "POST /v1/buffers/main/records HTTP/1.1\r\nhost: queue.example\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: text/plain\r\ncontent-length: 2\r\n\r\na\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&buffer[..read]));
    begun.elapsed()
}

/// The time within which 99 of 100 calls are answered.
fn p99(stream: &mut TcpStream) -> f64 {
    let mut times: Vec<_> = (0..CALLS)
        .map(|_| {
            thread::sleep(Duration::from_micros(500));
            append(stream)
        })
        .collect();
    times.sort();
    times[CALLS * 99 / 100].as_secs_f64()
}

/// The status of an answer; `None` where the connection ends without one.
fn status_of(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = [0; 16];
    let read = stream.read(&mut answer).unwrap_or(0);
    str::from_utf8(&answer[..read]).ok()?.split(' ').nth(1)?.parse().ok()
}

fn head(rest: &str) -> String {
    format!(
        "POST /v1/buffers/main/records HTTP/1.1\r\nhost: queue.example\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: text/plain\r\n{rest}"
    )
}

/// What a client does that means harm, again and again until it is told to stop. Gives the statuses that it saw.
type Attack = fn(SocketAddr, &AtomicBool) -> Vec<Option<u16>>;

fn garbage(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    repeat(address, stop, |stream| {
        let _ = stream.write_all(&[0xff; 10_000]);
        let _ = stream.shutdown(Shutdown::Write);
    })
}

fn half_a_body(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    repeat(address, stop, |stream| {
        let _ = stream.write_all(head("content-length: 2000000\r\n\r\n").as_bytes());
        let _ = stream.write_all(&vec![b'x'; 1_000_000]);
        let _ = stream.shutdown(Shutdown::Write);
    })
}

fn ten_gigabytes(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    repeat(address, stop, |stream| {
        let _ = stream.write_all(head("content-length: 10000000000\r\n\r\n").as_bytes());
        // Until the server takes no more.
        let piece = vec![b'x'; 64 << 10];
        let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
        for _ in 0..160_000 {
            if stop.load(Ordering::Relaxed) || stream.write_all(&piece).is_err() {
                break;
            }
        }
    })
}

fn a_million_headers(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    let piece = "x-0: y\r\n".repeat(1000);
    repeat(address, stop, |stream| {
        let _ = stream.write_all(head("").as_bytes());
        let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
        for _ in 0..1000 {
            if stream.write_all(piece.as_bytes()).is_err() {
                break;
            }
        }
    })
}

fn repeat(address: SocketAddr, stop: &AtomicBool, attack: impl Fn(&mut TcpStream)) -> Vec<Option<u16>> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        attack(&mut stream);
        seen.push(status_of(&mut stream));
    }
    seen
}

/// Ten thousand at once: as many as the server takes say nothing, and the others are told so.
fn many_connections(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    let until = Instant::now() + Duration::from_secs(15);
    let in_time = (0..10_000).take_while(|_| Instant::now() < until);
    let mut open: Vec<_> = in_time.map_while(|_| TcpStream::connect(address).ok()).collect();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
    }
    let mut seen = Vec::new();
    for stream in &mut open {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        seen.extend(status_of(stream).map(Some));
    }
    if open.len() < 10_000 || seen.len() < 9_000 {
        seen.push(None);
    }
    seen
}

/// A byte a minute, of a head: the server ends it after its time for heads.
fn a_byte_a_minute(address: SocketAddr, stop: &AtomicBool) -> Vec<Option<u16>> {
    let mut open: Vec<_> = (0..400).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut open {
        stream.write_all(b"P").unwrap();
    }
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
    }
    let mut seen = Vec::new();
    let until = Instant::now() + Duration::from_secs(40);
    for mut stream in open {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).unwrap();
        let mut buffer = [0; 64];
        // The end of the stream, and no time that is over.
        seen.push(stream.read(&mut buffer).is_ok().then_some(408));
    }
    seen
}

/// Runs an attack beside calls of another client: statuses, the p99 of these calls as a multiple of that without an attack, and bytes.
fn beside(address: SocketAddr, process: &Path, attack: Attack) -> (Vec<Option<u16>>, f64, f64) {
    let mut other = TcpStream::connect(address).unwrap();
    other.set_nodelay(true).unwrap();
    let calm = p99(&mut other);
    fs::write(process.join("clear_refs"), "5").unwrap();
    let before = figure(process, "VmRSS");
    let stop = Arc::new(AtomicBool::new(false));
    let attacking = thread::spawn({
        let stop = Arc::clone(&stop);
        move || attack(address, &stop)
    });
    thread::sleep(Duration::from_millis(300));
    let beside = p99(&mut other);
    stop.store(true, Ordering::Relaxed);
    drop(other);
    let seen = attacking.join().unwrap();
    let more = figure(process, "VmHWM").saturating_sub(before) * 1024;
    (seen, beside / calm, more as f64)
}

fn end(serve: &mut Running) {
    serve.signal(Signal::TERM);
    assert_eq!(serve.wait().code, Some(143));
}

/// A port is open to all who reach it, and a process that waits costs battery.
#[test]
#[ignore = "it measures for minutes"]
fn what_serving_costs_and_hostile_clients_do() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let place = Place::new();
    let (mut running, _) = serve(&place);
    let process = Path::new("/proc").join(running.pid().to_string());
    println!("| figure | seen | goal | |");
    println!("| --- | --- | --- | --- |");
    thread::sleep(Duration::from_secs(2));
    let (memory, woken) = (figure(&process, "VmRSS") as f64 / 1024.0, wakeups(&process));
    thread::sleep(REST);
    let woken = (wakeups(&process) - woken) as f64 / REST.as_secs_f64();
    println!("| idle `serve`: memory, MiB | {memory:.1} | 20 | {} |", verdict(memory < 20.0));
    println!("| idle `serve`: wake-ups a second | {woken:.1} | 2 | {} |", verdict(woken < 2.0));
    end(&mut running);

    let attacks: [(&str, u16, usize, Attack); 6] = [
        ("10,000 connections", 503, ROUNDS, many_connections),
        ("garbage", 400, ROUNDS, garbage),
        ("half a body", 400, ROUNDS, half_a_body),
        ("a body of 10 GB", 413, ROUNDS, ten_gigabytes),
        ("1,000,000 headers", 431, ROUNDS, a_million_headers),
        ("a byte a minute, 400 times", 408, 1, a_byte_a_minute),
    ];
    for (name, expected, rounds, attack) in attacks {
        let (mut times, mut memory, mut wrong, mut all) = (Vec::new(), 0.0_f64, 0, 0);
        let (mut running, address) = serve(&place);
        let process = Path::new("/proc").join(running.pid().to_string());
        for _ in 0..rounds {
            let (seen, slower, more) = beside(address, &process, attack);
            times.push(slower);
            memory = memory.max(more / MIB);
            // A client that sends on after the answer may find its connection reset instead.
            wrong += seen.iter().filter(|status| status.is_some_and(|status| status != expected)).count();
            all += seen.iter().flatten().count();
            thread::sleep(Duration::from_millis(200));
        }
        end(&mut running);
        times.sort_by(f64::total_cmp);
        let slower = times[times.len() / 2];
        let is_right = wrong == 0 && all > 0;
        println!("| {name}: answered {expected} | {} of {all} | all | {} |", all - wrong, verdict(is_right));
        println!("| {name}: more memory, MiB | {memory:.1} | 32 | {} |", verdict(memory <= 32.0));
        println!(
            "| {name}: p99 of another client | {slower:.1} times | 3 times | {} |",
            verdict(slower <= 3.0)
        );
    }
}

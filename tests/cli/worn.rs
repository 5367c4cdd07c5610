//! Logic that wears its host out: the command still hears signals, and gives what it has. What the library makes of the same
//! components is in `tests/containment`.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use super::{Place, seq};
use crate::support::cli::{Running, forebay, status};

#[path = "../containment/attacks.rs"]
mod attacks;

mod figures;

use attacks::{Attack, InCall};

/// How long a command goes on after a signal before it ends what its logic is doing.
const GRACE: Duration = Duration::from_secs(1);
const WITH_GRACE: &str = "--grace=1s";

/// How long after that it may take to end, on a machine that other tests keep busy as well.
const END: Duration = Duration::from_secs(2);

fn component(place: &Place, attack: Attack) -> String {
    let path = place.above.path().join("attack.wasm");
    fs::write(&path, attack.component()).unwrap();
    format!("--component={}", path.display())
}

/// The processor time that a process has had, in hundredths of a second. `None` if it has ended.
fn worked(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let times = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    (fields[0] != "Z").then_some(times)
}

/// Starts a command with this logic, gives it records where it takes any, and waits until it has ended or worked a while.
fn start(place: &Place, command: &str, attack: Attack) -> Running {
    start_with(place, command, &[&component(place, attack)])
}

fn start_with(place: &Place, command: &str, flags: &[&str]) -> Running {
    let own = [command, &*place.path, "--file-size=64KiB", "--sync-interval=1ms", WITH_GRACE];
    let mut running = Running::start(&mut forebay([&own, flags].concat()));
    if command != "read" {
        let mut stdin = running.take_stdin();
        // It may have ended. Its stdin stays open in the thread, as that of a service does.
        thread::spawn(move || {
            use std::io::Write as _;
            let _ = stdin.write_all(&seq(1..=1000));
            thread::sleep(Duration::from_mins(1));
        });
    }
    let (started, mut last) = (Instant::now(), 0);
    while let Some(now) = worked(running.pid())
        && now < 30
        && started.elapsed() < Duration::from_secs(1)
    {
        last = last.max(now);
        thread::sleep(Duration::from_millis(10));
    }
    running
}

/// A million cheap calls, each of which makes or removes a file, kept a command from hearing SIGTERM and SIGINT for minutes.
#[test]
fn a_signal_ends_a_command_whatever_its_logic_does() {
    for command in ["write", "read", "pipe"] {
        thread::scope(|scope| {
            for attack in Attack::all() {
                scope.spawn(move || {
                    let place = Place::with_lines(&seq(1..=1000));
                    let mut running = start(&place, command, attack);
                    let signalled = Instant::now();
                    running.signal(Signal::TERM);
                    let ended = running.wait();
                    let took = signalled.elapsed();
                    assert!(took <= GRACE + END, "{command}, {attack:?}: {took:?}: {ended}");
                    assert!(matches!(ended.code, Some(0..=2 | 143)), "{command}, {attack:?}: {ended}");
                    if attack == Attack::Acknowledges && command != "write" {
                        // It stores what was printed as acknowledged, which is true.
                        return;
                    }
                    let left = place.read(&[]).assert_quiet_success().stdout.clone();
                    assert!(left.starts_with(&seq(1..=1000)), "{command}, {attack:?}: records are missing");
                });
            }
        });
    }
}

/// A user who insists does not wait for the logic, wherever it is.
#[test]
fn a_second_signal_ends_a_command_within_a_second_whatever_its_logic_does() {
    for attack in [Attack::Syncs, Attack::Ticks, Attack::MakesAndRemoves(InCall::Tick)] {
        let place = Place::with_lines(&seq(1..=1000));
        let mut running = start(&place, "write", attack);
        running.signal(Signal::TERM);
        running.signal(Signal::INT);
        let signalled = Instant::now();
        let ended = running.wait();
        assert!(signalled.elapsed() <= Duration::from_millis(1500), "{attack:?}: {:?}", signalled.elapsed());
        assert!(matches!(ended.code, Some(1 | 2 | 130 | 143)), "{attack:?}: {ended}");
    }
}

/// An idle buffer costs nothing, whatever its logic asks for.
#[test]
fn ticks_that_are_wanted_at_once_take_no_processor() {
    let place = Place::with_lines(b"1\n");
    let component = component(&place, Attack::TicksAtOnce);
    let mut writer = Running::start(&mut forebay(["write", &*place.path, &component, "--sync-interval=1ms"]));
    writer.feed(b"2\n");
    thread::sleep(Duration::from_secs(1));
    let before = worked(writer.pid()).unwrap();
    thread::sleep(Duration::from_secs(2));
    let took = worked(writer.pid()).unwrap() - before;
    assert!(took < 60, "{took} hundredths of a second in two seconds");
    drop(writer.take_stdin());
    writer.wait();
    assert_eq!(place.read(&[]).stdout, b"1\n2\n");
}

/// Each life may have 64 MiB, one after the other.
#[test]
fn logic_that_takes_all_memory_in_each_life_has_it_once() {
    let place = Place::with_lines(&seq(1..=1000));
    let component = component(&place, Attack::Hoards);
    let mut writer = Running::start(&mut forebay(["write", &*place.path, &component]));
    let mut stdin = writer.take_stdin();
    let highest = || -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", writer.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    let before = highest().expect("it runs");
    let (mut most, started) = (0, Instant::now());
    while started.elapsed() < Duration::from_secs(20)
        && let Some(now) = highest()
    {
        most = most.max(now);
        // It may have ended.
        let _ = std::io::Write::write_all(&mut stdin, b"more\n");
        thread::sleep(Duration::from_millis(5));
    }
    drop(stdin);
    let ended = writer.wait();
    // On a busy machine the time may be used up before it traps.
    let is_named = ["unreachable", "in one call ("].iter().any(|words| ended.stderr.contains(words));
    assert!(ended.code == Some(2) && is_named, "{ended}");
    assert!(most > 0 && most < before.max(64 << 10) + (128 << 10), "{most} KiB, {before} KiB before");
    assert!(place.read(&[]).stdout.starts_with(&seq(1..=1000)));
}

/// The next opener finds the records in the frames. Who looks is told of them as well, while the buffer is held, when its process
/// was killed and after a close.
#[test]
fn status_counts_what_waits_where_the_logic_stores_no_ledger() {
    let place = Place::new();
    let component = component(&place, Attack::Files);
    let write = ["write", &*place.path, &component, "--max-events=10", "--when-full=reject", "--confirm"];
    let mut running = Running::start(&mut forebay(write));
    running.feed(&seq(1..=20));
    assert_eq!(running.next_line().unwrap(), b"10");
    let held = status(&place.path);
    running.signal(Signal::KILL);
    running.wait();
    let killed = status(&place.path);
    let ended = place.write(&[&component, "--max-events=20", "--when-full=reject"], &seq(11..=20));
    let closed = status(&place.path);
    for (told, waiting) in [(held, 10), (killed, 10), (closed, 20)] {
        assert_eq!(told["records"], waiting, "{told}, {ended}");
        assert_eq!(told["usage"]["received"], json!({ "events": waiting, "bytes": waiting * 48 }), "{told}");
        assert_eq!(told["bytes"], waiting * 48, "{told}");
    }
    assert_eq!(place.read(&[]).stdout, seq(1..=20));
}

/// Of 5,000 records that the logic gave one by one, nothing was printed in a minute.
#[test]
fn read_prints_the_records_of_slow_logic_as_it_gets_them() {
    let place = Place::with_lines(&seq(1..=5000));
    let component = component(&place, Attack::ReadsSlowly);
    let started = Instant::now();
    let mut reader = Running::start(&mut forebay(["read", &place.path, &component, WITH_GRACE]));
    for number in 1..=20_u64 {
        let Some(line) = reader.next_line() else { panic!("{}", reader.wait()) };
        assert_eq!(line, number.to_string().into_bytes());
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let signalled = Instant::now();
    reader.signal(Signal::TERM);
    let ended = reader.wait();
    assert!(signalled.elapsed() <= GRACE + END, "{:?}", signalled.elapsed());
    assert_eq!(ended.code, Some(143), "{ended}");
    assert!(ended.stdout.len() < seq(21..=5000).len(), "{ended}");
}

//! Full buffers and full disks, from outside.

use std::{fs, io::Write as _, path::PathBuf, process::Command, thread, time::Instant};

use rustix::process::Signal;

use super::{Place, feed_without_end, seq};
use crate::support::{
    cli::{BINARY, Running, forebay, run, status},
    fixtures,
};

const SMALL: [&str; 2] = ["--file-size=64KiB", "--max-size=131104"];

/// A script has to know that not everything was taken, and how much was.
#[test]
fn pain_26325_reject_goes_on_counts_and_exits_with_1() {
    let place = Place::new();
    let lines = seq(1..=10_000);
    let ended = place.write(&[&SMALL[..], &["--when-full=reject", "--format=json"]].concat(), &lines);
    assert_eq!(ended.code, Some(1), "{ended}");
    let answer = ended.json();
    let (records, rejected) = (answer["records"].as_u64().unwrap(), answer["rejected"].as_u64().unwrap());
    assert_eq!(records + rejected, 10_000, "{ended}");
    assert_eq!(records, 131_104 / 48, "each takes 48 bytes of the least that a buffer may have");
    assert_eq!((&answer["first_id"], &answer["last_id"]), (&1.into(), &records.into()), "{ended}");
    assert!(ended.stderr.contains(&rejected.to_string()), "{ended}");
    assert_eq!(ended.stderr.matches("is full").count(), 1, "it is said once: {ended}");
    assert!(status(&place.path)["bytes"].as_u64().unwrap() <= 131_104);
    assert!(place.read(&SMALL).assert_quiet_success().stdout == seq(1..=records));
}

/// Somebody counts records, and not bytes.
#[test]
fn no_more_records_wait_than_were_allowed() {
    let place = Place::new();
    let limited = ["--max-events=7", "--when-full=reject"];
    let ended = place.write(&[&limited[..], &["--format=json"]].concat(), &seq(1..=10));
    assert_eq!(
        (ended.code, &ended.json()["records"], &ended.json()["rejected"]),
        (Some(1), &7.into(), &3.into())
    );
    run(["read", &place.path, "--count=2"]).assert_quiet_success();
    place.write(&limited, &seq(11..=12)).assert_quiet_success();
    assert_eq!(place.write(&limited, b"too many\n").code, Some(1));
    assert_eq!(status(&place.path)["records"], 7);
}

/// Whether there is room is the logic's to say, and the host believes it: that logic is what runs, and no copy of it.
#[test]
fn logic_that_is_always_full_has_the_first_record_refused() {
    let component = fixtures::project_file("tests/guests/always_full.wasm");
    let component = format!("--component={}", component.display());
    let place = Place::new();
    let ended = place.write(&[&component, "--when-full=reject", "--format=json"], b"one\ntwo\n");
    assert_eq!(ended.code, Some(1), "{ended}");
    assert_eq!((&ended.json()["records"], &ended.json()["rejected"]), (&0.into(), &2.into()), "{ended}");
    assert_eq!(status(&place.path)["records"], 0);
    // With the shipped logic, the same directory takes them.
    place.write(&["--when-full=reject"], b"one\ntwo\n").assert_quiet_success();
}

/// Whoever waits must know for what; a process that just stands still looks dead.
#[test]
fn pain_14752_a_writer_that_waits_for_room_says_so_once() {
    let place = Place::new();
    let mut command = forebay(["write", &place.path, "--confirm"]);
    let mut writer = Running::start(command.args(SMALL));
    let feeding = feed_without_end(writer.take_stdin());
    let said = writer.next_error_line();
    assert!(said.contains("the buffer is full"), "{said}");
    writer.signal(Signal::TERM);
    let ended = writer.wait();
    feeding.join().unwrap();
    assert_eq!(ended.code, Some(143), "{ended}");
    // That it waits is not said again; what was left is.
    assert!(
        !ended.stderr.contains("is full") && ended.stderr.contains("refused for want of room"),
        "{ended}"
    );
    let records = status(&place.path)["records"].as_u64().unwrap();
    assert!(place.read(&SMALL).assert_quiet_success().stdout == seq(1..=records));
    let confirmed: u64 =
        String::from_utf8_lossy(&ended.stdout).lines().last().map_or(0, |line| line.parse().unwrap());
    assert!(confirmed <= records, "{confirmed} of {records}");
}

/// A disk that is full may get room again, and nobody should have to start anything anew for it.
///
/// Needs a small file system of its own: that of a mount namespace, where the test may make one.
#[test]
fn a_full_disk_is_waited_for() {
    let above = tempfile::TempDir::new().unwrap();
    let mount = above.path().to_str().unwrap();
    // The filler takes up what the records need.
    let script = "mount -t tmpfs -o size=512k forebay \"$0\" && head -c 300000 /dev/zero >\"$0/filler\" && exec \"$@\"";
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, mount]).args(arguments);
        command
    };
    match unshare(&["true"]).output() {
        Ok(output) if output.status.success() => {}
        other => {
            println!("skipped: this user cannot mount a file system of its own here: {other:?}");
            return;
        }
    }
    let buffer = format!("{mount}/buffer");
    let write = [BINARY, "write", &buffer, "--confirm", "--sync-interval=10ms"];
    let mut writer = Running::start(&mut unshare(&write));
    let lines = seq(1..=9_000);
    let mut stdin = writer.take_stdin();
    let feed = lines.clone();
    let feeding = thread::spawn(move || {
        std::io::Write::write_all(&mut stdin, &feed).unwrap();
        // Kept open until the buffer was looked at.
        stdin
    });
    let said = writer.next_error_line();
    assert!(said.contains("no room"), "{said}");

    // Its file system, seen from here.
    let inside = PathBuf::from(format!("/proc/{}/root{mount}", writer.pid()));
    fs::remove_file(inside.join("filler")).unwrap();
    let mut confirmed = 0;
    while confirmed < 9_000 {
        let line = writer.next_line().expect("it goes on");
        confirmed = String::from_utf8(line).unwrap().parse().unwrap();
    }
    let stdin = feeding.join().unwrap();
    let looked_at = status(inside.join("buffer"));
    assert_eq!((&looked_at["records"], &looked_at["bytes"]), (&9_000.into(), &432_000.into()));
    drop(stdin);
    let ended = writer.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
}

/// With `drop-oldest` the process makes room itself: nobody need be told to stop it. It drops a file for each that it begins,
/// and a line for each would bury what else is said; the lines that there are add up to what is gone.
#[test]
fn a_writer_that_drops_the_oldest_says_that_once_a_second_and_no_more() {
    let place = Place::new();
    let started = Instant::now();
    let ended = place.write(&[&SMALL[..], &["--when-full=drop-oldest"]].concat(), &seq(1..=30_000));
    let seconds = started.elapsed().as_secs();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.lines().all(|line| line.contains("dropped the oldest records")), "{ended}");
    // At once, each second, and what is left when it ends.
    assert!((1..=2 + seconds).contains(&(ended.stderr.lines().count() as u64)), "in {seconds} s: {ended}");
    let events = ended.stderr.split_whitespace().filter_map(|word| word.strip_prefix("events="));
    let dropped: u64 = events.map(|number| number.parse::<u64>().unwrap()).sum();
    assert_eq!(status(&place.path)["records"], 30_000 - dropped, "{ended}");
}

/// `forebay write ... 2>&1 | head`: `head` ends, and what is to be logged goes nowhere. The buffer goes on, and is closed.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let place = Place::new();
    let mut command = forebay(["write", &place.path, "--when-full=drop-oldest"]);
    let mut writer = Running::start_unheard(command.args(SMALL));
    let mut stdin = writer.take_stdin();
    let feeding = thread::spawn(move || stdin.write_all(&seq(1..=10_000)));
    let ended = writer.wait();
    feeding.join().unwrap().unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(status(&place.path)["ledger"]["writer_next_record"], 10_001);
}

//! Full buffers and full disks, from outside.

use std::{fs, io::Write as _, path::PathBuf, process::Command, thread, time::Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Place, feed_without_end, seq};
use crate::support::{
    cli::{BINARY, Running, forebay, run, status, undisturbed},
    fixtures,
    tools::{is_there, skip},
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

/// An operator may count records, and not bytes.
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

/// An operator who set that limit must hear that it was reached, and not that the logic behaves strangely.
#[test]
fn a_buffer_with_as_many_records_as_were_allowed_is_said_to_be_full() {
    let place = Place::new();
    let mut command = forebay(["write", &place.path, "--max-events=7"]);
    let mut writer = Running::start(&mut command);
    writer.feed(&seq(1..=10));
    let said = writer.next_error_line();
    assert!(said.contains("the buffer is full") && said.contains("--max-events"), "{said}");
    writer.signal(Signal::TERM);
    assert_eq!(writer.wait().code, Some(143));
    let ended = place.write(&["--max-events=7", "--when-full=reject"], &seq(1..=10));
    assert!(ended.code == Some(1) && ended.stderr.contains("the buffer is full"), "{ended}");
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

/// A user who waits must know for what; a process that just stands still looks dead.
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
        !ended.stderr.contains("is full")
            && ended.stderr.contains("not placed before the signal's time was over"),
        "{ended}"
    );
    let records = status(&place.path)["records"].as_u64().unwrap();
    assert!(place.read(&SMALL).assert_quiet_success().stdout == seq(1..=records));
    let confirmed: u64 =
        String::from_utf8_lossy(&ended.stdout).lines().last().map_or(0, |line| line.parse().unwrap());
    assert!(confirmed <= records, "{confirmed} of {records}");
}

/// A command in a file system of its own, which is made by this shell command: in a mount namespace, so that no other process
/// sees it. `None`, with a word of it, where there is no tool for it or this user may not make one.
pub(super) fn in_a_file_system(make: &str, arguments: &[&str]) -> Option<Command> {
    if !is_there("unshare") || !is_there("mount") {
        return None;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{make} && exec \"$@\""), "sh"]).args(arguments);
        undisturbed(&mut command);
        command
    };
    match unshare(&["true"]).output() {
        Ok(output) if output.status.success() => Some(unshare(arguments)),
        other => {
            skip(&format!("this user cannot mount a file system of its own here: {other:?}"));
            None
        }
    }
}

/// `forebay write` with these flags on a tmpfs of its own, mounted with these options. Inside, the buffer is `buffer` in the
/// directory. `None` where [`in_a_file_system`] is.
fn write_on_tmpfs(options: &str, flags: &[&str]) -> Option<(TempDir, Running)> {
    let above = TempDir::new().unwrap();
    let mount = above.path().to_str().unwrap();
    let make = format!("mount -t tmpfs -o {options} forebay {mount}");
    let buffer = format!("{mount}/buffer");
    let mut command = in_a_file_system(&make, &[&[BINARY, "write", &buffer], flags].concat())?;
    Some((above, Running::start(&mut command)))
}

/// A disk that is full may get room again, and no user should have to restart anything for it.
#[test]
fn a_full_disk_is_waited_for() {
    let above = TempDir::new().unwrap();
    let mount = above.path().to_str().unwrap();
    // The filler takes up what the records need.
    let make =
        format!("mount -t tmpfs -o size=512k forebay {mount} && head -c 300000 /dev/zero >{mount}/filler");
    let buffer = format!("{mount}/buffer");
    let write = [BINARY, "write", &buffer, "--confirm", "--sync-interval=10ms"];
    let Some(mut command) = in_a_file_system(&make, &write) else { return };
    let mut writer = Running::start(&mut command);
    let lines = seq(1..=9_000);
    let mut stdin = writer.take_stdin();
    let feed = lines.clone();
    let feeding = thread::spawn(move || {
        stdin.write_all(&feed).unwrap();
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

/// Whether the disk or the buffer is full decides what an operator does. It is said of the moment at which records were refused.
#[test]
fn a_record_that_a_full_disk_refuses_is_not_blamed_on_the_logic() {
    let flags = ["--when-full=reject", "--framing=length"];
    let Some((_mount, mut writer)) = write_on_tmpfs("size=512k", &flags) else { return };
    // After each long record that finds no room comes a short one that does.
    let record = |bytes: u32| [&bytes.to_be_bytes()[..], &vec![b'x'; bytes as usize]].concat();
    let records: Vec<u8> = (0..40).flat_map(|_| [record(100_000), record(10)].concat()).collect();
    writer.feed(&records);
    let ended = writer.end();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("the disk is full"), "{ended}");
    assert!(!ended.stderr.contains("although the buffer has room"), "{ended}");
}

/// A file system that has bytes, and no room for the name of another file, is full as well: a user who chose that the oldest
/// go does not wait for ever. Ten files are what is there before the buffer makes its fifth data file.
#[test]
fn pain_8763_a_disk_without_room_for_another_file_drops_the_oldest() {
    let flags = ["--when-full=drop-oldest", "--file-size=64KiB", "--confirm"];
    let Some((_mount, mut writer)) = write_on_tmpfs("size=64m,nr_inodes=10", &flags) else { return };
    writer.feed(&seq(1..=20_000));
    let ended = writer.end();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.ends_with(b"\n20000\n"), "{ended}");
    assert!(ended.stderr.contains("dropped the oldest records"), "{ended}");
}

/// Another program fills the disk, and takes what becomes free. The user must find the newest records there, and be told that
/// the others were dropped: not that they were sent.
#[test]
fn what_is_dropped_on_a_disk_that_stays_full_counts_as_dropped() {
    let flags =
        ["--when-full=drop-oldest", "--file-size=4KiB", "--small-files", "--sync-interval=1h", "--confirm"];
    let Some((mount, mut writer)) = write_on_tmpfs("size=1m", &flags) else { return };
    let lines = seq(1..=200);
    let mut stdin = writer.take_stdin();
    stdin.write_all(&lines).unwrap();
    while writer.next_line().expect("it goes on") != b"200" {}
    let inside = PathBuf::from(format!("/proc/{}/root{}", writer.pid(), mount.path().display()));
    // What becomes free is taken at once.
    let hog = inside.join("hog");
    let mut hog = fs::File::create(hog).unwrap();
    let mut fill = move || while hog.write_all(&[1; 512]).is_ok() {};
    fill();
    stdin.write_all(&seq(201..=600)).unwrap();
    let mut said = writer.next_error_line();
    // Another thread may look at the buffer before the oldest are dropped: it waits at that moment.
    if said.contains("the disk has no room: waiting") {
        said = writer.next_error_line();
    }
    assert!(said.contains("dropped the oldest records"), "{said}");
    for _ in 0..40 {
        fill();
        thread::sleep(std::time::Duration::from_millis(20));
    }
    let looked_at = status(inside.join("buffer"));
    let (usage, records) = (&looked_at["usage"], looked_at["records"].as_u64().unwrap());
    let dropped = usage["dropped"]["events"].as_u64().unwrap();
    assert_eq!(usage["sent"]["events"], 0, "{looked_at}");
    assert!(dropped > 0 && records > 0, "{looked_at}");
    assert_eq!(
        looked_at["ledger"]["writer_next_record"].as_u64().unwrap() - 1,
        dropped + records,
        "{looked_at}"
    );
    writer.signal(Signal::TERM);
    writer.wait();
    drop(stdin);
}

/// With `drop-oldest` the process makes room itself: no message need ask to stop it. It drops a file for each that it begins,
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
fn a_log_that_is_not_read_stops_nothing() {
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

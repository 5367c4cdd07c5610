//! System calls that fail, by `strace`: the binary makes them itself, so that no library can stand between.

use std::{
    fs::{self, DirEntry},
    process::{Command, Stdio},
    thread,
};

use rustix::process::Signal;

use super::{Place, seq};
use crate::support::{
    cli::{Running, by_strace, forebay, run, status},
    tools::is_there,
};

/// Makes every one of some system calls of a running process fail, until it is dropped.
struct Failing(std::process::Child);

impl Failing {
    fn in_process(writer: &Running, calls: &str, error: &str) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-q", "-f", "-o", "/dev/null", "-p", &writer.pid().to_string()]);
        strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
        let strace = strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let tracer = format!("TracerPid:\t{}", strace.id());
        let tasks = format!("/proc/{}/task", writer.pid());
        let is_traced = |task: std::io::Result<DirEntry>| {
            // A thread that has ended meanwhile makes no calls.
            let status = fs::read_to_string(task.unwrap().path().join("status"));
            status.map_or(true, |status| status.contains(&tracer))
        };
        while !fs::read_dir(&tasks).unwrap().all(is_traced) {
            thread::yield_now();
        }
        Self(strace)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // It ends by itself with the process that it traces, and lets it go when it is told to end.
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        self.0.wait().unwrap();
    }
}

/// A disk that fails or has become read-only fails each retry, of each file: the log would fill the next disk.
#[test]
fn failed_syncs_are_logged_once_a_second_with_a_count() {
    if !is_there("strace") {
        return;
    }
    let place = Place::new();
    let mut writer = Running::start(&mut forebay([
        "write",
        &place.path,
        "--file-size=4KiB",
        "--small-files",
        "--sync-interval=10ms",
        "--confirm",
    ]));
    writer.feed(b"1\n");
    assert_eq!(writer.next_line().unwrap(), b"1");
    let failing = Failing::in_process(&writer, "fsync,fdatasync", "EIO");
    writer.feed(&seq(2..=500));
    let not_logged = |writer: &mut Running| -> u64 {
        loop {
            let line = writer.next_error_line();
            if line.contains("an fsync failed") {
                let count = line.split_whitespace().find_map(|word| word.strip_prefix("not_logged="));
                return count.unwrap_or_else(|| panic!("no count: {line}")).parse().unwrap();
            }
        }
    };
    assert_eq!(not_logged(&mut writer), 0, "the first is logged at once");
    let held_back = not_logged(&mut writer) + not_logged(&mut writer);
    assert!(held_back >= 2, "{held_back} retries in two seconds");
    drop(failing);
    let ended = writer.end();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=500));
}

/// What is dropped is noted in `buffer.forebay`. Where the disk has no room for the note either, only the process knows, and
/// it may die: the next look must not say that consumers have the records.
#[test]
fn what_may_have_been_dropped_is_not_said_to_be_sent() {
    if !is_there("strace") {
        return;
    }
    for signal in [Signal::TERM, Signal::KILL] {
        let place = Place::new();
        let flags = ["--when-full=drop-oldest", "--file-size=64KiB", "--sync-interval=20ms", "--confirm"];
        let mut writer = Running::start(&mut forebay([&["write", &*place.path], &flags[..]].concat()));
        // Of 48 bytes each: 1365 in a file.
        writer.feed(&seq(1..=5000));
        while writer.next_line().unwrap() != b"5000" {}
        let failing = Failing::in_process(&writer, "pwrite64,fallocate", "ENOSPC");
        writer.feed(&seq(5001..=5200));
        while !writer.next_error_line().contains("dropped the oldest") {}
        writer.signal(signal);
        writer.wait();
        drop(failing);

        // Events of each kind. What came in and has not gone waits, in bytes as well.
        let look = || {
            let told = status(&place.path);
            let all = ["received", "sent", "dropped", "lost", "sent_or_dropped"];
            let amounts = |of: &str| all.map(|what| told["usage"][what][of].as_u64().unwrap());
            let (events, bytes, waiting) =
                (amounts("events"), amounts("bytes"), told["records"].as_u64().unwrap());
            assert_eq!(events[0], events[1..].iter().sum::<u64>() + waiting, "{signal:?}: {told}");
            assert_eq!(bytes[0], bytes[1..].iter().sum::<u64>() + waiting * 48, "{signal:?}: {told}");
            events
        };
        let [received, rest @ .., either] = look();
        assert!(rest == [0; 3] && either >= 1365 && either % 1365 == 0, "{signal:?}: {rest:?}, {either}");
        let text = String::from_utf8(run(["status", &place.path]).stdout).unwrap();
        assert!(text.contains(&format!("either   {either} records, dropped or sent")), "{text}");

        // It is kept as such, and what is read from now on counts as sent.
        let read = place.read(&["--file-size=64KiB"]).assert_quiet_success().stdout.clone();
        assert!(read == seq(either + 1..=received), "{signal:?}");
        assert_eq!(look(), [received, received - either, 0, 0, either], "{signal:?}");
    }
}

/// A bad disk fails each page, and each is looked at more than once: the log would fill the next disk. A person looks for the
/// file by its name.
#[test]
fn pages_that_cannot_be_read_are_logged_once_a_second_with_the_name_of_their_file() {
    if !is_there("strace") {
        return;
    }
    let place = Place::new();
    place.write(&["--file-size=64KiB"], &seq(1..=5000)).assert_quiet_success();
    let file = place.data_file(1);
    let own = [
        "-o",
        "/dev/null",
        "-P",
        file.to_str().unwrap(),
        "-e",
        "trace=pread64",
        "-e",
        "inject=pread64:error=EIO",
    ];
    let mut strace = by_strace(&own, &["read", &place.path, "--file-size=64KiB"]);
    let ended = Running::start(&mut strace).end();
    assert_eq!(ended.code, Some(1), "{ended}");
    let said: Vec<_> = ended.stderr.lines().filter(|line| line.contains("cannot read these bytes")).collect();
    // The whole file is looked at in a moment; a slow machine may take some.
    assert!((1..=5).contains(&said.len()), "{ended}");
    assert!(said[0].contains("file=\"buffer-data-1.dat\"") && said[0].contains("os error 5"), "{ended}");
    let lost = ended.stderr.lines().find(|line| line.contains("events are lost")).unwrap();
    assert!(lost.contains("file=\"buffer-data-1.dat\""), "{ended}");
    assert!(ended.stdout.ends_with(b"5000\n"), "what lies behind it is read");
}

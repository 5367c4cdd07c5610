//! System calls that fail, by `strace`: the binary makes them itself, so that no library can stand between.

use std::{
    process::{Command, Stdio},
    thread,
};

use super::{Place, seq};
use crate::support::{
    cli::{Running, by_strace, forebay},
    tools::is_there,
};

/// Makes every fsync of a running process fail, until it is dropped.
struct FailingSyncs(std::process::Child);

impl FailingSyncs {
    fn of(writer: &Running) -> Self {
        let calls = "fsync,fdatasync";
        let mut strace = Command::new("strace");
        strace.args(["-q", "-f", "-o", "/dev/null", "-p", &writer.pid().to_string()]);
        strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error=EIO")]);
        let strace = strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let tracer = format!("TracerPid:\t{}", strace.id());
        let status = format!("/proc/{}/status", writer.pid());
        while !std::fs::read_to_string(&status).unwrap().contains(&tracer) {
            thread::yield_now();
        }
        Self(strace)
    }
}

impl Drop for FailingSyncs {
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
    let failing = FailingSyncs::of(&writer);
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

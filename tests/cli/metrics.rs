//! `forebay status` for those who watch: metrics, several directories, again and again.

#![allow(clippy::float_cmp, reason = "these numbers are told as they are")]

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use rustix::process::Signal;

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run, status},
    exposition::{Family, parse},
};

/// What `forebay status --format prometheus` tells of these directories, all of which can be looked at.
fn told(dirs: &[&str]) -> std::collections::BTreeMap<String, Family> {
    let ended = run([&["status", "--format=prometheus"], dirs].concat());
    parse(std::str::from_utf8(&ended.assert_quiet_success().stdout).unwrap())
}

/// An agent scrapes each buffer of a machine in one call, whether a process has it or not.
#[test]
fn metrics_are_told_of_buffers_in_use_and_at_rest() {
    let (used, rests) = (Place::new(), Place::with_lines(&seq(1..=5)));
    let mut writer = Running::start(&mut forebay(["write", &used.path, "--confirm", "--durability=synced"]));
    writer.feed(b"1\n2\n3\n");
    while writer.next_line().unwrap() != b"3" {}
    let told = told(&[&used.path, &rests.path]);
    let value = |name: &str, place: &Place| told[name].value(&place.path);
    for (place, records, locked) in [(&used, 3.0, 1.0), (&rests, 5.0, 0.0)] {
        assert_eq!(value("forebay_up", place), 1.0);
        assert_eq!(value("forebay_waiting_records", place), records);
        assert_eq!(value("forebay_waiting_bytes", place), 48.0 * records);
        assert_eq!(value("forebay_received_records_total", place), records);
        assert_eq!(value("forebay_locked", place), locked);
        assert!(value("forebay_oldest_record_age_seconds", place) < 600.0);
    }
    let owner = &told["forebay_owner_info"].samples;
    assert_eq!((owner.len(), &owner[0].labels["pid"]), (1, &writer.pid().to_string()));
    let syncs = &told["forebay_sync_duration_seconds"].samples;
    assert!(syncs.iter().all(|sample| sample.labels["buffer"] == used.path), "{syncs:?}");
    assert!(writer.end().code == Some(0));
}

/// A list of directories comes from globs and links: the same series twice has the whole text refused.
#[test]
fn a_directory_that_is_named_twice_is_told_once() {
    let place = Place::with_lines(&seq(1..=5));
    let (dotted, link) = (format!("{}/.", place.path), format!("{}-link", place.path));
    std::os::unix::fs::symlink(&place.path, &link).unwrap();
    let told = told(&[&place.path, &place.path, &dotted, &link]);
    std::fs::remove_file(&link).unwrap();
    assert_eq!(told["forebay_up"].samples.len(), 1);
    assert_eq!(told["forebay_waiting_records"].value(&place.path), 5.0);
}

/// One bad path in a list must not blind the monitoring of all others.
#[test]
fn a_directory_that_cannot_be_looked_at_hides_no_other() {
    let (place, gone) = (Place::with_lines(&seq(1..=5)), Place::new());
    let ended = run(["status", &gone.path, &place.path, "--format=prometheus"]);
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.lines().count() == 1 && ended.stderr.contains(&gone.path), "{ended}");
    let told = parse(std::str::from_utf8(&ended.stdout).unwrap());
    assert_eq!(told["forebay_up"].value(&gone.path), 0.0);
    assert_eq!(told["forebay_up"].value(&place.path), 1.0);
    assert_eq!(told["forebay_waiting_records"].samples.len(), 1);

    let ended = run(["status", &gone.path, &place.path, "--format=json"]);
    assert_eq!(ended.code, Some(2), "{ended}");
    let lines = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["directory"], &lines[1]["directory"]),
        (&(&*gone.path).into(), &(&*place.path).into())
    );
    assert!(lines[0]["error"].as_str().unwrap().contains(&gone.path), "{lines:?}");
    assert_eq!(lines[1]["records"], 5);

    let ended = run(["status", &gone.path, &place.path]);
    assert!(ended.code == Some(2) && String::from_utf8_lossy(&ended.stdout).contains("5 records"), "{ended}");
    run(["status", &gone.path]).assert_refusal(&[&gone.path]);
}

/// A destination that has been down for a day must be seen although no process has the buffer.
#[test]
fn the_age_of_the_oldest_record_is_known_at_rest() {
    const DAY: Duration = Duration::from_hours(24);
    let place = Place::new();
    // Records of 48 bytes, 85 in a file.
    place.write(&["--file-size=4KiB", "--small-files"], &seq(1..=200)).assert_quiet_success();
    for (number, days) in [(0, 3), (1, 2), (2, 1)] {
        let file = File::options().write(true).open(place.data_file(number)).unwrap();
        file.set_modified(SystemTime::now().checked_sub(days * DAY).unwrap()).unwrap();
    }
    let age_days = || status(&place.path)["oldest_waiting_age_ms"].as_u64().map(|ms| ms / 86_400_000);
    assert_eq!(age_days(), Some(3));
    let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
    assert!(String::from_utf8_lossy(&text).contains("oldest   waits for at least 3days"), "{text:?}");
    // The first of the second file, and the last of it.
    for (count, days) in [("--count=85", 2), ("--count=84", 2), ("--count=1", 1)] {
        place.read(&[count]).assert_quiet_success();
        assert_eq!(age_days(), Some(days), "{count}");
    }
    place.read(&[]).assert_quiet_success();
    assert_eq!(age_days(), None);
}

/// What was acknowledged long ago may lie in the file before the one with the first record that waits.
#[test]
fn a_record_is_no_older_than_its_own_data_file() {
    let place = Place::new();
    // Records of 48 bytes, 85 in a file.
    let sizes = ["--file-size=4KiB", "--small-files"];
    let mut writer =
        Running::start(&mut forebay([&["write", &place.path, "--confirm"], &sizes[..]].concat()));
    writer.feed(&seq(1..=85));
    while writer.next_line().unwrap() != b"85" {}
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, seq(1..=85));
    let file = File::options().write(true).open(place.data_file(0)).unwrap();
    file.set_modified(SystemTime::now().checked_sub(Duration::from_hours(24)).unwrap()).unwrap();
    let ledger = Path::new(&place.path).join("buffer.db");
    let before = std::fs::read(&ledger).unwrap();
    writer.feed(b"86\n");
    while writer.next_line().unwrap() != b"86" {}
    writer.signal(Signal::KILL);
    writer.wait();
    // As if the process had died before it stored the next ledger.
    std::fs::write(&ledger, before).unwrap();
    let told = status(&place.path);
    assert_eq!(told["records"], 1, "{told}");
    assert!(told["oldest_waiting_age_ms"].as_u64().unwrap() < 3_600_000, "{told}");
}

/// What only the process knows that has the buffer, for people and for programs.
#[test]
fn the_owner_tells_what_is_in_flight() {
    let place = Place::new();
    let mut writer = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    writer.feed(b"1\n2\n");
    while writer.next_line().unwrap() != b"2" {}
    let told = status(&place.path);
    assert_eq!(told["owner"]["owner"]["pid"], writer.pid());
    assert_eq!(told["owner"]["buffer"]["unacknowledged_records"], 0);
    let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("flight   0 records") && text.contains("\nsyncs    "), "{text}");
    // A process that is stopped cannot answer. What its files say is told all the same.
    writer.signal(Signal::STOP);
    let told = status(&place.path);
    writer.signal(Signal::CONT);
    assert_eq!(
        (&told["owner"], &told["records"], &told["locked"]),
        (&serde_json::Value::Null, &2.into(), &true.into())
    );
    assert_eq!(writer.end().code, Some(0));
}

/// A person who watches a backlog drain wants no shell loop for it.
#[test]
fn a_watch_looks_again_until_a_signal_comes() {
    let place = Place::with_lines(&seq(1..=5));
    let mut watch = Running::start(&mut forebay(["status", &place.path, "--format=json", "--watch=0.1"]));
    let mut records = || {
        let line: serde_json::Value = serde_json::from_slice(&watch.next_line().unwrap()).unwrap();
        line["records"].as_u64().unwrap()
    };
    assert_eq!((records(), records()), (5, 5));
    place.read(&[]).assert_quiet_success();
    while records() != 0 {}
    watch.signal(Signal::INT);
    assert_eq!(watch.end().code, Some(130));
    run(["status", &place.path, "--format=prometheus", "--watch"]).assert_refusal(&["--watch", "scrape"]);
}

/// Prometheus' own parser, in Python: `just e2e` installs it.
#[test]
#[ignore = "needs a package of PyPI"]
fn the_parser_of_prometheus_reads_every_metric() {
    const SCRIPT: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(len(families), sum(len(family.samples) for family in families))
";
    let place = Place::with_lines(&seq(1..=5));
    let mut serve = Running::start(&mut forebay(["serve", &place.path]));
    while !Path::new(&place.path).join("buffer.sock").exists() {}
    let python = crate::support::fixtures::project_file("target/tools/bin/python");
    println!("| figure | seen |\n| --- | --- |");
    let ways: [(&str, Command); 2] = [
        ("GET /metrics", {
            let mut curl = Command::new("curl");
            let socket = format!("{}/buffer.sock", place.path);
            curl.args(["--silent", "--fail", "--unix-socket", &socket, "http://localhost/metrics"]);
            curl
        }),
        ("forebay status --format prometheus", forebay(["status", &place.path, "--format=prometheus"])),
    ];
    for (name, mut way) in ways {
        let text = way.output().unwrap();
        assert!(text.status.success(), "{name}: {text:?}");
        let families = parse(std::str::from_utf8(&text.stdout).unwrap());
        let mut parser = Command::new(&python);
        let mut parser = Running::start(parser.args(["-c", SCRIPT]).stderr(Stdio::piped()));
        parser.feed(&text.stdout);
        let ended = parser.end();
        assert_eq!(ended.code, Some(0), "{name}: {ended}");
        let samples: usize = families.values().map(|family| family.samples.len()).sum();
        let seen = format!("{} {samples}\n", families.len());
        assert_eq!(String::from_utf8_lossy(&ended.stdout), seen, "{name}");
        println!("| {name}: families and samples, by PyPI's prometheus-client | {} |", seen.trim());
    }
    serve.signal(Signal::TERM);
    assert_eq!(serve.wait().code, Some(143));
}

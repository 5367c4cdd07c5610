//! People and cleaners remove files of a running buffer, or rotate them as if they were logs.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{Place, numbers, seq};
use crate::support::{
    cli::{Running, by_strace, forebay},
    tools::is_there,
};

/// Starts `forebay write`, with record 1 on the disk.
fn writer(place: &Place, durability: &str) -> Running {
    let durability = format!("--durability={durability}");
    let flags = [&durability, "--sync-interval=20ms", "--confirm"];
    let mut writer = Running::start(&mut forebay([&["write", &*place.path], &flags[..]].concat()));
    writer.feed(b"1\n");
    assert_eq!(writer.next_line().unwrap(), b"1");
    writer
}

/// What is confirmed as synced is thrown away by the program that wrote it.
#[test]
fn what_is_confirmed_after_a_data_file_was_taken_away_is_there_later() {
    let ways: [fn(&Path); 3] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::rename(file, file.with_extension("dat.1")).unwrap(),
        |file| {
            let other = file.with_extension("dat.other");
            fs::write(&other, b"of another program").unwrap();
            fs::rename(other, file).unwrap();
        },
    ];
    for take in ways {
        let place = Place::new();
        let mut running = writer(&place, "synced");
        take(&place.data_file(0));
        running.feed(&seq(2..=50));
        let ended = running.end();
        assert!(ended.stderr.contains("taken away") && ended.stderr.contains("buffer-data-0.dat"), "{ended}");
        let found = numbers(&place.read(&[]).stdout);
        assert!((2..=50).all(|number| found.contains(&number)), "{found:?} found: {ended}");
    }
}

/// They were never confirmed, and `forebay write` has them still.
#[test]
fn records_whose_file_is_taken_away_while_they_are_synced_are_written_again() {
    if !is_there("strace") {
        return;
    }
    // The second is what `copytruncate` of logrotate does.
    let ways: [fn(PathBuf); 2] =
        [|file| fs::remove_file(file).unwrap(), |file| drop(fs::File::create(file).unwrap())];
    for take in ways {
        let place = Place::new();
        let delay = "inject=fdatasync:delay_exit=400000";
        let own = ["-e", "trace=fdatasync", "-e", delay, "-o", "/dev/null"];
        let write = ["write", &place.path, "--durability=synced", "--confirm"];
        let mut running = Running::start(&mut by_strace(&own, &write));
        running.feed(b"1\n");
        running.next_line().unwrap();
        running.feed(b"2\n");
        thread::sleep(Duration::from_millis(150));
        take(place.data_file(0));
        thread::sleep(Duration::from_millis(600));
        running.feed(b"3\n");
        let ended = running.end();
        assert!(ended.stderr.contains("buffer-data-0.dat") && !ended.stderr.contains("disk"), "{ended}");
        let said = ended.stderr.lines().last().unwrap();
        assert!(ended.code == Some(1) && said.contains("3 records written, 1 event lost"), "{ended}");
        let mut found = place.read(&[]).stdout;
        found.sort_unstable();
        assert_eq!(found, b"\n\n23", "{ended}");
    }
}

/// A buffer that rests closes its files. What was cut meanwhile is seen when it opens them again.
#[test]
fn a_file_that_is_cut_while_the_writer_rests_is_counted_as_lost() {
    let place = Place::new();
    let mut running = writer(&place, "synced");
    thread::sleep(Duration::from_millis(600));
    fs::File::create(place.data_file(0)).unwrap();
    running.feed(b"2\n");
    let ended = running.end();
    let said = ended.stderr.lines().last().unwrap();
    assert!(ended.code == Some(1) && said.contains("2 records written, 1 event lost"), "{ended}");
    assert!(ended.stderr.contains("it was cut"), "{ended}");
    assert_eq!(place.read(&[]).stdout, b"2\n");
}

/// After the last sync of a file nothing looks at it any more, and the loss was found by the next reader alone.
#[test]
fn what_is_taken_away_behind_the_last_record_is_counted_as_lost_at_the_end() {
    let ways: [fn(PathBuf); 2] =
        [|file| drop(fs::File::create(file).unwrap()), |file| fs::remove_file(file).unwrap()];
    for durability in ["written", "synced"] {
        for (take, said) in ways.into_iter().zip(["it was cut", "it was removed"]) {
            let place = Place::new();
            let flags =
                [&*format!("--durability={durability}"), "--file-size=4KiB", "--small-files", "--confirm"];
            let mut running = Running::start(&mut forebay([&["write", &*place.path], &flags[..]].concat()));
            // Of 48 bytes each: the first file has 85, and is full.
            running.feed(&seq(1..=100));
            while running.next_line().unwrap() != b"100" {}
            take(place.data_file(0));
            let ended = running.end();
            let last = ended.stderr.lines().last().unwrap();
            assert!(ended.code == Some(1) && last.contains("85 events lost"), "{durability}: {ended}");
            assert!(ended.stderr.contains(said), "{durability}: {ended}");
            assert!(place.read(&[]).stdout == seq(86..=100), "{durability}");
        }
    }
}

/// With less than `synced` the loss is said at the next sync, and what comes after it is safe.
#[test]
fn the_loss_of_a_data_file_is_said_at_the_next_sync() {
    let place = Place::new();
    let mut running = writer(&place, "written");
    fs::remove_file(place.data_file(0)).unwrap();
    running.feed(b"2\n");
    let said = running.next_error_line();
    assert!(said.contains("taken away") && said.contains("buffer-data-0.dat"), "{said}");
    while running.next_line().unwrap() != b"2" {}
    running.feed(b"3\n");
    let ended = running.end();
    let said = ended.stderr.lines().last().unwrap();
    assert!(ended.code == Some(1) && said.contains("2 events lost"), "{ended}");
    let found = place.read(&[]).stdout;
    assert!(found.ends_with(b"3\n"), "{found:?}");
}

/// Where the directory is gone nothing can be kept.
#[test]
fn a_writer_whose_directory_is_removed_ends_with_an_error() {
    for durability in ["written", "synced"] {
        let place = Place::new();
        let mut running = writer(&place, durability);
        fs::remove_dir_all(&place.path).unwrap();
        // It ends by itself: its standard input does not.
        let mut stdin = running.take_stdin();
        while stdin.write_all(b"2\n").is_ok() {}
        let ended = running.wait();
        let said = ended.stderr.lines().last().unwrap();
        assert!(ended.code == Some(2) && said.contains("directory was removed"), "{ended}");
        assert!(said.contains(&place.path), "{ended}");
        assert!(!Path::new(&place.path).exists());
    }
}

/// A name costs a system call to look up. One or two for each group of records are nothing beside its sync.
#[test]
fn a_synced_record_costs_no_more_than_two_looks_at_the_name() {
    if !is_there("strace") {
        return;
    }
    let place = Place::with_lines(b"1\n");
    let trace = place.above.path().join("trace");
    let own = ["-y", "-e", "trace=fdatasync,fsync,newfstatat", "-o", trace.to_str().unwrap()];
    let write = ["write", &place.path, "--durability=synced", "--confirm"];
    let mut running = Running::start(&mut by_strace(&own, &write));
    for number in 2..=20 {
        running.feed(&seq([number]));
        running.next_line().unwrap();
    }
    assert_eq!(running.end().code, Some(0));
    let trace = fs::read_to_string(trace).unwrap();
    let count = |call: &str| {
        trace.lines().filter(|line| line.contains(call) && line.contains("buffer-data-0.dat")).count()
    };
    let (syncs, looks) = (count("fdatasync(") + count("fsync("), count("newfstatat("));
    // Each sync looks, an append that comes a while after the last one, and closing.
    assert!(syncs >= 19 && looks > syncs && looks <= 2 * syncs + 1, "{syncs} syncs, {looks} looks");
}

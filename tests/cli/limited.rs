//! Limits that a shell or a service manager puts on the process.

use std::{fs::File, os::unix::fs::FileExt as _};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Place, numbers, seq};
use crate::support::cli::{Running, by_shell, run, status};

const SIZES: [&str; 2] = ["--file-size=1MiB", "--max-size=8MiB"];

/// Far more than the limit takes.
const RECORDS: u64 = 20_000;

/// `forebay write`, which may make files of at most 200 blocks; some shells count in 512 bytes, others in 1024.
fn limited(place: &Place, flags: &[&str]) -> Running {
    let arguments = [&["write", &place.path], &SIZES[..], flags].concat();
    Running::start(&mut by_shell("ulimit -S -f 200; exec \"$0\" \"$@\"", &arguments))
}

/// SIGXFSZ kills a process that does nothing about it, in the middle of a record and without a word.
#[test]
fn a_limit_on_the_length_of_files_is_handled_as_a_full_disk() {
    let place = Place::new();
    let mut writer = limited(&place, &["--when-full=reject", "--format=json", "--confirm"]);
    writer.feed(&seq(1..=1000));
    while writer.next_line().unwrap() != b"1000" {}
    writer.feed(&seq(1001..=RECORDS));
    let ended = writer.end();
    assert_eq!((ended.code, ended.signal), (Some(1), None), "{ended}");
    let answer = ended.json();
    let (records, rejected) = (answer["records"].as_u64().unwrap(), answer["rejected"].as_u64().unwrap());
    assert!(records >= 1000 && records + rejected == RECORDS, "{ended}");
    assert!(ended.stderr.contains("ulimit -f") && ended.stderr.contains("--file-size"), "{ended}");
    run(["verify", &place.path]).assert_quiet_success();
    // Of each batch a beginning was taken.
    let numbers = numbers(&place.read(&[]).assert_quiet_success().stdout);
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(numbers.len() as u64, records);
}

/// As on a full disk, a writer that waits goes on when there is room.
#[test]
fn a_writer_waits_until_the_limit_on_the_length_of_files_is_raised() {
    let place = Place::new();
    let mut writer = limited(&place, &["--sync-interval=10ms"]);
    writer.feed(&seq(1..=RECORDS));
    while !writer.next_error_line().contains("the disk has no room") {}
    assert!(status(&place.path)["records"].as_u64().unwrap() < RECORDS);
    let pid = i32::try_from(writer.pid()).ok().and_then(Pid::from_raw);
    prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    let ended = writer.end();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=RECORDS));
}

/// The sandbox reserves addresses. Without them an allocation fails in the middle of the work, which ends the process.
#[test]
fn too_little_address_space_is_refused_with_what_is_needed() {
    let place = Place::with_lines(b"one\n");
    let new = place.above.path().join("new");
    for kibibytes in [100_000, 1_000_000, 4_200_000, 5_242_000] {
        for (command, path) in
            [("read", &*place.path), ("write", new.to_str().unwrap()), ("pipe", &*place.path)]
        {
            let script = format!("ulimit -S -v {kibibytes}; exec \"$0\" \"$@\"");
            let ended = Running::start(&mut by_shell(&script, &[command, path])).wait();
            ended.assert_refusal(&["ulimit -v", "5368709120"]);
        }
    }
    assert!(!new.exists());
    let enough = "ulimit -S -v 5242880; exec \"$0\" \"$@\"";
    let ended = Running::start(&mut by_shell(enough, &["read", &place.path])).wait();
    assert_eq!(ended.assert_quiet_success().stdout, b"one\n");
}

/// The lengths of a sparse file cost its maker nothing. To believe them costs the reader its memory, and the machine more.
#[test]
fn a_sparse_data_file_takes_no_memory_for_lengths_that_it_only_states() {
    const LENGTH: u64 = 600 << 20;
    // What a frame ends with: its checksum, its id, and where its payload is, by two statements.
    let end = |id: u64, padded: u64| {
        let padded = u32::try_from(padded).unwrap();
        let back = -i32::try_from(padded + 20).unwrap();
        let (id, back, padded) = (id.to_le_bytes(), back.to_le_bytes(), padded.to_le_bytes());
        [&[1; 4][..], &[0; 4], &id, &[0; 4], &back, &padded, &[0; 4]].concat()
    };
    for (records, has_end) in [(100, false), (1, true)] {
        let place = Place::with_lines(&seq(1..=records));
        let file = File::options().write(true).open(place.data_file(0)).unwrap();
        let at = file.metadata().unwrap().len();
        file.set_len(LENGTH).unwrap();
        file.write_all_at(&(LENGTH - at - 8).to_be_bytes(), at).unwrap();
        if has_end {
            file.write_all_at(&end(records + 1, LENGTH - at - 40), LENGTH - 32).unwrap();
        }
        // Memory that is written to. The sandbox only reserves its addresses.
        let script = "ulimit -S -d 400000; exec \"$0\" \"$@\"";
        let ended = Running::start(&mut by_shell(script, &["read", &place.path, "--peek"])).wait();
        assert!(ended.signal.is_none() && ended.stdout == seq(1..=records), "{has_end}: {ended}");
    }
}

//! `forebay peek` changes nothing, whatever state the directory is in and whichever process has it.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use forebay::Buffer;
use rustix::process::Signal;

use super::{Place, numbers, repairing, seq};
use crate::support::{
    cli::{Ended, Running, forebay, run, run_command, run_with},
    dice::Dice,
    fixtures,
    user::{by_unprivileged, is_there},
};

/// A file or directory with its bytes, and when bytes and inode were last changed.
type State = (String, Vec<u8>, u64, (i64, i64), (i64, i64));

/// All files in a directory, and the directory itself.
fn states(directory: &Path) -> Vec<State> {
    let mut states = Vec::new();
    for (name, bytes) in fixtures::contents(directory).into_iter().chain([(String::new(), Vec::new())]) {
        let metadata = fs::metadata(directory.join(&name)).unwrap();
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        states.push((name, bytes, metadata.len(), changed, (metadata.ctime(), metadata.ctime_nsec())));
    }
    states
}

/// Peeks twice. Gives what came out.
#[track_caller]
fn assert_untouched(directory: &Path, what: &str) -> Vec<u8> {
    let path = directory.to_str().unwrap();
    let before = states(directory);
    let first = run(["read", path, "--peek"]);
    let second = run(["peek", path]);
    let has_lost = first.stderr.contains("forebay: lost");
    assert_eq!((first.code, second.code), (Some(i32::from(has_lost)), first.code), "{what}: {first}");
    assert!(first.stdout == second.stdout, "{what}: {first}, then {second}");
    assert_eq!(first.stderr, second.stderr, "{what}");
    let after = states(directory);
    assert!(before == after, "{what}: {:?}", after.iter().map(|state| &state.0).collect::<Vec<_>>());
    first.stdout
}

fn flip(directory: &Path, name: &str, at: usize) {
    let path = directory.join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// As Vector left it, and as Forebay did.
fn each_whole(mut test: impl FnMut(&Path, &str)) {
    for opened_by_us in [false, true] {
        let directory = fixtures::copy("multifile_w600_r150_4k");
        if opened_by_us {
            run(["read", directory.path().to_str().unwrap(), "--count=0"]).assert_quiet_success();
        }
        test(directory.path(), if opened_by_us { "Forebay's" } else { "Vector's" });
    }
}

#[test]
fn a_whole_buffer_is_looked_at() {
    each_whole(|directory, whose| {
        assert!(assert_untouched(directory, whose) == fixtures::lines(151..=600));
    });
}

/// A crash has left half of the last record. It is truncated when the buffer is opened, not when it is looked at.
#[test]
fn a_torn_end_stays() {
    each_whole(|directory, whose| {
        let newest = directory.join("buffer-data-12.dat");
        let length = fs::metadata(&newest).unwrap().len();
        OpenOptions::new().write(true).open(&newest).unwrap().set_len(length - 5).unwrap();
        assert!(assert_untouched(directory, whose) == fixtures::lines(151..=599));
    });
}

/// Each file in turn: at its start, in a record, and shorter by one byte. Then without it.
#[test]
fn damage_in_any_file_stays() {
    each_whole(|directory, whose| {
        let whole = fixtures::contents(directory);
        for name in whole.keys() {
            for damage in ["start", "record", "short", "missing"] {
                let path = directory.join(name);
                match damage {
                    "start" if !whole[name].is_empty() => flip(directory, name, 0),
                    "record" if !whole[name].is_empty() => flip(directory, name, 16),
                    "short" if !whole[name].is_empty() => {
                        fs::write(&path, &whole[name][..whole[name].len() - 1]).unwrap();
                    }
                    "missing" => fs::remove_file(&path).unwrap(),
                    _ => continue,
                }
                assert_untouched(directory, &format!("{whose} with {name}: {damage}"));
                fs::write(path, &whole[name]).unwrap();
            }
        }
    });
}

/// Nothing but data files: the records are found without a ledger, and none is made.
#[test]
fn a_directory_of_data_files_alone_gets_no_other_file() {
    let directory = fixtures::copy("w100_r40");
    for name in fixtures::contents(directory.path()).keys() {
        if Path::new(name).extension().is_none_or(|extension| extension != "dat") {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
    }
    assert!(assert_untouched(directory.path(), "data files alone") == fixtures::lines(1..=100));
}

/// An empty directory is an empty buffer, and stays empty.
#[test]
fn an_empty_directory_stays_empty() {
    let directory = tempfile::TempDir::new().unwrap();
    assert_eq!(assert_untouched(directory.path(), "empty"), b"");
}

/// A process died after it had acknowledged the records in three files and before it removed these. They go when the buffer
/// is opened, not when it is looked at.
#[test]
fn files_that_are_acknowledged_stay() {
    each_whole(|directory, whose| {
        let mut ledger = fs::read(directory.join("buffer.db")).unwrap();
        ledger[16..].copy_from_slice(&u64::to_le_bytes(300));
        fs::write(directory.join("buffer.db"), ledger).unwrap();
        assert!(assert_untouched(directory, whose) == fixtures::lines(301..=600), "{whose}");
    });
}

/// A look leaves nothing behind that an opening stumbles over.
#[test]
fn what_was_looked_at_can_be_opened_and_written_to() {
    each_whole(|directory, whose| {
        let path = directory.to_str().unwrap();
        assert_untouched(directory, whose);
        run_with(["write", path], b"next\n").assert_quiet_success();
        let expected = [&fixtures::lines(151..=600)[..], b"next\n"].concat();
        assert!(run(["read", path]).assert_quiet_success().stdout == expected, "{whose}");
    });
}

fn peek(place: &Place, flags: &[&str]) -> Ended {
    run([&["peek", &place.path][..], flags].concat())
}

/// Someone who looks for a record has its id from a log, or wants the newest.
#[test]
fn a_look_begins_and_ends_where_it_is_told_to() {
    let place = Place::with_lines(&seq(1..=1000));
    place.read(&["--count=100"]).assert_quiet_success();
    let peeked = |flags: &[&str]| numbers(&peek(&place, flags).assert_quiet_success().stdout);
    assert_eq!(peeked(&["-n", "2"]), [101, 102]);
    assert_eq!(peeked(&["--from=500", "-n", "2"]), [500, 501]);
    assert_eq!(peeked(&["--from=7", "-n", "1"]), [101], "what is acknowledged does not wait");
    assert_eq!(peeked(&["--last=3"]), [998, 999, 1000]);
    assert_eq!(peeked(&["--last=3", "-n", "1"]), [998]);
    assert_eq!(peeked(&["--last=5000"]).len(), 900);
    assert!(peeked(&["--last=0"]).is_empty());
    assert!(peeked(&["--from=1001"]).is_empty());
    let json = peek(&place, &["--last=1", "--framing=json"]);
    assert_eq!(json.assert_quiet_success().json()["id"], 1000);
    peek(&place, &["--from=1", "--last=1"]).assert_refusal(&["--from", "--last"]);
}

/// Beginning late must not be a way to see other records than the whole look shows, however damaged the files are.
#[test]
fn a_part_of_a_look_at_a_damaged_buffer_is_a_part_of_the_whole() {
    let mut dice = Dice::new();
    for _ in 0..10 {
        let place = Place::new();
        repairing::filled(&place, &mut dice);
        for _ in 0..dice.below(20) {
            repairing::damage(Path::new(&place.path), &mut dice);
        }
        let all = peek(&place, &["--framing=json"]).stdout;
        let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
        let id =
            |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap();
        let last = lines.last().map_or(0, |line| id(line));
        for _ in 0..10 {
            let from = dice.below(last + 2);
            let expected: Vec<&[u8]> = lines.iter().copied().filter(|line| id(line) >= from).collect();
            let part = peek(&place, &["--framing=json", &format!("--from={from}")]);
            assert!(part.stdout == expected.concat(), "from {from}: {part}");
            let count = usize::try_from(dice.below(lines.len() as u64 + 2)).unwrap();
            let part = peek(&place, &["--framing=json", &format!("--last={count}")]);
            let expected = lines[lines.len().saturating_sub(count)..].concat();
            assert!(part.stdout == expected, "the last {count} of {}: {part}", lines.len());
        }
    }
}

/// Vector and programs that embed the library serve no other process.
#[test]
fn a_buffer_that_another_program_has_is_looked_at() {
    let place = Place::with_lines(&seq(1..=10));
    let buffer = Buffer::builder(&place.path).open().unwrap();
    buffer.writer().write(&b"11"[..]).unwrap();
    assert!(peek(&place, &[]).assert_quiet_success().stdout == seq(1..=11));
    assert!(place.read(&["--peek"]).assert_quiet_success().stdout == seq(1..=11));
    buffer.close().unwrap();
}

/// A forensic copy belongs to another user, or lies on a medium that cannot be written to.
#[test]
fn a_directory_in_which_nothing_may_be_written_is_looked_at() {
    if !is_there() {
        return;
    }
    let place = Place::with_lines(&seq(1..=10));
    let directory = Path::new(&place.path);
    for name in fixtures::contents(directory).keys() {
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(place.above.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let looked = run_command(&mut by_unprivileged(&["peek", &place.path], place.above.path()), b"");
    assert!(looked.assert_quiet_success().stdout == seq(1..=10));
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What is acknowledged and removed during a look is not lost, and what is written during one comes in order.
#[test]
fn a_look_at_a_busy_buffer_shows_records_in_order_and_calls_none_lost() {
    let place = Place::new();
    let flags = ["--file-size=4KiB", "--max-size=64KiB", "--small-files"];
    let mut pipe = Running::start(&mut forebay([&["pipe", &*place.path], &flags[..]].concat()));
    let feeder = super::feed_without_end(pipe.take_stdin());
    for line in 1..=2000_u64 {
        assert_eq!(pipe.next_line().unwrap(), line.to_string().into_bytes());
    }
    let mut looked_at = 0;
    std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let reader = scope.spawn(|| {
            let stopped = stopped;
            while stopped.try_recv().is_err() {
                pipe.next_line().unwrap();
            }
            pipe.signal(Signal::KILL);
            pipe
        });
        for _ in 0..40 {
            let looked = peek(&place, &[]);
            let ids = numbers(&looked.assert_quiet_success().stdout);
            // What another process has acknowledged meanwhile is skipped.
            assert!(ids.is_sorted_by(|one, next| one < next), "{looked}");
            looked_at += ids.len();
        }
        stop.send(()).unwrap();
        drop(reader.join().unwrap());
    });
    feeder.join().unwrap();
    assert!(looked_at > 0);
}

/// A reader that overtakes a look removes what the look has not seen yet.
#[test]
fn what_is_read_and_removed_during_a_look_is_not_lost() {
    let place = Place::new();
    let lines: Vec<u8> = (1..=4000_u64).flat_map(|line| format!("{line:0999}\n").into_bytes()).collect();
    place.write(&["--file-size=64KiB", "--max-size=16MiB"], &lines).assert_quiet_success();
    // It waits at its output with the first MiB.
    let mut looking = Running::start(&mut forebay(["peek", &place.path]));
    let first = [looking.next_line().unwrap(), b"\n".to_vec()].concat();
    assert!(place.read(&[]).assert_quiet_success().stdout == lines);
    let ended = looking.end();
    assert!(ended.code == Some(0) && ended.stderr.is_empty(), "{:?}: {}", ended.code, ended.stderr);
    let seen = [first, ended.stdout].concat();
    assert!(lines.starts_with(&seen) && seen.len() < lines.len(), "{} bytes", seen.len());
}

/// As `tail -f` shows a log.
#[test]
fn a_look_that_follows_shows_what_is_written_later() {
    let place = Place::with_lines(&seq(1..=5));
    let mut looking = Running::start(&mut forebay(["peek", &place.path, "--last=2", "--follow"]));
    let mut next = || String::from_utf8(looking.next_line().unwrap()).unwrap();
    assert_eq!([next(), next()], ["4", "5"]);
    place.write(&[], &seq(6..=7)).assert_quiet_success();
    assert_eq!([next(), next()], ["6", "7"]);
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=7));
    place.write(&[], &seq(8..=8)).assert_quiet_success();
    assert_eq!(next(), "8");
    looking.signal(Signal::TERM);
    let ended = looking.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(143), ""), "{ended}");
}

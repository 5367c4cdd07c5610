//! `forebay write`.

use super::{Place, seq};
use crate::support::{
    cli::{Running, forebay, run_with, status},
    fixtures,
};

/// Scripts take the answer from the last line.
#[test]
fn the_answer_in_json_is_the_last_line() {
    let place = Place::new();
    let first = place.write(&["--format=json"], b"one\ntwo\n\nfour");
    assert_eq!(
        String::from_utf8_lossy(&first.assert_quiet_success().stdout),
        "{\"records\":4,\"bytes\":10,\"first_id\":1,\"last_id\":4,\"rejected\":0,\"skipped\":0,\"truncated\":0,\"unplaced\":0}\n"
    );
    let second = place.write(&["--format=json", "--confirm"], b"five\n");
    assert_eq!(
        String::from_utf8_lossy(&second.assert_quiet_success().stdout),
        "5\n{\"records\":1,\"bytes\":4,\"first_id\":5,\"last_id\":5,\"rejected\":0,\"skipped\":0,\"truncated\":0,\"unplaced\":0}\n"
    );
    let nothing = place.write(&["--format=json"], b"");
    assert_eq!(
        String::from_utf8_lossy(&nothing.assert_quiet_success().stdout),
        "{\"records\":0,\"bytes\":0,\"first_id\":null,\"last_id\":null,\"rejected\":0,\"skipped\":0,\"truncated\":0,\"unplaced\":0}\n"
    );
}

/// Without being asked it says nothing, so that it can stand in a script.
#[test]
fn all_records_are_written_when_it_has_ended() {
    for durability in ["written", "synced"] {
        let place = Place::new();
        let lines = seq(1..=20_000);
        assert_eq!(place.write(&["--durability", durability], &lines).assert_quiet_success().stdout, b"");
        assert_eq!(status(&place.path)["records"], 20_000);
        assert!(place.read(&[]).assert_quiet_success().stdout == lines);
    }
}

/// An id is printed when all up to it have reached the level, and at once: a user who feeds a slow stream waits for it.
#[test]
fn confirmations_come_as_records_come() {
    for durability in ["written", "synced"] {
        let place = Place::new();
        let mut writer =
            Running::start(&mut forebay(["write", &place.path, "--confirm", "--durability", durability]));
        for number in 1..=20_u64 {
            writer.feed(format!("{number}\n").as_bytes());
            assert_eq!(writer.next_line().unwrap(), number.to_string().into_bytes());
            assert_eq!(status(&place.path)["ledger"]["writer_next_record"], number + 1);
        }
        assert_eq!(writer.end().assert_quiet_success().stdout, b"");
    }
}

/// The ids only rise, and the last one is that of the last record.
#[test]
fn confirmations_rise_to_the_last_id() {
    let place = Place::new();
    let ended = place.write(&["--confirm"], &seq(1..=50_000));
    let text = String::from_utf8(ended.assert_quiet_success().stdout.clone()).unwrap();
    let ids: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    assert_eq!(ids.last(), Some(&50_000));
}

/// The record and all behind it are not written; those before it are, whatever was in their way.
#[test]
fn a_record_above_the_limit_stops_it_with_its_number() {
    let place = Place::new();
    let ended =
        place.write(&["--max-record=10", "--format=json"], b"short\nten bytes!\neleven bytes\nafter\n");
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("record 3") && ended.stderr.contains("10 bytes"), "{ended}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
    assert_eq!((&ended.json()["records"], &ended.json()["last_id"]), (&2.into(), &2.into()), "{ended}");
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"short\nten bytes!\n");

    let many = [seq(1..=9999), b"this is too long\n".to_vec()].concat();
    let ended = place.write(&["--max-record=10", "--confirm"], &many);
    assert!(ended.code == Some(2) && ended.stderr.contains("record 10000"), "{ended}");
    assert!(place.read(&[]).stdout == seq(1..=9999));
}

/// The default limit is what a file holds.
#[test]
fn the_longest_record_fills_a_file() {
    let place = Place::new();
    let sizes = ["--file-size=64KiB", "--max-size=1MiB"];
    let longest = [vec![b'x'; (64 << 10) - 48], b"\n".to_vec()].concat();
    place.write(&sizes, &longest.repeat(3)).assert_quiet_success();
    let too_long = [b"x", &longest[..]].concat();
    let ended = place.write(&sizes, &too_long);
    assert!(ended.code == Some(2) && ended.stderr.contains("record 1 "), "{ended}");
    assert!(place.read(&sizes).assert_quiet_success().stdout == longest.repeat(3));
    assert!(fixtures::contents(&place.path).values().all(|bytes| bytes.len() <= 64 << 10));
}

/// A record that is cut off is not a record; those before it are.
#[test]
fn a_truncated_length_stops_it_with_its_number() {
    for rest in [&b"\0\0\0\x05wor"[..], b"\0\0"] {
        let place = Place::new();
        let stdin = [b"\0\0\0\x05hello", rest].concat();
        let ended = place.write(&["--framing=length"], &stdin);
        assert!(ended.code == Some(2) && ended.stderr.contains("record 2"), "{ended}");
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"hello\n");
    }
}

/// Other people's directories have no ledger yet, or an empty one that a crash has left.
#[test]
fn a_directory_without_a_ledger_is_an_empty_buffer() {
    for ledger in [None, Some("")] {
        let place = Place::new();
        std::fs::create_dir(&place.path).unwrap();
        if let Some(ledger) = ledger {
            std::fs::write(format!("{}/buffer.db", place.path), ledger).unwrap();
        }
        assert_eq!(status(&place.path)["records"], 0);
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"");
        place.write(&[], b"one\n").assert_quiet_success();
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\n");
        assert!(!fixtures::contents(&place.path).keys().any(|name| name.contains("bad")));
    }
}

/// What a directory of ours may hold is read by its owner, and by the group, as Vector has it.
#[test]
fn pain_18853_what_is_made_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.write(&[], b"secret\n").assert_quiet_success();
    let mode = |name: &str| {
        std::fs::metadata(format!("{}/{name}", place.path)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(mode(""), 0o700);
    for name in ["buffer.db", "buffer-data-0.dat", "buffer.forebay", "buffer.lock"] {
        assert_eq!(mode(name) & 0o037, 0, "{name}: {:o}", mode(name));
    }
}

/// Directories above are made as well.
#[test]
fn a_directory_is_made_with_those_above_it() {
    let place = Place::new();
    let deep = format!("{}/a/b/c", place.path);
    run_with(["write", &deep], b"x\n").assert_quiet_success();
    assert_eq!(status(&deep)["records"], 1);
}

//! Damage is not bad input: what is whole is delivered, what is lost is said, and the exit code is 1 where anything is.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use forebay::Buffer;

use super::Place;
use crate::support::{
    cli::{run, run_with},
    fixtures, storage,
};

fn append(directory: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(directory.join("buffer-data-0.dat"));
    file.unwrap().write_all(bytes).unwrap();
}

/// A ledger that was cut short is put aside, and rebuilt from the frames.
#[test]
fn a_short_ledger_is_kept_and_rebuilt() {
    for length in 1..24 {
        let directory = fixtures::copy("w100_r40");
        let whole = fs::read(directory.path().join("buffer.db")).unwrap();
        fs::write(directory.path().join("buffer.db"), &whole[..length]).unwrap();
        let buffer = Buffer::builder(directory.path()).open().unwrap();
        // What was acknowledged stood in the ledger alone.
        assert_eq!(storage::read(&buffer), storage::ids([1..=100]), "{length} bytes");
        buffer.close().unwrap();
        let files = fixtures::contents(directory.path());
        assert_eq!(files["buffer.db.bad-1"], whole[..length], "{length} bytes");
        assert_eq!(files["buffer.db"].len(), 24, "{length} bytes");
    }
}

/// The same by the binary: it goes on, says so, and keeps each ledger that it could not read. A look leaves it in place.
#[test]
fn each_bad_ledger_is_kept_under_a_number_of_its_own() {
    let directory = fixtures::copy("w100_r0");
    let path = directory.path().to_str().unwrap();
    for (number, ledger) in [(1, &b"x"[..]), (2, b"twenty-three bytes long")] {
        fs::write(directory.path().join("buffer.db"), ledger).unwrap();
        let verified = run(["verify", path, "--format=json"]);
        assert_eq!((verified.code, &verified.json()["ok"]), (Some(1), &false.into()), "{verified}");
        let peeked = run(["read", path, "--peek"]);
        assert_eq!(peeked.code, Some(0), "{peeked}");
        assert!(peeked.stdout == fixtures::lines(1..=100), "{peeked}");
        assert!(peeked.stderr.contains("buffer.db, cannot be read"), "{peeked}");
        assert_eq!(fs::read(directory.path().join("buffer.db")).unwrap(), ledger);
        let ended = run(["read", path, "--count=0"]);
        assert_eq!(ended.code, Some(0), "{ended}");
        let kept = format!("buffer.db.bad-{number}");
        assert!(ended.stderr.contains(&kept), "{ended}");
        assert_eq!(fs::read(directory.path().join(kept)).unwrap(), ledger);
    }
    run(["verify", path]).assert_quiet_success();
    let written = run_with(["write", path, "--format=json"], b"next\n");
    assert_eq!(written.assert_quiet_success().json()["first_id"], 101);
}

/// A ledger has no checksum, and a number in it that stays within what exists is believed: what it passes is not delivered.
/// What was noted when the buffer was closed shows that something is wrong, or that another program has read. Which of
/// the two cannot be known, so it is said, and how to go by the note.
#[test]
fn a_ledger_that_acknowledges_other_records_than_at_the_close_is_told() {
    for (last, ids) in [(56, [41, 57]), (8, [9, 41]), (100, [41, 101])] {
        let directory = fixtures::copy("w100_r40");
        let path = directory.path().to_str().unwrap();
        run(["read", path, "--count=0"]).assert_quiet_success();
        run(["verify", path]).assert_quiet_success();
        let mut ledger = fs::read(directory.path().join("buffer.db")).unwrap();
        ledger[16..].copy_from_slice(&u64::to_le_bytes(last));
        fs::write(directory.path().join("buffer.db"), &ledger).unwrap();

        let report = run(["verify", path, "--format=json"]);
        assert_eq!((report.code, &report.json()["ok"]), (Some(1), &false.into()), "{report}");
        assert_eq!(report.json()["faults"][0]["kind"], "doubtful", "{report}");
        assert_eq!(report.json()["faults"][0]["ids"], serde_json::json!(ids), "{report}");
        // Another program may have read: its word stands, and is not passed over in silence.
        let opened = run(["read", path, "--peek"]);
        assert!(opened.stdout == fixtures::lines(last + 1..=100), "{last}: {opened}");
        let words = [format!("first_id={}", ids[0]), format!("last_id={}", ids[1] - 1)];
        assert!(words.iter().all(|word| opened.stderr.contains(word)), "{last}: {opened}");
        // It is said until the buffer was opened: from then on this is what is noted.
        assert!(run(["read", path, "--count=0"]).stderr == opened.stderr);
        run(["verify", path]).assert_quiet_success();
        assert!(run(["read", path, "--peek"]).stderr.is_empty());
    }
}

/// A user who follows what `verify` says loses nothing.
#[test]
fn with_a_doubtful_ledger_moved_away_the_note_of_the_close_counts() {
    let directory = fixtures::copy("w100_r40");
    let path = directory.path().to_str().unwrap();
    run(["read", path, "--count=0"]).assert_quiet_success();
    fs::remove_file(directory.path().join("buffer.db")).unwrap();
    assert!(run(["read", path]).stdout == fixtures::lines(41..=100));
}

/// A program that has written since has left more than one number: it was there, and nothing is wrong.
#[test]
fn a_ledger_that_another_program_has_moved_on_is_none_of_damage() {
    let directory = fixtures::copy("w100_r40");
    let path = directory.path().to_str().unwrap();
    run(["read", path, "--count=0"]).assert_quiet_success();
    append(directory.path(), &storage::data_file(101..=110));
    let mut ledger = fs::read(directory.path().join("buffer.db")).unwrap();
    ledger[..8].copy_from_slice(&u64::to_le_bytes(111));
    ledger[16..].copy_from_slice(&u64::to_le_bytes(56));
    fs::write(directory.path().join("buffer.db"), &ledger).unwrap();
    run(["verify", path]).assert_quiet_success();
    assert!(run(["read", path]).assert_quiet_success().stdout == fixtures::lines(57..=110));
}

/// Some file systems leave zeros at the end of a file after a power loss.
#[test]
fn zeros_at_the_end_are_passed_over() {
    for zeros in [1, 7, 8, 39, 40, 4096, 100_003] {
        let directory = fixtures::copy("w100_r0");
        let path = directory.path().to_str().unwrap();
        append(directory.path(), &vec![0; zeros]);
        assert_eq!(run(["verify", path]).code, Some(1), "{zeros} zeros");
        let written = run_with(["write", path, "--format=json"], b"behind the zeros\n");
        assert_eq!(
            (written.code, &written.json()["first_id"]),
            (Some(0), &101.into()),
            "{zeros} zeros: {written}"
        );
        let ended = run(["read", path]);
        let expected = [&fixtures::lines(1..=100)[..], b"behind the zeros\n"].concat();
        assert_eq!(ended.code, Some(0), "{zeros} zeros: {ended}");
        assert!(ended.stdout == expected, "{zeros} zeros: {ended}");
    }
}

/// A whole file of nothing: the records are lost, and that is said; the buffer is not.
#[test]
fn a_file_of_zeros_is_a_loss_and_not_an_end() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().to_str().unwrap();
    // It held 241 to 288.
    fs::write(directory.path().join("buffer-data-5.dat"), vec![0; 4072]).unwrap();
    let ended = run(["read", path]);
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout == fixtures::lines((151..=240).chain(289..=600)), "{ended}");
    assert!(ended.stderr.contains("48 records") && ended.stderr.contains("lost"), "{ended}");
    assert_eq!(crate::support::cli::status(path)["records"], 0);
}

/// What goes through a pipe may lack what the buffer held.
#[test]
fn pipe_ends_with_1_when_records_are_lost() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().to_str().unwrap();
    fs::remove_file(directory.path().join("buffer-data-5.dat")).unwrap();
    let ended = run_with(["pipe", path], b"and on\n");
    assert_eq!(ended.code, Some(1), "{ended}");
    let expected = [&fixtures::lines((151..=240).chain(289..=600))[..], b"and on\n"].concat();
    assert!(ended.stdout == expected, "{ended}");
    assert!(
        ended.stderr.contains("lost 48 records") && ended.stderr.contains("buffer-data-5.dat"),
        "{ended}"
    );
}

/// Each loss is a line of its own, with the ids and the place, and the sum comes last.
#[test]
fn each_loss_is_said_with_its_ids_and_its_place() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().to_str().unwrap();
    fs::remove_file(directory.path().join("buffer-data-5.dat")).unwrap();
    let mut seventh = fs::read(directory.path().join("buffer-data-7.dat")).unwrap();
    seventh[8] ^= 1;
    fs::write(directory.path().join("buffer-data-7.dat"), seventh).unwrap();
    let ended = run(["read", path]);
    let said: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!((ended.code, said.len()), (Some(1), 3), "{ended}");
    for (line, words) in [
        (0, ["first_id=241 events=48", "file=\"buffer-data-5.dat\" offset=0 bytes=0"]),
        (1, ["first_id=337 events=1", "file=\"buffer-data-7.dat\" offset=0 bytes="]),
        (2, ["lost 49 records", "buffer-data-5.dat is missing, and 1 place more"]),
    ] {
        assert!(words.iter().all(|word| said[line].contains(word)), "{words:?}: {ended}");
    }
}

/// A large buffer that is damaged all over fills the log with errors. Here a hundred losses are said one by one, all are
/// counted, and the records beside them come out.
#[test]
fn pain_26035_many_losses_do_not_fill_the_log() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let mut lost = 0;
    for number in 4..=12 {
        let path = directory.path().join(format!("buffer-data-{number}.dat"));
        let mut bytes = fs::read(&path).unwrap();
        let first = number * 48 + 1;
        // Every third record's first byte.
        for id in (first..=(first + 47).min(600)).step_by(3) {
            let start = storage::start(first, id);
            bytes[start + 8] ^= 1;
            lost += 1;
        }
        fs::write(path, bytes).unwrap();
    }
    assert!(lost > 120);
    let ended = run(["read", directory.path().to_str().unwrap()]);
    let said = ended.stderr.lines().filter(|line| line.contains("events are lost")).count();
    assert_eq!((ended.code, said), (Some(1), 100), "{ended}");
    assert!(ended.stderr.contains("more is lost"), "{ended}");
    assert!(ended.stderr.contains(&format!("lost {lost} records")), "{ended}");
    assert_eq!(ended.stdout.split(|byte| *byte == b'\n').count() as u64 - 1, 450 - lost, "{ended}");
}

/// What was said once is not said again: the loss is passed when what follows it is acknowledged.
#[test]
fn a_loss_is_said_once() {
    let directory = fixtures::copy("w100_r0_bitflip");
    let path = directory.path().to_str().unwrap();
    let first = run(["read", path, "--count=60"]);
    assert!(first.stderr.contains("1 record") && first.stderr.contains("lost"), "{first}");
    let rest = run(["read", path]);
    assert_eq!(rest.assert_quiet_success().stdout, fixtures::lines(62..=100));
}

/// Any byte of any file, by the binary: it opens the buffer, hands out what is whole, says what is not, and goes on.
#[test]
fn a_directory_that_is_damaged_at_any_byte_is_of_use() {
    // As Vector left it, and as we did.
    for is_noted in [false, true] {
        let directory = fixtures::copy("w100_r40");
        if is_noted {
            run(["read", directory.path().to_str().unwrap(), "--count=0"]).assert_quiet_success();
        }
        let whole = fixtures::contents(directory.path());
        for (name, bytes) in &whole {
            let step = if name == "buffer.db" { 1 } else { bytes.len().div_ceil(20).max(1) };
            for at in (0..bytes.len()).step_by(step) {
                // Damaged files that were read are kept in it.
                let _ = fs::remove_dir_all(directory.path().join("buffer.quarantine"));
                for name in fixtures::contents(directory.path()).keys() {
                    fs::remove_file(directory.path().join(name)).unwrap();
                }
                for (name, bytes) in &whole {
                    fs::write(directory.path().join(name), bytes).unwrap();
                }
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x80;
                fs::write(directory.path().join(name), damaged).unwrap();
                is_of_use(directory.path(), &format!("{name}, byte {at}"));
            }
        }
    }
}

/// Records 41 to 100 wait in it; one of them may be damaged.
#[track_caller]
fn is_of_use(directory: &Path, at: &str) {
    let path = directory.to_str().unwrap();
    let verified = run(["verify", path]);
    let ended = run(["read", path]);
    let at = format!("{at}: {ended}, {verified}");
    let delivered: Vec<&[u8]> = ended.stdout.split_inclusive(|byte| *byte == b'\n').collect();
    let all: Vec<Vec<u8>> = (1..=100).map(|id| fixtures::lines([id])).collect();
    assert!(delivered.iter().all(|line| all.iter().any(|known| known == line)), "{at}: invented");
    let missing = all[40..].iter().filter(|line| !delivered.contains(&line.as_slice())).count();
    assert!(missing <= 1, "{at}: {missing} are missing");
    assert_eq!(ended.code, Some(i32::from(ended.stderr.contains("forebay: lost"))), "{at}");
    assert!(missing == 0 || ended.stderr.contains("lost 1 record"), "{at}: no loss is said");
    // What comes again, and what does not come, has a reason that is said, before and after.
    if delivered.len() != 60 || missing > 0 {
        assert!(verified.code == Some(1) && !ended.stderr.is_empty(), "{at}: nothing is said");
    }
    run_with(["write", path], b"and on\n").assert_quiet_success();
    assert_eq!(run(["read", path]).assert_quiet_success().stdout, b"and on\n", "{at}");
}

/// One frame of a later file at the end of a short one hid all records between the two; and three did, where the next file is shorter.
#[test]
fn misplaced_frames_at_the_end_of_a_short_file_cost_nothing_behind_it() {
    for (misplaced, left) in [(1, 5), (3, 2)] {
        are_no_records(misplaced, left);
    }
}

fn are_no_records(misplaced: usize, left: usize) {
    let place = Place::new();
    let lines: Vec<u8> = (1..=300).flat_map(|id| format!("{id:0160}\n").into_bytes()).collect();
    let sizes = ["--file-size=16KiB", "--max-size=16MiB", "--small-files"];
    run_with([&["write", &*place.path][..], &sizes].concat(), &lines).assert_quiet_success();
    let file = |number: u32| Path::new(&place.path).join(format!("buffer-data-{number}.dat"));
    // Frames of 200 bytes, 81 in a file.
    let mut first = fs::read(file(0)).unwrap();
    first.truncate(2000);
    first.extend([b'x'; 264]);
    first.extend(&fs::read(file(3)).unwrap()[4000..4000 + 200 * misplaced]);
    fs::write(file(0), first).unwrap();
    let mut second = fs::read(file(1)).unwrap();
    second.truncate(200 * left);
    fs::write(file(1), second).unwrap();
    let read = run(["peek", &*place.path]);
    let ids = (1..=10).chain(82..82 + left).chain(163..=300);
    let expected: Vec<u8> = ids.flat_map(|id| format!("{id:0160}\n").into_bytes()).collect();
    assert!(read.stdout == expected, "{read}");
}

/// A dump for a disaster, or a purge, must not go by numbers that cannot be right.
#[test]
fn commands_that_take_records_elsewhere_say_that_the_ledger_is_damaged() {
    for ledger in [[0xff; 24], [0x5a; 24]] {
        let directory = fixtures::copy("w100_r40");
        let (path, other) = (directory.path().to_str().unwrap(), Place::new());
        fs::write(directory.path().join("buffer.db"), ledger).unwrap();
        let archive = format!("{}.dump", other.path);
        let commands = [vec!["dump", path, "--output", &archive], vec!["copy", path, "--to", &other.path]];
        for command in commands {
            let ended = run(command);
            assert_eq!(ended.code, Some(1), "{ended}");
            assert!(ended.stderr.contains("forebay: the ledger, buffer.db, "), "{ended}");
        }
        for path in [path, &other.path] {
            let dumped = run(["dump", path, "--output", &format!("{archive}-{}", path.len())]);
            assert!(String::from_utf8_lossy(&dumped.stdout).contains("ids 1 to 100\n"), "{dumped}");
        }
        assert!(run(["peek", &other.path]).stdout == fixtures::lines(1..=100));
        let purged = run(["purge", path, "--through=50", "--yes"]);
        assert!(purged.code == Some(2) && purged.stderr.contains("'forebay repair' first"), "{purged}");
    }
}

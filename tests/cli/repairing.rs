//! `forebay repair`: whole records stay, and not a byte is lost of what goes.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
};

use super::{Place, seq};
use crate::support::{
    cli::{Ended, Running, forebay, run, run_with},
    dice::Dice,
    fixtures,
};

const SMALL: [&str; 3] = ["--file-size=16KiB", "--max-size=16MiB", "--small-files"];

/// How many directories are repaired for the figure.
const DIRECTORIES: u64 = 300;

fn below(dice: &mut Dice, bound: usize) -> usize {
    usize::try_from(dice.below(bound as u64)).unwrap()
}

/// A buffer of many small files with records of many lengths, of which some are acknowledged.
pub(super) fn filled(place: &Place, dice: &mut Dice) {
    let records = 300 + dice.below(900);
    let mut lines = Vec::new();
    for number in 0..records {
        lines.extend(format!("{number} {}\n", "x".repeat(below(dice, 300))).into_bytes());
    }
    let written = run_with([&["write", &*place.path][..], &SMALL].concat(), &lines);
    assert_eq!(written.code, Some(0), "{written}");
    let count = format!("--count={}", dice.below(records / 2));
    let read = run([&["read", &*place.path, &count][..], &SMALL].concat());
    assert_eq!(read.code, Some(0), "{read}");
}

fn data_files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = fixtures::contents(directory);
    files.retain(|name, _| name.contains("buffer-data-"));
    files
}

/// A bit, a length, a sector of zeros, a sector from elsewhere, or a missing end.
pub(super) fn damage(directory: &Path, dice: &mut Dice) {
    let files: Vec<_> = data_files(directory).into_iter().filter(|(_, bytes)| bytes.len() > 1024).collect();
    if files.is_empty() {
        return;
    }
    let (name, mut bytes) = files[below(dice, files.len())].clone();
    let at = below(dice, bytes.len());
    let sector = at / 512 * 512;
    let end = bytes.len().min(sector + 512);
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => {
            let length = (at / 8 * 8 + 6).min(end - 1);
            bytes[length] ^= 1 << dice.below(8);
        }
        2 => bytes[sector..end].fill(0),
        3 => {
            let (_, other) = &files[below(dice, files.len())];
            let from = below(dice, other.len() - 512) / 512 * 512;
            bytes[sector..end].copy_from_slice(&other[from..from + end - sector]);
        }
        _ => bytes.truncate(at),
    }
    fs::write(directory.join(name), bytes).unwrap();
}

fn peek(place: &Place) -> Ended {
    run([&["read", &*place.path, "--peek", "--framing=json"][..], &SMALL].concat())
}

/// What repairs have done.
#[derive(Clone, Copy, Debug, Default)]
struct Repaired {
    directories: u64,
    files: usize,
    records: u64,
    lost: u64,
}

impl Repaired {
    /// Damages a buffer in 20 places and repairs it. Whole records stay, and each file is somewhere as it was.
    fn one_more(&mut self, dice: &mut Dice) {
        let place = Place::new();
        filled(&place, dice);
        let directory = Path::new(&place.path);
        for _ in 0..20 {
            damage(directory, dice);
        }
        let (files, before) = (data_files(directory), peek(&place));
        let told = run(["repair", &*place.path, "--dry-run", "--format=json"]);
        assert_eq!(data_files(directory), files, "a dry run changes nothing");
        let repaired = run(["repair", &*place.path, "--format=json"]);
        assert_eq!((told.code, repaired.code), (Some(1), Some(1)), "{repaired}");
        assert_eq!(told.json()["files"], repaired.json()["files"], "it does what it said");
        assert_eq!(peek(&place).stdout, before.stdout, "{repaired}");
        let verified = run(["verify", &*place.path, "--format=json"]).json();
        assert_eq!((&verified["corrupt"], &verified["torn_bytes"]), (&0.into(), &0.into()), "{verified}");
        let healthy = fixtures::contents(directory);
        let again = run(["repair", &*place.path, "--format=json"]).json();
        assert_eq!(again["quarantine"], serde_json::Value::Null, "one repair is enough: {again}");
        assert!(fixtures::contents(directory) == healthy, "a repair of a healthy directory changes nothing");
        let kept: Vec<_> = data_files(directory).into_values().collect();
        assert!(files.values().all(|bytes| kept.contains(bytes)), "each file is still somewhere as it was");
        self.directories += 1;
        self.files += repaired.json()["files"].as_array().unwrap().len();
        self.records += String::from_utf8_lossy(&before.stdout).lines().count() as u64;
        self.lost += verified["lost_records"].as_u64().unwrap();
    }
}

/// People run this on the only copy of their records.
#[test]
fn after_a_repair_a_reader_gets_what_it_got_before_and_nothing_that_was_there_is_gone() {
    let (mut dice, mut repaired) = (Dice::new(), Repaired::default());
    for _ in 0..20 {
        repaired.one_more(&mut dice);
    }
    assert!(repaired.files > 20, "{repaired:?}");
}

/// The same over many directories: `just e2e`.
#[test]
#[ignore = "minutes"]
fn what_repairs_keep() {
    let (mut dice, mut repaired) = (Dice::new(), Repaired::default());
    for _ in 0..DIRECTORIES {
        repaired.one_more(&mut dice);
    }
    let Repaired { directories, files, records, lost } = repaired;
    println!("| figure | seen |");
    println!("| --- | --- |");
    println!(
        "| directories with 20 damages each, repaired; data files replaced or set aside | {directories}, {files} |"
    );
    println!("| records deliverable before, and the same ones after | {records} |");
    println!("| records lost before, and no more after | {lost} |");
    println!("| bytes that are neither in the data files nor in the quarantine | 0 |");
    println!("| files that a second repair changes | 0 |");
}

/// A careful operator runs it before anything is wrong.
#[test]
fn a_healthy_buffer_is_not_touched() {
    for name in ["empty", "w100_r0", "w100_r40", "w100_r100", "multifile_w600_r150_4k"] {
        let directory = fixtures::copy(name);
        let before = fixtures::contents(directory.path());
        let ended = run(["repair", directory.path().to_str().unwrap()]);
        assert_eq!(ended.code, Some(0), "{name}: {ended}");
        assert!(String::from_utf8_lossy(&ended.stdout).contains("nothing to repair"), "{ended}");
        assert!(fixtures::contents(directory.path()) == before, "{name}");
    }
}

/// A frame whose length is damaged is delivered, and no other program could read it.
#[test]
fn a_frame_with_a_damaged_length_is_encoded_again() {
    let directory = fixtures::copy("w100_r0");
    let path = directory.path().to_str().unwrap();
    let file = directory.path().join("buffer-data-0.dat");
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[6] ^= 0x40;
    fs::write(&file, &damaged).unwrap();
    let repaired = run(["repair", path]);
    assert_eq!(repaired.code, Some(1), "{repaired}");
    assert!(String::from_utf8_lossy(&repaired.stdout).contains("damaged length"), "{repaired}");
    let kept = directory.path().join("buffer.quarantine/repair-1/buffer-data-0.dat");
    assert_eq!(fs::read(kept).unwrap(), damaged);
    run(["verify", path]).assert_quiet_success();
    assert_eq!(fs::read(&file).unwrap().len(), whole.len());
    assert_eq!(run(["read", path]).assert_quiet_success().stdout, fixtures::lines(1..=100));
}

/// The next opening would replace the ledger without a word about what was in it.
#[test]
fn a_ledger_that_cannot_be_right_is_rebuilt_and_kept() {
    let directory = fixtures::copy("w100_r40");
    let path = directory.path().to_str().unwrap();
    fs::write(directory.path().join("buffer.db"), [0xff; 24]).unwrap();
    let repaired = run(["repair", path, "--format=json"]);
    assert_eq!((repaired.code, &repaired.json()["ledger"]), (Some(1), &true.into()), "{repaired}");
    let kept = fs::read(directory.path().join("buffer.quarantine/repair-1/buffer.db")).unwrap();
    assert_eq!(kept, [0xff; 24]);
    run(["verify", path]).assert_quiet_success();
    let again = run(["repair", path]);
    assert_eq!(again.code, Some(0), "{again}");
}

/// Its writer would go on in a file that has no name any more. Looking is possible.
#[test]
fn a_buffer_in_use_is_not_repaired_and_its_holder_is_named() {
    let place = Place::new();
    let mut holder = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    holder.feed(&seq(1..=10));
    while holder.next_line().unwrap() != b"10" {}
    run(["repair", &place.path]).assert_refusal(&["in use", &format!("process {}", holder.pid())]);
    let told = run(["repair", &place.path, "--dry-run"]);
    assert_eq!(told.code, Some(0), "{told}");
}

/// What cannot be kept is not replaced.
#[test]
fn where_the_quarantine_cannot_be_made_nothing_changes() {
    let directory = fixtures::copy("w100_r0_bitflip");
    let path = directory.path().to_str().unwrap();
    symlink("/dev/null", directory.path().join("buffer.quarantine")).unwrap();
    let before = data_files(directory.path());
    run(["repair", path]).assert_refusal(&["buffer.quarantine", "can be run again"]);
    assert_eq!(data_files(directory.path()), before);
}

/// The report is JSON, which holds text alone.
#[test]
fn a_directory_whose_name_is_no_text_is_repaired_and_reported() {
    let damaged = fixtures::copy("w100_r0_bitflip");
    let above = tempfile::TempDir::new().unwrap();
    let directory = above.path().join(OsStr::from_bytes(b"queue-\xff"));
    fs::rename(damaged.path(), &directory).unwrap();
    let repaired = run([OsStr::new("repair"), directory.as_os_str()]);
    assert_eq!(repaired.code, Some(1), "{repaired}");
    assert!(directory.join("buffer.quarantine/repair-1/report.json").exists());
}

/// The last acknowledged record shows where the next one begins, whatever the bytes in front of it look like.
#[test]
fn records_behind_the_last_acknowledged_one_stay_where_what_is_before_them_looks_unfinished() {
    let place = Place::new();
    let line = |id| format!("{id:00$}\n", if id == 1 { 112 } else { 160 }).into_bytes();
    let lines: Vec<u8> = (1..=60).flat_map(line).collect();
    run_with([&["write", &*place.path][..], &SMALL].concat(), &lines).assert_quiet_success();
    run([&["read", &*place.path, "--count=30"][..], &SMALL].concat());
    let file = Path::new(&place.path).join("buffer-data-0.dat");
    let mut bytes = fs::read(&file).unwrap();
    // A frame of 152 bytes, then of 200. A sector is lost with the length prefix of one, a bit in it makes a length in front of that
    // frame, and the file breaks off.
    bytes[2048..2560].fill(0);
    bytes[2544 + 6] = 0x80;
    bytes.truncate(11_900);
    fs::write(&file, bytes).unwrap();
    let before = peek(&place);
    let repaired = run(["repair", &*place.path]);
    assert_eq!(repaired.code, Some(1), "{repaired}");
    assert_eq!(peek(&place).stdout, before.stdout);
    let ids = String::from_utf8(before.stdout).unwrap();
    assert_eq!(ids.lines().count(), 29, "{ids}");
}

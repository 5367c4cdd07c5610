//! `forebay dump` and `forebay restore`: an archive holds all that waits, and gives it back.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{Place, repairing, seq};
use crate::support::{
    cli::{Ended, Running, forebay, run, run_with, status},
    dice::Dice,
    fixtures,
};

/// A place for an archive, and for the buffer that is made of it.
struct Archive {
    place: Place,
    file: String,
}

impl Archive {
    fn new() -> Self {
        let place = Place::new();
        let file = place.above.path().join("archive").to_str().unwrap().to_owned();
        Self { place, file }
    }

    fn dump(&self, directory: &str) -> Ended {
        run(["dump", directory, "--output", &self.file, "--format=json"])
    }

    fn restore(&self, flags: &[&str]) -> Ended {
        run([&["restore", &self.file, &self.place.path, "--format=json"], flags].concat())
    }
}

fn looked_at(directory: &str) -> Vec<u8> {
    run(["peek", directory, "--framing=json"]).stdout
}

/// Of Vector's own buffers, too: ids, metadata, events and payloads.
#[test]
fn a_buffer_comes_back_from_its_archive_as_it_was() {
    for name in ["empty", "w100_r0", "w100_r40", "w100_r100", "multifile_w600_r150_4k"] {
        let directory = fixtures::copy(name);
        let path = directory.path().to_str().unwrap();
        let before = fixtures::contents(directory.path());
        let archive = Archive::new();
        let dumped = archive.dump(path);
        assert!(dumped.assert_quiet_success().json()["lost_events"] == 0, "{name}: {dumped}");
        assert!(fixtures::contents(directory.path()) == before, "{name}");
        for flags in [&[][..], &["--file-size=4KiB"]] {
            archive.restore(flags).assert_quiet_success();
            let restored = &archive.place.path;
            run(["verify", restored]).assert_quiet_success();
            assert!(looked_at(restored) == looked_at(path), "{name}");
            let next = |path: &str| status(path)["ledger"]["writer_next_record"].clone();
            assert_eq!(next(restored), next(path), "{name}");
            run_with(["write", restored], b"one more\n").assert_quiet_success();
            let expected = [&run(["peek", path]).stdout[..], b"one more\n"].concat();
            assert!(archive.place.read(&[]).assert_quiet_success().stdout == expected, "{name}");
            fs::remove_dir_all(restored).unwrap();
        }
    }
}

/// A pipe compresses it or carries it away.
#[test]
fn an_archive_goes_to_standard_output_where_no_file_is_named() {
    let (place, archive) = (Place::with_lines(&seq(1..=1000)), Archive::new());
    let dumped = run(["dump", &place.path]);
    fs::write(&archive.file, &dumped.assert_quiet_success().stdout).unwrap();
    assert_eq!(archive.restore(&[]).assert_quiet_success().json()["records"], 1000);
    assert!(archive.place.read(&[]).assert_quiet_success().stdout == seq(1..=1000));
}

/// What is lost in the buffer is lost in the archive, and no more.
#[test]
fn of_a_damaged_buffer_all_that_a_reader_gets_is_in_the_archive() {
    let mut dice = Dice::new();
    let mut lost = 0;
    for _ in 0..10 {
        let (place, archive) = (Place::new(), Archive::new());
        repairing::filled(&place, &mut dice);
        for _ in 0..5 {
            repairing::damage(Path::new(&place.path), &mut dice);
        }
        let dumped = archive.dump(&place.path);
        let verified = run(["verify", &*place.path, "--format=json"]).json();
        assert_eq!(dumped.json()["lost_events"], verified["lost_records"], "{dumped}");
        assert_eq!(dumped.code, Some(i32::from(dumped.json()["lost_events"] != 0)), "{dumped}");
        archive.restore(&["--file-size=16KiB"]).assert_quiet_success();
        assert!(looked_at(&archive.place.path) == looked_at(&place.path));
        let restored = run(["verify", &*archive.place.path, "--format=json"]).json();
        assert_eq!(restored["lost_records"], verified["lost_records"], "{restored}");
        assert_eq!(restored["corrupt"], 0, "{restored}");
        lost += verified["lost_records"].as_u64().unwrap();
    }
    assert!(lost > 0, "no damage has cost a record");
}

/// An archive is often the only copy.
#[test]
fn of_a_damaged_archive_all_whole_records_come_back_and_the_others_are_named() {
    let (place, archive) = (Place::with_lines(&seq(1..=100)), Archive::new());
    archive.dump(&place.path).assert_quiet_success();
    let mut bytes = fs::read(&archive.file).unwrap();
    // In the payload of the record 50: each frame takes 48 bytes.
    bytes[48 + 49 * 48 + 8] ^= 1;
    fs::write(&archive.file, &bytes).unwrap();
    let restored = archive.restore(&[]);
    assert_eq!((restored.code, &restored.json()["missing_records"]), (Some(1), &1.into()), "{restored}");
    assert_eq!(restored.json()["faults"][0]["ids"], serde_json::json!([50, 51]), "{restored}");
    assert!(run(["peek", &archive.place.path]).stdout == seq((1..=100).filter(|line| *line != 50)));
    fs::remove_dir_all(&archive.place.path).unwrap();
    fs::write(&archive.file, &bytes[..bytes.len() - 68]).unwrap();
    let text = run(["restore", &archive.file, &archive.place.path]);
    assert_eq!(text.code, Some(1), "{text}");
    let said = String::from_utf8_lossy(&text.stdout);
    assert!(
        said.contains("id 50") && said.contains("the end is missing") && said.contains("98 records"),
        "{text}"
    );
}

/// A mistyped path must cost neither records nor an archive.
#[test]
fn nothing_is_written_over() {
    let (place, archive) = (Place::with_lines(&seq(1..=10)), Archive::new());
    archive.dump(&place.path).assert_quiet_success();
    archive.dump(&place.path).assert_refusal(&["is there already", "another file"]);
    run(["restore", &archive.file, &place.path]).assert_refusal(&["holds a buffer already", "new directory"]);
    let above = place.above.path().to_str().unwrap();
    run(["restore", &archive.file, above]).assert_refusal(&["other files"]);
    run(["restore", &place.data_file(0).to_str().unwrap().replace("-0", "-1"), &archive.place.path])
        .assert_refusal(&["cannot read the archive"]);
    let none = place.above.path().join("none");
    fs::write(&none, "no archive").unwrap();
    run(["restore", none.to_str().unwrap(), &archive.place.path]).assert_refusal(&["is no archive"]);
    assert!(!Path::new(&archive.place.path).exists());
    archive.restore(&["--max-size=64KiB", "--file-size=4KiB"]).assert_quiet_success();
    assert!(place.read(&[]).assert_quiet_success().stdout == seq(1..=10));
}

/// Where no archive can be made, the user hears which name is wrong, and what to do about it.
#[test]
fn a_path_at_which_no_archive_can_be_made_is_refused_with_the_reason() {
    let place = Place::with_lines(&seq(1..=10));
    let above = place.above.path().to_str().unwrap();
    let file = format!("{above}/file");
    let part = format!("{above}/new.part");
    let beside = format!("name a file, such as {}.dump", place.path);
    fs::write(&file, "kept").unwrap();
    fs::write(&part, "kept").unwrap();
    for (output, words) in [
        (file.clone(), ["/file is there already", "name another file"]),
        (format!("{above}/no/archive"), ["there is no directory", "make it first"]),
        (format!("{file}/archive"), ["/file is not a directory", "name another file"]),
        (place.path.clone(), ["is a directory", &beside]),
        ("/dev/null".to_owned(), ["is no regular file", "redirect standard output"]),
        (format!("{above}/new"), ["new.part is there already", "a killed one has left it"]),
    ] {
        let ended = run(["dump", &place.path, "--output", &output]);
        ended.assert_refusal(&words);
        assert!(!ended.stderr.contains("os error"), "{ended}");
    }
    assert!([file, part].iter().all(|kept| fs::read(kept).unwrap() == b"kept"));
}

/// Half a buffer must not pass for a whole one.
#[test]
fn what_does_not_fit_leaves_nothing_behind() {
    let (place, archive) = (Place::with_lines(&seq(1..=10_000)), Archive::new());
    archive.dump(&place.path).assert_quiet_success();
    archive.restore(&["--max-size=64KiB"]).assert_refusal(&["--max-size", "65536"]);
    archive.restore(&[]).assert_quiet_success();
    assert!(archive.place.read(&[]).assert_quiet_success().stdout == seq(1..=10_000));
}

/// A backup does not stop the service.
#[test]
fn a_buffer_in_use_is_dumped() {
    let (place, archive) = (Place::new(), Archive::new());
    let mut holder = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    holder.feed(&seq(1..=10));
    while holder.next_line().unwrap() != b"10" {}
    archive.dump(&place.path).assert_quiet_success();
    holder.signal(Signal::TERM);
    assert_eq!(holder.wait().code, Some(143));
    archive.restore(&[]).assert_quiet_success();
    assert!(archive.place.read(&[]).assert_quiet_success().stdout == seq(1..=10));
}

/// An archive that was made before archives had options.
#[test]
fn an_archive_without_options_comes_back() {
    let (place, archive) = (Place::with_lines(&seq(1..=100)), Archive::new());
    archive.dump(&place.path).assert_quiet_success();
    let bytes = fs::read(&archive.file).unwrap();
    let mut former = b"forebay dump  1\n".to_vec();
    former.extend(&bytes[16..24]);
    former.extend(crc32fast::hash(&former).to_be_bytes());
    former.extend([0; 4]);
    former.extend(&bytes[48..]);
    fs::write(&archive.file, &former).unwrap();
    archive.restore(&[]).assert_quiet_success();
    assert!(run(["peek", &archive.place.path]).stdout == seq(1..=100));
}

//! `forebay dead-letters`: records that no consumer could handle, for the person who has to find out why.

use std::{ffi::OsStr, fs, num::NonZeroU32, path::Path};

use forebay::{Buffer, NewRecord, Record, RecordId};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Place, seq};
use crate::support::{
    cli::{Ended, run, status},
    fixtures::payload,
    storage::{letters, write},
};

const FILE: &str = "buffer.dead-letters";

/// A buffer in which three records were given back too often: the fourth, the second, and one of three events with newlines
/// in it. The first two wait.
fn with_dead_letters() -> (Place, Buffer) {
    let place = Place::new();
    let buffer = Buffer::builder(&place.path).max_deliveries(NonZeroU32::MIN).open().unwrap();
    let several = NewRecord::new("a\nb\n").with_metadata(7).with_events(NonZeroU32::new(3).unwrap());
    buffer.writer().write_batch(vec!["one".into(), "two".into(), several, "four".into()]).unwrap();
    let records = buffer.reader().next_batch(4).unwrap().unwrap();
    for at in [3, 1, 2] {
        let before = buffer.status().unwrap().dead_letters;
        records[at].nack();
        while buffer.status().unwrap().dead_letters == before {
            std::thread::yield_now();
        }
    }
    records.first().into_iter().for_each(Record::ack);
    // Any call takes the acknowledgements of single records.
    buffer.status().unwrap();
    (place, buffer)
}

fn dead_letters(place: &Place, flags: &[&str]) -> Ended {
    run([&["dead-letters", &place.path], flags].concat())
}

/// They come as they were, in the order in which they were given up, also while another process has the buffer.
#[test]
fn dead_letters_are_shown_as_they_were() {
    let (place, _buffer) = with_dead_letters();
    let lines = dead_letters(&place, &[]);
    assert_eq!(lines.assert_quiet_success().stdout, b"four\ntwo\na\nb\n\n");
    let lengths = dead_letters(&place, &["--framing=length"]);
    let expected = [&[0, 0, 0, 4][..], b"four", &[0, 0, 0, 3], b"two", &[0, 0, 0, 4], b"a\nb\n"].concat();
    assert_eq!(lengths.assert_quiet_success().stdout, expected);
    let objects = dead_letters(&place, &["--framing=json"]);
    let objects: Vec<Value> = objects
        .assert_quiet_success()
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(objects[2], json!({ "id": 3, "events": 3, "metadata": 7, "payload": "a\nb\n" }));
    assert_eq!((&objects[0]["id"], &objects[1]["id"]), (&6.into(), &2.into()));
}

/// A user does not look for what they do not know of.
#[test]
fn status_says_how_many_dead_letters_there_are() {
    let (place, buffer) = with_dead_letters();
    let bytes = fs::metadata(Path::new(&place.path).join(FILE)).unwrap().len();
    assert_eq!(status(&place.path)["dead_letters"], json!({ "records": 3, "bytes": bytes }));
    let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
    assert!(String::from_utf8_lossy(&text).contains("dead     3 records"));
    let usage = &status(&place.path)["usage"];
    assert_eq!(usage["sent"]["events"], 6, "one was acknowledged, and these count as sent: {usage}");
    assert_eq!((&usage["dropped"]["events"], &usage["lost"]["events"]), (&0.into(), &0.into()), "{usage}");
    buffer.close().unwrap();
    fs::remove_file(Path::new(&place.path).join(FILE)).unwrap();
    let text = run(["status", &place.path]).assert_quiet_success().stdout.clone();
    assert!(!String::from_utf8_lossy(&text).contains("dead "), "most buffers have none");
    assert!(dead_letters(&place, &[]).assert_quiet_success().stdout.is_empty());
}

/// What a crash has left of a write comes again, and is no damage. A bit that was lost is, and costs one record.
#[test]
fn what_is_whole_of_damaged_dead_letters_is_shown() {
    let (place, buffer) = with_dead_letters();
    buffer.close().unwrap();
    let path = Path::new(&place.path).join(FILE);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(dead_letters(&place, &[]).assert_quiet_success().stdout, b"four\ntwo\n");
    let mut damaged = whole;
    damaged[9] ^= 1;
    fs::write(&path, damaged).unwrap();
    let ended = dead_letters(&place, &[]);
    assert_eq!((ended.code, &ended.stdout[..]), (Some(1), &b"two\na\nb\n\n"[..]), "{ended}");
    assert!(ended.stderr.contains("damaged"), "{ended}");
}

/// A typing error must not look like a buffer without dead letters, and something else in the file's place stops no look at
/// the rest.
#[test]
fn what_cannot_be_read_is_said() {
    let place = Place::with_lines(&seq(1..=5));
    assert_eq!(run(["dead-letters", "/nowhere"]).code, Some(2));
    fs::create_dir(Path::new(&place.path).join(FILE)).unwrap();
    assert_eq!(dead_letters(&place, &[]).code, Some(2));
    let ended = run(["status", &place.path, "--format=json"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("dead letters"), "{ended}");
    assert_eq!((&ended.json()["dead_letters"], &ended.json()["records"]), (&Value::Null, &5.into()));
}

/// In a directory: the file is beside the data files, is none of them to anybody, and may be taken away under our hands.
#[test]
fn the_file_is_nothing_that_other_tools_take_for_data() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join(FILE);
    let open = || {
        let builder = Buffer::builder(directory.path()).max_deliveries(NonZeroU32::MIN);
        builder.open().unwrap()
    };
    let take = |buffer: &Buffer| buffer.reader().try_next_batch(1000).unwrap();
    let buffer = open();
    write(&buffer, 1..=10);
    let delivered = take(&buffer);
    delivered[0].nack();
    // Closing waits for it.
    buffer.close().unwrap();
    assert_eq!(letters(&fs::read(&file).unwrap()), [1]);

    let buffer = open();
    assert_eq!(buffer.open_report().first_unread, RecordId(2));
    take(&buffer)[0].nack();
    buffer.end_writing();
    assert!(buffer.reader().next().unwrap().is_none());
    assert_eq!(letters(&fs::read(&file).unwrap()), [1, 2]);
    fs::rename(&file, directory.path().join("looked-at")).unwrap();
    buffer.close().unwrap();
    assert!(!file.exists());

    let buffer = open();
    let delivered = take(&buffer);
    assert_eq!(delivered[0].payload()[..], payload(3)[..]);
    delivered[0].nack();
    buffer.end_writing();
    assert!(buffer.reader().next().unwrap().is_none());
    fs::remove_file(&file).unwrap();
    delivered[1].nack();
    buffer.close().unwrap();
    assert_eq!(letters(&fs::read(&file).unwrap()), [4], "the one that was removed is not written to");

    run([OsStr::new("verify"), directory.path().as_os_str()]).assert_quiet_success();
    let status = status(directory.path());
    assert_eq!((&status["records"], &status["ledger"]["reader_last_record"]), (&json!(6), &json!(4)));
    let paths = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let data_files = paths.filter(|path| path.extension() == Some(OsStr::new("dat"))).count();
    assert_eq!(status["files"], json!(data_files));
}

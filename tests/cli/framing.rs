//! How records are told apart. Bytes are bytes: what went in comes out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::Place;
use crate::support::cli::{by_shell, run, run_command, run_with};

/// Records with each of their lengths in front.
fn with_lengths(records: &[&[u8]]) -> Vec<u8> {
    let length = |record: &[u8]| u32::try_from(record.len()).unwrap().to_be_bytes();
    records.iter().flat_map(|record| [&length(record)[..], record].concat()).collect()
}

/// Lines are bytes and not text: an empty one is a record, and nothing in one has a meaning but its end.
#[test]
fn lines_of_any_bytes_come_out_as_they_went_in() {
    let lines = b"\n with spaces \r\n\0nul\0\n\xff\xfe\x80\n\n\r\n";
    let records: [&[u8]; 6] = [b"", b" with spaces \r", b"\0nul\0", b"\xff\xfe\x80", b"", b"\r"];
    let place = Place::with_lines(lines);
    assert_eq!(
        place.read(&["--peek", "--framing=length"]).assert_quiet_success().stdout,
        with_lengths(&records)
    );
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, lines);
}

/// A file that was written by hand often ends so.
#[test]
fn a_last_line_without_a_newline_is_a_record() {
    let place = Place::with_lines(b"one\ntwo");
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\ntwo\n");
}

/// Records that hold newlines need their lengths.
#[test]
fn records_with_lengths_may_hold_newlines() {
    let records = with_lengths(&[b"two\nlines\n", b"", b"\n", b"\xff\0\xff"]);
    let place = Place::new();
    place.write(&["--framing=length"], &records).assert_quiet_success();
    assert_eq!(place.read(&["--framing=length", "--peek"]).assert_quiet_success().stdout, records);
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"two\nlines\n\n\n\n\n\xff\0\xff\n");
}

/// Ids and metadata can be had in JSON only. A payload is text there where it is UTF-8, for people and `jq`, and base64 where JSON cannot
/// hold it.
#[test]
fn json_shows_ids_and_metadata() {
    let place = Place::with_lines(b"plain\n");
    place.write(&["--metadata=4294967295"], b"\xff\"\n\n").assert_quiet_success();
    let ended = place.read(&["--framing=json"]);
    let lines = ended.assert_quiet_success().stdout.split(|&byte| byte == b'\n');
    let objects: Vec<Value> =
        lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    let object = |id: u64, metadata: u32, name: &str, payload: &str| json!({ "id": id, "events": 1, "metadata": metadata, name: payload });
    let bytes = STANDARD.encode(b"\xff\"");
    let expected = [
        object(1, 0, "payload", "plain"),
        object(2, u32::MAX, "payload_base64", &bytes),
        object(3, u32::MAX, "payload", ""),
    ];
    assert_eq!(objects, expected);
}

/// A name of a file may hold a newline: `find -print0` and `xargs -0` go by NULs.
#[test]
fn records_that_end_with_nul_may_hold_newlines() {
    let records = b"two\nlines\n\0\0\xff\xfe\0no end";
    let framed = [&records[..], b"\0"].concat();
    let place = Place::new();
    place.write(&["--framing=nul"], records).assert_quiet_success();
    for arguments in [&["peek"][..], &["read", "--peek"]] {
        let ended = run([arguments, &[&*place.path, "--framing=nul"]].concat());
        assert_eq!(ended.assert_quiet_success().stdout, framed);
    }
    let lengths = with_lengths(&[b"two\nlines\n", b"", b"\xff\xfe", b"no end"]);
    assert_eq!(place.read(&["--peek", "--framing=length"]).assert_quiet_success().stdout, lengths);
    assert_eq!(place.read(&["--framing=nul"]).assert_quiet_success().stdout, framed);

    let piped = run_with(["pipe", &*place.path, "--framing=nul"], records);
    assert_eq!(piped.assert_quiet_success().stdout, framed);
    let limited = place.write(&["--framing=nul", "--max-record=4", "--on-too-long=truncate"], records);
    assert!(limited.code == Some(1) && limited.stderr.contains("2 truncated"), "{limited}");
    assert_eq!(place.read(&["--framing=nul"]).assert_quiet_success().stdout, b"two\n\0\0\xff\xfe\0no e\0");
}

/// What people type.
#[test]
fn names_of_files_go_from_find_to_xargs() {
    let place = Place::new();
    let files = tempfile::tempdir().unwrap();
    for name in ["plain", "with space", "new\nline", "-dash"] {
        std::fs::write(files.path().join(name), b"").unwrap();
    }
    let script = r#"cd "$2" && find . -type f -print0 | "$0" write "$1" --framing nul && "$0" read "$1" --framing nul | xargs -0 rm --"#;
    let files = files.path();
    let ended = run_command(&mut by_shell(script, &[&place.path, files.to_str().unwrap()]), b"");
    ended.assert_quiet_success();
    assert_eq!(std::fs::read_dir(files).unwrap().count(), 0);
}

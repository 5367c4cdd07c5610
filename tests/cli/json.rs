//! Records as JSON objects, out and in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Place, overlong::serve};
use crate::support::cli::{run, run_with};

/// All objects that `peek` prints, without their ids.
fn objects(place: &Place) -> Vec<Value> {
    let ended = run(["peek", &*place.path, "--framing=json"]);
    let lines = ended.assert_quiet_success().stdout.split(|byte| *byte == b'\n');
    let parsed = lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap());
    let without_id = |mut object: Value| {
        object.as_object_mut().unwrap().remove("id");
        object
    };
    parsed.map(without_id).collect()
}

fn text(objects: &[Value]) -> Vec<u8> {
    objects.iter().flat_map(|object| format!("{object}\n").into_bytes()).collect()
}

/// A payload as a user may have it: text, and bytes that are none.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any::<String>().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// What was read can be written again, whatever is in it: as an owner and through another process.
    #[test]
    fn any_record_goes_through_json_and_back(
        records in prop::collection::vec((payload(), any::<u32>(), 1_u32..1000), 1..20),
    ) {
        let objects_in: Vec<Value> = records
            .iter()
            .map(|(payload, metadata, events)| {
                json!({ "payload_base64": STANDARD.encode(payload), "metadata": metadata, "events": events })
            })
            .collect();
        let printed_objects: Vec<Value> = records
            .iter()
            .map(|(payload, metadata, events)| match str::from_utf8(payload) {
                Ok(text) => json!({ "payload": text, "metadata": metadata, "events": events }),
                Err(_) => json!({ "payload_base64": STANDARD.encode(payload), "metadata": metadata, "events": events }),
            })
            .collect();
        let lengths: Vec<u8> = records
            .iter()
            .flat_map(|(payload, ..)| [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat())
            .collect();
        let (one, two, three) = (Place::new(), Place::new(), Place::new());
        one.write(&["--framing=json"], &text(&objects_in)).assert_quiet_success();
        prop_assert_eq!(objects(&one), printed_objects);
        prop_assert_eq!(&one.read(&["--peek", "--framing=length"]).stdout, &lengths);

        let printed = one.read(&["--peek", "--framing=json"]).assert_quiet_success().stdout.clone();
        two.write(&["--framing=json"], &printed).assert_quiet_success();
        prop_assert_eq!(objects(&two), objects(&one));

        let printed = two.read(&["--framing=json"]).assert_quiet_success().stdout.clone();
        let mut owner = serve(&three);
        three.write(&["--framing=json"], &printed).assert_quiet_success();
        owner.signal(rustix::process::Signal::TERM);
        owner.wait();
        prop_assert_eq!(objects(&three), objects(&one));
        prop_assert_eq!(&three.read(&["--peek", "--framing=length"]).stdout, &lengths);
    }
}

/// A script need not know base64, and an object need not say what `--metadata` says.
#[test]
fn an_object_may_hold_plain_text_only() {
    let place = Place::new();
    let lines = "{\"payload\":\"größer\\n\"}\n{\"metadata\":9,\"payload\":\"\"}";
    place.write(&["--framing=json", "--metadata=7"], lines.as_bytes()).assert_quiet_success();
    let found: Vec<Value> = objects(&place).iter().map(|object| object["metadata"].clone()).collect();
    assert_eq!(found, [json!(7), json!(9)]);
    assert_eq!(place.read(&["--framing=nul"]).assert_quiet_success().stdout, "größer\n\0\0".as_bytes());
}

/// `pipe` keeps metadata and events.
#[test]
fn pipe_takes_and_prints_objects() {
    let place = Place::new();
    let line = b"{\"id\":40,\"events\":3,\"metadata\":5,\"payload_base64\":\"/w==\"}\n";
    let ended = run_with(["pipe", &*place.path, "--framing=json"], line);
    let object: Value = serde_json::from_slice(&ended.assert_quiet_success().stdout).unwrap();
    assert_eq!(object, json!({ "id": 1, "events": 3, "metadata": 5, "payload_base64": "/w==" }));
}

/// A broken line is named whatever is done with long ones, and what was before it is written.
#[test]
fn a_broken_line_is_named_whatever_is_done_with_records_that_are_too_long() {
    let broken = [
        "",
        "{\"payload\":\"cut o",
        "{\"payload\":\"much too long, and not ended",
        "{\"paylod\":\"a\"}",
        "{\"payload\":\"a\",\"payload_base64\":\"YQ==\"}",
        "{\"payload_base64\":\"%\"}",
        "{\"payload\":\"a\",\"events\":0}",
        "plain",
    ];
    for line in broken {
        for action in ["skip", "truncate", "fail"] {
            let place = Place::new();
            let lines =
                format!("{{\"payload\":\"one\"}}\n{{\"payload\":\"two\"}}\n{line}\n{{\"payload\":\"x\"}}\n");
            let arguments = ["--framing=json", "--max-record=5", "--on-too-long", action];
            let ended = place.write(&arguments, lines.as_bytes());
            assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{line}: {ended}");
            assert!(ended.stderr.contains("line 3 of standard input is no record"), "{line}: {ended}");
            assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\ntwo\n");
        }
    }
}

/// The payload counts, and not the line that it came in.
#[test]
fn a_payload_that_is_too_long_is_left_out_truncated_or_named() {
    let lines = b"{\"payload\":\"12345\"}\n{\"payload\":\"123456\",\"metadata\":3}\n{\"payload_base64\":\"YWJjZA==\"}\n";
    for (action, code, kept) in [
        ("skip", 1, &b"12345\nabcd\n"[..]),
        ("truncate", 1, b"12345\n12345\nabcd\n"),
        ("fail", 2, b"12345\n"),
    ] {
        let place = Place::new();
        let ended = place.write(&["--framing=json", "--max-record=5", "--on-too-long", action], lines);
        let said = if code == 1 { format!("1 {action}") } else { "record 2 is longer".to_owned() };
        assert!(ended.code == Some(code) && ended.stderr.contains(&said), "{ended}");
        assert_eq!(place.read(&[]).assert_quiet_success().stdout, kept);
    }
}

/// A line that cannot be looked at may be broken: it is an error, and takes no more memory than a line may.
#[test]
fn a_line_that_is_too_long_for_any_record_is_named() {
    let place = Place::new();
    let lines = [&b"{\"payload\":\"one\"}\n{\"payload\":\""[..], &vec![b'x'; 2 << 20]].concat();
    for action in ["skip", "truncate", "fail"] {
        let ended = place.write(&["--framing=json", "--max-record=5", "--on-too-long", action], &lines);
        assert!(
            ended.code == Some(2) && ended.stderr.contains("line 2 of standard input is longer"),
            "{ended}"
        );
    }
}

//! `docs/openapi.json` and `docs/api.md` say what the server does.

use std::{collections::BTreeSet, fs};

use forebay::WhenFull;
use forebay_api::{Code, paths};
use serde_json::{Value, json};

use crate::support::Served;

fn document(name: &str) -> String {
    fs::read_to_string(format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn description() -> Value {
    serde_json::from_str(&document("openapi.json")).unwrap()
}

/// A client that is generated from the description must find each call, and no call may be missing in it.
#[test]
fn the_description_has_the_calls_of_the_server() {
    let (served, description) = (Served::new(), description());
    let mut http = served.connect();
    let mut calls = BTreeSet::new();
    for path in paths::ALL {
        for method in ["get", "post", "put", "delete", "patch"] {
            let answer = http.call(&method.to_uppercase(), &paths::of(path, paths::THE_BUFFER), "", b"");
            if answer.status != 405 {
                calls.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        described.extend(methods.map(|method| (path.clone(), method.clone())));
    }
    assert_eq!(calls, described);
    let text = document("api.md");
    for (path, method) in described {
        let line = format!("`{} {}`", method.to_uppercase(), paths::of(&path, paths::THE_BUFFER));
        assert!(text.contains(&line), "docs/api.md lacks {line}");
    }
}

/// Programs go by the codes.
#[test]
fn the_descriptions_have_all_codes() {
    let codes: Vec<Value> = Code::ALL.iter().map(|code| serde_json::to_value(code).unwrap()).collect();
    assert_eq!(description()["components"]["schemas"]["Failure"]["properties"]["code"]["enum"], json!(codes));
    let text = document("api.md");
    for (code, name) in Code::ALL.iter().zip(codes) {
        let name = name.as_str().unwrap();
        let row = text.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/api.md lacks {name}"));
        assert!(row.contains(&format!("| {} |", code.status())), "{row}");
    }
}

/// What is answered has the shape that is described, and nothing else in it.
#[test]
fn answers_have_the_shapes_of_the_description() {
    let description = description();
    let served = Served::with(|builder| builder.max_events(3).when_full(WhenFull::Reject));
    let mut http = served.connect();
    let append = http.call("POST", "~/records", "text/plain", b"1\n2\n3\n").done();
    let full = http.call("POST", "~/records", "text/plain", b"4\n").json();
    let pull = http.post("~/pull", &json!({})).done();
    let nothing = http.post("~/pull", &json!({})).done();
    let lease = pull["lease_id"].clone();
    let look = http.get("~/records").done();
    let extend = http.post("~/extend", &json!({ "lease_id": lease, "lease_ms": 1_000_000 })).done();
    let ack = http.post("~/ack", &json!({ "incarnation": pull["incarnation"], "ids": [1] })).done();
    let nack = http.post("~/nack", &json!({ "lease_id": lease })).done();
    let status = http.get("~/status").done();
    for (name, answer) in [
        ("Placed", append),
        ("Failure", full),
        ("PullAnswer", pull),
        ("PullAnswer", nothing),
        ("LookAnswer", look),
        ("ExtendRequest", extend),
        ("AckAnswer", ack),
        ("ReleaseAnswer", nack),
        ("StatusAnswer", status),
    ] {
        let schema = &description["components"]["schemas"][name];
        assert_shape(&description, schema, &answer, name);
    }
}

/// As much of JSON Schema as the description uses.
fn assert_shape(description: &Value, schema: &Value, answer: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let referred = description.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return assert_shape(description, referred, answer, at);
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let found = match answer {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&json!(found)), "{at} is {found}, not {types:?}");
    for (index, item) in answer.as_array().into_iter().flatten().enumerate() {
        assert_shape(description, &schema["items"], item, &format!("{at}[{index}]"));
    }
    let (Some(object), Some(properties)) = (answer.as_object(), schema["properties"].as_object()) else {
        return;
    };
    for (name, value) in object {
        let property = properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not described"));
        assert_shape(description, property, value, &format!("{at}.{name}"));
    }
    for name in schema["required"].as_array().unwrap() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at} lacks {name}");
    }
}

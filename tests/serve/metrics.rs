//! What a monitoring system is told.

#![allow(clippy::float_cmp, reason = "these numbers are told as they are")]

use std::{collections::BTreeMap, fs};

use forebay::{Buffer, Status};
use forebay_serve::{Server, Service, Socket, metric_names};

use crate::{
    exposition::parse,
    support::{Http, Served},
};

/// The figures are those of the moment: nothing has to run for them meanwhile.
#[test]
fn metrics_tell_the_buffers_state() {
    let served = Served::new();
    let mut http = served.connect();
    let label = served.directory.path().to_str().unwrap();
    let mut told = || {
        let answer = http.get("/metrics");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        parse(std::str::from_utf8(&answer.body).unwrap())
    };
    let before = told();
    assert_eq!(before["forebay_waiting_records"].value(label), 0.0);
    assert_eq!(before["forebay_oldest_record_age_seconds"].value(label), 0.0, "nothing waits");
    assert_eq!((before["forebay_up"].value(label), before["forebay_locked"].value(label)), (1.0, 1.0));
    let owner = &before["forebay_owner_info"].samples[0];
    assert_eq!((&owner.labels["pid"], owner.value), (&std::process::id().to_string(), 1.0));

    let mut client = served.connect();
    client.call("POST", "~/records?durability=synced", "text/plain", b"a\nb\nc\n").done();
    let (incarnation, lease, _) = client.pull_until(3);
    let ack = serde_json::json!({ "incarnation": incarnation, "lease_id": lease, "through": 1 });
    client.post("~/ack", &ack).done();
    let after = told();
    let value = |name: &str| after[name].value(label);
    assert_eq!((value("forebay_waiting_records"), value("forebay_unacknowledged_records")), (2.0, 2.0));
    assert_eq!((value("forebay_received_records_total"), value("forebay_sent_records_total")), (3.0, 1.0));
    assert_eq!(value("forebay_waiting_bytes"), 2.0 * 48.0);
    assert_eq!(value("forebay_last_sync_failed"), 0.0);
    let syncs = &after["forebay_sync_duration_seconds"].samples;
    let count = syncs.iter().find(|sample| sample.name.ends_with("_count")).unwrap().value;
    assert!(count >= 1.0, "{syncs:?}");
}

/// A consumer that hangs is found by what it has: what the owner holds ready for the next one is no part of that.
#[test]
fn what_no_client_has_had_is_not_unacknowledged() {
    let served = Served::new();
    let mut http = served.connect();
    let label = served.directory.path().to_str().unwrap();
    http.append("a\nb\nc\n");
    http.post("~/pull", &serde_json::json!({ "max": 1 })).done();
    // The owner looks for the third among all that come, and holds the second then.
    let ack = serde_json::json!({ "any_incarnation": true, "ids": [3] });
    assert_eq!(http.post("~/ack", &ack).done()["acknowledged"], 1);
    assert_eq!(served.status().unacknowledged_records, 2);
    let told = parse(std::str::from_utf8(&http.get("/metrics").body).unwrap());
    assert_eq!(told["forebay_unacknowledged_records"].value(label), 1.0);
    assert_eq!(told["forebay_unacknowledged_bytes"].value(label), 48.0);
    assert_eq!(http.get("~/status").done()["buffer"]["unacknowledged_records"], 1);
}

/// A dashboard is built from the page, and a metric that is not on it is never looked at.
#[test]
fn the_page_lists_each_metric_with_its_type() {
    let page = format!("{}/../../docs/metrics.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).unwrap();
    let mut listed = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `forebay_")) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        if columns.len() == 6 {
            for name in columns[1].split(", ") {
                listed.insert(name.trim_matches('`').to_owned(), columns[2]);
            }
        }
    }
    assert_eq!(listed, metric_names().into_iter().collect());
}

/// All that the page lists is told by a process that has a buffer, but for what only files tell.
#[test]
fn an_owner_tells_every_metric() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("a\n");
    let answer = http.get("/metrics");
    let told = parse(std::str::from_utf8(&answer.body).unwrap());
    for (name, _) in metric_names() {
        let is_of_files = name.starts_with("forebay_dead_letter_");
        assert_eq!(told.contains_key(&name), !is_of_files, "{name}");
    }
}

/// A balancer must not send records to a process whose disk fails, and has to be told when it is well again.
#[test]
fn readiness_follows_the_last_sync() {
    let directory = tempfile::tempdir().unwrap();
    let buffer = std::sync::Arc::new(Buffer::builder(directory.path()).open().unwrap());
    for (change, expected) in [
        ((|_: &mut Status| {}) as fn(&mut Status), (200, None)),
        (|status| status.last_sync_error = Some("could not sync".to_owned()), (503, Some("refused"))),
        (|status| status.sync_failed = true, (503, Some("refused"))),
        (|status| status.stopped = Some("it broke".to_owned()), (500, Some("stopped"))),
    ] {
        let weak = std::sync::Arc::downgrade(&buffer);
        let figures = move || {
            let mut status = weak.upgrade()?.status()?;
            change(&mut status);
            Some(status)
        };
        let service = Service::new(&buffer, directory.path(), None, figures);
        let server = Server::start(service, Socket::bind(directory.path()).unwrap(), None).unwrap();
        let mut http = Http::connect(directory.path());
        let answer = http.get("/readyz");
        let code = (answer.status != 200).then(|| answer.failure().1);
        assert_eq!((answer.status, code.as_deref()), expected);
        assert_eq!(http.get("/healthz").status, 200);
        let faults = parse(std::str::from_utf8(&http.get("/metrics").body).unwrap());
        let faults = ["forebay_last_sync_failed", "forebay_sync_failed", "forebay_stopped"]
            .map(|name| faults[name].samples[0].value);
        assert_eq!(faults.iter().sum::<f64>(), f64::from(u8::from(expected.0 != 200)));
        server.stop(std::time::Duration::ZERO);
    }
}

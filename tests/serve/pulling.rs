//! Taking records out: leases, acknowledgements, and what comes again.

use serde_json::{Value, json};

use crate::support::{Served, payload};

/// The least that a consumer needs.
#[test]
fn what_is_acknowledged_is_gone_when_the_answer_comes() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n");
    let (incarnation, lease, payloads) = http.pull();
    assert_eq!(payloads, ["1", "2", "3"]);
    let answer = http.post("~/ack", &json!({ "incarnation": incarnation, "through": 2, "lease_id": lease }));
    assert_eq!(answer.done(), json!({ "acknowledged": 2, "noted": 0 }));
    assert_eq!(served.status().acknowledged.0, 2);
    assert_eq!(http.pull().2.len(), 0, "the third is still leased");
}

/// One consumer's word is about its own records, whatever the others have.
#[test]
fn through_counts_within_its_lease() {
    let served = Served::new();
    let (mut first, mut second) = (served.connect(), served.connect());
    first.append("1\n2\n3\n4\n");
    let one = first.post("~/pull", &json!({ "max": 2 })).done();
    let (incarnation, lease, payloads) = second.pull();
    assert_eq!((one["records"].as_array().unwrap().len(), payloads.len()), (2, 2));
    let answer =
        second.post("~/ack", &json!({ "incarnation": incarnation, "through": 4, "lease_id": lease }));
    assert_eq!(answer.done(), json!({ "acknowledged": 2, "noted": 0 }));
    assert_eq!(served.status().acknowledged.0, 0);
    drop(first);
    let (_, _, again) = second.pull_until(2);
    assert_eq!(again, ["1", "2"]);
}

/// A consumer that dies says nothing: others get what it had.
#[test]
fn closing_a_connection_ends_its_leases() {
    let served = Served::new();
    let (mut first, mut second) = (served.connect(), served.connect());
    first.append("1\n2\n");
    assert_eq!(first.pull().2, ["1", "2"]);
    second.ask("POST", "~/pull", "application/json", br#"{"wait_ms":60000}"#);
    drop(first);
    let answer = second.answer().done();
    let deliveries: Vec<_> =
        answer["records"].as_array().unwrap().iter().map(|record| &record["deliveries"]).collect();
    assert_eq!(deliveries, [2, 2]);
}

/// A pull that waits gets what comes, and is not asked to poll.
#[test]
fn a_pull_waits_for_the_first_record() {
    let served = Served::new();
    let (mut reader, mut writer) = (served.connect(), served.connect());
    reader.ask("POST", "~/pull", "application/json", br#"{"wait_ms":60000}"#);
    writer.append("1\n");
    assert_eq!(payload(&reader.answer().done()["records"][0]), "1");
}

/// A batch is as large as its consumer can take, and order holds over batches.
#[test]
fn a_batch_is_bounded_by_records_and_by_bytes() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1234567890\n2\n3\n4\n5\n");
    let mut all = Vec::new();
    for request in [json!({ "max_bytes": 1 }), json!({ "max": 1 }), json!({ "max_bytes": 2 }), json!({})] {
        let answer = http.post("~/pull", &request).done();
        all.push(answer["records"].as_array().unwrap().iter().map(payload).collect::<Vec<_>>());
    }
    assert_eq!(all, [vec!["1234567890"], vec!["2"], vec!["3", "4"], vec!["5"]]);
}

/// A consumer that comes late has done its work all the same: its word counts, or others do it again.
#[test]
fn ids_are_valid_after_their_lease_has_ended() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n");
    let (incarnation, lease, _) = http.pull();
    assert_eq!(http.post("~/nack", &json!({ "lease_id": lease })).done(), json!({ "released": 3 }));
    let late = json!({ "incarnation": incarnation, "through": 3, "lease_id": lease });
    assert_eq!(http.post("~/ack", &late).failure(), (409, "lease_expired".to_owned()));
    let by_ids = json!({ "incarnation": incarnation, "ids": [1, 3] });
    assert_eq!(http.post("~/ack", &by_ids).done(), json!({ "acknowledged": 2, "noted": 0 }));
    assert_eq!(http.pull().2, ["2"]);
}

/// Ids begin again after a power loss: a word about the records before it is not one about those after it.
#[test]
fn ids_of_another_incarnation_name_other_records() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n");
    let (incarnation, _, _) = http.pull();
    let other = json!({ "incarnation": incarnation + 1, "ids": [1] });
    assert_eq!(http.post("~/ack", &other).done(), json!({ "acknowledged": 0, "noted": 0 }));
    assert_eq!(served.status().acknowledged.0, 0);
}

/// A consumer that outlives an owner tells the next one what it has done, and gets none of it again.
#[test]
fn the_next_owner_takes_acknowledgements_of_what_it_has_not_delivered() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n4\n5\n");
    let (incarnation, _, payloads) = http.pull();
    assert_eq!(payloads.len(), 5);
    let served = Served::at(served.end(), |builder| builder);
    let mut http = served.connect();
    let done = json!({ "incarnation": incarnation, "ranges": [[1, 2], [4, 4]] });
    assert_eq!(http.post("~/ack", &done).done(), json!({ "acknowledged": 3, "noted": 0 }));
    assert_eq!(served.status().acknowledged.0, 2);
    assert_eq!(http.pull().2, ["3", "5"]);
}

/// Readers that outlive an owner acknowledge records far behind those that come next: the others must not all be taken into memory.
#[test]
fn acknowledgements_far_ahead_take_few_records_into_memory() {
    let served = Served::new();
    let lines: Vec<_> = (1..=20_000).map(|number: u32| number.to_string()).collect();
    let mut http = served.connect();
    http.append(&lines.join("\n"));
    for first in [15_000, 17_000, 19_000] {
        let ranges = json!({ "any_incarnation": true, "ranges": [[first, first + 9]] });
        assert_eq!(http.post("~/ack", &ranges).done(), json!({ "acknowledged": 0, "noted": 10 }));
    }
    assert!(served.status().unacknowledged_records <= 4096, "{:?}", served.status());
    let mut taken = 0;
    while taken < 19_970 {
        let answer = http.post("~/pull", &json!({ "max": 4096, "max_bytes": 1 << 30 })).done();
        let batch = answer["records"].as_array().unwrap().len();
        assert!(batch > 0, "{taken} were taken");
        taken += batch;
        let lease = &answer["lease_id"];
        let through = json!({ "any_incarnation": true, "through": u64::MAX, "lease_id": lease });
        http.post("~/ack", &through).done();
    }
    assert_eq!((taken, served.status().acknowledged.0), (19_970, 20_000));
}

/// A program that acknowledges ahead must be told that it counts, and how far.
#[test]
fn acknowledgements_of_what_comes_later_are_noted() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n4\n5\n");
    let first = http.post("~/pull", &json!({ "max": 1 })).done();
    let (incarnation, lease) = (&first["incarnation"], &first["lease_id"]);
    http.post("~/nack", &json!({ "lease_id": lease, "delay_ms": 60_000 })).done();
    let again = json!({ "incarnation": incarnation, "ids": [1, 1, 9] });
    assert_eq!(http.post("~/ack", &again).done(), json!({ "acknowledged": 0, "noted": 1 }));
    let ready = json!({ "incarnation": incarnation, "ids": [4] });
    assert_eq!(http.post("~/ack", &ready).done(), json!({ "acknowledged": 1, "noted": 0 }));
    assert_eq!(http.pull().2, ["2", "3", "5"]);
}

/// A client that acknowledges what is not there yet must not have the next records dropped unseen.
#[test]
fn records_that_do_not_exist_cannot_be_acknowledged() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n");
    let (incarnation, _, _) = http.pull();
    let all = json!({ "incarnation": incarnation, "ranges": [[0, u64::MAX]] });
    assert_eq!(http.post("~/ack", &all).done(), json!({ "acknowledged": 1, "noted": 0 }));
    http.append("2\n");
    assert_eq!(http.pull().2, ["2"]);
}

/// Numbers come from outside: none may end the server.
#[test]
fn the_largest_numbers_are_as_good_as_large_ones() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n");
    let most = u64::MAX;
    let huge = json!({ "max": u32::MAX, "max_bytes": most, "wait_ms": most, "lease_ms": most });
    let lease = http.post("~/pull", &huge).done()["lease_id"].clone();
    let extended = http.post("~/extend", &json!({ "lease_id": lease, "lease_ms": most })).done();
    assert_eq!(extended["lease_ms"], 7 * 24 * 60 * 60 * 1000, "it says how long the lease is");
    let later = |delay_ms: u64| json!({ "lease_id": lease, "ids": [2], "delay_ms": delay_ms });
    let days = 7 * 24 * 60 * 60 * 1000;
    for too_long in [most, days + 1] {
        let refused = http.post("~/nack", &later(too_long));
        assert_eq!(refused.failure(), (400, "bad_request".to_owned()));
        assert!(refused.json()["message"].as_str().unwrap().contains("delay_ms"), "{refused:?}");
    }
    assert_eq!(http.post("~/nack", &later(days)).done(), json!({ "released": 1 }));
    for (first, last) in [(77, 77), (most, most), (3, most)] {
        let beyond = json!({ "any_incarnation": true, "ranges": [[first, last]] });
        assert_eq!(http.post("~/ack", &beyond).done(), json!({ "acknowledged": 0, "noted": 0 }));
    }
    assert_eq!(http.post("~/ack", &json!({ "any_incarnation": true, "ids": [1] })).done()["acknowledged"], 1);
}

/// A consumer that dies must not have the order of records changed for the next one.
#[test]
fn what_is_given_back_comes_before_what_was_not_delivered() {
    let served = Served::new();
    let mut http = served.connect();
    let lines: Vec<_> = (1..=6).map(|number| format!("{number}{}", "x".repeat(1000))).collect();
    http.append(&lines.join("\n"));
    let first = http.post("~/pull", &json!({ "max_bytes": 2500 })).done();
    assert_eq!(first["records"].as_array().unwrap().len(), 2);
    http.post("~/nack", &json!({ "lease_id": first["lease_id"] })).done();
    assert_eq!(http.pull().2, lines);
}

/// Giving back is for records that failed, and only for those.
#[test]
fn single_records_of_a_lease_are_given_back() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n");
    let (_, lease, _) = http.pull();
    let some = json!({ "lease_id": lease, "ids": [2, 9] });
    assert_eq!(http.post("~/nack", &some).done(), json!({ "released": 1 }));
    assert_eq!(http.pull().2, ["2"]);
    assert_eq!(http.post("~/extend", &json!({ "lease_id": lease, "lease_ms": 60000 })).status, 200);
    let none = json!({ "lease_id": "77", "lease_ms": 60000 });
    assert_eq!(http.post("~/extend", &none).failure(), (409, "lease_expired".to_owned()));
    assert_eq!(http.post("~/nack", &json!({ "lease_id": "x" })).failure(), (409, "lease_expired".to_owned()));
}

/// What no consumer can handle is kept for a person, with the reason, and no consumer gets it again.
#[test]
fn a_dead_letter_is_kept_with_its_reason_and_not_delivered_again() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n");
    let (incarnation, lease, _) = http.pull();
    let dead = json!({ "lease_id": lease, "ids": [2, 9], "dead_letter": true, "reason": "no\nnumber" });
    assert_eq!(http.post("~/nack", &dead).done(), json!({ "released": 1 }));
    assert_eq!(http.post("~/ack", &json!({ "incarnation": incarnation, "ids": [1, 3] })).status, 200);
    assert_eq!(served.status().dead_letters, 1, "it is durable when the answer comes");
    assert_eq!(http.post("~/pull", &json!({})).done()["records"], json!([]));
    assert_eq!(served.status().acknowledged.0, 3);
    let directory = served.end();
    let reasons = std::fs::read_to_string(directory.path().join("buffer.dead-letters.reasons")).unwrap();
    let reason: Value = serde_json::from_str(reasons.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!((&reason["id"], &reason["deliveries"]), (&2.into(), &1.into()));
    assert_eq!(reason["reason"], "no\nnumber");
}

/// A full disk must not be the end of a record: the client hears of it, keeps its records, and can say so again.
#[test]
fn a_dead_letter_that_cannot_be_written_is_refused_and_its_record_stays() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n");
    let (incarnation, lease, _) = http.pull();
    let letters = served.directory.path().join("buffer.dead-letters");
    std::fs::create_dir(&letters).unwrap();
    let dead = json!({ "lease_id": lease, "ids": [1, 2], "dead_letter": true, "reason": "bad" });
    for _ in 0..3 {
        assert_eq!(http.post("~/nack", &dead).failure(), (503, "refused".to_owned()));
    }
    assert_eq!(http.pull().2.len(), 0, "the client has them still");
    let figures = served.status();
    assert_eq!((figures.acknowledged.0, figures.unacknowledged_records, figures.dead_letters), (0, 3, 0));
    assert_eq!(
        http.post("~/ack", &json!({ "incarnation": incarnation, "ids": [1] })).done()["acknowledged"],
        1
    );
    std::fs::remove_dir(&letters).unwrap();
    assert_eq!(http.post("~/nack", &dead).done(), json!({ "released": 1 }));
    assert_eq!((served.status().acknowledged.0, served.status().dead_letters), (2, 1));
    let reasons = served.directory.path().join("buffer.dead-letters.reasons");
    assert_eq!(std::fs::read_to_string(reasons).unwrap().lines().count(), 2, "one for each record");
    drop(http);
    assert_eq!(served.connect().pull_until(1).2, ["3"]);
}

/// A client that has gone keeps nothing, whatever has become of its last word.
#[test]
fn records_that_became_no_dead_letters_go_to_others_when_their_client_goes() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n");
    let (_, lease, _) = http.pull();
    std::fs::create_dir(served.directory.path().join("buffer.dead-letters")).unwrap();
    let dead = json!({ "lease_id": lease, "dead_letter": true }).to_string();
    http.ask("POST", "~/nack", "application/json", dead.as_bytes());
    drop(http);
    assert_eq!(served.connect().pull_until(2).2, ["1", "2"]);
}

/// Looking is for people who are stuck: it must not take a record from those who work.
#[test]
fn a_look_leases_and_acknowledges_nothing() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\n2\n3\n4\n");
    for (path, expected) in
        [("~/records", &["1", "2", "3", "4"][..]), ("~/records?from=2&last=3", &["2", "3"])]
    {
        let answer = http.get(path).done();
        let payloads: Vec<_> = answer["records"].as_array().unwrap().iter().map(payload).collect();
        assert_eq!(
            (payloads, &answer["next"]),
            (expected.iter().map(ToString::to_string).collect(), &json!(null))
        );
    }
    assert_eq!(http.pull().2.len(), 4);
    assert_eq!(
        http.get("~/records").done()["records"].as_array().unwrap().len(),
        4,
        "leased is not acknowledged"
    );
}

/// A client goes through a large buffer page by page, and each page begins where the one before it ended.
#[test]
fn pages_of_a_look_follow_each_other_wherever_a_look_begins() {
    let served = Served::with(|builder| builder.file_bytes(16 << 10));
    let mut http = served.connect();
    for thousand in 0..5_u64 {
        let lines: Vec<_> = (1..=1000).map(|line| (thousand * 1000 + line).to_string()).collect();
        http.append(&(lines.join("\n") + "\n"));
    }
    for first in [1_u64, 1, 3_333, 2_000, 4_999, 1_500] {
        let (mut from, mut seen) = (Some(first), Vec::new());
        while let Some(id) = from {
            let answer = http.get(&format!("~/records?from={id}")).done();
            seen.extend(
                answer["records"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|record| payload(record).parse::<u64>().unwrap()),
            );
            from = answer["next"].as_u64();
        }
        assert!(seen.iter().copied().eq(first..=5_000), "from {first}: {} records", seen.len());
    }
}

/// Programs that take a million records a second have no time for base64.
#[test]
fn a_batch_comes_in_binary_where_it_is_asked_for() {
    let served = Served::new();
    let mut http = served.connect();
    http.append("1\nzwei\n");
    http.send(
        b"POST /v1/buffers/main/pull HTTP/1.1\r\nhost: x\r\naccept: application/vnd.forebay.batch\r\ncontent-length: 0\r\n\r\n",
    );
    let answer = http.answer();
    assert!(answer.head.contains("content-type: application/vnd.forebay.batch\r\n"), "{answer:?}");
    assert!(answer.head.contains("forebay-incarnation: ") && answer.head.contains("forebay-lease-id: "));
    let records = forebay_api::framing::batch::parse(answer.body.into()).unwrap();
    let records: Vec<_> = records.iter().map(|record| (record.id, &record.payload[..])).collect();
    assert_eq!(records, [(1, &b"1"[..]), (2, b"zwei")]);
}

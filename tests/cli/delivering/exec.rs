//! `forebay read --exec`: a command for each batch.

use std::{fs, time::Instant};

use rustix::process::Signal;

use super::{dead_letters, delivered, file, owner, until};
use crate::{
    Place, seq,
    support::cli::{Running, forebay, status},
};

/// Runs a command for all that waits.
fn exec(place: &Place, command: &str, flags: &[&str]) -> crate::support::cli::Ended {
    place.read(&[&["--exec", command, "--retry-wait=1ms", "--retry-wait-max=5ms"], flags].concat())
}

/// The first thing that a user tries: every record arrives once and in order, in batches of the size that was asked for.
#[test]
fn a_command_gets_all_records_in_batches() {
    let place = Place::with_lines(&seq(1..=250));
    let command = "cat >>$OUT; echo $FOREBAY_RECORDS $FOREBAY_FIRST_ID $FOREBAY_LAST_ID $FOREBAY_ATTEMPT";
    let out = file(&place, "out");
    let ended = exec(&place, &format!("OUT={}; {command}", out.display()), &[]);
    let said = String::from_utf8(ended.assert_quiet_success().stdout.clone()).unwrap();
    assert_eq!(said, "100 1 100 1\n100 101 200 1\n50 201 250 1\n");
    assert!(fs::read(&out).unwrap() == seq(1..=250));
    assert_eq!(status(&place.path)["records"], 0);
}

/// A collector that takes 64 KiB must not be sent more, unless one record alone is longer.
#[test]
fn a_batch_is_bounded_by_bytes_and_by_count() {
    let lines =
        [vec![b'x'; 30], vec![b'y'; 30], vec![b'z'; 500], b"a".to_vec(), b"b".to_vec()].join(&b"\n"[..]);
    let place = Place::with_lines(&lines);
    let ended = exec(&place, "wc -c", &["--batch-bytes=60", "--count=4"]);
    let said = String::from_utf8(ended.assert_quiet_success().stdout.clone()).unwrap();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["62", "501", "2"]);
    assert_eq!(status(&place.path)["records"], 1);
}

/// Half of the attempts fail. Each batch comes again until it is taken, and nothing passes it.
#[test]
fn a_batch_that_fails_is_held_and_delivered_again() {
    let place = Place::with_lines(&seq(1..=500));
    let (out, tried) = (file(&place, "out"), file(&place, "tried"));
    let command = format!(
        "if [ $FOREBAY_ATTEMPT = 1 ]; then cat >>{}; exit 22; fi; cat >>{}",
        tried.display(),
        out.display()
    );
    let ended = exec(&place, &command, &[]);
    assert!(ended.code == Some(0) && ended.stderr.contains("exit code 22"), "{ended}");
    assert!(delivered(&place, "out").into_iter().eq(1..=500));
    assert!(delivered(&place, "tried").into_iter().eq(1..=500), "each batch failed once");
    assert_eq!(status(&place.path)["records"], 0);
}

/// One record that chokes a consumer must not stop the others, and must not be lost. Whether this process owns the buffer or not.
#[test]
fn a_record_that_fails_alone_becomes_a_dead_letter_with_the_reason() {
    for is_owned_elsewhere in [false, true] {
        for action in ["hold", "requeue"] {
            let place = Place::with_lines(&seq(1..=30));
            let owner = is_owned_elsewhere.then(|| owner(&place));
            let out = file(&place, "out");
            let command = format!(
                "batch=$(cat); echo \"$batch\" | grep -qx 17 && exit 9; echo \"$batch\" >>{}",
                out.display()
            );
            let flags = ["--batch=10", "--max-deliveries=2", &format!("--on-failure={action}")];
            let ended = exec(&place, &command, &flags);
            assert_eq!(ended.code, Some(1), "{ended}");
            assert!(
                ended.stderr.contains("29 records delivered, and 1 moved to the dead letters"),
                "{ended}"
            );
            let mut all = delivered(&place, "out");
            if action == "hold" {
                assert!(all.is_sorted(), "{all:?}");
            }
            all.sort_unstable();
            assert!(all.into_iter().eq((1..=30).filter(|number| *number != 17)));
            until(|| status(&place.path)["records"] == 0);
            let letters = dead_letters(&place);
            assert_eq!(letters.len(), 1);
            assert_eq!((&letters[0]["id"], &letters[0]["payload"]), (&17.into(), &"17".into()));
            assert_eq!(letters[0]["reason"], "the command ended with exit code 9");
            drop(owner);
        }
    }
}

/// A typing error in the command must not make dead letters of the whole buffer.
#[test]
fn a_command_that_is_not_found_holds_all_records() {
    let place = Place::with_lines(&seq(1..=30));
    let mut reader = Running::start(&mut forebay([
        "read",
        &place.path,
        "--exec=no-such-command-anywhere",
        "--max-deliveries=1",
        "--retry-wait=1ms",
    ]));
    until_line(&mut reader, "exit code 127");
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
    assert_eq!(status(&place.path)["records"], 30);
    assert!(dead_letters(&place).is_empty());
}

/// Waits until a line on stderr holds this.
fn until_line(process: &mut Running, words: &str) {
    while !process.next_error_line().contains(words) {}
}

/// With `requeue`, a batch that fails does not hold up the others.
#[test]
fn others_go_on_where_a_batch_is_requeued() {
    let place = Place::with_lines(&seq(1..=30));
    let out = file(&place, "out");
    let command =
        format!("[ $FOREBAY_FIRST_ID = 1 ] && [ $FOREBAY_ATTEMPT -lt 3 ] && exit 1; cat >>{}", out.display());
    let flags = ["--batch=10", "--on-failure=requeue", "--retry-wait=500ms"];
    let ended = place.read(&[&["--exec", &command], &flags[..]].concat());
    assert_eq!(ended.code, Some(0), "{ended}");
    let all = delivered(&place, "out");
    assert!(all.iter().copied().eq((11..=30).chain(1..=10)), "{all:?}");
    assert_eq!(status(&place.path)["records"], 0);
}

/// A service manager stops a shipper whose command hangs: the command is told to end, and its batch is not acknowledged.
#[test]
fn a_signal_ends_a_command_that_runs_and_its_batch_stays() {
    let place = Place::with_lines(&seq(1..=30));
    let out = file(&place, "out");
    let command = format!(
        "trap 'echo 143 >>{0}; exit 0' TERM; echo 1 >>{0}; while :; do sleep 0.01; done",
        out.display()
    );
    let mut reader =
        Running::start(&mut forebay(["read", &place.path, "--follow", "--exec", &command, "--grace=400ms"]));
    until(|| delivered(&place, "out") == [1]);
    let began = Instant::now();
    reader.signal(Signal::TERM);
    let ended = reader.wait();
    assert_eq!(ended.code, Some(143), "{ended}");
    assert!(began.elapsed().as_secs() < 30);
    assert_eq!(delivered(&place, "out"), [1, 143], "the command was not told");
    // It ended with 0 because it was told to end: nothing says that the batch is delivered.
    assert_eq!(status(&place.path)["records"], 30);
    let place = Place::with_lines(&seq(1..=30));
    let command = format!("echo 1 >>{}; exec sleep 1000", file(&place, "out").display());
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--exec", &command, "--grace=200ms"]));
    until(|| delivered(&place, "out") == [1]);
    reader.signal(Signal::TERM);
    assert_eq!(reader.wait().code, Some(143));
    assert_eq!(status(&place.path)["records"], 30);
}

/// With `--follow`, records that come slowly share a batch, and none waits for long.
#[test]
fn followers_deliver_what_came_within_the_wait() {
    let place = Place::with_lines(b"");
    let out = file(&place, "out");
    let command = format!("cat >>{}", out.display());
    let mut reader = Running::start(&mut forebay([
        "read",
        &place.path,
        "--follow",
        "--exec",
        &command,
        "--batch-wait=10ms",
    ]));
    for number in 1..=5 {
        place.write(&[], &seq([number])).assert_quiet_success();
        until(|| delivered(&place, "out").last() == Some(&number));
    }
    until(|| status(&place.path)["records"] == 0);
    reader.signal(Signal::TERM);
    let ended = reader.wait();
    assert!(ended.code == Some(143) && ended.stderr.is_empty(), "{ended}");
    assert!(delivered(&place, "out").into_iter().eq(1..=5));
}

/// A consumer must be able to tell a whole batch from the beginning of one: what a killed shipper leaves is whole, or nothing.
#[test]
fn a_command_has_its_whole_batch_when_it_starts() {
    let place = Place::with_lines(&seq(1..=50_000));
    let (started, out) = (file(&place, "started"), file(&place, "out"));
    let command = format!("echo 1 >{}; sleep 0.2; cat >{}; echo 0 >>{0}", started.display(), out.display());
    let mut reader = Running::start(&mut forebay(["read", &place.path, "--batch=50000", "--exec", &command]));
    until(|| delivered(&place, "started") == [1]);
    reader.signal(Signal::KILL);
    reader.wait_without_reading();
    until(|| delivered(&place, "started") == [1, 0]);
    let all = delivered(&place, "out");
    assert!(!all.is_empty() && all.iter().copied().eq(1..=*all.last().unwrap()));
    assert!(all.len() > 10_000, "less than a pipe holds: {}", all.len());
    assert_eq!(status(&place.path)["records"], 50_000);
}

/// Options that mean nothing without a destination are refused, and two destinations, too.
#[test]
fn options_of_delivery_need_a_destination() {
    let place = Place::with_lines(&seq(1..=3));
    place.read(&["--batch=5"]).assert_refusal(&["--exec"]);
    place.read(&["--peek", "--exec=true"]).assert_refusal(&["--peek"]);
    assert_eq!(status(&place.path)["records"], 3);
}

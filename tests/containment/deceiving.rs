//! Logic that says or takes what is not its own: batches that are over, files that hold what waits, figures, syncs that came too
//! early. Each gives and takes records meanwhile, so that a consumer notices nothing else of it.

use std::time::Duration;

use forebay::{CloseError, Component, Durability, Limits, ReadError, Refusal, WhenFull, guard::Breach};

use super::{attacks::Attack, component, ids_left, open, ticking};
use crate::{
    hostile::attack::Victim,
    support::storage::{ids, options, read, records, write},
};

/// A record that is placed twice is one that its writer never gave. The payloads of a batch go with its call.
#[test]
fn records_of_a_batch_that_is_over_are_placed_no_second_time() {
    let victim = Victim::new();
    let buffer = open(&victim, Attack::Replays, ticking()).unwrap();
    for first in [11, 16, 21] {
        write(&buffer, first..=first + 4);
        let taken = buffer.reader().try_next_batch(4).unwrap();
        taken.last().expect("some wait").ack();
    }
    buffer.end_writing();
    let refusals = buffer.status().unwrap().refusals;
    assert!(
        refusals.iter().any(|(breach, _)| *breach == Breach::Rule(Refusal::UnknownBatch)),
        "{refusals:?}"
    );
    drop(buffer);
    let left = ids_left(&victim);
    assert_eq!(left.last(), Some(&25), "what was acknowledged may come again, and nothing more: {left:?}");
    assert_eq!(left, ids([left[0]..=25]));
}

/// In each call it tries to truncate, release and discard everything, also what a consumer holds and has not acknowledged.
#[test]
fn logic_that_removes_whatever_it_can_removes_nothing_that_waits() {
    let victim = Victim::new();
    let before = victim.open_in_order();
    write(&before, 11..=400);
    before.close().unwrap();
    let buffer = open(&victim, Attack::RemovesAll, ticking()).unwrap();
    let reader = buffer.reader();
    let held = reader.try_next_batch(200).unwrap();
    for number in 401..=420 {
        write(&buffer, number..=number);
        buffer.status().unwrap();
    }
    let refusals = buffer.status().unwrap().refusals;
    assert!(refusals.iter().any(|(breach, _)| *breach == Breach::Rule(Refusal::Retention)), "{refusals:?}");
    held[99].ack();
    let last = held.last().unwrap().id();
    assert_eq!(reader.try_next_batch(1).unwrap()[0].id().0, last.0 + 1, "delivery goes on");
    buffer.end_writing();
    drop(held);
    drop(buffer);
    let left = ids_left(&victim);
    assert!(left[0] <= 101, "{}", left[0]);
    assert!(left == ids([left[0]..=420]), "{} are left", left.len());
}

/// An operator decides by the counters. They are the host's own.
#[test]
fn no_counter_is_taken_from_what_the_logic_says() {
    let victim = Victim::new();
    let buffer = open(&victim, Attack::LiesInFigures, options()).unwrap();
    write(&buffer, 11..=20);
    let status = buffer.status().unwrap();
    assert_eq!(
        (status.occupancy.events, status.usage_since_open.dropped.events, status.usage_lifetime.lost.events),
        (20, 0, 0)
    );
    let usage = status.usage_since_open;
    assert_eq!((usage.received.events, usage.sent.events, usage.dropped.events), (10, 0, 0));
    assert!(status.figures.iter().all(|(_, value)| *value == u64::MAX), "they stand apart");
    drop(buffer);
    assert_eq!(ids_left(&victim), ids([1..=20]));
}

/// Its tickets end, and cover only what was placed before they were requested.
#[test]
fn a_sync_that_was_requested_before_a_record_was_placed_confirms_nothing_of_it() {
    let victim = Victim::new();
    let mut options = options();
    options.sync_interval = Duration::from_hours(1);
    let buffer = open(&victim, Attack::SyncsTooEarly, options).unwrap();
    let writer = buffer.writer().with_durability(Durability::Synced);
    let mut pending = writer.submit(records(11..=20)).unwrap();
    let mut waited = Duration::ZERO;
    while waited < Duration::from_millis(500) {
        assert!(pending.try_take().is_none(), "it was not synced");
        std::thread::sleep(Duration::from_millis(20));
        waited += Duration::from_millis(20);
    }
    // The syncs that it requests for the next ones cover these, by what the host has seen.
    let mut next = writer.submit(records(21..=30)).unwrap();
    pending.wait().unwrap();
    assert!(next.try_take().is_none(), "it was not synced");
    assert!(matches!(buffer.close(), Err(CloseError::NotSynced)));
    assert!(next.try_take().expect("it was closed").is_err());
    assert_eq!(ids_left(&victim), ids([1..=30]));
}

/// A consumer that is told of an end may remove the buffer. An empty answer is none.
#[test]
fn logic_that_withholds_records_now_and_then_brings_no_reader_to_the_end() {
    let victim = Victim::new();
    let buffer = open(&victim, Attack::WithholdsNowAndThen, options()).unwrap();
    buffer.end_writing();
    let (reader, mut found) = (buffer.reader(), Vec::new());
    for _ in 0..100 {
        match reader.next_batch(3) {
            Ok(Some(batch)) => found.extend(batch.iter().map(|record| record.id().0)),
            Ok(None) => break,
            Err(ReadError::Withheld { next }) => assert_eq!(next.0, found.len() as u64 + 1),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(found, ids([1..=10]));
}

/// An operator who has found out replaces it, in a buffer that runs: whatever it has left there, its successor can open it.
#[test]
fn logic_that_leaves_empty_files_everywhere_can_be_replaced() {
    for attack in [Attack::LeavesAMess, Attack::Files, Attack::RemovesAll, Attack::SyncsTooEarly] {
        let victim = Victim::new();
        let mut options = ticking();
        options.when_full = WhenFull::Reject;
        let buffer = open(&victim, attack, options).unwrap();
        for number in 11..=20 {
            write(&buffer, number..=number);
        }
        let held = buffer.reader().try_next_batch(5).unwrap();
        assert_eq!(held.len(), 5, "{attack:?}");
        buffer.replace_logic(Component::embedded().unwrap()).unwrap();
        assert_eq!(buffer.status().unwrap().fell_back, None, "{attack:?}");
        write(&buffer, 21..=30);
        held.iter().for_each(forebay::Record::ack);
        assert_eq!(read(&buffer), ids([6..=30]), "{attack:?}");
        buffer.close().unwrap();
    }
    // And without a hand-over.
    let victim = Victim::new();
    let buffer = open(&victim, Attack::LeavesAMess, ticking()).unwrap();
    write(&buffer, 11..=20);
    drop(buffer);
    assert_eq!(ids_left(&victim), ids([1..=20]));
}

/// A consumer's records are its own: a life that ends takes its memory along, and the next one opens the same buffer.
#[test]
fn logic_that_takes_all_memory_and_traps_ends_with_its_last_life() {
    let victim = Victim::new();
    let mut options = ticking();
    options.restarts_per_minute = 3;
    let buffer = victim.open(component(Attack::Hoards), options, Limits::default()).unwrap();
    let error = buffer.writer().write_batch(records(11..=11)).unwrap_err();
    let stopped = buffer.status().unwrap().stopped.unwrap_or_else(|| panic!("it goes on: {error}"));
    // On a busy machine the time may be used up before it traps.
    assert!(stopped.contains("unreachable") || stopped.contains("in one call ("), "{stopped}");
    drop(buffer);
    assert_eq!(ids_left(&victim)[..10], ids([1..=10]));
}

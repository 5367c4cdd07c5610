//! How much work a guest can have its host do in one call.

use std::time::{Duration, Instant};

use forebay::{Buffer, Limits, RecordId, WhenFull, WriteErrorKind};

use super::{
    SOON,
    attacks::{Attack, InCall},
    component, ids_left, open, ticking,
};
use crate::{
    hostile::attack::Victim,
    support::storage::{ids, options, records, write},
};

/// Why a buffer with this logic has stopped or did not open, after everything was asked of it that can be.
fn stopped_by(victim: &Victim, attack: Attack, limits: Limits) -> String {
    let mut options = ticking();
    options.when_full = WhenFull::Reject;
    let is_last = attack == Attack::MakesAndRemoves(InCall::Flush);
    if is_last {
        // It is called once, on closing: no fresh instance may put that right.
        options.restarts_per_minute = 0;
    }
    let buffer = match victim.open(component(attack), options, limits) {
        Ok(buffer) => buffer,
        Err(error) => return error.to_string(),
    };
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < SOON, "{attack:?}: it goes on");
        // An answer that is an error says less than the figures do.
        let _ = buffer.writer().write_batch(records(1..=1));
        let taken = buffer.reader().try_next_batch(10).unwrap_or_default();
        for record in taken {
            record.ack();
        }
        if attack == Attack::MakesAndRemoves(InCall::CloseWriter) {
            buffer.end_writing();
        }
        match buffer.status().unwrap().stopped {
            Some(stopped) => break stopped,
            None if is_last => break close(buffer),
            None => {}
        }
    }
}

fn close(buffer: Buffer) -> String {
    buffer.end_writing();
    buffer.close().unwrap_err().to_string()
}

/// A million calls that each make or remove a file took the host minutes, in which it heard no signal and no other caller.
#[test]
fn files_made_and_removed_without_end_end_the_call() {
    for call in InCall::ALL {
        let (victim, attack) = (Victim::new(), Attack::MakesAndRemoves(call));
        let started = Instant::now();
        let stopped = stopped_by(&victim, attack, Limits::default());
        assert!(started.elapsed() < SOON, "{call:?}: it took {:?}", started.elapsed());
        // On a busy machine the time may be used up first, that of its host or its own.
        let limits = [
            "files made, cut and removed more than 1",
            "took the host longer than 10",
            "ran for longer than",
        ];
        let is_named = limits.iter().any(|words| stopped.contains(words));
        assert!(is_named && stopped.contains("in one call ("), "{call:?}: {stopped}");
        assert_first_ten_are_there(&victim);
    }
}

/// No acknowledgement was stored: the ten records that were confirmed before are there.
#[track_caller]
fn assert_first_ten_are_there(victim: &Victim) {
    assert_eq!(ids_left(victim)[..10], ids([1..=10]));
}

/// What a list or a ledger costs depends on the buffer, and calls alone are no bound on it.
#[test]
fn lists_and_ledgers_without_end_end_the_call() {
    // A list is copied to the guest on the guest's time, which may be used up first.
    let mut patient = Limits::default();
    patient.call_time = SOON;
    let cases = [
        (Attack::Lists, Limits::default(), "in one call ("),
        (Attack::StoresLedgers, patient, "its storage calls took the host longer than 1"),
    ];
    for (attack, limits, reason) in cases {
        let victim = Victim::new();
        let buffer = victim.open_in_order();
        write(&buffer, 11..=2000);
        buffer.close().unwrap();
        let started = Instant::now();
        let stopped = stopped_by(&victim, attack, limits);
        assert!(started.elapsed() < SOON, "{attack:?}: it took {:?}", started.elapsed());
        assert!(stopped.contains(reason), "{attack:?}: {stopped}");
        assert_first_ten_are_there(&victim);
    }
}

/// A limit that cuts logic in order is no limit. A call that releases many files, or writes into many, needs many changes.
#[test]
fn what_the_data_ask_for_is_not_charged() {
    let directory = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    (limits.file_operations, limits.host_time) = (4, Duration::from_millis(10));
    // That of the guest is another matter: a busy machine may use it up.
    limits.call_time = SOON;
    let open = || Buffer::builder_with(directory.path(), options()).limits(limits).open().unwrap();
    let buffer = open();
    write(&buffer, 1..=4000);
    let reader = buffer.reader();
    while let Some(last) = reader.try_next_batch(1000).unwrap().last() {
        reader.ack_through(last.id());
    }
    let status = buffer.status().unwrap();
    assert_eq!((status.restarts, status.stopped), (0, None));
    buffer.close().unwrap();
    assert_eq!(open().open_report().next_id, RecordId(4001));
}

/// Every file costs the next opening time. What was confirmed in them stays, however many there are.
#[test]
fn a_file_for_each_record_ends_at_the_operators_limit() {
    let victim = Victim::new();
    let mut options = options();
    options.when_full = WhenFull::Reject;
    let buffer = open(&victim, Attack::Files, options).unwrap();
    let mut confirmed = 10;
    let full = loop {
        match buffer.writer().write_batch(records(1..=100)) {
            Ok(receipt) => confirmed += receipt.records as u64,
            Err(error) => break error,
        }
    };
    confirmed += full.written.records as u64;
    assert!(matches!(full.kind, WriteErrorKind::Full), "{full}");
    // Two for each that the bytes would fill, 64 more, and the one that was there.
    let most = 1 + options.max_bytes / options.file_bytes * 2 + 64;
    assert!(victim.data_files() as u64 <= most, "{} files, at most {most}", victim.data_files());
    drop(buffer);
    let left = ids_left(&victim);
    assert!(left == ids([1..=confirmed]), "{confirmed} confirmed, {} left", left.len());
}

/// It is for the consumer to say what it is done with: on writing, in ticks and at the end, while it reads and when it does not.
#[test]
fn ledgers_that_acknowledge_everything_take_nothing() {
    for is_read in [false, true] {
        let victim = Victim::new();
        let buffer = open(&victim, Attack::Acknowledges, ticking()).unwrap();
        for number in 1..=10 {
            let answer = buffer.writer().write_batch(records(number..=number));
            assert!(answer.is_ok(), "{answer:?}");
        }
        if is_read {
            assert_eq!(buffer.reader().try_next_batch(100).unwrap().len(), 20);
        }
        buffer.end_writing();
        let refusals = buffer.status().unwrap().refusals;
        assert!(refusals.iter().map(|(_, count)| count).sum::<u64>() >= 10, "{refusals:?}");
        drop(buffer);
        assert_eq!(ids_left(&victim), ids([1..=20]));
    }
}

/// The host is in the middle of its own call when it asks for memory.
#[test]
fn a_call_back_from_where_the_host_asks_for_memory_is_a_trap() {
    let victim = Victim::new();
    let stopped = stopped_by(&victim, Attack::CallsBack, Limits::default());
    assert!(stopped.contains("cannot leave component instance"), "{stopped}");
    assert_first_ten_are_there(&victim);
}

/// Logic that fails has as many lives as the operator gives it, and each life costs the host one call.
#[test]
fn traps_behind_work_end_with_the_last_life() {
    let victim = Victim::new();
    let other = victim.open_in_order();
    let started = Instant::now();
    other.replace_logic(component(Attack::Traps)).unwrap_err();
    write(&other, 11..=20);
    other.close().unwrap();
    let stopped = stopped_by(&victim, Attack::Traps, Limits::default());
    // On a busy machine the time may be used up before it traps.
    assert!(stopped.contains("unreachable") || stopped.contains("in one call ("), "{stopped}");
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_first_ten_are_there(&victim);
}

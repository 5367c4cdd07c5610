//! Components that attack the engine and the process: each is stopped, and takes nothing with it.

use std::{
    error::Error as _,
    fs,
    time::{Duration, Instant},
};

use forebay::{CloseError, Limits, OpenError, ReplaceError};

use super::attack::{Call, Victim, attack_once, attacks, bystander, guest};
use crate::support::storage::{ids, options, read, write};

/// Runs the attacks on a kind of call.
fn assert_contained(call: Call) {
    let bystander = bystander();
    let mut last = 0;
    for attack in attacks().filter(|attack| attack.call == call) {
        let victim = Victim::new();
        let started = Instant::now();
        let answer = attack_once(&victim, attack);
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{}: it took {:?}",
            attack.what,
            started.elapsed()
        );
        match (&answer, attack.reason) {
            (Err(seen), Some(reason)) if seen.contains(reason) => {}
            (Ok(()), None) => {}
            _ => panic!("{}: {answer:?}", attack.what),
        }
        victim.assert_unharmed(attack.what);
        write(&bystander, last + 1..=last + 10);
        last += 10;
    }
    assert!(last > 0, "there is no attack on {call:?}");
    assert_eq!(read(&bystander), ids([1..=last]));
}

/// A caller that opens a buffer with logic it does not know must get an answer.
#[test]
fn an_attack_in_opening_is_an_error_of_opening() {
    assert_contained(Call::Open);
}

/// The time of an opening grows with the files that it has to go through: shipped logic was ended that opened 40,000 of them.
#[test]
fn an_opening_may_take_longer_where_there_are_many_files() {
    let victim = Victim::new();
    for number in victim.data_files()..2000 {
        fs::write(victim.path().join(format!("buffer-data-{number}.dat")), b"").unwrap();
    }
    let attack = attacks().find(|attack| attack.what == "spins in open").unwrap();
    let refused = victim.open(guest("hostile.wasm"), attack.options(), Limits::default());
    let refused = refused.unwrap_err();
    let mut said = refused.to_string();
    let mut cause = refused.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    assert!(said.contains("it ran for longer than 150ms in one call"), "{said}");
}

/// The hot call, and so the one with the most ways to go wrong: time, stack, memory, tables, lists and storage calls.
#[test]
fn an_attack_in_writing_stops_that_buffer_alone() {
    assert_contained(Call::Write);
}

/// What it answers to a read makes the host allocate, before anything is looked at.
#[test]
fn an_attack_in_reading_stops_that_buffer_alone() {
    assert_contained(Call::Read);
}

/// Figures are asked for by those who look what is wrong: they must not hang or burst.
#[test]
fn an_attack_in_the_figures_stops_that_buffer_alone() {
    assert_contained(Call::Status);
}

/// A fresh instance is told again of what was acknowledged, and so attacks again, until there is none.
#[test]
fn an_attack_in_acknowledging_stops_that_buffer_alone() {
    assert_contained(Call::Acknowledge);
}

/// No caller waits for a tick: it runs on a thread that all buffers of the process share.
#[test]
fn an_attack_in_a_tick_stops_that_buffer_alone() {
    assert_contained(Call::Tick);
}

/// The same goes for the end of a sync.
#[test]
fn an_attack_at_the_end_of_a_sync_stops_that_buffer_alone() {
    assert_contained(Call::Synced);
}

/// A caller that ends writing wants to stop, and must be able to.
#[test]
fn an_attack_in_the_end_of_writing_stops_that_buffer_alone() {
    assert_contained(Call::CloseWriter);
}

/// The last call of all. Closing ends, lets the directory go, and says what happened.
#[test]
fn an_attack_in_the_last_flush_is_an_error_of_closing() {
    let mut tried = 0;
    for attack in attacks().filter(|attack| attack.call == Call::Flush) {
        let victim = Victim::new();
        let mut options = attack.options();
        options.restarts_per_minute = 0;
        let mut limits = Limits::default();
        limits.host_calls = 10_000;
        let buffer = victim.open(guest("hostile.wasm"), options, limits).unwrap();
        attack.provoke(&buffer).unwrap();
        let started = Instant::now();
        let closed = buffer.close();
        assert!(started.elapsed() < Duration::from_secs(5), "{}", attack.what);
        assert!(
            matches!(&closed, Err(CloseError::Stopped { reason }) if reason.contains(attack.reason.unwrap())),
            "{}: {closed:?}",
            attack.what
        );
        victim.assert_unharmed(attack.what);
        tried += 1;
    }
    assert_eq!(tried, 7);
}

/// A start function runs before any call that has a deadline of its own.
#[test]
fn a_start_function_that_spins_is_cut() {
    let victim = Victim::new();
    let started = Instant::now();
    let refused = victim.open(guest("spins_at_start.wasm"), options(), Limits::default());
    assert!(
        matches!(&refused, Err(OpenError::Logic(error)) if error.to_string().contains("it ran for longer")),
        "{refused:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    victim.assert_unharmed("it spins at its start");

    let bystander = bystander();
    write(&bystander, 1..=10);
    let refused = bystander.replace_logic(guest("spins_at_start.wasm"));
    assert!(
        matches!(&refused, Err(ReplaceError::FellBack { reason }) if reason.contains("it ran for longer")),
        "{refused:?}"
    );
    write(&bystander, 11..=20);
    assert_eq!(read(&bystander), ids([1..=20]));
}

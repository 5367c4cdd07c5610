//! Others get their turn beside logic that takes its time.

use std::{
    thread,
    time::{Duration, Instant},
};

use forebay::{CloseError, Durability, Limits};

use super::{SOON, attacks::Attack, component, open, ticking};
use crate::{
    hostile::attack::{Victim, bystander},
    support::storage::{ids, options, read, records, write},
};

/// Logic that takes a while for each record kept all of them from its consumer until it had thousands.
#[test]
fn records_of_slow_logic_are_delivered_as_they_come() {
    let victim = Victim::new();
    let before = victim.open_in_order();
    write(&before, 11..=2000);
    before.close().unwrap();
    let buffer = open(&victim, Attack::ReadsSlowly, options()).unwrap();
    let (reader, mut next) = (buffer.reader(), 1);
    for _ in 0..10 {
        let started = Instant::now();
        let batch = reader.try_next_batch(2000).unwrap();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert!((1..100).contains(&batch.len()), "{} records at once", batch.len());
        for record in batch {
            assert_eq!(record.id().0, next);
            next += 1;
        }
    }
}

/// Twenty thousand tickets that each take a while are minutes, in which no other caller had the core.
#[test]
fn other_callers_get_their_turn_while_the_logic_hears_of_syncs() {
    let victim = Victim::new();
    let buffer = open(&victim, Attack::Syncs, options()).unwrap();
    let writer = buffer.writer().with_durability(Durability::Written);
    writer.write_batch(records(11..=11)).unwrap();
    // Its syncs end some time from now on: meanwhile, and then, all that is asked for is answered.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        assert_eq!(buffer.status().unwrap().stopped, None);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    let closing = Instant::now();
    // What it has not had synced is said.
    let _ = buffer.close();
    assert!(closing.elapsed() < SOON * 3, "closing took {:?}", closing.elapsed());
    assert_eq!(read(&victim.open_in_order()), ids([1..=11]));
}

/// A caller that closes waits for the logic, which has the core until it is done.
#[test]
fn what_the_logic_may_take_while_its_buffer_is_closed_is_bounded() {
    let victim = Victim::new();
    let (mut options, mut limits) = (options(), Limits::default());
    options.restarts_per_minute = 0;
    // On a busy machine a while is long.
    (limits.call_time, limits.host_time) = (SOON, SOON);
    limits.closing_time = Duration::from_millis(50);
    let buffer = victim.open(component(Attack::Syncs), options, limits).unwrap();
    buffer.writer().with_durability(Durability::Written).write_batch(records(11..=11)).unwrap();
    let closed = buffer.close();
    assert!(
        matches!(&closed, Err(CloseError::Stopped { reason }) if reason.contains("while its buffer was being closed")),
        "{closed:?}"
    );
    assert_eq!(read(&victim.open_in_order()), ids([1..=11]));
}

/// From another thread, and while the buffer is being closed.
#[test]
fn the_brake_ends_what_the_logic_is_doing() {
    let victim = Victim::new();
    let buffer = open(&victim, Attack::Syncs, options()).unwrap();
    buffer.writer().with_durability(Durability::Written).write_batch(records(11..=11)).unwrap();
    let brake = buffer.brake();
    brake.pull();
    let pulled = Instant::now();
    let closing = thread::spawn(move || buffer.close());
    closing.join().unwrap().unwrap_err();
    assert!(pulled.elapsed() < Duration::from_secs(1), "{:?}", pulled.elapsed());
    assert_eq!(read(&victim.open_in_order()), ids([1..=11]));
}

/// A brake is for logic that takes its time: logic in order closes as ever.
#[test]
fn the_brake_does_not_keep_logic_in_order_from_closing() {
    let victim = Victim::new();
    let buffer = victim.open_in_order();
    write(&buffer, 11..=20);
    buffer.brake().pull();
    buffer.close().unwrap();
    victim.open_in_order().close().unwrap();
}

/// The timer and the executors are shared by all buffers of the process.
#[test]
fn ticks_without_a_pause_leave_other_buffers_alone() {
    let (victim, other) = (Victim::new(), bystander());
    let buffer = open(&victim, Attack::Ticks, ticking()).unwrap();
    for number in 1..=100 {
        write(&other, number..=number);
    }
    let asked = Instant::now();
    write(&buffer, 11..=11);
    assert_eq!(buffer.reader().try_next_batch(100).unwrap().len(), 11);
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(read(&other), ids([1..=100]));
    let closing = Instant::now();
    let _ = buffer.close();
    assert!(closing.elapsed() < SOON, "closing took {:?}", closing.elapsed());
    assert_eq!(read(&victim.open_in_order()), ids([1..=11]));
}

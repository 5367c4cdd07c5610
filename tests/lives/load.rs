//! Exchanging the logic of a buffer over and over while it is in use.

use std::{
    iter,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use forebay::{
    Buffer, Component, Limits, Options, RecordId,
    storage::native::{Create, Native},
};
use tempfile::TempDir;

use crate::support::timed::Busy;

const SWAPS: u64 = 1000;
const PRODUCERS: usize = 2;
const BATCH: usize = 16;
/// Before the first exchange.
const RECORDS_BEFORE: u64 = 100_000;
/// How many of the waits of a producer are looked at.
const LONGEST: usize = 100;

/// How long a producer waited for one answer.
#[derive(Clone, Copy)]
struct Wait {
    started: Instant,
    lasted: Duration,
}

/// The longest waits, longest first.
#[derive(Clone, Default)]
struct Waits(Vec<Wait>);

impl Waits {
    fn add(&mut self, wait: Wait) {
        let place = self.0.partition_point(|other| other.lasted > wait.lasted);
        if place < LONGEST {
            self.0.insert(place, wait);
            self.0.truncate(LONGEST);
        }
    }

    /// The longest, and the longest without the time for which the storage was busy meanwhile.
    fn longest(&self, busy: &Busy) -> (Duration, Duration) {
        let without =
            |wait: &Wait| wait.lasted.saturating_sub(busy.between(wait.started, wait.started + wait.lasted));
        let longest = self.0.first().map_or(Duration::ZERO, |wait| wait.lasted);
        (longest, self.0.iter().map(without).max().unwrap_or_default())
    }
}

/// What was measured.
#[derive(Default)]
struct Figures {
    records: u64,
    /// Waits before the exchanges, and while there were some.
    waits: [Waits; 2],
    longest_swap: Duration,
}

fn open(directory: &Path, busy: &Busy) -> Buffer {
    let mut options = Options::default();
    options.file_bytes = 1 << 20;
    options.max_bytes = 64 << 20;
    options.sync_interval = Duration::from_millis(20);
    let native = Box::new(busy.over(Native::open(directory, Create::Yes).unwrap()));
    let component = Component::embedded().unwrap();
    Buffer::open_with(native, options, move |guard| component.instantiate(guard, Limits::default())).unwrap()
}

/// Reads everything, which must come once and in order. Gives how many records it was.
fn consume(buffer: &Buffer) -> u64 {
    let reader = buffer.reader();
    let mut expected = RecordId(1);
    while let Some(records) = reader.next_batch(500).unwrap() {
        for record in &records {
            assert_eq!(record.id(), expected, "lost, or out of order, or delivered twice");
            expected = expected.after(1);
        }
        // Some in one way, some in the other, the last ones late.
        let (last, first) = records.split_last().unwrap();
        last.ack();
        first.iter().rev().for_each(forebay::Record::ack);
    }
    expected.0 - 1
}

/// Exchanges the logic over and over, between producers and a consumer. What was confirmed must come out.
fn swap_under_load(buffer: &Buffer) -> Figures {
    let (done, written, swapping) = (AtomicBool::new(false), AtomicU64::new(0), AtomicBool::new(false));
    let mut figures = Figures::default();
    let waits = Mutex::new([Waits::default(), Waits::default()]);
    thread::scope(|scope| {
        let produce = || {
            let writer = buffer.writer();
            while !done.load(SeqCst) {
                let batch = iter::repeat_with(|| vec![7; 1000].into()).take(BATCH).collect();
                let (is_swapping, started) = (swapping.load(SeqCst), Instant::now());
                let receipt = writer.write_batch(batch).unwrap();
                let wait = Wait { started, lasted: started.elapsed() };
                assert_eq!(receipt.records, BATCH);
                waits.lock().unwrap()[usize::from(is_swapping)].add(wait);
                written.fetch_add(receipt.records as u64, SeqCst);
            }
        };
        let producers: Vec<_> = (0..PRODUCERS).map(|_| scope.spawn(produce)).collect();
        let consumer = scope.spawn(|| consume(buffer));
        while written.load(SeqCst) < RECORDS_BEFORE {
            thread::sleep(Duration::from_millis(1));
        }
        swapping.store(true, SeqCst);
        for _ in 0..SWAPS {
            let started = Instant::now();
            buffer.replace_logic(Component::embedded().unwrap()).unwrap();
            figures.longest_swap = figures.longest_swap.max(started.elapsed());
            thread::yield_now();
        }
        done.store(true, SeqCst);
        for producer in producers {
            producer.join().unwrap();
        }
        buffer.end_writing();
        figures.records = consumer.join().unwrap();
    });
    assert_eq!(figures.records, written.load(SeqCst), "what was confirmed came out");
    figures.waits = waits.into_inner().unwrap();
    figures
}

/// An exchange must cost nothing but a moment, also when everything happens at once. `--nocapture` shows how long.
#[test]
fn a_thousand_exchanges_under_load_lose_nothing() {
    let (directory, busy) = (TempDir::new().unwrap(), Busy::default());
    let buffer = open(directory.path(), &busy);
    let Figures { records, waits, longest_swap } = swap_under_load(&buffer);
    let status = buffer.status().unwrap();
    assert_eq!((status.replacements, status.restarts, status.fell_back), (SWAPS, 0, None));
    assert_eq!((status.lost_events, status.refused_calls), (0, 0));
    buffer.close().unwrap();
    let [(before, before_itself), (longest, itself)] = waits.map(|waits| waits.longest(&busy));
    println!(
        "{SWAPS} exchanges of the logic under {records} records of 1 kB: a producer waited for {longest:.1?} at the \
         longest, {itself:.1?} without what the storage took meanwhile (to reach: 50 ms)"
    );
    println!(
        "before, without exchanges: {before:.1?} at the longest, {before_itself:.1?} without the storage; an exchange \
         took {longest_swap:.1?} at the longest"
    );
}

//! Exchanging the logic of a buffer over and over while it is in use.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use forebay::{Buffer, Component, Options, RecordId};

/// What was measured.
pub struct Figures {
    pub swaps: u64,
    pub records: u64,
    /// The longest that a producer waited for one answer while the logic was exchanged.
    pub longest_wait: Duration,
    /// The longest before that, for as many records: what the machine does by itself.
    pub longest_undisturbed: Duration,
    /// The longest that an exchange took.
    pub longest_swap: Duration,
}

const PRODUCERS: u64 = 2;
const BATCH: u64 = 16;
const RECORDS_BEFORE: u64 = 100_000;

/// Exchanges the logic so often, between two producers and a consumer, in a real directory. Every record must come out
/// once, in the order of the ids.
pub fn swap_under_load(swaps: u64) -> Figures {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.file_bytes = 1 << 20;
    options.max_bytes = 64 << 20;
    options.sync_interval = Duration::from_millis(20);
    let buffer = Buffer::builder(directory.path()).options(options).open().unwrap();
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut figures = Figures {
        swaps,
        records: 0,
        longest_wait: Duration::ZERO,
        longest_undisturbed: Duration::ZERO,
        longest_swap: Duration::ZERO,
    };
    let waits = [Mutex::new(Duration::ZERO), Mutex::new(Duration::ZERO)];
    let swapping = AtomicBool::new(false);
    thread::scope(|scope| {
        let produce = || {
            let writer = buffer.writer();
            while !done.load(SeqCst) {
                let batch = (0..BATCH).map(|_| vec![7; 1000].into()).collect();
                let (is_swapping, started) = (swapping.load(SeqCst), Instant::now());
                assert_eq!(writer.write_batch(batch).unwrap().records as u64, BATCH);
                let mut longest = waits[usize::from(is_swapping)].lock().unwrap();
                *longest = started.elapsed().max(*longest);
                written.fetch_add(BATCH, SeqCst);
            }
        };
        let producers: Vec<_> = (0..PRODUCERS).map(|_| scope.spawn(produce)).collect();
        let consumer = scope.spawn(|| {
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
        });
        while written.load(SeqCst) < RECORDS_BEFORE {
            thread::yield_now();
        }
        swapping.store(true, SeqCst);
        for _ in 0..swaps {
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
    [figures.longest_undisturbed, figures.longest_wait] = waits.map(|longest| longest.into_inner().unwrap());
    assert_eq!(figures.records, written.load(SeqCst), "what was confirmed came out");
    let status = buffer.status().unwrap();
    assert_eq!((status.replacements, status.restarts, status.fell_back), (swaps, 0, None));
    assert_eq!((status.lost_events, status.refused_calls), (0, 0));
    buffer.close().unwrap();
    figures
}

/// An exchange must cost nothing but a moment, also when everything happens at once. `--nocapture` shows how long.
#[test]
fn a_thousand_exchanges_under_load_lose_nothing() {
    let Figures { swaps, records, longest_wait, longest_undisturbed, longest_swap } = swap_under_load(1000);
    println!(
        "{swaps} exchanges of the logic under {records} records of 1 kB: a producer waited for {longest_wait:?} at the \
         longest ({longest_undisturbed:?} before, without exchanges); an exchange took {longest_swap:?} at the longest"
    );
}

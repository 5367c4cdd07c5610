//! Callers that run their buffer's syncs, in whatever order they come.

use std::task::{Wake, Waker};

use shuttle::{
    sync::{Arc, Condvar, Mutex},
    thread,
};

use crate::{explore, sync_callers::SyncCallers};

/// A thread that sleeps until it is woken.
struct Sleeper(Mutex<bool>, Condvar);

impl Sleeper {
    fn sleep(&self) {
        let mut is_woken = self.0.lock().unwrap();
        while !std::mem::take(&mut *is_woken) {
            is_woken = self.1.wait(is_woken).unwrap();
        }
    }

    fn wake(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }
}

/// The way to wake it. A lock of shuttle's lies in an `Arc` of its own, which has no wakers.
struct Wakes(Arc<Sleeper>);

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.wake();
    }
}

/// What is written, what of it is durable, and who waits for that.
#[derive(Default)]
struct Core {
    written: usize,
    durable: usize,
    is_in_flight: bool,
    waiting: Vec<(usize, Waker)>,
}

/// A buffer whose syncs cover so many records.
#[derive(Clone)]
struct Buffer(Arc<(Mutex<Core>, SyncCallers<usize>)>);

impl Buffer {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(Core::default()), SyncCallers::new())))
    }

    /// Writes a record. Gives how many are there.
    fn write(&self) -> usize {
        let written = {
            let mut core = self.0.0.lock().unwrap();
            core.written += 1;
            self.start(&mut core);
            core.written
        };
        self.0.1.wake_one();
        written
    }

    /// Starts a sync of all that is written, unless one is in flight.
    fn start(&self, core: &mut Core) {
        if core.durable < core.written && !core.is_in_flight {
            core.is_in_flight = true;
            if let Err(covers) = self.0.1.offer(core.written) {
                self.hand_over(covers);
            }
        }
    }

    /// Another thread runs it.
    fn hand_over(&self, covers: usize) {
        let buffer = self.clone();
        thread::spawn(move || buffer.land(covers));
    }

    fn land(&self, covers: usize) {
        let answered = {
            let mut core = self.0.0.lock().unwrap();
            assert!(std::mem::take(&mut core.is_in_flight), "one at a time, and each once");
            core.durable = covers;
            self.start(&mut core);
            core.waiting.extract_if(.., |(record, _)| *record <= covers).collect::<Vec<_>>()
        };
        self.0.1.wake_one();
        for (_, waker) in answered {
            waker.wake();
        }
    }

    /// Writes a record and waits until it is durable.
    fn write_synced(&self) {
        let (core, callers) = &*self.0;
        let sleeper = Arc::new(Sleeper(Mutex::new(false), Condvar::new()));
        let waker = Waker::from(std::sync::Arc::new(Wakes(Arc::clone(&sleeper))));
        let caller = callers.enter();
        let record = self.write();
        loop {
            {
                let mut core = core.lock().unwrap();
                if core.durable >= record {
                    break;
                }
                core.waiting.push((record, waker.clone()));
            }
            match callers.take_or_sleep(&caller, &waker) {
                Some(covers) => {
                    callers.ended();
                    self.land(covers);
                }
                None => sleeper.sleep(),
            }
        }
        if let Some(covers) = callers.leave(&caller) {
            self.hand_over(covers);
        }
    }
}

/// Each waits for its sync, and may go while the next one was left to it. With four, one sync covers two of them while another
/// caller sleeps. A sync that no thread runs would be waited for without end.
#[test]
fn every_caller_that_waits_for_a_sync_gets_it() {
    explore(|| {
        let buffer = Buffer::new();
        let others: Vec<_> = (0..3)
            .map(|_| {
                let buffer = buffer.clone();
                thread::spawn(move || buffer.write_synced())
            })
            .collect();
        buffer.write_synced();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(buffer.0.0.lock().unwrap().durable, 4);
    });
}

/// A thread that writes and does not wait may leave the sync to a caller that sleeps, is about to, or goes.
#[test]
fn a_sync_that_is_left_by_a_thread_that_goes_is_run() {
    explore(|| {
        let buffer = Buffer::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let buffer = buffer.clone();
                thread::spawn(move || {
                    buffer.write();
                })
            })
            .collect();
        buffer.write_synced();
        for other in others {
            other.join().unwrap();
        }
        // The last sync may still be with a thread of its own.
        while buffer.0.0.lock().unwrap().durable < 3 {
            thread::yield_now();
        }
    });
}

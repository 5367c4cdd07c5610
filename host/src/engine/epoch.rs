//! The clock that interrupts guests. One thread moves the engine's epoch on, every few milliseconds while guests run and
//! not at all when none has run for a while.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::Engine;

use super::Limits;

/// How many epochs without a call of any guest let the clock stop.
const IDLE_EPOCHS: u32 = 100;

static CLOCK: OnceLock<Thread> = OnceLock::new();
/// A guest was called since the clock last looked.
static CALLED: AtomicBool = AtomicBool::new(false);
/// The clock has stopped and wants to be woken.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// A guest is about to be called: the clock runs from now on.
pub(super) fn touch(engine: &Engine) {
    let clock = CLOCK.get_or_init(|| {
        let engine = engine.clone();
        thread::Builder::new()
            .name("forebay-epoch".into())
            .spawn(move || run(&engine))
            .map_or_else(|_| thread::current(), |handle| handle.thread().clone())
    });
    if !CALLED.load(Ordering::Relaxed) {
        CALLED.store(true, Ordering::SeqCst);
        if STOPPED.swap(false, Ordering::SeqCst) {
            clock.unpark();
        }
    }
}

fn run(engine: &Engine) {
    let mut idle = 0;
    loop {
        thread::sleep(Limits::EPOCH);
        engine.increment_epoch();
        idle = if CALLED.swap(false, Ordering::SeqCst) { 0 } else { idle + 1 };
        if idle >= IDLE_EPOCHS {
            STOPPED.store(true, Ordering::SeqCst);
            // A call between the swap above and this store has left its mark and did not know of the stop.
            while STOPPED.load(Ordering::SeqCst) && !CALLED.load(Ordering::SeqCst) {
                thread::park_timeout(Duration::from_hours(1));
            }
            STOPPED.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

//! The clock that interrupts guests. One thread moves the engine's epoch on, every few milliseconds while guests run and
//! not at all when none has run for a while.

use std::{
    io,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use thiserror::Error;
use wasmtime::Engine;

use super::limits::Limits;
use crate::{thread_limit::explain, threads::lock};

/// How many epochs without a call of any guest let the clock stop.
const IDLE_EPOCHS: u32 = 100;

static CLOCK: OnceLock<Thread> = OnceLock::new();
/// Held while the clock is being started.
static STARTING: Mutex<()> = Mutex::new(());
/// A guest was called since the clock last looked.
static CALLED: AtomicBool = AtomicBool::new(false);
/// The clock has stopped and wants to be woken.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// There is no clock: a guest that spins could not be interrupted, so none is called.
#[derive(Debug, Error)]
#[error("the thread that interrupts components cannot be started: {0}")]
pub(super) struct NoClock(io::Error);

/// A guest is about to be called: the clock runs from now on. An error says that it must not be called.
pub(super) fn touch(engine: &Engine) -> Result<(), NoClock> {
    let clock = match CLOCK.get() {
        Some(clock) => clock,
        None => start(engine)?,
    };
    if !CALLED.load(Ordering::Relaxed) {
        CALLED.store(true, Ordering::SeqCst);
        if STOPPED.swap(false, Ordering::SeqCst) {
            clock.unpark();
        }
    }
    Ok(())
}

/// Starts the clock, unless another thread was faster. After an error the next call tries again.
fn start(engine: &Engine) -> Result<&'static Thread, NoClock> {
    let _starting = lock(&STARTING);
    if let Some(clock) = CLOCK.get() {
        return Ok(clock);
    }
    let engine = engine.clone();
    let clock = thread::Builder::new().name("forebay-epoch".into()).spawn(move || run(&engine));
    let clock = clock.map_err(|error| NoClock(explain(error)))?.thread().clone();
    Ok(CLOCK.get_or_init(|| clock))
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

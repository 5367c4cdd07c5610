//! The buffer's combining lock, and the callers that run its syncs, gone through thousands of ways in which a few threads can
//! come between each other.
//!
//! They are the very files of the host, built of shuttle's locks instead of the standard library's. The core here is the least
//! that has what a buffer has: work that is answered, and consumers who wait for what it brings.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the host uses all of it")]
#[path = "../../../host/src/buffer/combining.rs"]
mod combining;
mod counter;
#[path = "../../../host/src/buffer/sync_callers.rs"]
mod sync_callers;
mod syncing;
mod threads;

mod sync {
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::{PoisonError, TryLockError};
}

/// How many histories of each kind are run. A few hundred show each of the mistakes that were made on purpose.
const HISTORIES: usize = 3000;

/// Runs histories in which any thread may go on at any time, and such in which only a few are interrupted. One that fails
/// says how it is had again.
fn explore(history: impl Fn() + Copy + Sync + Send + 'static) {
    shuttle::check_random(history, HISTORIES);
    shuttle::check_pct(history, HISTORIES, 3);
}

//! The buffer's combining lock, run through thousands of ways in which a few threads can come between each other.
//!
//! It is the very file of the host, built of shuttle's locks instead of the standard library's. The core here is the least
//! that has what a buffer has: work that is answered, and consumers who wait for what it brings.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the host uses all of it")]
#[path = "../../../host/src/buffer/combining.rs"]
mod combining;
mod counter;
mod threads;

mod sync {
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::{PoisonError, TryLockError};
}

//! What [`combining`](super::combining) is built of. `tests/interleaving` includes that file with primitives that run
//! through the ways in which threads can come between each other.

pub(super) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

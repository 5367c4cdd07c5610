//! Ending what a buffer's logic is doing, from outside: for a process that was told to end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Ends the work of one buffer's logic. [`Buffer::brake`](crate::Buffer::brake) gives it; copies are the same brake.
///
/// It works while another thread has the buffer, and while the buffer is being closed.
#[derive(Clone, Debug, Default)]
pub struct Brake(Arc<AtomicBool>);

impl Brake {
    /// From now on the logic has [`Limits::call_time`](crate::Limits::call_time) for all its calls together, waiting for the
    /// disk included. After that the call fails that is under way, and no fresh instance takes over.
    ///
    /// Nothing that was confirmed is lost by it. There is no way back but to open the buffer again.
    pub fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was pulled.
    pub(crate) fn is_pulled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

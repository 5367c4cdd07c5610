//! Calls of the operating system that a signal, or a file system in user space, has interrupted: nothing was done, and they are
//! made again.
//!
//! Every call that may be interrupted goes through here, but those that the standard library makes again itself: those that
//! open by a path, sync, cut, and read or write to the end.

use std::io;

use rustix::io::Errno;

/// An error that may say that a call was interrupted.
pub(super) trait Interruption {
    /// Whether that is what it says.
    fn is_interruption(&self) -> bool;
}

impl Interruption for io::Error {
    fn is_interruption(&self) -> bool {
        self.kind() == io::ErrorKind::Interrupted
    }
}

impl Interruption for Errno {
    fn is_interruption(&self) -> bool {
        *self == Self::INTR
    }
}

/// Makes a call until it was not interrupted.
pub(super) fn again<T, E: Interruption>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    loop {
        match call() {
            Err(error) if error.is_interruption() => {}
            ended => return ended,
        }
    }
}

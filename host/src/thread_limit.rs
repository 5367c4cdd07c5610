//! What to do where no further thread or process can be started.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

/// Says which limits may have been reached, and what helps. The cause is in the message, and therefore not a source besides.
#[derive(Debug, Error)]
#[error("{0}; raise the limit on threads and processes (ulimit -u, TasksMax) or end others")]
struct Exhausted(io::Error);

/// An error of starting a thread or a process. It says what to do, where it is that there may be no more of them; any other
/// error is as it was.
pub fn explain(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::AGAIN) => io::Error::new(error.kind(), Exhausted(error)),
        _ => error,
    }
}

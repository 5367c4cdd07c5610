//! The codes of `wasi:filesystem` as Linux's numbers, which `forebay-core` and the contracts speak on every host.

use std::io;

use thiserror::Error;
use wasip2::filesystem::types::ErrorCode;

/// An error in words, around its number: this target's standard library has no words for a number.
#[derive(Debug, Error)]
#[error("{words}")]
struct InWords {
    words: &'static str,
    #[source]
    number: io::Error,
}

/// The error of a code.
pub(super) fn error_of(code: ErrorCode) -> io::Error {
    let number = io::Error::from_raw_os_error(errno(code));
    io::Error::other(InWords { words: code.message(), number })
}

/// Linux's number for a process that has too many files open.
const EMFILE: i32 = 24;

/// The error of a file that could not be opened. The interface has no code for want of descriptors, and hosts say `io` then. It
/// must not be taken for a device that has failed: what could not be read would count as damage, and be lost.
pub(super) fn opening_error(error: io::Error) -> io::Error {
    if !is(&error, ErrorCode::Io) {
        return error;
    }
    let words = "it could not be opened: too many files are open, or the device has failed";
    io::Error::other(InWords { words, number: io::Error::from_raw_os_error(EMFILE) })
}

/// Whether a file could not be opened, maybe for want of descriptors.
pub(super) fn is_of_opening(error: &io::Error) -> bool {
    number(error) == Some(EMFILE)
}

fn number(error: &io::Error) -> Option<i32> {
    error.get_ref()?.downcast_ref::<InWords>()?.number.raw_os_error()
}

/// Whether an error is that of a code.
pub(super) fn is(error: &io::Error, code: ErrorCode) -> bool {
    number(error) == Some(errno(code))
}

/// Repeats a call that was interrupted.
pub(super) fn again<T>(mut call: impl FnMut() -> Result<T, ErrorCode>) -> io::Result<T> {
    loop {
        match call() {
            Err(ErrorCode::Interrupted) => {}
            answer => return answer.map_err(error_of),
        }
    }
}

/// Linux's number for a code.
fn errno(code: ErrorCode) -> i32 {
    match code {
        ErrorCode::NotPermitted => 1,
        ErrorCode::NoEntry => 2,
        ErrorCode::Interrupted => 4,
        ErrorCode::Io => 5,
        ErrorCode::NoSuchDevice => 6,
        ErrorCode::BadDescriptor => 9,
        ErrorCode::WouldBlock => 11,
        ErrorCode::InsufficientMemory => 12,
        ErrorCode::Access => 13,
        ErrorCode::Busy => 16,
        ErrorCode::Exist => 17,
        ErrorCode::CrossDevice => 18,
        ErrorCode::NoDevice => 19,
        ErrorCode::NotDirectory => 20,
        ErrorCode::IsDirectory => 21,
        ErrorCode::Invalid => 22,
        ErrorCode::NoTty => 25,
        ErrorCode::TextFileBusy => 26,
        ErrorCode::FileTooLarge => 27,
        ErrorCode::InsufficientSpace => 28,
        ErrorCode::InvalidSeek => 29,
        ErrorCode::ReadOnly => 30,
        ErrorCode::TooManyLinks => 31,
        ErrorCode::Pipe => 32,
        ErrorCode::Deadlock => 35,
        ErrorCode::NameTooLong => 36,
        ErrorCode::NoLock => 37,
        ErrorCode::NotEmpty => 39,
        ErrorCode::Loop => 40,
        ErrorCode::Overflow => 75,
        ErrorCode::IllegalByteSequence => 84,
        ErrorCode::MessageSize => 90,
        ErrorCode::Unsupported => 95,
        ErrorCode::Already => 114,
        ErrorCode::InProgress => 115,
        ErrorCode::Quota => 122,
        ErrorCode::NotRecoverable => 131,
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::storage::StorageError;

    use super::*;

    /// A full disk that looks like a broken one has the caller give up where an acknowledgement would have helped.
    #[test]
    fn codes_reach_the_guard_in_the_case_that_it_acts_on() {
        let told = |code| StorageError::from_io("append to", "it", error_of(code));
        assert!(matches!(told(ErrorCode::InsufficientSpace), StorageError::NoSpace { .. }));
        assert!(matches!(told(ErrorCode::Quota), StorageError::NoSpace { .. }));
        assert!(matches!(told(ErrorCode::FileTooLarge), StorageError::NoSpace { .. }));
        assert!(matches!(told(ErrorCode::NoEntry), StorageError::NotFound { .. }));
        assert!(matches!(told(ErrorCode::Exist), StorageError::AlreadyExists { .. }));
        assert!(told(ErrorCode::Access).is_denied());
        assert!(told(ErrorCode::Io).is_unreadable());
        assert_eq!(told(ErrorCode::ReadOnly).errno(), 30);
        assert!(!told(ErrorCode::Io).to_string().contains("successful"));
        let opening = StorageError::from_io("open", "it", opening_error(error_of(ErrorCode::Io)));
        assert!(opening.is_for_want_of_descriptors() && !opening.is_unreadable());
        assert!(is(&error_of(ErrorCode::NoEntry), ErrorCode::NoEntry));
        assert!(!is(&error_of(ErrorCode::Io), ErrorCode::NoEntry));
    }
}

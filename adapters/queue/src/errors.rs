//! What the caller is told of an error.

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::Error,
    forebay::{buffer::buffer, staging::staging},
};

/// The number of the logic's error that another owner has the directory: "Errors of the logic" in `wit/README.md`.
const OTHER_OWNER: u32 = 3;

/// Which argument is not allowed: "Arguments" in `wit/queue/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Path,
    FileBytes,
    MaxBytes,
    TooManyFiles,
    UnknownOption,
    MaxRecordBytes,
    LongPayload,
    NoEvents,
    NotPopped,
}

impl From<Argument> for u32 {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::Path => 1,
            Argument::FileBytes => 2,
            Argument::MaxBytes => 3,
            Argument::TooManyFiles => 4,
            Argument::UnknownOption => 5,
            Argument::MaxRecordBytes => 6,
            Argument::LongPayload => 7,
            Argument::NoEvents => 8,
            Argument::NotPopped => 9,
        }
    }
}

/// The error of an argument.
pub(crate) fn invalid(argument: Argument) -> Error {
    Error::Invalid(argument.into())
}

/// Of the guard.
pub(crate) fn of_staging(error: staging::Error) -> Error {
    match error {
        staging::Error::NoDirectory => Error::NoDirectory,
        staging::Error::BadPath => invalid(Argument::Path),
        staging::Error::NewerVersion => Error::NewerVersion,
        staging::Error::Storage(errno) => Error::Storage(errno),
        staging::Error::State | staging::Error::Breach => Error::Failed,
    }
}

/// Of the logic. An error that well-behaved logic has no cause for makes the handle useless.
pub(crate) fn of_logic(error: buffer::Error) -> Error {
    match error {
        buffer::Error::Storage(errno) => Error::Storage(errno),
        buffer::Error::Other(OTHER_OWNER) => Error::Fenced,
        buffer::Error::Closed | buffer::Error::Refused(_) | buffer::Error::Other(_) => Error::Failed,
    }
}

//! What the buffer's errors are called in the API.

use forebay::{ReadError, Receipt, WriteError, WriteErrorKind};
use forebay_api::{Code, Failure, Placed};

pub(super) fn placed(receipt: &Receipt) -> Placed {
    Placed {
        placed: u64::try_from(receipt.records).unwrap_or(u64::MAX),
        first_id: receipt.first_id.map(|id| id.0),
        last_id: receipt.last_id.map(|id| id.0),
    }
}

pub(super) fn of_write(error: &WriteError) -> Failure {
    let code = match &error.kind {
        WriteErrorKind::Full => Code::BufferFull,
        WriteErrorKind::TooLong { .. } => Code::RecordTooLong,
        WriteErrorKind::Closed | WriteErrorKind::SyncFailed | WriteErrorKind::NotSynced => Code::Closing,
        WriteErrorKind::CannotSync { .. } => Code::CannotSync,
        WriteErrorKind::Vanished { .. } | WriteErrorKind::TakenAway { .. } => Code::TakenAway,
        WriteErrorKind::Stopped { .. } => Code::Stopped,
        // Among them all that a later version adds.
        _ => Code::Refused,
    };
    Failure { code, message: error.to_string(), placed: Some(placed(&error.written)) }
}

pub(super) fn of_read(error: &ReadError) -> Failure {
    let code = match error {
        ReadError::Closed => Code::Closing,
        ReadError::Withheld { .. } => Code::Withheld,
        ReadError::Stopped { .. } => Code::Stopped,
        _ => Code::Refused,
    };
    Failure::new(code, error.to_string())
}

pub(super) fn closing() -> Failure {
    Failure::new(Code::Closing, "the buffer's owner is about to let it go: connect again")
}

pub(super) fn lease_expired() -> Failure {
    Failure::new(
        Code::LeaseExpired,
        "the lease has ended, and its records are delivered again: acknowledge them by their ids, or pull again",
    )
}

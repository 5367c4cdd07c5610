//! What a call that fails answers.

use serde::{Deserialize, Serialize};

use crate::Placed;

/// Why a call failed. Programs go by this; people read [`Failure::message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The request cannot be understood.
    BadRequest,
    /// The token is missing or wrong.
    Unauthorized,
    /// The token is for other calls, or the request comes from a web page.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// This server has no buffer of that name.
    UnknownBuffer,
    /// The path is there, and takes other methods.
    MethodNotAllowed,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The lease has ended: its records are delivered again.
    LeaseExpired,
    /// The file system cannot make records durable.
    CannotSync,
    /// The body is longer than the server takes.
    BodyTooLarge,
    /// A record is longer than the buffer takes.
    RecordTooLong,
    /// The server does not know the content type.
    UnsupportedMediaType,
    /// The records that are not placed found no room.
    BufferFull,
    /// The server has as many connections as it takes.
    TooManyConnections,
    /// The owner is about to let the buffer go: another process becomes its owner.
    Closing,
    /// The storage failed this time: the call may be made again.
    Refused,
    /// Another program took away what was written: all records of the request are to be sent again.
    TakenAway,
    /// The logic gives no more records, although some wait.
    Withheld,
    /// The buffer has stopped.
    Stopped,
}

impl Code {
    /// All of them, for the description of the API.
    pub const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::UnknownBuffer,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::LeaseExpired,
        Self::CannotSync,
        Self::BodyTooLarge,
        Self::RecordTooLong,
        Self::UnsupportedMediaType,
        Self::BufferFull,
        Self::TooManyConnections,
        Self::Closing,
        Self::Refused,
        Self::TakenAway,
        Self::Withheld,
        Self::Stopped,
    ];

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::UnknownBuffer => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::LeaseExpired | Self::CannotSync => 409,
            Self::BodyTooLarge | Self::RecordTooLong => 413,
            Self::UnsupportedMediaType => 415,
            Self::Withheld | Self::Stopped => 500,
            Self::BufferFull | Self::TooManyConnections | Self::Closing | Self::Refused | Self::TakenAway => {
                503
            }
        }
    }
}

/// The body of an answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why, for programs.
    pub code: Code,
    /// Why, and what to do, for people.
    pub message: String,
    /// Of a `POST` of records: what was placed all the same. Send only the records behind these again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<Placed>,
}

impl Failure {
    /// A failure of which nothing else is known.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), placed: None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Programs compare this text; it is part of the interface.
    #[test]
    fn a_failure_has_the_names_that_are_documented() {
        let failure = Failure::new(Code::LeaseExpired, "late");
        assert_eq!(serde_json::to_string(&failure).unwrap(), r#"{"code":"lease_expired","message":"late"}"#);
        assert_eq!(Code::LeaseExpired.status(), 409);
    }
}

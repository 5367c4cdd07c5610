//! The HTTP API of a Forebay buffer: paths, bodies, framings and error codes. Server and client share this crate, so that each of
//! these is decided once.
//!
//! The API is HTTP/1.1 on the Unix socket [`SOCKET_NAME`] in a buffer's directory. Bodies are JSON unless
//! [`media`] names another type. `docs/openapi.json` describes all of it.

mod consume;
mod error;
pub mod framing;
pub mod media;
pub mod paths;
mod produce;
mod status;

pub use self::{
    consume::{
        AckAnswer, AckRequest, BatchRecord, DELAY_MS_MAX, DeadLetterReason, ExtendRequest, Ids, IdsError,
        LEASE_MS_MAX, LOOK_BYTES_MAX, LOOK_RECORDS_MAX, LookAnswer, LookQuery, LookRecord, NackRequest,
        PullAnswer, PullRequest, REASON_BYTES_MAX, ReleaseAnswer,
    },
    error::{Code, Failure},
    produce::{AppendQuery, Durability, NewRecord, Placed},
    status::{Owner, OwnerOptions, StatusAnswer},
};

/// The version of this API. It is the first part of each path.
pub const API_VERSION: u32 = 1;

/// The name of the socket in a buffer's directory. Forebay and Vector ignore it in recovery, as all names that begin with
/// `buffer.` and are not theirs.
pub const SOCKET_NAME: &str = "buffer.sock";

/// The name of the file in a buffer's directory that says why records are among the dead letters: a [`DeadLetterReason`] a line.
pub const REASONS_NAME: &str = "buffer.dead-letters.reasons";

/// The longest body of a request, in bytes. A client sends at most [`APPEND_BYTES_MAX`] where its records are shorter.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// What a client sends at most in one request, in bytes of payload, unless a single record is longer.
pub const APPEND_BYTES_MAX: usize = 1 << 20;

//! Who owns a buffer, and its figures.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of `GET status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The process that serves the buffer.
    pub owner: Owner,
    /// The figures of the buffer: `forebay::Status`.
    pub buffer: Value,
}

/// The process that owns a buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The version of the API.
    pub api: u32,
    /// The version of the program.
    pub version: String,
    /// The id of the process.
    pub pid: u32,
    /// The SHA-256 of the component that was chosen; `None`: the one that is built in.
    pub component: Option<String>,
    /// How the buffer was opened.
    pub options: OwnerOptions,
}

/// The options that hold for all processes that use a buffer. The owner has chosen them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerOptions {
    /// The length of a data file, in bytes.
    pub file_bytes: u64,
    /// The most that all data files hold, in bytes.
    pub max_bytes: u64,
    /// The most events that wait; 0 for no limit.
    pub max_events: u64,
    /// The longest record, in bytes.
    pub max_record_bytes: u64,
    /// Whether a full buffer drops its oldest records.
    pub drop_oldest: bool,
    /// How many of the newest events a component must keep, where it may drop any.
    pub retain_newest: Option<u64>,
    /// No record stays unsynced for longer than two of these, in milliseconds.
    pub sync_interval_ms: u64,
}

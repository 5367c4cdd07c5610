//! Putting records in.

use std::num::NonZeroU32;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a record must survive before the answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The end of the owner's process.
    #[default]
    Written,
    /// A power loss.
    Synced,
}

/// The query of a `POST` of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppendQuery {
    /// What the records must survive before the answer comes.
    pub durability: Durability,
    /// How long the records may wait for room, in milliseconds. Default: 0.
    pub wait_ms: u64,
    /// The number that is kept beside each record that states none.
    pub metadata: u32,
}

/// A record on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Its bytes.
    pub payload: Bytes,
    /// The number that is kept beside it.
    pub metadata: u32,
    /// How many events it holds.
    pub events: NonZeroU32,
}

/// What was placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// How many records, from the first of the request on.
    pub placed: u64,
    /// The id of the first.
    pub first_id: Option<u64>,
    /// The id of the last.
    pub last_id: Option<u64>,
}

//! Taking records out.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::framing::JsonRecord;

/// The body of a `POST pull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullRequest {
    /// The most records. Default: 100.
    pub max: u32,
    /// The most bytes of payload, unless the first record is longer. Default: 1 MiB.
    pub max_bytes: u64,
    /// How long to wait for the first record, in milliseconds. Default: 0.
    pub wait_ms: u64,
    /// How long the client may take to acknowledge the records, in milliseconds; they are delivered again after that.
    /// Default: 30,000.
    pub lease_ms: u64,
}

impl Default for PullRequest {
    fn default() -> Self {
        Self { max: 100, max_bytes: 1 << 20, wait_ms: 0, lease_ms: 30_000 }
    }
}

/// A record of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// How often the owner has delivered it, this time included.
    pub deliveries: u32,
    /// Its id and content.
    #[serde(flatten)]
    pub record: JsonRecord,
}

/// The answer of a `POST pull`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullAnswer {
    /// The incarnation of all these records: together with it an id names a record for good.
    pub incarnation: u64,
    /// The lease that the client has on them. `None` where there are none.
    pub lease_id: Option<String>,
    /// The records, in the order of their ids. None if none came in time.
    pub records: Vec<BatchRecord>,
}

/// The body of a `POST ack`. It names records in one of three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AckRequest {
    /// The incarnation of the records. Ids of another one are ignored.
    pub incarnation: u64,
    /// The records of these ids are meant whatever their incarnation is: for a person who has just looked at them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub any_incarnation: bool,
    /// Single ids. They count after the lease has ended, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<u64>>,
    /// Ranges of ids, first and last. They count after the lease has ended, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<[u64; 2]>>,
    /// All records of a lease up to this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// The lease that `through` counts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<String>,
}

/// Which records an [`AckRequest`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Ranges, first and last, none of them empty.
    Ranges(Vec<(u64, u64)>),
    /// All records of a lease up to an id.
    Through {
        /// The lease.
        lease_id: String,
        /// The last id.
        last: u64,
    },
}

/// An [`AckRequest`] names no records, or names them in a way that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdsError {
    /// None of the three, or several.
    #[error("name the records by `ids`, by `ranges`, or by `through` with `lease_id`: by one of these")]
    NotOne,
    /// A range ends before it begins.
    #[error("the range from {first} to {last} ends before it begins")]
    Backwards {
        /// Its first id.
        first: u64,
        /// Its last id.
        last: u64,
    },
}

impl AckRequest {
    /// The incarnation of the records; `None` for any.
    pub fn incarnation(&self) -> Option<u64> {
        (!self.any_incarnation).then_some(self.incarnation)
    }

    /// Which records it names.
    pub fn which(self) -> Result<Ids, IdsError> {
        match (self.ids, self.ranges, self.through, self.lease_id) {
            (Some(ids), None, None, None) => Ok(Ids::Ranges(ids.into_iter().map(|id| (id, id)).collect())),
            (None, Some(ranges), None, None) => {
                let ranges: Vec<_> = ranges.into_iter().map(|[first, last]| (first, last)).collect();
                match ranges.iter().find(|(first, last)| first > last) {
                    Some(&(first, last)) => Err(IdsError::Backwards { first, last }),
                    None => Ok(Ids::Ranges(ranges)),
                }
            }
            (None, None, Some(last), Some(lease_id)) => Ok(Ids::Through { lease_id, last }),
            _ => Err(IdsError::NotOne),
        }
    }
}

/// The answer of a `POST ack`. What is acknowledged outlives the owner when this comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckAnswer {
    /// How many records were acknowledged.
    pub acknowledged: u64,
    /// How many ids of records that were not delivered yet, or are to be delivered again. The owner acknowledges these records when
    /// their turn comes. It forgets them when it ends.
    #[serde(default)]
    pub noted: u64,
}

/// The body of a `POST nack`. Only the client that has the lease can give its records back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NackRequest {
    /// The lease.
    pub lease_id: String,
    /// Which of its records. `None`: all that are not acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<u64>>,
    /// How long they are not to be delivered again, in milliseconds, up to [`DELAY_MS_MAX`]. Default: 0.
    #[serde(default)]
    pub delay_ms: u64,
    /// They are not delivered again: the owner adds them to the dead letters, and acknowledges them. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dead_letter: bool,
    /// Why, for people: kept beside dead letters, up to [`REASON_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The longest lease, in milliseconds: seven days. A request for a longer one gets this one.
pub const LEASE_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// The longest delay, in milliseconds: seven days. A request for a longer one is refused.
pub const DELAY_MS_MAX: u64 = LEASE_MS_MAX;

/// How much of a reason is kept, in bytes.
pub const REASON_BYTES_MAX: usize = 1000;

/// Why a record is among the dead letters: a line of JSON in the file [`REASONS_NAME`](crate::REASONS_NAME).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterReason {
    /// The record.
    pub id: u64,
    /// Its incarnation: together with it the id names the record for good.
    pub incarnation: u64,
    /// How often the owner had delivered it.
    pub deliveries: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why.
    pub reason: String,
}

/// The answer of a `POST nack`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseAnswer {
    /// How many records were given back.
    pub released: u64,
}

/// The body of a `POST extend`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// The lease.
    pub lease_id: String,
    /// How long it lasts from now on, in milliseconds.
    pub lease_ms: u64,
}

/// The query of a `GET records`: which of the records that wait to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookQuery {
    /// The first id. Default: that of the first record that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The last id. Default: that of the last record that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

/// The answer of a `GET records`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookAnswer {
    /// Records that wait, in the order of their ids: at most [`LOOK_RECORDS_MAX`] and [`LOOK_BYTES_MAX`] of payload.
    pub records: Vec<LookRecord>,
    /// Where the next look goes on; `None` where this one has reached its end.
    pub next: Option<u64>,
}

/// A record that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookRecord {
    /// Its incarnation: together with it the id names the record for good.
    pub incarnation: u64,
    /// Its id and content.
    #[serde(flatten)]
    pub record: JsonRecord,
}

/// The most records in the answer of one look.
pub const LOOK_RECORDS_MAX: usize = 1000;

/// The most bytes of payload in the answer of one look, unless the first record is longer.
pub const LOOK_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ack(text: &str) -> Result<Ids, IdsError> {
        serde_json::from_str::<AckRequest>(text).unwrap().which()
    }

    /// A request that could be understood in two ways must not let records go.
    #[test]
    fn an_acknowledgement_names_its_records_in_one_way() {
        assert_eq!(ack(r#"{"incarnation":1,"ids":[3,5]}"#), Ok(Ids::Ranges(vec![(3, 3), (5, 5)])));
        assert_eq!(ack(r#"{"incarnation":1,"ranges":[[3,5]]}"#), Ok(Ids::Ranges(vec![(3, 5)])));
        let through = Ids::Through { lease_id: "a".to_owned(), last: 7 };
        assert_eq!(ack(r#"{"incarnation":1,"through":7,"lease_id":"a"}"#), Ok(through));
        for text in [r#"{"incarnation":1}"#, r#"{"ids":[1],"through":7,"lease_id":"a"}"#, r#"{"through":7}"#]
        {
            assert_eq!(ack(text), Err(IdsError::NotOne), "{text}");
        }
        assert_eq!(ack(r#"{"ranges":[[5,3]]}"#), Err(IdsError::Backwards { first: 5, last: 3 }));
    }
}

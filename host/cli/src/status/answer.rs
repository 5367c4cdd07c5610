//! What is known of a buffer from outside, as an object.

use std::time::Duration;

use forebay::storage::{
    Amount, Ledger, Usage,
    native::{Holder, LedgerOnDisk, Missing, Moment, Snapshot},
};
use forebay_api::StatusAnswer;
use serde::Serialize;
use serde_json::{Value, json};

use crate::dead_letters::Letters;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) directory: String,
    pub(super) ledger: LedgerAnswer,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) files: usize,
    /// How long the oldest record waits, at the least. `None`: none waits, or no time is known.
    pub(super) oldest_waiting_age_ms: Option<u64>,
    pub(super) locked: bool,
    pub(super) locked_by: Option<u32>,
    /// Records that were given back too often: see `forebay dead-letters`. `None`: their file cannot be read.
    pub(super) dead_letters: Option<Letters>,
    /// `None`: `buffer.forebay` is not there, or cannot be believed.
    pub(super) usage: Option<UsageAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<MissingAnswer>,
    /// What the process that has the buffer says of it. `None`: there is none, or it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<StatusAnswer>,
    #[serde(skip)]
    full_usage: Option<Usage>,
    /// The id behind the last record that waits: logic may have stored no ledger that says so.
    #[serde(skip)]
    pub(super) next_record: u64,
    #[serde(skip)]
    pub(super) is_made: bool,
}

/// What has gone through the buffer for good.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct UsageAnswer {
    pub(super) received: AmountAnswer,
    pub(super) sent: AmountAnswer,
    pub(super) dropped: AmountAnswer,
    /// Nothing noted which. Left out where there is none.
    #[serde(skip_serializing_if = "AmountAnswer::is_nothing")]
    pub(super) sent_or_dropped: AmountAnswer,
    pub(super) lost: AmountAnswer,
    pub(super) rejected: AmountAnswer,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct AmountAnswer {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

impl AmountAnswer {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self { events: 0, bytes: 0 }
    }
}

impl From<Amount> for AmountAnswer {
    fn from(amount: Amount) -> Self {
        Self { events: amount.events, bytes: amount.bytes }
    }
}

impl From<Usage> for UsageAnswer {
    fn from(usage: Usage) -> Self {
        Self {
            received: usage.received.into(),
            sent: usage.sent.into(),
            dropped: usage.dropped.into(),
            sent_or_dropped: usage.sent_or_dropped.into(),
            lost: usage.lost.into(),
            rejected: usage.rejected.into(),
        }
    }
}

/// Data files that the ledger leads to and that are gone, or were cut to nothing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct MissingAnswer {
    pub(super) files: usize,
    /// The number of the first one.
    pub(super) first: u16,
    /// How many of the records that wait are lost with them. `None`: the files beside them do not tell.
    pub(super) records: Option<u64>,
}

impl MissingAnswer {
    fn new(missing: &Missing) -> Option<Self> {
        let first = missing.files.first()?.get();
        Some(Self { files: missing.files.len(), first, records: missing.events })
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LedgerAnswer {
    pub(super) writer_next_record: u64,
    pub(super) writer_data_file: u16,
    pub(super) reader_data_file: u16,
    pub(super) reader_last_record: u64,
}

impl Answer {
    pub(super) fn new(
        (ledger, brought_up): (Ledger, Ledger),
        snapshot: &Snapshot,
        moment: Moment,
        missing: Option<&Missing>,
        dead_letters: Option<Letters>,
    ) -> Self {
        let holder = snapshot.holder();
        let modified = snapshot.oldest_modified(&brought_up);
        let age = modified.map(|modified| modified.elapsed().unwrap_or_default());
        Self {
            directory: snapshot.path().display().to_string(),
            ledger: LedgerAnswer {
                writer_next_record: ledger.writer_next_record.0,
                writer_data_file: ledger.writer_data_file.get(),
                reader_data_file: ledger.reader_data_file.get(),
                reader_last_record: ledger.reader_last_record.0,
            },
            records: waiting(&brought_up),
            bytes: moment.bytes,
            files: snapshot.data_files().len(),
            oldest_waiting_age_ms: age.map(milliseconds),
            locked: matches!(holder, Holder::Held(_)),
            locked_by: match holder {
                Holder::Held(process) => process,
                Holder::Free | Holder::Unknown => None,
            },
            dead_letters,
            usage: moment.usage.map(Into::into),
            missing: missing.and_then(MissingAnswer::new),
            owner: None,
            full_usage: moment.usage,
            next_record: brought_up.writer_next_record.0,
            is_made: snapshot.ledger() != LedgerOnDisk::None || !snapshot.data_files().is_empty(),
        }
    }

    /// The same, with what the buffer's owner says.
    pub(super) fn with_owner(mut self, owner: Option<StatusAnswer>) -> Self {
        let noted = owner.as_ref().and_then(|owner| owner.buffer.get("oldest_waiting_age_ms")?.as_u64());
        // Each of them is how long it is at the least.
        self.oldest_waiting_age_ms = self.oldest_waiting_age_ms.into_iter().chain(noted).max();
        self.owner = owner;
        self
    }

    /// As much as is known, as metrics are made of it. What the owner says is of one moment, and comes before what the files say.
    pub(super) fn known(&self) -> Value {
        let waiting_bytes = self.full_usage.map(|usage| usage.waiting().bytes);
        let by_files = json!({
            "bytes": self.bytes,
            "files": self.files,
            "occupancy": { "events": self.records, "bytes": waiting_bytes },
            "oldest_waiting_age_ms": self.oldest_waiting_age_ms,
            "usage_lifetime": self.full_usage,
        });
        let (owner, buffer) = match &self.owner {
            Some(StatusAnswer { owner, buffer }) => (Some(owner), buffer.clone()),
            None => (None, by_files),
        };
        json!({ "locked": self.locked, "dead_letters": self.dead_letters, "owner": owner, "buffer": buffer })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How many events wait by the ledger alone.
fn waiting(ledger: &Ledger) -> u64 {
    ledger.writer_next_record.0.saturating_sub(ledger.reader_last_record.0).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use forebay::RecordId;

    use super::*;

    /// The figure that people watch; off by one it never reaches zero.
    #[test]
    fn waiting_counts_what_lies_between_reader_and_writer() {
        let ledger = |next, last| Ledger {
            writer_next_record: RecordId(next),
            reader_last_record: RecordId(last),
            ..Ledger::EMPTY
        };
        assert_eq!(waiting(&Ledger::EMPTY), 0);
        assert_eq!(waiting(&ledger(101, 0)), 100);
        assert_eq!(waiting(&ledger(101, 100)), 0);
        // A ledger that was damaged says anything.
        assert_eq!(waiting(&ledger(5, 9)), 0);
    }
}

//! What can be asked of an open buffer at any time.

use std::time::Duration;

use forebay_types::RecordId;
use serde::{Serialize, Serializer};

use super::{SyncLatency, dead_letters::DeadLetters, in_flight::InFlight};
use crate::{
    guard::{Breach, Guard, Oldest},
    storage::{Amount, Usage},
};

/// Figures of an open buffer. They can be serialized, under the names of the fields.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let buffer = forebay::Buffer::builder(directory.path()).open()?;
/// buffer.writer().write("hello")?;
/// let status = serde_json::to_value(buffer.status())?;
/// assert_eq!((&status["next_id"], &status["usage_lifetime"]["received"]["events"]), (&2.into(), &1.into()));
/// # buffer.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The id that the next event gets.
    #[serde(serialize_with = "id")]
    pub next_id: RecordId,
    /// The last event below which all is acknowledged or lost; 0 if there is none.
    #[serde(serialize_with = "id")]
    pub acknowledged: RecordId,
    /// The id below which every event is durable, as seen since the buffer was opened; 0 if nothing was.
    #[serde(serialize_with = "id")]
    pub durable_next: RecordId,
    /// Bytes in all data files, acknowledged or not.
    pub bytes: u64,
    /// How many data files there are.
    pub files: usize,
    /// Records that were delivered and are not acknowledged.
    pub unacknowledged_records: usize,
    /// The length of their frames.
    pub unacknowledged_bytes: u64,
    /// How much memory their payloads hold, in bytes: with the rest of the blocks that they are in.
    pub unacknowledged_memory_bytes: u64,
    /// Whether readers get no new records because too much is unacknowledged: see
    /// [`Options::max_unacknowledged_records`](super::Options::max_unacknowledged_records).
    pub delivery_paused: bool,
    /// How many deliveries were not acknowledged within their [lease](super::Options::lease) since the buffer was opened.
    pub expired_leases: u64,
    /// Acknowledgements and returns of records that were ignored, because they came too late: of a delivery that was
    /// acknowledged or given back already, or of a record that was dropped to make room; or because nothing was
    /// delivered that they could be about.
    pub ignored_acknowledgements: u64,
    /// Records that were set aside in the dead-letter file since the buffer was opened: see
    /// [`Options::max_deliveries`](super::Options::max_deliveries). They are acknowledged by that, and their events count as
    /// [sent](Usage::sent).
    pub dead_letters: u64,
    /// How many losses were found since the buffer was opened: see [`Buffer::take_losses`](super::Buffer::take_losses).
    pub losses: u64,
    /// The events that are missing in them: no file holds them.
    pub lost_events: u64,
    /// The bytes that were passed over in them: damage, or no records of this buffer.
    pub damaged_bytes: u64,
    /// How many data files another program has removed, moved away, replaced or cut since the buffer was opened, as far as it was
    /// noticed: at the next sync of the file, or when delivery got there. What was in them is in [`losses`](Self::losses) once
    /// delivery has passed it.
    pub files_taken_away: u64,
    /// The events that waited in those files, as far as a sync or an append noticed it: also those that came back to their
    /// writers with [`TakenAway`](super::WriteErrorKind::TakenAway).
    pub events_taken_away: u64,
    /// What waits in the data files: every event that is neither acknowledged, dropped nor lost, and the bytes from the
    /// first of them on, less those of records behind it that were dropped. Damage counts until a reader reaches it.
    pub occupancy: Amount,
    /// How long the oldest event waits, at the least. No record carries a time. Of records that this process wrote, the host knows
    /// when it next noted the time: within a [sync interval](super::Options::sync_interval), or a hundredth part of how long the
    /// oldest event waited then. Of older ones it knows when their data file was last written to, by the wall clock, as it was when
    /// the buffer was opened. `None` if nothing waits. Serialized as `oldest_waiting_age_ms`, in milliseconds.
    #[serde(rename = "oldest_waiting_age_ms", serialize_with = "milliseconds")]
    pub oldest_waiting_age: Option<Duration>,
    /// What has gone through the buffer since it was opened.
    pub usage_since_open: Usage,
    /// What has gone through the buffer ever since `buffer.forebay` was made in its directory: exact after a close and
    /// after the death of the process, and as of the last sync of the ledger after a power loss.
    pub usage_lifetime: Usage,
    /// The record that waits first, where the logic gave none when it was last asked for records; `None` if it was in order.
    #[serde(serialize_with = "optional_id")]
    pub withheld: Option<RecordId>,
    /// Whether the disk had no room when the buffer last wrote to it.
    pub disk_full: bool,
    /// The storage error that kept the records out which were offered last, in words: operation, file, cause and what to do.
    /// `None` if all were taken, or the buffer itself was full.
    pub storage_error: Option<String>,
    /// Records that wait in this process for room.
    pub waiting_records: usize,
    /// Calls of the logic that broke a rule of its contract and were refused.
    pub refused_calls: u64,
    /// How many of them broke which rule.
    pub refusals: Vec<(Breach, u64)>,
    /// Whether a sync has failed, and what it was to make durable is not safe again yet, by the host's account.
    pub sync_failed: bool,
    /// How long syncs took since the buffer was opened.
    pub sync_latency: SyncLatency,
    /// How many syncs have failed since the buffer was opened, or could not be begun.
    pub failed_syncs: u64,
    /// The error of the sync that ended last, in words; `None` if that ended well. What it left in doubt may have been made good
    /// since: see [`sync_failed`](Self::sync_failed).
    pub last_sync_error: Option<String>,
    /// How often the logic has failed and a fresh instance has taken over since the buffer was opened.
    pub restarts: u64,
    /// How often other logic has taken over since the buffer was opened, whether or not it stayed.
    pub replacements: u64,
    /// Why the logic that took over last was taken out again, and a fresh instance of the former put back; `None` if it was
    /// not.
    pub fell_back: Option<String>,
    /// Why the buffer does nothing more, if it does not.
    pub stopped: Option<String>,
    /// What the logic says of itself, by number: see "Figures" in `wit/README.md`.
    pub figures: Vec<(u16, u64)>,
}

impl Status {
    pub(super) fn new(
        guard: &mut Guard,
        figures: &[(u16, u64)],
        in_flight: &InFlight,
        dead_letters: &DeadLetters,
        waiting_records: usize,
    ) -> Self {
        let lost = guard.loss_count();
        let oldest = guard.oldest();
        let (usage_since_open, usage_lifetime) = guard.usage();
        Self {
            next_id: guard.next_id(),
            acknowledged: guard.passed(),
            durable_next: guard.durable_next(),
            bytes: guard.bytes(),
            files: guard.file_count(),
            unacknowledged_records: in_flight.records(),
            unacknowledged_bytes: in_flight.bytes(),
            unacknowledged_memory_bytes: in_flight.memory_bytes(),
            delivery_paused: false,
            expired_leases: 0,
            ignored_acknowledgements: in_flight.ignored(),
            dead_letters: dead_letters.written(),
            losses: lost.losses,
            lost_events: lost.events,
            damaged_bytes: lost.bytes,
            files_taken_away: guard.files_taken_away(),
            events_taken_away: guard.events_taken_away(),
            occupancy: guard.waiting(),
            oldest_waiting_age: oldest.map(age),
            usage_since_open,
            usage_lifetime,
            withheld: None,
            disk_full: guard.is_disk_full(),
            storage_error: None,
            waiting_records,
            refused_calls: guard.refused(),
            refusals: guard.refusals(),
            sync_failed: guard.is_degraded(),
            sync_latency: SyncLatency::default(),
            failed_syncs: 0,
            last_sync_error: None,
            restarts: 0,
            replacements: 0,
            fell_back: None,
            stopped: None,
            figures: figures.to_vec(),
        }
    }
}

/// How long ago a record was written, at the least.
fn age(oldest: Oldest) -> Duration {
    let by_file = oldest.modified.map(|modified| modified.elapsed().unwrap_or_default());
    by_file.map_or(oldest.noted_age, |by_file| by_file.max(oldest.noted_age))
}

// Serde hands out references.

#[allow(clippy::trivially_copy_pass_by_ref)]
fn id<S: Serializer>(id: &RecordId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(id.0)
}

#[allow(clippy::ref_option)]
fn optional_id<S: Serializer>(id: &Option<RecordId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.map(|id| id.0).serialize(serializer)
}

#[allow(clippy::ref_option)]
fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
}

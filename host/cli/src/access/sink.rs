//! Appends records to a buffer, as its owner or through the process that is. One request is in flight at a time, so that what a killed owner leaves in doubt
//! is the records of one request; they are sent again.

use std::{num::NonZeroU32, ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use forebay::{NewRecord, Pending, Receipt, RecordId, WriteError, WriteErrorKind};
use forebay_api::{AppendQuery, BODY_BYTES_MAX, Code, Durability, Failure, Placed, framing, media};
use tracing::warn;

use super::{Access, CallError, Pauses, Role, client::Client};
use crate::{
    args::{self, BufferArgs, InputFraming, WhenFull},
    framing::Shown,
};

/// How long the owner lets records wait for room in one request. A signal is heard after that.
const ROOM_WAIT_MS: u64 = 500;

/// What a record takes of a request besides its payload: its length, or the other members of its object.
const PREFIX_BYTES: usize = 4;
const OBJECT_BYTES: usize = 128;

/// The longest record that fits into a request. One in JSON may have metadata and events of its own, and goes as an object.
pub(super) fn record_bytes_max(framing: InputFraming) -> u64 {
    let bytes = match framing {
        InputFraming::Json => (BODY_BYTES_MAX - OBJECT_BYTES) / 4 * 3,
        InputFraming::Lines | InputFraming::Nul | InputFraming::Length => BODY_BYTES_MAX - PREFIX_BYTES,
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A batch that was handed over, or a part of it.
pub(crate) struct Sent {
    pub(crate) outcome: Outcome,
    /// All payloads together.
    pub(crate) bytes: u64,
    /// The longest frame.
    pub(crate) longest_frame: u64,
}

/// What is known of a batch.
pub(crate) enum Outcome {
    /// This process owns the buffer, and the answer will come.
    Pending(Pending),
    /// The owner has answered.
    Answered {
        /// What was placed.
        receipt: Receipt,
        /// How many records were refused for want of room.
        rejected: u64,
    },
}

/// Puts records into a buffer.
pub(crate) struct Sink {
    access: Arc<Access>,
    client: Option<Box<Client>>,
    query: AppendQuery,
    is_rejecting: bool,
    is_said: bool,
}

/// What became of one request.
enum Step {
    /// All of it was placed, or the rest refused.
    Done(Outcome, u64),
    /// So many records were placed; the others are to be sent again.
    Again(Outcome, usize),
}

impl Sink {
    pub(crate) fn new(access: &Arc<Access>, args: &BufferArgs) -> Self {
        let durability = match args.durability {
            args::Durability::Written => Durability::Written,
            args::Durability::Synced => Durability::Synced,
        };
        let is_rejecting = args.when_full == WhenFull::Reject;
        let wait_ms = if is_rejecting { 0 } else { ROOM_WAIT_MS };
        Self {
            access: Arc::clone(access),
            client: None,
            query: AppendQuery { durability, wait_ms, metadata: args.metadata },
            is_rejecting,
            is_said: false,
        }
    }

    /// Hands records over, and tells `sent` of each part of them.
    pub(crate) fn submit(
        &mut self,
        mut records: Vec<NewRecord>,
        mut sent: impl FnMut(Sent) -> ControlFlow<()>,
    ) -> anyhow::Result<ControlFlow<()>> {
        loop {
            if let Some(owned) = self.access.owned() {
                return match Self::write(&owned.writer, records) {
                    Ok(written) => Ok(sent(written)),
                    // The time is over that a signal left for what was read.
                    Err(error)
                        if error.kind == WriteErrorKind::Closed && self.access.signals.caught().is_some() =>
                    {
                        Ok(ControlFlow::Break(()))
                    }
                    Err(error) => Err(error.into()),
                };
            }
            if !self.access.signals.may_go_on() {
                return Ok(ControlFlow::Break(()));
            }
            let (outcome, placed) = match self.send(&records)? {
                Some(Step::Done(outcome, bytes)) => {
                    return Ok(sent(Sent { outcome, bytes, longest_frame: 0 }));
                }
                Some(Step::Again(outcome, placed)) => (outcome, placed),
                None => continue,
            };
            let others = records.split_off(placed.min(records.len()));
            let sent = sent(Sent { outcome, bytes: payload_bytes(&records), longest_frame: 0 });
            records = others;
            if sent.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn write(writer: &forebay::Writer, records: Vec<NewRecord>) -> Result<Sent, WriteError> {
        let bytes = payload_bytes(&records);
        let longest_frame = records.iter().map(NewRecord::frame_bytes).max().unwrap_or(0);
        Ok(Sent { outcome: Outcome::Pending(writer.submit(records)?), bytes, longest_frame })
    }

    /// Sends records to the owner. `None`: the owner is gone, or this process has become it.
    fn send(&mut self, records: &[NewRecord]) -> anyhow::Result<Option<Step>> {
        let query = self.query;
        let Some(client) = self.client()? else { return Ok(None) };
        let (body, media) = body(records, query.metadata)?;
        let error = match client.append(body, media, &query) {
            Ok(placed) => return Ok(Some(Step::Done(answered(&placed, 0), payload_bytes(records)))),
            Err(error) => error,
        };
        if error.is_passing() {
            self.client = None;
        }
        match error {
            CallError::Refused(Failure { code: Code::BufferFull, message, placed }) => {
                let placed = placed.unwrap_or_default();
                self.say_full(&message);
                let count = usize::try_from(placed.placed).unwrap_or(usize::MAX).min(records.len());
                if !self.is_rejecting {
                    if count == 0 {
                        // An owner that refuses what does not fit answers at once.
                        Pauses::new().pause();
                    }
                    return Ok(Some(Step::Again(answered(&placed, 0), count)));
                }
                let (done, refused) = records.split_at(count);
                let refused = u64::try_from(refused.len()).unwrap_or(u64::MAX);
                Ok(Some(Step::Done(answered(&placed, refused), payload_bytes(done))))
            }
            // All of it is sent again: what was placed of it is in doubt.
            CallError::Refused(Failure { code: Code::TakenAway, message, .. }) => {
                warn!(message, records = records.len(), "records are written again");
                Ok(None)
            }
            error if error.is_passing() => {
                Pauses::new().pause();
                let placed = match error {
                    CallError::Refused(failure) => failure.placed.unwrap_or_default(),
                    _ => Placed::default(),
                };
                let count = usize::try_from(placed.placed).unwrap_or(usize::MAX);
                Ok((count > 0).then(|| Step::Again(answered(&placed, 0), count)))
            }
            error => Err(error.into()),
        }
    }

    fn client(&mut self) -> anyhow::Result<Option<&mut Client>> {
        if self.client.is_none() {
            match self.access.role()? {
                Role::Owner(_) => return Ok(None),
                Role::Client(client) => self.client = Some(client),
            }
        }
        Ok(self.client.as_deref_mut())
    }

    fn say_full(&mut self, message: &str) {
        if !self.is_said {
            self.is_said = true;
            let what = if self.is_rejecting { "records are refused" } else { "records wait for room" };
            warn!("{message}: {what}");
        }
    }
}

/// Whether all that is to be kept of the records is their payloads.
fn are_plain(records: &[NewRecord], metadata: u32) -> bool {
    records.iter().all(|record| record.metadata == metadata && record.events == NonZeroU32::MIN)
}

/// Records as the body of a request, and its type.
fn body(records: &[NewRecord], metadata: u32) -> anyhow::Result<(Bytes, &'static str)> {
    let mut body = Vec::new();
    if are_plain(records, metadata) {
        for record in records {
            framing::append_length(&mut body, &record.payload)?;
        }
        return Ok((body.into(), media::LENGTH));
    }
    for NewRecord { payload, metadata, events } in records {
        framing::append_base64(&mut body, &Shown { id: 0, events: *events, metadata: *metadata, payload })?;
    }
    Ok((body.into(), media::NDJSON))
}

fn answered(placed: &Placed, rejected: u64) -> Outcome {
    let mut receipt = Receipt::default();
    receipt.records = usize::try_from(placed.placed).unwrap_or(usize::MAX);
    receipt.first_id = placed.first_id.map(RecordId);
    receipt.last_id = placed.last_id.map(RecordId);
    Outcome::Answered { receipt, rejected }
}

/// The bytes of all payloads.
fn payload_bytes(records: &[NewRecord]) -> u64 {
    records
        .iter()
        .fold(0, |sum, record| sum.saturating_add(u64::try_from(record.payload.len()).unwrap_or(u64::MAX)))
}

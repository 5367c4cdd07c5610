//! The reading side of the core: what was read ahead, what was delivered, and who waits for more.

use tokio::sync::oneshot;
use tracing::warn;

use super::{Core, Writing};
use crate::{
    buffer::error::{Stop, Unable},
    guard::ReadRecord,
    logic::CallError,
};

/// What is read ahead for consumers that take single records.
const READ_RECORDS_MIN: usize = 256;
const READ_RECORDS_MAX: usize = 4096;
const READ_BYTES_MAX: u64 = 1 << 20;

/// What a consumer gets when it asks for records.
#[derive(Debug)]
pub(in crate::buffer) enum Taken {
    Records(Vec<ReadRecord>),
    /// None for now; the receiver is told when to ask again.
    Wait(oneshot::Receiver<()>),
    /// None, and there will be none.
    End,
}

impl Core {
    /// Gives the next records, at most so many.
    pub(in crate::buffer) fn take_records(&mut self, max_records: usize) -> Result<Taken, Unable> {
        if let Some(stop @ Stop::Failed(_)) = &self.stop {
            return Err(stop.clone().into());
        }
        if self.is_delivery_paused() {
            return Ok(Taken::Wait(self.wait_for_change()));
        }
        let mut taken = Vec::new();
        while taken.len() < max_records && !self.is_delivery_paused() {
            if self.ready.is_empty() {
                match self.read_ahead(max_records - taken.len()) {
                    Err(unable) if taken.is_empty() => return Err(unable),
                    // The next call meets it again.
                    Err(_) => break,
                    Ok(()) => {}
                }
            }
            let Some(record) = self.ready.pop_front() else { break };
            self.deliver(&record);
            taken.push(record);
        }
        Ok(match taken.is_empty() {
            false => Taken::Records(taken),
            true if self.writing == Writing::Ended => Taken::End,
            true => Taken::Wait(self.wait_for_change()),
        })
    }

    fn read_ahead(&mut self, wanted: usize) -> Result<(), Unable> {
        let wanted = wanted.clamp(READ_RECORDS_MIN, READ_RECORDS_MAX);
        self.guard().start_reading();
        let runs = self.logic.read(u32::try_from(wanted).unwrap_or(u32::MAX), READ_BYTES_MAX);
        let collected = runs.and_then(|runs| {
            self.guard()
                .collect(&runs)
                .ok_or_else(|| CallError::Failed { reason: "it read what is not in the buffer".to_owned() })
        });
        let records = self.note(collected)?;
        self.ready.extend(records);
        Ok(())
    }

    fn deliver(&mut self, record: &ReadRecord) {
        if record.id > self.expected {
            let lost = record.id.0 - self.expected.0;
            self.lost = self.lost.saturating_add(lost);
            warn!(first_id = self.expected.0, events = lost, "events are lost: no file holds them");
        }
        let next = record.id.after(record.events.get().into());
        self.expected = next;
        if !self.options.peek {
            self.in_flight.deliver(record.id, next, record.frame_bytes);
        }
    }

    fn is_delivery_paused(&self) -> bool {
        self.in_flight.records() >= self.options.max_unacknowledged_records
            || self.in_flight.bytes() >= self.options.max_unacknowledged_bytes
    }
}

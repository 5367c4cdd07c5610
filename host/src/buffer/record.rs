//! A record on its way out of a buffer.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use forebay_frame::RecordId;

use super::{in_flight::Ack, shared::Shared};
use crate::guard::ReadRecord;

/// A record that was delivered. Acknowledge it when it is where it has to go; dropping it without a word has it
/// delivered again when the buffer is next opened.
#[derive(Clone)]
pub struct Record {
    record: ReadRecord,
    shared: Weak<Shared>,
}

impl Record {
    pub(super) fn new(record: ReadRecord, shared: &Arc<Shared>) -> Self {
        Self { record, shared: Arc::downgrade(shared) }
    }

    /// Its id: that of its first event. Ids rise from record to record.
    pub fn id(&self) -> RecordId {
        self.record.id
    }

    /// The incarnation of the buffer that gave it its id: a number that rises when records may have been lost with the
    /// machine's memory, and ids are given again. Incarnation and id together name a record for good.
    pub fn incarnation(&self) -> u64 {
        self.record.incarnation
    }

    /// How many events it holds.
    pub fn events(&self) -> NonZeroU32 {
        self.record.events
    }

    /// The number that was kept beside the payload.
    pub fn metadata(&self) -> u32 {
        self.record.metadata
    }

    /// The bytes. They share memory with the records beside it: copy them to keep a few for long.
    pub fn payload(&self) -> &Bytes {
        &self.record.payload
    }

    /// It is done with: it is not delivered again, and its file goes when all in it is done with. In any order, from any
    /// thread. Once the buffer is closed it does nothing.
    pub fn ack(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.submit(|work| work.acks.push(Ack::One(self.record.id)));
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.record.id)
            .field("events", &self.record.events)
            .field("metadata", &self.record.metadata)
            .field("payload_bytes", &self.record.payload.len())
            .finish_non_exhaustive()
    }
}

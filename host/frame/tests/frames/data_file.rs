//! Data files to damage.

use std::num::NonZeroU32;

use forebay_frame::{RecordId, encode};

/// A record that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) events: u32,
    pub(crate) metadata: u32,
    pub(crate) payload: Vec<u8>,
    /// Where its frame starts and ends.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A data file, and what was written into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<Record>,
}

impl DataFile {
    /// One record of one event for each payload, with ids from `first_id` on.
    pub(crate) fn of<P: AsRef<[u8]>>(first_id: u64, payloads: impl IntoIterator<Item = P>) -> Self {
        let mut file = Self::default();
        for (id, payload) in (first_id..).zip(payloads) {
            file.push(id, 0, 1, payload.as_ref());
        }
        file
    }

    pub(crate) fn push(&mut self, id: u64, metadata: u32, events: u32, payload: &[u8]) {
        let start = self.bytes.len();
        encode(&mut self.bytes, RecordId(id), metadata, NonZeroU32::new(events).unwrap(), payload);
        let (payload, end) = (payload.to_vec(), self.bytes.len());
        self.records.push(Record { id, events, metadata, payload, start, end });
    }

    /// The id after the last record.
    pub(crate) fn next_id(&self) -> u64 {
        self.records.last().map_or(1, |record| record.id + u64::from(record.events))
    }
}

//! Data files to damage, and what a walk finds in them.

use std::num::NonZeroU32;

use forebay_frame::{RecordId, Step, Surroundings, Walker, encode};

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

    /// What is known at its start, if the ledger is up to date.
    pub(crate) fn around(&self) -> Surroundings {
        let first = self.records.first().map_or(1, |record| record.id);
        Surroundings { floor: RecordId(first), exact: true, ceiling: RecordId(self.next_id()) }
    }
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walked {
    pub(crate) steps: Vec<Step>,
    /// The ids and payloads of whole frames.
    pub(crate) delivered: Vec<(u64, Vec<u8>)>,
}

impl Walked {
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.delivered.iter().map(|(id, _)| *id).collect()
    }

    /// Every record that it delivered was written, once and in order.
    #[track_caller]
    pub(crate) fn invented_nothing(&self, file: &DataFile) {
        let mut written = file.records.iter();
        for (id, payload) in &self.delivered {
            assert!(
                written.any(|record| record.id == *id && record.payload == *payload),
                "record {id} was never written, or not here: {:?}",
                self.steps
            );
        }
    }

    /// The records that it did not deliver.
    pub(crate) fn missing<'a>(&self, file: &'a DataFile) -> Vec<&'a Record> {
        let ids = self.ids();
        file.records.iter().filter(|record| !ids.contains(&record.id)).collect()
    }
}

/// Walks through a file from its start.
#[track_caller]
pub(crate) fn walk(bytes: &[u8], around: Surroundings) -> Walked {
    walk_from(bytes, 0, around)
}

/// Walks through a file. Checks what holds for every walk: the steps leave no hole and end with the file, and a torn rest
/// is the last of them.
#[track_caller]
pub(crate) fn walk_from(bytes: &[u8], offset: u64, around: Surroundings) -> Walked {
    let mut walk = Walker::new(bytes, offset, around);
    let mut walked = Walked::default();
    let mut at = offset;
    while let Some(step) = walk.next().unwrap() {
        let (start, length) = match step {
            Step::Whole { offset, bytes, id, payload_bytes, .. } => {
                assert_eq!(walk.payload().len() as u64, payload_bytes);
                walked.delivered.push((id.0, walk.payload().to_vec()));
                (offset, bytes)
            }
            Step::Corrupt { offset, bytes } => (offset, bytes),
            Step::Torn { offset, bytes: torn } => {
                assert_eq!(offset + torn, bytes.len() as u64, "a torn rest is not the last");
                (offset, torn)
            }
        };
        assert_eq!(start, at, "a hole in {:?}", walked.steps);
        assert!(length > 0, "a step of nothing");
        at += length;
        assert_eq!(walk.offset(), at);
        walked.steps.push(step);
    }
    assert_eq!(at, bytes.len() as u64);
    walked
}

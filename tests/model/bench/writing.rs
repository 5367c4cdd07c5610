//! Writing to both, and what writers are answered.

use std::num::NonZeroU32;

use forebay::{Durability, NewRecord, Pending, WhenFull, WriteError, WriteErrorKind};

use super::{Bench, payload};
use crate::support::storage::written_and_refused;

/// Records that were handed over, until their writer is answered.
pub(super) struct Write {
    /// The number of the first; the others follow.
    pub(super) first_number: u64,
    pub(super) records: Vec<(u32, usize)>,
    /// The ids of those that are placed.
    pub(super) placed: Vec<u64>,
    pub(super) durability: Durability,
    pub(super) pending: Pending,
    /// The writer has its answer, and some are not placed.
    pub(super) is_answered: bool,
}

impl Write {
    pub(super) fn is_placed(&self) -> bool {
        self.placed.len() == self.records.len()
    }
}

impl Bench {
    pub(super) fn write(&mut self, records: &[(u32, usize)], durability: Option<Durability>) {
        let durability = durability.unwrap_or(self.sizes.durability);
        let first_number = self.sizes_of.len() as u64;
        self.sizes_of.extend(records);
        let most = self.sizes.options().record_bytes_max();
        let new = (first_number..).zip(records).map(|(number, (events, bytes))| {
            NewRecord::new(payload(number, *bytes)).with_events(NonZeroU32::new(*events).unwrap())
        });
        let submitted = self.buffer().writer().with_durability(durability).submit(new.collect());
        if records.iter().any(|(_, bytes)| bytes + 8 > usize::try_from(most).unwrap()) {
            assert!(
                matches!(submitted, Err(WriteError { kind: WriteErrorKind::TooLong { .. }, .. })),
                "{submitted:?}"
            );
            return;
        }
        let mut pending = submitted.unwrap();
        if self.has_ended {
            let answer = pending.try_take();
            assert!(
                matches!(answer, Some(Err(WriteError { kind: WriteErrorKind::Closed, .. }))),
                "{answer:?}"
            );
            return;
        }
        self.backlog.push_back(Write {
            first_number,
            records: records.to_vec(),
            placed: Vec::new(),
            durability,
            pending,
            is_answered: false,
        });
    }

    pub(super) fn see_answers(&mut self) {
        for write in self.backlog.iter_mut().filter(|write| !write.is_answered) {
            let answer = write.pending.try_take();
            if write.durability == Durability::Accepted {
                let receipt = answer.expect("a writer that asked for no more does not wait").unwrap();
                assert_eq!(receipt.records, write.records.len());
                write.is_answered = true;
            } else {
                assert!(answer.is_none(), "it is not placed, and answered {answer:?}");
            }
        }
        let mut unsynced = std::mem::take(&mut self.unsynced);
        unsynced.retain_mut(|write| !self.is_answered(write));
        self.unsynced = unsynced;
    }

    /// Whether a writer has its answer, all of whose records are placed or will not be.
    pub(super) fn is_answered(&mut self, write: &mut Write) -> bool {
        if write.is_answered {
            return true;
        }
        let answer = write.pending.try_take();
        self.log.note(|| format!("answer {answer:?}"));
        let waits_for_sync = write.durability == Durability::Synced && !write.placed.is_empty();
        let Some(answer) = answer else {
            assert!(waits_for_sync, "{:?} of {:?} are placed, and no answer", write.placed, write.records);
            return false;
        };
        if write.placed.is_empty() && self.has_ended {
            let is_refused = match &answer {
                Err(WriteError { kind: WriteErrorKind::Closed, .. }) => true,
                Err(WriteError { kind: WriteErrorKind::Full, written, .. }) => {
                    written.records == 0 && self.sizes.when_full == WhenFull::Reject
                }
                _ => false,
            };
            assert!(is_refused, "{answer:?}");
            return true;
        }
        if matches!(answer, Err(WriteError { kind: WriteErrorKind::SyncFailed, .. })) {
            assert!(self.has_ended && waits_for_sync, "only closing gives up on a failed sync");
            return true;
        }
        let (receipt, refused) = written_and_refused(answer);
        let ids = (write.placed.first().copied(), write.placed.last().copied());
        assert_eq!(receipt.records, write.placed.len());
        assert_eq!((receipt.first_id.map(|id| id.0), receipt.last_id.map(|id| id.0)), ids);
        let rest = write.records.iter().zip(write.first_number..).skip(write.placed.len());
        let rest: Vec<_> = rest.map(|((_, bytes), number)| payload(number, *bytes)).collect();
        let rejected: Vec<_> = refused.iter().map(|record| record.payload.to_vec()).collect();
        assert!(rejected == rest, "what was handed back is not what found no room");
        if write.durability == Durability::Synced {
            let ids = write.placed.clone();
            for entry in self.reference.queue.iter_mut().filter(|entry| ids.contains(&entry.id)) {
                entry.is_promised = true;
            }
        }
        true
    }
}

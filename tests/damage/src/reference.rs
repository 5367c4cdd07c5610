//! Decides which records must be delivered, and whether the delivered ones are right.
//!
//! It knows nothing of how Forebay finds a frame. It knows where each frame stood before the damage, and compares bytes after it.
//!
//! # Definitions
//!
//! * A **spot** is a place where a frame may be. Each frame has its own place, moved by the bytes that were inserted or removed
//!   before it in its file. Damages of the kinds `FrameDuplicated` and `FramesSwapped` add the places to which they bring it. A frame
//!   that a stale or misplaced sector happens to bring elsewhere has no spot there: a reader may deliver it, and need not.
//! * A frame is **present** at a spot if all its bytes are there unchanged, from the length prefix to the end of the trailer.
//! * The **reading order** of spots is by file number, then by offset. No directory here wraps around the ring of numbers.
//! * A record is **unacknowledged** if its id is above the last one that was acknowledged before the damage. A damaged ledger can raise
//!   this bound in one case: its two ids are possible (last acknowledged below next), and the sidecar is not intact. No true copy
//!   is left then, so no reader can tell that the ledger is false.
//! * The **deliverable** records are a longest strictly rising run of ids (longest increasing subsequence) among the present and
//!   unacknowledged frames, in reading order. Without swapped or duplicated frames, these are all of them. With such frames there
//!   may be several runs of that length. A reader may choose any, so only the length counts.
//! * **Not delivered** is that length minus the number of present, unacknowledged ids that were delivered, and at least 0. A record
//!   that is delivered although its frame was changed makes up for nothing. (One false length still leaves the record whole.)
//! * A delivered record is **invented** if no record with its id and payload was ever written, or if it has more than one event.
//! * An **undecidable** record is the exception, and is counted apart: a frame from a payload, with an id that no present frame
//!   has, where neither the prefix nor the trailer of the frame around it stands at its place beside it.
//! * A record is **out of order** if its id is not above every id that came before it.
//! * A record is **repeated** if it was acknowledged and the ledger is intact. With any other ledger, repeating it is allowed.

use std::collections::BTreeSet;

use crate::{
    base::{Base, fingerprint},
    bed::{Bed, Spot},
    image::Image,
    ledger::{Ledger, State, States},
};

/// A record that the binary delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its id.
    pub id: u64,
    /// How many events it counts for.
    pub events: u32,
    /// [`fingerprint`] of its payload.
    pub fingerprint: u64,
}

/// What must be delivered from a damaged directory.
#[derive(Debug)]
pub struct Reference<'a> {
    bed: &'a Bed<'a>,
    states: States,
    /// Ids of all present frames.
    present: BTreeSet<u64>,
    /// Ids up to this one are not demanded.
    waived_through: u64,
    /// How many records are deliverable.
    deliverable: u64,
}

/// What is right and wrong about what was delivered. Numbers of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Deliverable.
    pub deliverable: u64,
    /// Deliverable and not delivered.
    pub not_delivered: u64,
    /// Delivered and never written.
    pub invented: u64,
    /// Delivered from a payload, where no reader can know better.
    pub undecidable: u64,
    /// Delivered at or behind a higher id.
    pub out_of_order: u64,
    /// Acknowledged, and delivered again though the ledger is intact.
    pub repeated: u64,
}

impl<'a> Reference<'a> {
    /// Compares a damaged directory with what it was. `image` holds its ledger.
    pub fn new(bed: &'a Bed<'a>, image: &Image, states: States) -> Self {
        let waived_through = waived_through(bed.base, Ledger::of(image), states);
        let mut spots: Vec<Spot> = bed.spots().iter().copied().filter(|&spot| bed.holds(spot)).collect();
        spots.sort_by_key(|spot| (spot.file, spot.at));
        let ids: Vec<u64> = spots.iter().map(|&spot| bed.placed(spot).id).collect();
        let unread = ids.iter().copied().filter(|&id| id > waived_through);
        let deliverable = longest_rising_run(unread);
        Self { bed, states, present: ids.into_iter().collect(), waived_through, deliverable }
    }

    /// How many records are deliverable.
    pub fn deliverable(&self) -> u64 {
        self.deliverable
    }

    /// For people: ids that were invented, and ids of present, unacknowledged records that were not delivered.
    pub fn details(&self, delivered: &[Delivered]) -> (Vec<u64>, Vec<u64>) {
        let (written, others): (Vec<&Delivered>, Vec<&Delivered>) =
            delivered.iter().partition(|record| self.is_written(record));
        let came: BTreeSet<u64> = written.into_iter().map(|record| record.id).collect();
        let missing = self.present.iter().filter(|&&id| id > self.waived_through && !came.contains(&id));
        (others.into_iter().map(|record| record.id).collect(), missing.copied().collect())
    }

    /// Judges what was delivered, in this order.
    pub fn judge(&self, delivered: &[Delivered]) -> Judgement {
        let mut judgement = Judgement { deliverable: self.deliverable, ..Judgement::default() };
        let mut demanded = BTreeSet::new();
        let mut last_id = None;
        for record in delivered {
            if last_id.is_some_and(|last| record.id <= last) {
                judgement.out_of_order += 1;
            }
            last_id = last_id.max(Some(record.id));
            if !self.is_written(record) {
                if self.is_undecidable(record) {
                    judgement.undecidable += 1;
                } else {
                    judgement.invented += 1;
                }
                continue;
            }
            if record.id <= self.bed.base.acknowledged && self.states.ledger == State::Intact {
                judgement.repeated += 1;
            }
            if record.id > self.waived_through && self.present.contains(&record.id) {
                demanded.insert(record.id);
            }
        }
        judgement.not_delivered = self.deliverable.saturating_sub(demanded.len() as u64);
        judgement
    }

    fn is_written(&self, record: &Delivered) -> bool {
        let index = usize::try_from(record.id).ok().and_then(|id| id.checked_sub(1));
        let written = index.and_then(|index| self.bed.base.fingerprints.get(index));
        record.events == 1 && written == Some(&record.fingerprint)
    }

    fn is_undecidable(&self, record: &Delivered) -> bool {
        let nested =
            self.bed.base.nested.iter().filter(|nested| {
                nested.id == record.id && fingerprint(&nested.payload) == record.fingerprint
            });
        let mut nested =
            nested.filter(|nested| self.bed.files().values().any(|file| nested.is_without_ends(file)));
        !self.present.contains(&record.id) && nested.next().is_some()
    }
}

fn waived_through(base: &Base, ledger: Option<Ledger>, states: States) -> u64 {
    let is_false = states.ledger == State::Damaged && states.sidecar != State::Intact;
    let believed = ledger.filter(|ledger| is_false && ledger.reader_last_record < ledger.writer_next_record);
    believed.map_or(base.acknowledged, |ledger| ledger.reader_last_record.max(base.acknowledged))
}

/// The length of the longest strictly rising subsequence.
fn longest_rising_run(ids: impl Iterator<Item = u64>) -> u64 {
    // The least last id of a run of each length.
    let mut ends: Vec<u64> = Vec::new();
    for id in ids {
        match ends.partition_point(|&end| end < id) {
            longer if longer == ends.len() => ends.push(id),
            shorter => ends[shorter] = id,
        }
    }
    ends.len() as u64
}

#[cfg(test)]
mod tests;

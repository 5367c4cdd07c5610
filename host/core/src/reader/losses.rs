//! What the buffer has lost: each event once, with the place where its bytes should be.
//!
//! The guard finds losses on its own walk, and some way ahead of the consumer. One is told when delivery has come to what
//! follows it, so that what is said again after reopening is what the ledger has not passed.

use std::{collections::VecDeque, ops::Range};

use forebay_types::RecordId;
use tracing::warn;

use crate::storage::{FileId, data_file_name};

/// How many places one loss names.
const PLACES_MAX: usize = 16;

/// How many losses are kept for [`take`](Losses::take). More than one delivery can tell.
const KEPT_MAX: usize = 8192;

/// How many losses are said in the log, each in a line of its own.
const SAID_MAX: u64 = 100;

/// A stretch of a data file that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// Where the stretch starts, in bytes from the start of the file.
    pub offset: u64,
    /// How long it is. 0: the file is not there.
    pub bytes: u64,
}

/// Events that no data file holds whole, or bytes that are no records of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The ids that are missing, up to and not including the second. Empty if no event is: what was passed over was never
    /// a record of this buffer, or repeats ids that came before.
    pub ids: Range<RecordId>,
    /// Where they should be, as far as it is known: the stretches that were passed over to get to what follows. At most 16.
    pub places: Vec<Place>,
    /// The length of all those stretches, in bytes.
    pub bytes: u64,
}

impl Loss {
    /// How many events are missing.
    pub fn events(&self) -> u64 {
        self.ids.end.0.saturating_sub(self.ids.start.0)
    }
}

/// How much is lost, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCount {
    /// How many losses there are.
    pub losses: u64,
    /// The events that are missing.
    pub events: u64,
    /// The bytes that were passed over.
    pub bytes: u64,
}

/// Stretches that were passed over since the last record.
#[derive(Debug, Default)]
pub(crate) struct PassedOver {
    places: Vec<Place>,
    bytes: u64,
}

impl PassedOver {
    /// A stretch without a record that is wanted.
    pub(crate) fn stretch(&mut self, file: FileId, from: u64, to: u64) {
        let bytes = to.saturating_sub(from);
        if bytes == 0 {
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        match self.places.last_mut() {
            Some(last) if last.file == file && last.offset.saturating_add(last.bytes) == from => {
                last.bytes = last.bytes.saturating_add(bytes);
            }
            _ => self.add(Place { file, offset: from, bytes }),
        }
    }

    /// A file that should be there and is not.
    pub(crate) fn missing(&mut self, file: FileId) {
        self.add(Place { file, offset: 0, bytes: 0 });
    }

    /// How many more places are wanted.
    pub(crate) fn room(&self) -> usize {
        PLACES_MAX.saturating_sub(self.places.len())
    }

    fn add(&mut self, place: Place) {
        if self.room() > 0 {
            self.places.push(place);
        }
    }
}

/// The losses of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Every event below this id was come to, or is among the losses.
    come_to: RecordId,
    /// Delivery has gone back: what lies in front of an id below this one was found before.
    met_again: RecordId,
    /// Something was delivered. Before that, what is passed over may belong to what was acknowledged long ago.
    has_delivered: bool,
    /// Found, and delivery has yet to come to what follows.
    ahead: VecDeque<Loss>,
    told: VecDeque<Loss>,
    count: LossCount,
}

impl Losses {
    /// Nothing below this id is waited for.
    pub(crate) fn start(&mut self, first: RecordId) {
        self.come_to = first;
    }

    /// Delivery goes back.
    pub(crate) fn rewind(&mut self) {
        self.met_again = self.come_to;
    }

    pub(crate) fn come_to(&self) -> RecordId {
        self.come_to
    }

    pub(crate) fn has_delivered(&self) -> bool {
        self.has_delivered
    }

    /// Records up to the id `next` were come to, the first of them `first`, behind what was passed over.
    pub(crate) fn deliver(&mut self, first: RecordId, next: RecordId, passed: PassedOver) {
        let has_delivered = std::mem::replace(&mut self.has_delivered, true);
        if first > self.come_to || has_delivered {
            self.find(first, passed);
        }
        self.come_to = self.come_to.max(next);
    }

    /// What comes next is `next`: everything before it is lost, and whatever was passed over is no record.
    pub(crate) fn find(&mut self, next: RecordId, mut passed: PassedOver) {
        if next < self.met_again {
            return;
        }
        let ids = self.come_to..next.max(self.come_to);
        if ids.is_empty() {
            passed.places.retain(|place| place.bytes > 0);
        }
        if !ids.is_empty() || passed.bytes > 0 {
            self.come_to = ids.end;
            self.ahead.push_back(Loss { ids, places: passed.places, bytes: passed.bytes });
        }
    }

    /// The ledger passes all events below `next`. Of those that delivery did not reach, these are lost; the others were dropped. It
    /// is told now: delivery never reaches what is passed.
    pub(crate) fn pass(&mut self, next: RecordId, gaps: Vec<Range<RecordId>>, passed: &mut PassedOver) {
        for gap in gaps {
            self.come_to = self.come_to.max(gap.start);
            self.find(gap.end, std::mem::take(passed));
        }
        self.come_to = self.come_to.max(next);
        self.tell_before(next);
    }

    /// Delivery has come to this id: losses in front of it are told.
    pub(crate) fn tell_before(&mut self, id: RecordId) {
        while let Some(loss) = self.ahead.pop_front_if(|loss| loss.ids.end <= id) {
            self.count.losses = self.count.losses.saturating_add(1);
            self.say(&loss);
            self.count.events = self.count.events.saturating_add(loss.events());
            self.count.bytes = self.count.bytes.saturating_add(loss.bytes);
            self.told.push_back(loss);
            if self.told.len() > KEPT_MAX {
                self.told.pop_front();
            }
        }
    }

    fn say(&self, loss: &Loss) {
        let place = loss.places.first();
        let (file, offset) = (place.map(|place| data_file_name(place.file)), place.map(|place| place.offset));
        let (bytes, first_id, events) = (loss.bytes, loss.ids.start.0, loss.events());
        match self.count.losses {
            0..=SAID_MAX if events > 0 => {
                warn!(
                    first_id,
                    events, file, offset, bytes, "events are lost: no data file holds them whole"
                );
            }
            0..=SAID_MAX => warn!(file, offset, bytes, "passed over bytes that are no record of this buffer"),
            n if n == SAID_MAX + 1 => warn!("more is lost than is said one by one; it is counted"),
            _ => {}
        }
    }

    /// The losses that were told and not taken yet; of very many, the newest.
    pub(crate) fn take(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.told).into()
    }

    pub(crate) fn count(&self) -> LossCount {
        self.count
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn file(number: u16) -> FileId {
        FileId::new(number).expect("a file id")
    }

    fn stretch(from: u64, to: u64) -> PassedOver {
        let mut passed = PassedOver::default();
        passed.stretch(file(0), from, to);
        passed
    }

    /// Bytes in front of the first record may be what was acknowledged and has rotted since: nothing is missing.
    #[test]
    fn what_lies_before_the_first_record_counts_only_with_a_gap() {
        for (first, losses) in [(5, 0), (6, 1)] {
            let mut found = Losses::default();
            found.start(RecordId(5));
            found.deliver(RecordId(first), RecordId(7), stretch(0, 48));
            found.tell_before(RecordId(first));
            assert_eq!(found.count().losses, losses);
        }
    }

    /// A record that was read ahead and is never delivered is read again after reopening, and so is the gap before it.
    #[test]
    fn a_loss_is_told_when_delivery_reaches_what_follows() {
        let mut found = Losses::default();
        found.start(RecordId(1));
        found.deliver(RecordId(1), RecordId(3), PassedOver::default());
        found.deliver(RecordId(9), RecordId(10), stretch(96, 384));
        found.tell_before(RecordId(8));
        assert_eq!(found.take(), []);
        found.tell_before(RecordId(9));
        let places = vec![Place { file: file(0), offset: 96, bytes: 288 }];
        assert_eq!(found.take(), [Loss { ids: RecordId(3)..RecordId(9), places, bytes: 288 }]);
        assert_eq!(found.take(), []);
        assert_eq!(found.count(), LossCount { losses: 1, events: 6, bytes: 288 });
    }

    /// A buffer that is never asked must not fill the memory with what it has lost, and still count it.
    #[test]
    fn the_newest_losses_are_kept_and_all_are_counted() {
        let mut found = Losses::default();
        found.start(RecordId(1));
        for id in (1..20_001).step_by(2) {
            found.deliver(RecordId(id), RecordId(id + 1), PassedOver::default());
            found.tell_before(RecordId(id));
        }
        assert_eq!(found.count().events, 9_999);
        let kept = found.take();
        let last = kept.last().map(|loss| loss.ids.end);
        assert_eq!((kept.len(), last), (KEPT_MAX, Some(RecordId(19_999))));
    }
}

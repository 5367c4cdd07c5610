//! What the buffer has lost, as far as it knows: every event once.

use crate::storage::RecordId;

/// What is lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    events: u64,
    damaged_bytes: u64,
    cut_bytes: u64,
    dropped_events: u64,
    /// The ids that were found to be missing on opening, before any was read: the first of them, and the first behind.
    on_opening: Option<(RecordId, RecordId)>,
}

impl Losses {
    /// Events known to be lost since the buffer was opened.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes that were passed over because they are damaged or repeat ids.
    #[must_use]
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// Bytes that were cut from the end of the newest file on opening.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Unacknowledged events in files that were dropped to make room.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    /// Events were dropped to make room.
    pub fn dropped(&mut self, events: u64) {
        self.dropped_events = self.dropped_events.saturating_add(events);
    }

    /// The ledger has counted the events from `from` up to, not including, `to`, and no file holds them.
    pub fn found_on_opening(&mut self, from: RecordId, to: RecordId) {
        debug_assert!(from <= to && self.events == 0);
        self.on_opening = Some((from, to));
        self.events = to.0.saturating_sub(from.0);
    }

    /// The reader has come from `from` to `to` without an event. What was known on opening is not counted again.
    pub fn found_on_reading(&mut self, from: RecordId, to: RecordId) {
        debug_assert!(from <= to);
        let overlap = |(known_from, known_to): (RecordId, RecordId)| {
            known_to.min(to).0.saturating_sub(known_from.max(from).0)
        };
        let known = self.on_opening.map_or(0, overlap);
        self.events = self.events.saturating_add(to.0.saturating_sub(from.0).saturating_sub(known));
    }

    /// The reader is taken from `from` to `to`, and so many of the events between them are in files.
    pub fn passed_over(&mut self, from: RecordId, to: RecordId, present: u64) {
        self.found_on_reading(from, to);
        self.events = self.events.saturating_sub(present);
    }

    /// Bytes were passed over: damage, or what repeats ids.
    pub fn skipped(&mut self, bytes: u64) {
        self.damaged_bytes = self.damaged_bytes.saturating_add(bytes);
    }

    /// Bytes were cut.
    pub fn cut(&mut self, bytes: u64) {
        self.cut_bytes = self.cut_bytes.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The report of opening and what reading finds overlap in every way there is.
    #[test]
    fn what_was_known_on_opening_is_counted_once() {
        for (from, to, lost) in
            [(10, 20, 10), (5, 20, 15), (10, 25, 15), (5, 25, 20), (1, 5, 14), (20, 22, 12)]
        {
            let mut losses = Losses::default();
            losses.found_on_opening(RecordId(10), RecordId(20));
            losses.found_on_reading(RecordId(from), RecordId(to));
            assert_eq!(losses.events(), lost, "{from} to {to}");
        }
    }
}

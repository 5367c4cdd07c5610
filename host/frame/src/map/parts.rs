//! A data file in three parts: two chains, and what is between them.

use std::collections::VecDeque;

use crate::map::piece::Item;

/// A data file in three parts. The items of each are in file order, and so are the parts.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The forward chain.
    pub(crate) front: Vec<Item>,
    /// What no chain leads to.
    pub(crate) middle: VecDeque<Item>,
    /// The backward chain.
    pub(crate) back: VecDeque<Item>,
    /// The backward chain starts in front of an unfinished frame, or of zeros.
    pub(crate) is_back_at_tail: bool,
    /// Frames of the backward chain are payload of a torn write: none of them counts.
    pub(crate) back_is_payload: bool,
}

impl Parts {
    /// Whether a frame of the middle starts in front of a place and ends behind it.
    pub(crate) fn crosses(&self, place: u64) -> bool {
        self.in_front_of(place).is_some_and(|item| item.end() > place)
    }

    /// Whether a frame of the middle ends at a place.
    pub(crate) fn ends_at(&self, place: u64) -> bool {
        self.in_front_of(place).is_some_and(|item| item.end() == place)
    }

    /// The last frame of the middle that starts in front of a place.
    fn in_front_of(&self, place: u64) -> Option<&Item> {
        let behind = self.middle.partition_point(|item| item.offset() < place);
        behind.checked_sub(1).and_then(|last| self.middle.get(last))
    }

    /// Drops the frames of the middle from a place on.
    pub(crate) fn drop_from(&mut self, start: u64) {
        while self.middle.back().is_some_and(|item| item.offset() >= start) {
            self.middle.pop_back();
        }
    }

    /// How long a frame is at most whose length prefix is all that is left: a damaged one is seldom like those of other frames.
    pub(crate) fn likely_bytes(&self) -> u64 {
        let longest = |items: &mut dyn Iterator<Item = &Item>| {
            items.filter_map(Item::whole).map(|piece| piece.longest_bytes).max()
        };
        let anchored = longest(&mut self.front.iter().chain(&self.back));
        let between = longest(&mut self.middle.iter());
        anchored
            .map(|bytes| bytes.saturating_mul(2))
            .or(between.map(|bytes| bytes.saturating_mul(20)))
            .unwrap_or(0)
    }
}

//! A data file in three parts: two chains, and what is between them.

use std::collections::VecDeque;

use crate::{
    map::{evidence::fits, frames::Frames, gaps::missing, piece::Item},
    source::Source,
};

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
    /// Whether the chains contradict each other: bytes are lost between them, and no id is missing, or too many are.
    pub(crate) fn contradict(&self) -> bool {
        let last = self.front.iter().rev().find_map(Item::whole);
        let first = self.back.iter().find_map(Item::whole);
        last.zip(first).is_some_and(|(last, first)| {
            let (bytes, missing) = (first.offset - last.end, missing(last.next_id, first.first_id));
            bytes > 0 && (missing == 0 || !fits(missing, bytes, last.most_events.max(first.most_events)))
        })
    }

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

    /// Takes what is in front of `end` away from the backward chain, if one of its frames starts there. A whole frame may have been
    /// written over the end of another, but not several.
    pub(crate) fn truncate_back<S: Source>(
        &mut self,
        frames: &mut Frames<'_, S>,
        end: u64,
    ) -> Result<bool, S::Error> {
        let in_front = self.back.iter().take_while(|item| item.offset() < end);
        if in_front.filter_map(Item::whole).take(3).count() > 2 {
            return Ok(false);
        }
        let Some(position) = self.back.iter().position(|item| item.end() > end) else {
            let is_end = self.back.back().is_some_and(|item| item.end() == end);
            if is_end {
                self.back.clear();
            }
            return Ok(is_end);
        };
        let Some(item) = self.back.get(position).copied() else { return Ok(false) };
        let mut behind = Vec::new();
        if item.offset() < end {
            let Some(piece) = item.whole().filter(|piece| !piece.undelimited) else { return Ok(false) };
            let mut before = Vec::new();
            // Broken frames are items of their own: this one has only whole ones.
            let starts_there = frames.walk(piece.offset, end, &mut before)? == end;
            if !starts_there {
                return Ok(false);
            }
            frames.walk(end, piece.end, &mut behind)?;
        } else {
            behind.push(item);
        }
        self.back.drain(..=position);
        for item in behind.into_iter().rev() {
            self.back.push_front(item);
        }
        Ok(true)
    }
}

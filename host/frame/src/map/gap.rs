//! The stretch between the forward and the backward chain, where it is not known where frames start.

use std::{collections::VecDeque, ops::Range};

use crate::{
    id::RecordId,
    layout::{ALIGNMENT, OVERHEAD_BYTES, ROOT, ROOT_BYTES, Root},
    map::{
        backward::{Chain, stated_starts},
        crossed::drop_crossed,
        evidence::{behind_certain_payload, fits, follows_other, ids_in_front},
        fences::Fences,
        frames::{Frames, Prefix},
        gaps::{Before, missing},
        moved::Moved,
        parts::Parts,
        piece::{Item, Piece, push},
        scan::scan,
    },
    source::Source,
};

/// Goes along both chains of a file, and looks for frames between them. `has_back`: whether the backward chain counts. Its
/// frames are looked for like others where it does not.
pub(crate) fn parts<S: Source>(
    frames: &mut Frames<'_, S>,
    fences: Fences,
    has_back: bool,
) -> Result<Parts, S::Error> {
    let mut front = Vec::new();
    let len = frames.file.len;
    let mut at = frames.walk(0, len, &mut front)?;
    if at == len {
        return Ok(Parts { front, ..Parts::default() });
    }
    // What is left of a frame may reach into the one behind it.
    if let Some(last) = front.last().copied().filter(|last| !last.is_plain()) {
        front.pop();
        at = last.offset();
    }
    let last = front.iter().rev().filter_map(Item::whole).find(|piece| fences.admit(piece)).map(Before::of);
    let lowest = last.map(|last| last.floor).or(fences.min).unwrap_or_default();
    let known = last.is_some() || fences.before().is_some();
    // Bytes that are no id are seldom this close.
    let close = lowest.after(if known { u32::MAX.into() } else { u64::MAX });
    let most = fences.end.unwrap_or(close);
    let mut back = VecDeque::new();
    if has_back {
        back.extend(Chain::back_from(frames, len, at, lowest..most)?.items(frames)?);
    }
    let follower =
        back.iter().filter_map(Item::whole).find(|piece| fences.admit(piece)).map(|piece| piece.first_id);
    let ids = lowest..follower.unwrap_or(most).max(lowest);
    let end = drop_crossed(frames, at, &mut back, ids.clone())?;
    let middle = scan(frames, at, end, ids.clone())?.into();
    let mut gap = Gap {
        frames,
        fences,
        at,
        end,
        last,
        follower,
        most_events: front.iter().filter_map(Item::whole).map(|piece| piece.most_events).max().unwrap_or(1),
        torn_at: None,
        parts: Parts { front, middle, back, ..Parts::default() },
    };
    gap.check_first_of_back()?;
    if gap.extend_forward()? {
        while gap.extend_backward()? {}
        gap.drop_payloads()?;
        gap.drop_payloads_of_moved(&ids)?;
        gap.anchor_at_tail()?;
        while gap.extend_backward()? {}
    }
    Ok(gap.parts)
}

struct Gap<'g, 'f, S> {
    frames: &'g mut Frames<'f, S>,
    fences: Fences,
    /// Where the forward chain ends.
    at: u64,
    /// Where the backward chain starts.
    end: u64,
    /// The last whole frame of the forward chain.
    last: Option<Before>,
    /// The id of the first whole frame of the backward chain.
    follower: Option<RecordId>,
    /// The most events that a record of the forward chain holds.
    most_events: u32,
    /// Where a frame may start that would be torn, although records are missing.
    torn_at: Option<u64>,
    parts: Parts,
}

impl<S: Source> Gap<'_, '_, S> {
    /// A trailer leads back to the end of the forward chain, where the length prefix says something else: the ids decide.
    fn check_first_of_back(&mut self) -> Result<(), S::Error> {
        let Some(first) = self.parts.back.front().copied().filter(|item| item.offset() == self.at) else {
            return Ok(());
        };
        let prefix = self.next_prefix()?;
        let is_undelimited = first.whole().is_none_or(|piece| piece.undelimited);
        if is_undelimited && prefix != Prefix::Impossible && prefix != Prefix::EndsAt(first.end()) {
            self.parts.back.pop_front();
            self.parts.middle.push_back(first);
            self.end = first.end();
        }
        Ok(())
    }

    /// Goes on with the forward chain. Gives whether there is still a gap.
    fn extend_forward(&mut self) -> Result<bool, S::Error> {
        loop {
            if self.at == self.end {
                return Ok(false);
            }
            let prefix = self.next_prefix()?;
            if self.next_item_fits(prefix) {
                self.parts.middle.pop_front().into_iter().for_each(|item| self.advance(item));
                continue;
            }
            match prefix {
                Prefix::Impossible => return Ok(true),
                Prefix::BeyondFile(_) => return Ok(self.torn()),
                Prefix::EndsAt(end) if end > self.end => {
                    if self.is_trusted() && self.parts.truncate_back(self.frames, end)? {
                        self.parts.middle.clear();
                        self.broken_to(end);
                        self.end = end;
                    }
                    return Ok(self.at != self.end);
                }
                Prefix::EndsAt(end) => {
                    let is_false_end = end == self.frames.file.len && !self.may_be_last();
                    if is_false_end || self.parts.crosses(end) {
                        return Ok(true);
                    }
                    let behind = self.parts.middle.partition_point(|item| item.offset() < end);
                    let next = self.parts.middle.get(behind).filter(|item| item.offset() == end);
                    let next = next.or_else(|| self.parts.back.front().filter(|_| end == self.end));
                    let is_possible = next.is_some_and(|item| {
                        item.whole()
                            .is_none_or(|piece| self.is_possible(piece) && self.is_next_but_one(piece))
                    });
                    // Behind a frame of another place, the prefix is from there as well.
                    let leads_on = is_possible || end == self.frames.file.len;
                    if leads_on || self.at == 0 || self.is_trusted() {
                        self.parts.middle.drain(..behind);
                    }
                    if !leads_on {
                        return Ok(true);
                    }
                    self.broken_to(end);
                }
            }
        }
    }

    /// Whether the next frame of the middle continues the forward chain. Where the length prefix says something else, its
    /// id, or that of the frame behind it, must be possible at this place.
    fn next_item_fits(&self, prefix: Prefix) -> bool {
        let mut items = self.parts.middle.iter();
        let Some(first) = items.next().filter(|item| item.offset() == self.at) else { return false };
        if prefix == Prefix::EndsAt(first.end()) {
            return true;
        }
        if let Some(piece) = first.whole() {
            // Nothing outweighs a prefix that leads to the end of the file but frames up to there, or ids that are missing.
            let leads_to_end = prefix == Prefix::EndsAt(self.frames.file.len)
                && self.parts.back.is_empty()
                && self.may_be_last();
            return !piece.undelimited || self.is_possible(piece) && !leads_to_end;
        }
        let behind = items.next().or_else(|| self.parts.back.front());
        let behind = behind.filter(|item| item.offset() == first.end()).and_then(Item::whole);
        prefix == Prefix::Impossible
            || behind.is_some_and(|piece| {
                let is_missing = |before: Before| missing(before.next_id, piece.first_id) > 0;
                self.is_possible(piece) && self.before().is_none_or(is_missing)
            })
    }

    /// What stands before the end of the forward chain.
    fn before(&self) -> Option<Before> {
        self.last.or_else(|| self.fences.before())
    }

    fn advance(&mut self, item: Item) {
        if let Some(piece) = item.whole().filter(|piece| self.fences.admit(piece)) {
            self.last = Some(Before::of(piece));
            self.most_events = self.most_events.max(piece.most_events);
        }
        self.at = item.end();
        push(&mut self.parts.front, item);
    }

    /// Whether the ids that are missing in front of a piece fit into the bytes in front of it.
    fn is_possible(&self, piece: &Piece) -> bool {
        self.before().is_none_or(|before| {
            before.floor <= piece.first_id
                && fits(
                    missing(before.next_id, piece.first_id),
                    piece.offset.saturating_sub(before.end),
                    self.most_events,
                )
        })
    }

    /// Whether one record between may hold the ids that are missing in front of a piece.
    fn is_next_but_one(&self, piece: &Piece) -> bool {
        let most = u64::from(self.most_events).saturating_mul(4);
        self.last.is_none_or(|last| last.end != self.at || missing(last.next_id, piece.first_id) <= most)
    }

    /// The frame at the end of the forward chain states a length beyond the end of the file: it is a torn write. Frames
    /// behind it contradict only where records are missing. Gives whether there is still a gap.
    fn torn(&mut self) -> bool {
        // A whole frame has no room in front of the backward chain: what begins there is payload.
        let has_room = |first: &Item| first.offset() - self.at >= OVERHEAD_BYTES;
        let contradicts = !self.is_trusted() || self.parts.back.front().is_some_and(has_room);
        if contradicts && self.records_follow(self.before(), self.at) {
            return true;
        }
        self.parts.middle.clear();
        self.parts.back_is_payload = !self.parts.back.is_empty();
        false
    }

    /// Whether the frame at the end of the forward chain may be the last of the file.
    fn may_be_last(&self) -> bool {
        !self.records_follow(self.before(), self.at)
    }

    /// Whether the next file starts with so high an id that more records are missing than one at `place` and those for which
    /// there is room in front of it.
    fn records_follow(&self, before: Option<Before>, place: u64) -> bool {
        let (Some(end), Some(before)) = (self.fences.end, before) else { return false };
        let room =
            (place.saturating_sub(before.end) / OVERHEAD_BYTES + 1).saturating_mul(self.most_events.into());
        before.next_id.after(room) < end
    }

    /// Whether a frame stands at the end of the forward chain that can stand there.
    fn is_trusted(&self) -> bool {
        self.parts.front.last().and_then(Item::whole).is_some_and(|piece| {
            self.fences.min.is_none_or(|min| min <= piece.first_id)
                && self.follower.or(self.fences.end).is_none_or(|first| piece.floor <= first)
        })
    }

    /// Whether the last whole frame of the forward chain can stand in this file. What follows one from elsewhere is from there, too.
    fn chain_belongs(&self) -> bool {
        self.parts.front.iter().rev().find_map(Item::whole).is_none_or(|piece| self.fences.admit(piece))
    }

    /// What the length prefix at the end of the forward chain says of this file.
    fn next_prefix(&mut self) -> Result<Prefix, S::Error> {
        if self.chain_belongs() { self.frames.prefix(self.at) } else { Ok(Prefix::Impossible) }
    }

    /// A trailer that does not agree with itself may still say where its frame starts. Gives whether the backward chain goes
    /// on there.
    fn extend_backward(&mut self) -> Result<bool, S::Error> {
        let mut trailer = [0; ROOT];
        let Some(offset) =
            self.end.checked_sub(ROOT_BYTES).filter(|_| self.at < self.end && self.end % ALIGNMENT == 0)
        else {
            return Ok(false);
        };
        if self.frames.file.read_at(offset, &mut trailer)? < ROOT {
            return Ok(false);
        }
        let root: Root = zerocopy::transmute!(trailer);
        let id = RecordId(root.id.get());
        let is_possible = self.before().is_none_or(|before| before.floor <= id)
            && self.follower.or(self.fences.end).is_none_or(|follower| id < follower);
        let starts = stated_starts(&root, self.end, self.at);
        if !is_possible || root.padded().is_some() {
            return Ok(false);
        }
        let lead_on = |start: &u64| *start == self.at || self.parts.ends_at(*start);
        if let Some(start) = starts.into_iter().flatten().find(lead_on) {
            self.parts.drop_from(start);
            self.parts.back.push_front(Item::Broken { offset: start, end: self.end });
            self.end = start;
            self.anchor_last();
            return Ok(true);
        }
        for start in starts.into_iter().flatten() {
            if !self.parts.crosses(start) {
                self.parts.drop_from(start);
            }
        }
        Ok(false)
    }

    /// Adds the last frames of the middle to the backward chain, as far as they are adjacent to it.
    fn anchor_last(&mut self) {
        while let Some(item) = self.parts.middle.back().copied().filter(|item| item.end() == self.end) {
            self.parts.middle.pop_back();
            self.end = item.offset();
            self.follower = item.whole().map(|piece| piece.first_id).or(self.follower);
            self.parts.back.push_front(item);
        }
    }

    /// Where a length prefix is left, what it says lies in its frame is payload, unless it contradicts a frame that is known.
    fn drop_payloads(&mut self) -> Result<(), S::Error> {
        let is_last = self.parts.back.is_empty();
        let floor = self.before().map_or(RecordId(0), |before| before.floor);
        let most = self.follower.or(self.fences.end).unwrap_or(RecordId(u64::MAX));
        let longest = self.parts.likely_bytes();
        let mut last = self.before();
        let mut at = self.at;
        let items = Vec::from(std::mem::take(&mut self.parts.middle));
        let mut kept = VecDeque::new();
        let mut next = 0;
        // Where a frame is known to start, if that is at the end of one.
        let mut boundary = at;
        while let Some(item) = items.get(next).copied() {
            if at >= item.offset() {
                at = item.end();
                boundary = at;
                if let Some(piece) = item.whole().filter(|piece| piece.first_id >= floor) {
                    last = Some(Before::of(piece));
                }
                kept.push_back(item);
                next += 1;
                continue;
            }
            let prefix = self.frames.prefix(at)?;
            let is_next = at == self.at;
            let is_open = is_last && (!is_next || self.chain_belongs()) && !self.records_follow(last, at);
            match prefix {
                Prefix::EndsAt(end) if end <= self.end && end - at <= longest => {
                    let behind = items.partition_point(|item| item.offset() < end);
                    let within = items.get(next..behind).unwrap_or_default();
                    let ids = ids_in_front(within, floor..most, self.fences);
                    // Behind the forward chain, the frame in front is the one that belongs there.
                    if within.last().is_some_and(|last| last.end() <= end || self.is_too_high(last))
                        && (is_next && self.chain_belongs() || !follows_other(self.frames, at, &ids)?)
                    {
                        next = behind;
                        at = end;
                        continue;
                    }
                }
                Prefix::EndsAt(end) | Prefix::BeyondFile(end) if is_open && end - at <= longest => break,
                Prefix::BeyondFile(_) => {
                    self.torn_at = self.torn_at.or(Some(at));
                }
                _ => {}
            }
            // No whole frame has room between.
            let is_payload = at == boundary || item.offset() - at < OVERHEAD_BYTES;
            if let (true, Prefix::EndsAt(end) | Prefix::BeyondFile(end)) = (is_payload, prefix) {
                next = behind_certain_payload(&items, next, at, end);
            }
            at += ALIGNMENT;
        }
        self.parts.middle = kept;
        Ok(())
    }

    fn drop_payloads_of_moved(&mut self, ids: &Range<RecordId>) -> Result<(), S::Error> {
        if self.parts.middle.iter().any(|item| item.whole().is_some()) {
            let moved = Moved::between(self.frames, self.at, self.end, ids)?;
            self.parts.middle.retain(|item| !moved.hold(item.offset(), item.end()));
        }
        Ok(())
    }

    /// Where the file ends with an unfinished frame, or with zeros that were to be one, the frames in front of it are a
    /// backward chain.
    fn anchor_at_tail(&mut self) -> Result<(), S::Error> {
        let Some(end) = self.parts.middle.back().map(Item::end).filter(|_| self.parts.back.is_empty()) else {
            return Ok(());
        };
        if self.torn_at.is_some_and(|torn_at| torn_at < end) {
            return Ok(());
        }
        if matches!(self.frames.prefix(end)?, Prefix::BeyondFile(_)) || self.frames.is_zero_from(end)? {
            self.end = end;
            self.anchor_last();
            self.parts.is_back_at_tail = true;
        }
        Ok(())
    }

    /// Whether the ids of what follows the gap show that a frame is from elsewhere.
    fn is_too_high(&self, item: &Item) -> bool {
        let follower = self.follower.or(self.fences.end);
        item.whole().is_some_and(|piece| follower.is_some_and(|follower| piece.first_id >= follower))
    }

    fn broken_to(&mut self, end: u64) {
        self.advance(Item::Broken { offset: self.at, end });
    }
}

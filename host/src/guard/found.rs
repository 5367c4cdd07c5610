//! What one scan has found, until one of its limits is reached.

use std::num::NonZeroU32;

use forebay_frame::{CountSource, Frame, FrameError, RecordId, Surroundings, decode};

use super::span::{ScanLimits, Span, SpanState};

/// No scan gives more spans, whatever it is asked for.
const SPANS_MAX: usize = 4096;

/// What a scan has found so far, and how much more it may.
pub(super) struct Found {
    pub(super) spans: Vec<Span>,
    /// What is known behind each of them.
    pub(super) behind: Vec<Surroundings>,
    /// What is known behind the last.
    pub(super) around: Surroundings,
    spans_max: usize,
    records_left: u32,
    bytes_left: u64,
    any: bool,
    pub(super) is_full: bool,
}

/// Records that follow each other, and what lies behind them.
pub(super) struct Followed<'a> {
    /// How long their frames are.
    pub(super) bytes: u64,
    /// Where the next frame should be; `None` if the bytes end there or a limit is reached.
    pub(super) behind: Option<Result<Frame<'a>, FrameError>>,
}

impl Found {
    pub(super) fn new(around: Surroundings, limits: ScanLimits, bytes_max: u64) -> Self {
        Self {
            spans: Vec::new(),
            behind: Vec::new(),
            around,
            spans_max: usize::try_from(limits.max_spans).unwrap_or(SPANS_MAX).clamp(1, SPANS_MAX),
            records_left: limits.max_records.max(1),
            bytes_left: limits.max_bytes.min(bytes_max),
            any: false,
            is_full: false,
        }
    }

    /// Adds the records that these bytes begin with, as long as the ids go on and each frame states its events: about such
    /// nothing need be looked up, and they are one span. Shows each, with its offset.
    #[inline]
    pub(super) fn follow<'a>(
        &mut self,
        offset: u64,
        bytes: &'a [u8],
        mut show: impl FnMut(u64, &Frame<'a>),
    ) -> Followed<'a> {
        let first_id = self.around.floor;
        let none =
            Span { offset, bytes: 0, first_id, next_id: first_id, records: 0, state: SpanState::Whole };
        let (mut span, mut rest) = (none, bytes);
        let has_room = self.has_room(first_id);
        let behind = loop {
            if rest.is_empty() {
                break None;
            }
            if span.records == self.records_left {
                break self.full();
            }
            let frame = match decode(rest) {
                Ok(frame) => frame,
                Err(error) => break Some(Err(error)),
            };
            if frame.id != span.next_id || frame.count_source != CountSource::Frame || !has_room {
                break Some(Ok(frame));
            }
            let with_it = span.bytes.saturating_add(frame.bytes);
            if with_it > self.bytes_left && (self.any || span.records > 0) {
                break self.full();
            }
            show(offset.saturating_add(span.bytes), &frame);
            span.bytes = with_it;
            span.next_id = frame.next_id();
            span.records += 1;
            rest = usize::try_from(frame.bytes).ok().and_then(|bytes| rest.get(bytes..)).unwrap_or_default();
        };
        if span.records > 0 {
            self.add(span, Surroundings { floor: span.next_id, exact: true, ..self.around });
        }
        Followed { bytes: span.bytes, behind }
    }

    /// Adds a record of so many events to the last span, or starts another. Gives its length, or `None` if it is one too many.
    pub(super) fn whole(&mut self, offset: u64, frame: &Frame<'_>, events: NonZeroU32) -> Option<u64> {
        // The first record is given however long it is.
        let fits = self.records_left > 0 && (!self.any || frame.bytes <= self.bytes_left);
        if !fits || !self.has_room(frame.id) {
            return self.full();
        }
        let (bytes, first_id) = (frame.bytes, frame.id);
        let next_id = first_id.after(events.get().into());
        let span = Span { offset, bytes, first_id, next_id, records: 1, state: SpanState::Whole };
        self.add(span, self.around.after(frame));
        Some(bytes)
    }

    /// Whether whole records from this id on may come: they go on with the last span, or another one is allowed.
    fn has_room(&self, first_id: RecordId) -> bool {
        let goes_on = |span: &Span| span.state == SpanState::Whole && span.next_id == first_id;
        self.spans.len() < self.spans_max || self.spans.last().is_some_and(goes_on)
    }

    /// Adds whole records that there is room for, and what is known behind them.
    fn add(&mut self, records: Span, behind: Surroundings) {
        match self.spans.last_mut() {
            Some(span) if span.state == SpanState::Whole && span.next_id == records.first_id => {
                span.bytes = span.bytes.saturating_add(records.bytes);
                span.next_id = records.next_id;
                span.records = span.records.saturating_add(records.records);
                self.behind.pop();
            }
            _ => self.spans.push(records),
        }
        self.behind.push(behind);
        self.around = behind;
        self.any = true;
        self.records_left = self.records_left.saturating_sub(records.records);
        self.bytes_left = self.bytes_left.saturating_sub(records.bytes);
        self.is_full |= self.records_left == 0;
    }

    /// Adds a damage, as a span of its own. Gives its length, or `None` if it is one span too many.
    pub(super) fn damage(&mut self, offset: u64, bytes: u64, state: SpanState) -> Option<u64> {
        if self.spans.len() >= self.spans_max {
            return self.full();
        }
        let none = RecordId(0);
        self.spans.push(Span { offset, bytes, first_id: none, next_id: none, records: 0, state });
        self.around = self.around.after_damage();
        self.behind.push(self.around);
        Some(bytes)
    }

    fn full<T>(&mut self) -> Option<T> {
        self.is_full = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: ScanLimits =
        ScanLimits { max_spans: u32::MAX, max_records: u32::MAX, max_bytes: u64::MAX };

    /// Frames of 48 bytes each, with these ids and this metadata.
    fn frames(ids: &[u64], metadata: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for id in ids {
            forebay_frame::encode(&mut bytes, RecordId(*id), metadata, NonZeroU32::MIN, b"payload");
        }
        bytes
    }

    /// Follows frames from id 1 on. Gives the ids that were shown, the id of what lies behind them, and what was found.
    fn follow(bytes: &[u8], limits: ScanLimits) -> (Vec<u64>, Option<u64>, Found) {
        let around = Surroundings::at_start(RecordId(u64::MAX));
        let mut found = Found::new(around, limits, u64::MAX);
        let mut ids = Vec::new();
        let followed = found.follow(0, bytes, |offset, frame| {
            assert_eq!(offset, 48 * u64::try_from(ids.len()).unwrap_or(u64::MAX));
            ids.push(frame.id.0);
        });
        assert_eq!(followed.bytes, found.spans.iter().map(|span| span.bytes).sum::<u64>());
        let behind = followed.behind.and_then(Result::ok).map(|frame| frame.id.0);
        (ids, behind, found)
    }

    /// What skips ids may be a block that was written to the wrong place: that is looked into before it counts.
    #[test]
    fn what_skips_ids_or_goes_back_is_not_followed() {
        for (id, last) in [(4, 3), (2, 3), (1, 3)] {
            let (ids, behind, found) = follow(&frames(&[1, 2, id], 0), NO_LIMIT);
            assert_eq!((ids.as_slice(), behind), ([1, 2].as_slice(), Some(id)));
            assert_eq!((found.around.floor, found.around.exact), (RecordId(last), true));
        }
        let (ids, _, found) = follow(&frames(&[2, 3], 0), NO_LIMIT);
        assert!(ids.is_empty() && found.spans.is_empty() && found.around.floor == RecordId(1));
    }

    /// Events that are counted in a payload may be fewer: the next record's id says so.
    #[test]
    fn what_does_not_state_its_events_is_not_followed() {
        let (ids, behind, _) = follow(&frames(&[1, 2], 1), NO_LIMIT);
        assert_eq!((ids.len(), behind), (0, Some(1)));
    }

    /// Limits bound the memory and the time of one call.
    #[test]
    fn no_more_is_followed_than_the_limits_allow() {
        let bytes = frames(&[1, 2, 3], 0);
        let (ids, behind, found) = follow(&bytes, ScanLimits { max_records: 2, ..NO_LIMIT });
        assert_eq!((ids.len(), behind, found.is_full), (2, None, true));
        for (max_bytes, fitting) in [(0, 1), (95, 1), (96, 2)] {
            let (ids, behind, found) = follow(&bytes, ScanLimits { max_bytes, ..NO_LIMIT });
            assert_eq!((ids.len(), behind, found.is_full), (fitting, None, true), "{max_bytes}");
        }
        let (_, _, mut found) = follow(&bytes, ScanLimits { max_spans: 1, ..NO_LIMIT });
        found.around.floor = RecordId(7);
        let apart = found.follow(144, &frames(&[7], 0), |_, _| {}).bytes;
        assert_eq!((apart, found.spans.len()), (0, 1));
        found.around.floor = RecordId(4);
        let next = found.follow(144, &frames(&[4], 0), |_, _| {}).bytes;
        assert_eq!((next, found.spans.len()), (48, 1), "it goes on with the span that is there");
    }
}

//! What one scan has found, until one of its limits is reached.

use std::num::NonZeroU32;

use forebay_frame::{Frame, RecordId, Surroundings};

use super::span::{ScanLimits, Span, SpanState};

/// No scan gives more spans, whatever it is asked for.
const SPANS_MAX: usize = 4096;

/// What a scan has found so far, and how much more it may.
pub(super) struct Found {
    pub(super) spans: Vec<Span>,
    pub(super) around: Surroundings,
    spans_max: usize,
    records_left: u32,
    bytes_left: u64,
    any: bool,
    pub(super) is_full: bool,
}

impl Found {
    pub(super) fn new(around: Surroundings, limits: ScanLimits, bytes_max: u64) -> Self {
        Self {
            spans: Vec::new(),
            around,
            spans_max: usize::try_from(limits.max_spans).unwrap_or(SPANS_MAX).clamp(1, SPANS_MAX),
            records_left: limits.max_records.max(1),
            bytes_left: limits.max_bytes.min(bytes_max),
            any: false,
            is_full: false,
        }
    }

    /// Adds a record of so many events to the last span, or starts another. Gives its length, or `None` if it is one too many.
    #[inline]
    pub(super) fn whole(&mut self, offset: u64, frame: &Frame<'_>, events: NonZeroU32) -> Option<u64> {
        let next_id = frame.id.after(events.get().into());
        // The first record is given however long it is.
        let fits = self.records_left > 0 && (!self.any || frame.bytes <= self.bytes_left);
        let has_room = self.spans.len() < self.spans_max;
        match self.spans.last_mut() {
            _ if !fits => return self.full(),
            Some(span) if span.state == SpanState::Whole && span.next_id == frame.id => {
                span.bytes += frame.bytes;
                span.next_id = next_id;
                span.records += 1;
            }
            _ if !has_room => return self.full(),
            _ => self.spans.push(Span {
                offset,
                bytes: frame.bytes,
                first_id: frame.id,
                next_id,
                records: 1,
                state: SpanState::Whole,
            }),
        }
        self.any = true;
        self.records_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(frame.bytes);
        self.is_full = self.records_left == 0;
        self.around = self.around.after(frame);
        Some(frame.bytes)
    }

    /// Adds a damage, as a span of its own. Gives its length, or `None` if it is one span too many.
    pub(super) fn damage(&mut self, offset: u64, bytes: u64, state: SpanState) -> Option<u64> {
        if self.spans.len() >= self.spans_max {
            return self.full();
        }
        let none = RecordId(0);
        self.spans.push(Span { offset, bytes, first_id: none, next_id: none, records: 0, state });
        self.around = self.around.after_damage();
        Some(bytes)
    }

    fn full(&mut self) -> Option<u64> {
        self.is_full = true;
        None
    }
}

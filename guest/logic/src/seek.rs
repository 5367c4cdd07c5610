//! Finding a record inside a span. A scan names whole frames by their first and last id only, and a record may have many
//! events, so the place is narrowed down by scans that are told to stop after a number of records.

use crate::ring::FileId;
use crate::storage::{RecordId, ScanLimits, Span, SpanState, Storage, StorageError};
use crate::survey::NO_LIMIT;

/// The part of a span of whole records that starts with the record which holds the event `id`, or with the span's first
/// if that is above it. `id` must lie before the span's end.
///
/// Two scans where all records have the same number of events, and otherwise no more than the binary logarithm of their
/// number, each of what is still in doubt.
pub fn unread_part(
    storage: &mut impl Storage,
    file: FileId,
    span: &Span,
    id: RecordId,
) -> Result<Span, StorageError> {
    debug_assert!(span.state == SpanState::Whole && id < span.next_id);
    let mut rest = *span;
    // The records at the head of `rest` among which the one that is looked for is, and the id behind them.
    let mut doubtful = Doubt { records: span.records, next_id: span.next_id };
    let mut first_guess = true;
    while rest.first_id < id && doubtful.records > 1 {
        let records =
            if first_guess { doubtful.in_proportion(rest.first_id, id) } else { doubtful.records / 2 };
        first_guess = false;
        let limits = ScanLimits { max_spans: 1, max_records: records, ..NO_LIMIT };
        let scanned = storage.scan(file, rest.offset, limits)?;
        let Some(head) = scanned.spans.first().filter(|head| {
            head.state == SpanState::Whole
                && head.first_id == rest.first_id
                && (1..doubtful.records).contains(&head.records)
        }) else {
            break; // the file has changed under us
        };
        if head.next_id > id {
            doubtful = Doubt { records: head.records, next_id: head.next_id };
        } else {
            rest.offset = rest.offset.saturating_add(head.bytes);
            rest.bytes = rest.bytes.saturating_sub(head.bytes);
            rest.first_id = head.next_id;
            rest.records = rest.records.saturating_sub(head.records);
            doubtful.records = doubtful.records.saturating_sub(head.records);
        }
    }
    Ok(rest)
}

struct Doubt {
    records: u32,
    next_id: RecordId,
}

impl Doubt {
    /// How many records lie before `id` if all have the same number of events; at least one, and not all.
    fn in_proportion(&self, first_id: RecordId, id: RecordId) -> u32 {
        let before = u128::from(id.0.saturating_sub(first_id.0));
        let all = u128::from(self.next_id.0.saturating_sub(first_id.0)).max(1);
        let records = u128::from(self.records) * before / all;
        u32::try_from(records).unwrap_or(u32::MAX).clamp(1, self.records.saturating_sub(1).max(1))
    }
}

//! What a scan is asked for, and what it finds: the types of `storage.scan` in the contract.

use forebay_frame::RecordId;

/// What a stretch of a data file is: `storage.span-state` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanState {
    /// Whole frames.
    Whole,
    /// Damaged bytes that something follows, or that are as long as a frame.
    Corrupt,
    /// An unfinished frame at the end of the file.
    Torn,
}

/// A stretch of a data file: `storage.span` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The first record's id; 0 unless it is whole.
    pub first_id: RecordId,
    /// The id after the last record's last event; 0 unless it is whole.
    pub next_id: RecordId,
    /// How many records it holds; 0 unless it is whole.
    pub records: u32,
    /// What it is.
    pub state: SpanState,
}

/// Where a scan may stop: `storage.scan-limits` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// After this many spans.
    pub max_spans: u32,
    /// After this many whole records.
    pub max_records: u32,
    /// Before the whole records are longer than this in bytes; the first is given however long it is.
    pub max_bytes: u64,
}

/// What a scan found: `storage.scanned` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The spans, in the order of the file and without a hole.
    pub spans: Vec<Span>,
    /// Where the next scan goes on.
    pub next_offset: u64,
}

impl Scanned {
    /// Where the last whole span ends, and the id behind it.
    pub(super) fn last_whole(&self) -> Option<(u64, RecordId)> {
        let whole = self.spans.iter().rev().find(|span| span.state == SpanState::Whole)?;
        Some((whole.offset.saturating_add(whole.bytes), whole.next_id))
    }
}

/// Where the first damage begins in these spans.
pub(super) fn damaged_at(spans: &[Span]) -> Option<u64> {
    spans.iter().find(|span| span.state != SpanState::Whole).map(|span| span.offset)
}

/// Where the unfinished frame begins that ends the last of these spans, if one does.
pub(super) fn torn_at(spans: &[Span]) -> Option<u64> {
    spans.last().filter(|span| span.state == SpanState::Torn).map(|span| span.offset)
}

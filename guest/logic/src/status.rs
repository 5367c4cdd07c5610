//! The figures that a running buffer gives, by number. A number never gets a new meaning: 3 to 5, 7 to 9 and 11 are retired.

/// Bytes in all data files.
pub const BYTES: u16 = 1;
/// Segments in order.
pub const SEGMENTS: u16 = 2;
/// Bytes in segments with unacknowledged events that no ended sync covers.
pub const UNSYNCED_BYTES: u16 = 6;
/// Events that wait, lost ones among them.
pub const WAITING_EVENTS: u16 = 10;
/// Unacknowledged events that were dropped to make room since opening.
pub const DROPPED_EVENTS: u16 = 12;

//! The figures that a running buffer gives, by number. Numbers are never given a new meaning.

/// Bytes in all data files.
pub const BYTES: u16 = 1;
/// Data files in use.
pub const FILES: u16 = 2;
/// Events that were found to be lost since opening.
pub const LOST_EVENTS: u16 = 3;
/// Bytes that were passed over, on opening or reading, because they are damaged or repeat ids.
pub const DAMAGED_BYTES: u16 = 4;
/// Bytes that were cut from the end of the newest file on opening.
pub const CUT_BYTES: u16 = 5;
/// Bytes in the data files in use that no ended sync covers.
pub const UNSYNCED_BYTES: u16 = 6;
/// Acknowledgements that were ignored: of what was acknowledged already, or not yet read.
pub const IGNORED_ACKS: u16 = 7;
/// The number of the file that is being read.
pub const READING_FILE: u16 = 8;
/// How far it is read, in bytes.
pub const READING_OFFSET: u16 = 9;
/// Events that wait, those that are lost among them.
pub const EVENTS: u16 = 10;
/// 1 while something is not safe after a failed sync, else 0.
pub const DEGRADED: u16 = 11;
/// Unacknowledged events in files that were dropped to make room since opening.
pub const DROPPED_EVENTS: u16 = 12;

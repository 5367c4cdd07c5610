//! What the host knows of one data file.

use std::ops::Range;

use forebay_frame::RecordId;

/// What is known of one data file.
#[expect(clippy::struct_excessive_bools, reason = "they come in any combination")]
#[derive(Clone, Debug)]
pub(super) struct FileAccount {
    /// Its length in bytes.
    pub(super) length: u64,
    /// How many bytes from its start are durable, as seen under this lock.
    pub(super) durable: u64,
    /// The id after the last record that lies within `durable`.
    pub(super) durable_next: RecordId,
    /// Whether its name is durable.
    pub(super) name_durable: bool,
    /// A sync of its bytes has failed: none beyond `durable` counts as durable before it was written anew.
    pub(super) data_suspect: bool,
    /// It was cut under this lock: what was there before may come back.
    pub(super) is_cut: bool,
    /// A sync of the directory has failed that was to make its name durable.
    pub(super) name_suspect: bool,
    /// How far from its start the host has read or written it without leaving anything out.
    pub(super) seen: u64,
    /// The highest id after a whole record in what was seen.
    pub(super) seen_next: RecordId,
    /// The end of the last whole record in what was seen.
    pub(super) whole_end: u64,
    /// Where the first damage begins in what was seen: records behind it may not be found, should another one follow.
    pub(super) damaged_at: Option<u64>,
    /// Where an unfinished frame begins that ends the file.
    pub(super) torn_at: Option<u64>,
    /// The ids that were appended to it under this lock.
    pub(super) written: Option<Range<RecordId>>,
}

impl FileAccount {
    pub(super) fn new(length: u64, name_durable: bool) -> Self {
        Self {
            length,
            durable: 0,
            durable_next: RecordId(0),
            name_durable,
            data_suspect: false,
            is_cut: false,
            name_suspect: false,
            seen: 0,
            seen_next: RecordId(0),
            whole_end: 0,
            damaged_at: None,
            torn_at: None,
            written: None,
        }
    }

    /// Whether what lies beyond `durable` may not be on the disk, and only writing the file anew mends it.
    pub(super) fn is_suspect(&self) -> bool {
        self.data_suspect || self.name_suspect
    }

    /// The ids that were appended to it under this lock and are not known to be durable.
    pub(super) fn not_durable(&self) -> Option<Range<RecordId>> {
        let written = self.written.clone()?;
        Some(written.start.max(self.durable_next)..written.end)
    }

    /// Whether every byte was looked at, so that the ids it holds are known.
    pub(super) fn is_seen(&self) -> bool {
        self.seen == self.length
    }
}

/// What was read of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Where the last whole record in it ends, and the id behind that.
    pub(super) whole: Option<(u64, RecordId)>,
    /// Where the first damage in it begins.
    pub(super) damaged_at: Option<u64>,
    /// Where an unfinished frame begins that reaches to its end.
    pub(super) torn_at: Option<u64>,
}

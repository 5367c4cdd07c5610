//! Saying, once, why records wait or are refused.

use forebay::{Buffer, Status, WhyFull, WriteError};
use tracing::warn;

use crate::{limits, signals::Signals};

/// Watches over records that wait for room.
pub(crate) struct Room {
    max_bytes: u64,
    /// 0 for no limit.
    max_events: u64,
    /// Whether room is made in this process, by reading or by dropping the oldest.
    is_emptied: bool,
    said: bool,
}

/// Why records are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause<'a> {
    FailedSync,
    FullBuffer,
    FullDisk,
    /// The storage failed, as it says.
    Storage(&'a str),
    /// There is room by all that the host knows.
    Logic,
}

impl<'a> Cause<'a> {
    fn of(status: &'a Status, longest_frame: u64, room: &Room) -> Self {
        let has_bytes = status.bytes.saturating_add(longest_frame) <= room.max_bytes;
        let has_events = room.max_events == 0 || status.occupancy.events < room.max_events;
        if status.sync_failed {
            Self::FailedSync
        } else if !has_bytes || !has_events {
            Self::FullBuffer
        } else if status.disk_full {
            Self::FullDisk
        } else if let Some(error) = &status.storage_error {
            Self::Storage(error)
        } else {
            Self::Logic
        }
    }
}

impl Room {
    /// Room in a buffer of at most so many bytes, and so many events; 0 for any.
    pub(crate) fn new(max_bytes: u64, max_events: u64, is_emptied: bool) -> Self {
        Self { max_bytes, max_events, is_emptied, said: false }
    }

    /// A batch was not taken at once: says why, if it is for want of room.
    pub(crate) fn waits(&mut self, longest_frame: u64, signals: &Signals) {
        if self.said {
            return;
        }
        let Some(status) = signals.with_buffer(Buffer::status).flatten() else { return };
        let waiting_records = status.waiting_records;
        if waiting_records == 0 {
            return;
        }
        let cause = Cause::of(&status, longest_frame, self);
        self.said = cause != Cause::FullBuffer || !self.is_emptied;
        match cause {
            Cause::FailedSync => warn!(
                waiting_records,
                "a sync has failed: waiting until what it left in doubt is safe; look for what the kernel says of the disk"
            ),
            Cause::FullBuffer if self.is_emptied => {}
            Cause::FullBuffer => warn!(
                bytes = status.bytes,
                records = status.occupancy.events,
                waiting_records,
                "the buffer is full: read it ('forebay read'), or choose a larger --max-size or --max-events"
            ),
            Cause::FullDisk => {
                warn!(waiting_records, "the disk has no room: waiting until it has{}", limits::remark());
            }
            Cause::Storage(error) => {
                warn!(error, waiting_records, "the storage takes no records: waiting until it does");
            }
            Cause::Logic => warn!(
                waiting_records,
                bytes = status.bytes,
                "the buffer's logic takes no records, although the buffer has room: waiting until it does"
            ),
        }
    }

    /// Records were refused: says what was lacking when they were offered.
    pub(crate) fn refuses(&mut self, refusal: &WriteError) {
        let Some(why_full) = refusal.why_full.filter(|_| !self.said) else { return };
        self.said = true;
        match (why_full, &refusal.storage) {
            (WhyFull::FailedSync, _) => {
                warn!("a sync has failed: records are refused until what it left in doubt is safe");
            }
            (WhyFull::Limits, _) => warn!("the buffer is full: records are refused"),
            (WhyFull::Disk, _) => warn!("the disk is full: records are refused{}", limits::remark()),
            (_, Some(error)) => warn!(%error, "the storage takes no records: they are refused"),
            _ => warn!("the buffer's logic takes no records, although the buffer has room: they are refused"),
        }
    }
}

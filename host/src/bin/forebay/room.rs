//! Saying, once, that the buffer or its disk is full.

use forebay::Buffer;
use tracing::warn;

use crate::signals::Signals;

/// Watches over records that wait for room.
pub(crate) struct Room {
    max_bytes: u64,
    /// Whether somebody in this process is going to make room by reading.
    is_read: bool,
    said: bool,
}

impl Room {
    /// Room in a buffer of at most so many bytes.
    pub(crate) fn new(max_bytes: u64, is_read: bool) -> Self {
        Self { max_bytes, is_read, said: false }
    }

    /// A batch was not taken at once: says why, if it is for want of room.
    pub(crate) fn waits(&mut self, longest_frame: u64, signals: &Signals) {
        if self.said {
            return;
        }
        let Some(status) = signals.with_buffer(Buffer::status).flatten() else { return };
        if status.waiting_records == 0 {
            return;
        }
        let is_full = status.bytes.saturating_add(longest_frame) > self.max_bytes;
        if !is_full {
            self.said = true;
            warn!(waiting_records = status.waiting_records, "the disk has no room: waiting until it has");
        } else if !self.is_read {
            self.said = true;
            warn!(
                bytes = status.bytes,
                waiting_records = status.waiting_records,
                "the buffer is full, and nobody can read it while this process holds it: stop this process and read, \
                 or choose a larger --max-size"
            );
        }
    }

    /// Records were refused.
    pub(crate) fn refuses(&mut self) {
        if !self.said {
            self.said = true;
            warn!("the buffer or its disk is full: records are refused");
        }
    }
}

//! Records that are longer than a record may be: what becomes of them, and how many there were.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use forebay_api::framing::{Cutter, Fault};

use crate::{args::OnTooLong, print};

/// How long a record may be, and what becomes of one that is longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// In bytes.
    pub(crate) max: usize,
    pub(crate) on_too_long: OnTooLong,
}

impl Limit {
    pub(crate) fn new(max: u64, on_too_long: OnTooLong) -> Self {
        Self { max: usize::try_from(max).unwrap_or(usize::MAX), on_too_long }
    }
}

/// How many records were read from stdin, and how many of them were too long.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    records: AtomicU64,
    skipped: AtomicU64,
    truncated: AtomicU64,
}

impl Counts {
    /// Records that were read, but for those that were left out.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::SeqCst)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::SeqCst)
    }

    pub(crate) fn truncated(&self) -> u64 {
        self.truncated.load(Ordering::SeqCst)
    }

    pub(crate) fn add_records(&self, records: u64) {
        self.records.fetch_add(records, Ordering::SeqCst);
    }

    pub(super) fn add_skipped(&self) {
        self.skipped.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn add_truncated(&self) {
        self.truncated.fetch_add(1, Ordering::SeqCst);
    }

    /// Says what was done to records that were too long, before an error is said.
    pub(crate) fn say_overlong(&self) {
        let said = self.said_of_overlong();
        if !said.is_empty() {
            print::say(&said.join(", "));
        }
    }

    /// What was done to records that were too long, as parts of a line. None: nothing was.
    pub(crate) fn said_of_overlong(&self) -> Vec<String> {
        let counted = [(self.skipped(), "skipped"), (self.truncated(), "truncated")];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        counted.map(|(count, what)| format!("{count} {what} for being longer than a record may be")).collect()
    }
}

/// A record that is too long, while it is read. Of all its bytes, only those are in memory that are kept.
pub(super) struct Overlong {
    kept: BytesMut,
    keep: usize,
}

/// How far a record has been read that is too long.
pub(super) enum Progress {
    /// More of it has to come.
    Unfinished,
    /// It is left out.
    Skipped,
    /// This is what is kept of it.
    Truncated(Bytes),
}

impl Overlong {
    pub(super) fn new(limit: Limit) -> Self {
        let keep = if limit.on_too_long == OnTooLong::Truncate { limit.max } else { 0 };
        Self { kept: BytesMut::new(), keep }
    }

    /// Goes on with what is in the window. `has_ended`: nothing will follow it.
    pub(super) fn go_on(
        &mut self,
        cutter: &mut dyn Cutter,
        window: &mut BytesMut,
        has_ended: bool,
        limit: Limit,
        counts: &Counts,
    ) -> Result<Progress, Fault> {
        let part = cutter.take_part(window);
        let room = self.keep.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(part.bytes.get(..room).unwrap_or(&part.bytes));
        if !part.is_last {
            if !has_ended {
                return Ok(Progress::Unfinished);
            }
            cutter.end_parts()?;
        }
        if limit.on_too_long == OnTooLong::Truncate {
            counts.add_truncated();
            Ok(Progress::Truncated(self.kept.split().freeze()))
        } else {
            counts.add_skipped();
            Ok(Progress::Skipped)
        }
    }
}

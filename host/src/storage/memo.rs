//! What a backend remembers of a buffer beside ledger and data files. All of it may be lost: then opening is slower and less
//! is known, never less kept.

use forebay_frame::RecordId;

use super::{Amount, FileId, Ledger, Usage};

/// How many marks are remembered.
pub const MARKS_MAX: usize = 16;

/// A place in a data file where a frame ends, and the id of the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The file.
    pub file: FileId,
    /// Where the frame ends, in bytes.
    pub offset: u64,
    /// The id after its last event.
    pub next_id: RecordId,
}

/// What is to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// The ledger when it was noted.
    pub ledger: Ledger,
    /// What had gone through the buffer then, ever since the buffer was made.
    pub usage: Usage,
    /// Where the first unacknowledged record began, in bytes from the start of a file.
    pub place: Option<(FileId, u64)>,
    /// Ends of frames, at most [`MARKS_MAX`]: where the first unacknowledged record begins, and how far the newest files
    /// were known.
    pub marks: Vec<Mark>,
}

impl Memo {
    /// The counters when the ledger is this one: what was written and acknowledged since the note is counted, of which
    /// the number of events is known and not the bytes.
    pub fn usage_at(&self, ledger: &Ledger) -> Usage {
        let mut usage = self.usage;
        let since = |now: RecordId, then: RecordId| now.0.saturating_sub(then.0);
        let received = since(ledger.writer_next_record, self.ledger.writer_next_record);
        let sent = since(ledger.reader_last_record, self.ledger.reader_last_record);
        usage.received = usage.received.plus(Amount::new(received, 0));
        usage.sent = usage.sent.plus(Amount::new(sent, 0));
        usage
    }
}

/// What was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// What was noted last, of what survived.
    pub memo: Memo,
    /// The machine has been up ever since: whatever was written before is there.
    pub same_boot: bool,
}

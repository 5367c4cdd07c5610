//! What a backend remembers of a buffer beside ledger and data files. All of it may be lost: then opening is slower and less
//! is known, never less kept.

use std::ops::Range;

use forebay_frame::RecordId;

use super::{Amount, FileId, Ledger, Usage};

/// How many checkpoints are remembered.
pub const CHECKPOINTS_MAX: usize = 16;

/// Of how many files the bounds of their ids are remembered.
pub const BOUNDS_MAX: usize = 32;

/// What neighbouring files said of the ids in a file when the host first had to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileBounds {
    /// The file.
    pub file: FileId,
    /// Its length in bytes then: records that were appended since may have any id.
    pub bytes: u64,
    /// No id in it is lower, if that was told.
    pub min: Option<RecordId>,
    /// All ids in it are lower, if that was told.
    pub end: Option<RecordId>,
}

/// A place in a data file where a frame ends, and the id of the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
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
    /// Ends of frames, at most [`CHECKPOINTS_MAX`]: where the first unacknowledged record begins, and how far the newest files
    /// were known.
    pub checkpoints: Vec<Checkpoint>,
    /// The bounds of damaged files, and of the file that the ledger leads to: at most [`BOUNDS_MAX`].
    pub bounds: Vec<FileBounds>,
    /// A sync had failed, and what it was to make durable was not safe again. As long as the machine is up, later syncs of
    /// the same files say that all is well.
    pub is_degraded: bool,
    /// The operator lets records go that wait. Before a ledger passes such records, that is noted.
    pub may_drop: bool,
}

impl Memo {
    /// The counters when the ledger is this one: what was written and acknowledged since the note is counted in events. The bytes
    /// are those of the note.
    pub fn usage_at(&self, ledger: &Ledger) -> Usage {
        let mut usage = self.usage;
        let since = |now: RecordId, then: RecordId| now.0.saturating_sub(then.0);
        let received = since(ledger.writer_next_record, self.ledger.writer_next_record);
        let sent = since(ledger.reader_last_record, self.ledger.reader_last_record);
        usage.received = usage.received.plus(Amount::new(received, 0));
        let passed = if self.hides_drops(ledger) { &mut usage.sent_or_dropped } else { &mut usage.sent };
        *passed = passed.plus(Amount::new(sent, 0));
        usage
    }

    /// Whether the note of a drop may be missing that led to this ledger. What is dropped are whole files.
    pub fn hides_drops(&self, ledger: &Ledger) -> bool {
        self.may_drop && self.ledger.reader_data_file != ledger.reader_data_file
    }
}

/// What was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// What was noted last, of what survived.
    pub memo: Memo,
    /// The machine has been up ever since: whatever was written before is there.
    pub same_boot: bool,
    /// The buffer was closed then, with everything durable.
    pub clean: bool,
    /// The buffer was closed then, and no program has written to the ledger since, as far as the time of its last change
    /// tells. A ledger that differs from the remembered one is damaged.
    pub is_ledger_untouched: bool,
}

impl Recalled {
    /// The events that are acknowledged by one of two ledgers and not by the other: that of a clean close, and this one, which
    /// says nothing else that is new. `None` if they agree, or are further apart.
    ///
    /// Another program that has read since leaves such a ledger, and so does damage of that one number: nothing that is there
    /// tells one from the other. A program that has written since, or has reached the end of a file, has left more behind.
    pub fn in_question(&self, ledger: &Ledger) -> Option<Range<RecordId>> {
        let noted = self.memo.ledger;
        let (then, now) = (noted.reader_last_record, ledger.reader_last_record);
        let is_else_as_it_was = Ledger { reader_last_record: then, ..*ledger } == noted;
        (self.clean && is_else_as_it_was && now != then)
            .then(|| then.min(now).after(1)..then.max(now).after(1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ledger(next: u64, last: u64) -> Ledger {
        Ledger { writer_next_record: RecordId(next), reader_last_record: RecordId(last), ..Ledger::EMPTY }
    }

    /// A false alarm teaches people to pass over the true ones: after a crash the ledger is ahead of the note by right.
    #[test]
    fn only_a_ledger_of_which_one_number_has_changed_since_a_clean_close_is_in_question() {
        let memo = Memo {
            ledger: ledger(101, 40),
            usage: Usage::default(),
            place: None,
            checkpoints: Vec::new(),
            bounds: Vec::new(),
            is_degraded: false,
            may_drop: false,
        };
        let at_close = Recalled { memo, same_boot: true, clean: true, is_ledger_untouched: false };
        let ids = |ids: Range<u64>| Some(RecordId(ids.start)..RecordId(ids.end));
        assert_eq!(at_close.in_question(&ledger(101, 40)), None);
        assert_eq!(at_close.in_question(&ledger(101, 56)), ids(41..57));
        assert_eq!(at_close.in_question(&ledger(101, 39)), ids(40..41));
        assert_eq!(at_close.in_question(&ledger(102, 56)), None, "a program has written");
        let moved = Ledger { reader_data_file: FileId::new(7).unwrap(), ..ledger(101, 56) };
        assert_eq!(at_close.in_question(&moved), None, "a reader has reached the end of a file");
        let crashed = Recalled { clean: false, ..at_close };
        assert_eq!(crashed.in_question(&ledger(101, 56)), None);
    }
}

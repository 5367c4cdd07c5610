//! What becomes of the records that were handed to the buffer.

use forebay::{NewRecord, Receipt, RecordId, WriteError, WriteErrorKind};

use crate::{
    args::{BufferArgs, WhenFull},
    exit::Exit,
    feed::{Sent, payload_bytes},
    print,
    room::Room,
    signals::Signals,
};

/// Waits for answers and adds them up.
pub(crate) struct Answers {
    signals: Signals,
    room: Room,
    tally: Tally,
}

/// What has become of all records so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) first_id: Option<RecordId>,
    pub(crate) last_id: Option<RecordId>,
    pub(crate) rejected: u64,
}

impl Answers {
    /// Answers of a buffer with these options. `is_read`: this process itself makes room by reading.
    pub(crate) fn new(args: &BufferArgs, is_read: bool, signals: &Signals) -> Self {
        let is_emptied = is_read || args.when_full == WhenFull::DropOldest;
        Self {
            signals: signals.share(),
            room: Room::new(args.sizes().1, args.max_events, is_emptied),
            tally: Tally::default(),
        }
    }

    /// Waits for what became of a batch.
    pub(crate) fn wait(&mut self, sent: Sent) -> Result<Receipt, WriteError> {
        let Sent { mut pending, bytes, longest_frame } = sent;
        let answer = pending.try_take().unwrap_or_else(|| {
            self.room.waits(longest_frame, &self.signals);
            pending.wait()
        });
        match answer {
            Ok(receipt) => {
                self.tally.add(bytes, &receipt, &[]);
                Ok(receipt)
            }
            // A part that found room before the buffer was closed is reported, and the rest refused.
            Err(error) if error.is_full() || is_cut_short(&error) => {
                self.tally.add(bytes, &error.written, &error.records);
                self.room.refuses(&error);
                Ok(error.written)
            }
            Err(error) => Err(error),
        }
    }

    /// What has become of all that was waited for.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How a command ends that has written: whether every record was taken.
    pub(crate) fn exit(&self) -> Exit {
        let Tally { records, rejected, .. } = self.tally;
        if rejected == 0 {
            return Exit::Done;
        }
        print::say(&format!(
            "{} written, {rejected} refused for want of room",
            print::count(records, "record")
        ));
        Exit::No
    }
}

/// Whether the buffer was closed when only a part of the batch had found room.
fn is_cut_short(error: &WriteError) -> bool {
    error.kind == WriteErrorKind::Closed && error.written.records > 0
}

impl Tally {
    /// Counts a batch whose payloads had so many bytes.
    fn add(&mut self, bytes: u64, receipt: &Receipt, rejected: &[NewRecord]) {
        let count = |records: usize| u64::try_from(records).unwrap_or(u64::MAX);
        self.records = self.records.saturating_add(count(receipt.records));
        self.bytes = self.bytes.saturating_add(bytes.saturating_sub(payload_bytes(rejected)));
        self.first_id = self.first_id.or(receipt.first_id);
        self.last_id = receipt.last_id.or(self.last_id);
        self.rejected = self.rejected.saturating_add(count(rejected.len()));
    }
}

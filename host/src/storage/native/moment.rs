//! What a buffer's figures were when its ledger was as it is in a snapshot.
//!
//! The counters are noted now and then, and data files grow while they are listed. What has happened between the note and the
//! ledger is found in the frames: that is about 1 MiB of them.

use forebay_frame::{RecordId, Source as _, decode, incomplete};

use super::{holder::Holder, snapshot::Snapshot};
use crate::storage::{FileId, Ledger, Memo, StorageError, Usage};

/// How much is read at a time, in bytes.
const BLOCK_BYTES: u64 = 256 << 10;

/// The most that is read of a snapshot, in bytes. Beyond that the counters of the note are told.
const READ_BYTES_MAX: u64 = 64 << 20;

/// Figures of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Bytes in all data files.
    pub bytes: u64,
    /// What has gone through the buffer. `None`: `buffer.forebay` is not there, or is not to be believed.
    pub usage: Option<Usage>,
    /// Whether all figures are those of the ledger. Files may have left since, which another look makes up for; or frames are
    /// damaged. Then the counters of a buffer that is held are those of the last note, and of others the bytes are.
    pub is_exact: bool,
}

/// A place in a data file.
type Spot = (FileId, u64);

impl Snapshot {
    /// The figures when the ledger was as it is here.
    pub fn moment(&self, ledger: &Ledger) -> Moment {
        let bytes = self.data_files().iter().fold(0, |sum: u64, &(_, bytes)| sum.saturating_add(bytes));
        let Some(memo) = self.recalled().map(|recalled| &recalled.memo) else {
            return Moment { bytes, usage: None, is_exact: true };
        };
        let is_held = matches!(self.holder(), Holder::Held(_));
        let is_there = self.is_listed(ledger.reader_data_file);
        let since = self.received_since(memo, ledger).zip(self.sent_since(memo, ledger));
        let Some(((received, end), sent)) = since.filter(|_| is_there) else {
            let usage = if is_held { memo.usage } else { memo.usage_at(ledger) };
            return Moment { bytes, usage: Some(usage), is_exact: false };
        };
        let later = if is_held { self.bytes_behind(end) } else { 0 };
        let bytes = bytes.saturating_sub(later);
        let mut usage = memo.usage_at(ledger);
        usage.received.bytes = usage.received.bytes.saturating_add(received);
        if memo.hides_drops(ledger) {
            // Of what was dropped no file tells the length. It is what does not wait, as far as it was noted.
            let accounted = usage.gone().bytes.saturating_add(bytes);
            usage.received.bytes = usage.received.bytes.max(accounted);
            let gone = usage.received.bytes.saturating_sub(usage.gone().bytes).saturating_sub(bytes);
            usage.sent_or_dropped.bytes = usage.sent_or_dropped.bytes.saturating_add(gone.max(sent));
        } else {
            usage.sent.bytes = usage.sent.bytes.saturating_add(sent);
        }
        Moment { bytes, usage: Some(usage), is_exact: true }
    }

    /// How long the frames are that were written since a note, and where they end.
    fn received_since(&self, memo: &Memo, ledger: &Ledger) -> Option<(u64, Spot)> {
        let noted = memo.ledger.writer_next_record;
        let known = memo.checkpoints.iter().filter(|at| at.next_id <= noted).max_by_key(|at| at.next_id);
        let start = known.map_or((memo.ledger.writer_data_file, 0), |at| (at.file, at.offset));
        let mut received = 0_u64;
        let end = self.walk(start, |frame| {
            if frame.id >= noted && frame.next_id() <= ledger.writer_next_record {
                received = received.saturating_add(frame.bytes);
            }
            frame.next_id() <= ledger.writer_next_record
        })?;
        Some((received, end))
    }

    /// How long the frames are that were acknowledged since a note.
    fn sent_since(&self, memo: &Memo, ledger: &Ledger) -> Option<u64> {
        let (noted, last) = (memo.ledger.reader_last_record, ledger.reader_last_record);
        if last <= noted {
            return Some(0);
        }
        let mut sent = 0_u64;
        self.walk(memo.place?, |frame| {
            let is_sent = frame.next_id() <= last.after(1);
            if is_sent && frame.id > noted {
                sent = sent.saturating_add(frame.bytes);
            }
            is_sent
        })?;
        Some(sent)
    }

    /// The lowest id that may follow the whole frames that a file begins with. The frames before the last checkpoint are not
    /// read.
    pub(super) fn end_of_whole_frames(&self, file: FileId) -> Option<RecordId> {
        let checkpoints = self.recalled().map(|recalled| recalled.memo.checkpoints.iter());
        let known = checkpoints.into_iter().flatten().filter(|at| at.file == file).map(|at| at.offset);
        let start = known.filter(|offset| *offset < self.length(file)).max().unwrap_or(0);
        let mut end = None;
        self.walk((file, start), |frame| {
            end = Some(frame.lowest_next_id());
            true
        });
        end
    }

    /// Goes on from a place as long as frames are whole and wanted. Gives where that ends. `None`: it ends at damage, or a file
    /// cannot be read.
    fn walk(&self, from: Spot, mut wants: impl FnMut(&forebay_frame::Frame<'_>) -> bool) -> Option<Spot> {
        let (mut file, mut offset) = from;
        let mut left = READ_BYTES_MAX;
        loop {
            let mut reader = match self.open_data_file(file) {
                Err(StorageError::NotFound { .. }) if offset == 0 && !self.is_listed(file) => {
                    return Some((file, 0));
                }
                opened => opened.ok()?,
            };
            while offset < reader.len() {
                let mut wanted = BLOCK_BYTES;
                let block = loop {
                    left = left.checked_sub(wanted)?;
                    let mut block = vec![0; usize::try_from(wanted).ok()?];
                    let read = reader.read_at(offset, &mut block).ok()?;
                    block.truncate(read);
                    match incomplete(&block).filter(|needed| *needed > wanted) {
                        Some(needed) if offset.saturating_add(needed) <= reader.len() => wanted = needed,
                        _ => break block,
                    }
                };
                let mut rest = block.as_slice();
                while let Ok(frame) = decode(rest) {
                    if !wants(&frame) {
                        return Some((file, offset));
                    }
                    offset = offset.saturating_add(frame.bytes);
                    rest = rest.get(usize::try_from(frame.bytes).ok()?..)?;
                }
                if rest.len() == block.len() {
                    // A frame that is being written now, or damage.
                    let is_unfinished = incomplete(rest).is_some();
                    return (is_unfinished && self.is_last(file)).then_some((file, offset));
                }
            }
            (file, offset) = (self.follower(file)?, 0);
        }
    }

    /// The next data file of the ring; the number of the next one to be made if there is none. Files that the ledger has passed
    /// and that are still there come before its reader's, and not behind its writer's.
    fn follower(&self, file: FileId) -> Option<FileId> {
        let Ledger { reader_data_file: reader, writer_data_file: writer, .. } = self.readable_ledger()?;
        let is_named = reader.steps_to(file) <= reader.steps_to(writer);
        let is_beyond = !is_named && writer.steps_to(file) < file.steps_to(reader);
        if is_beyond || file == writer {
            return Some(file.successor());
        }
        let files = self.data_files().iter().map(|(other, _)| *other).filter(|other| *other != file);
        Some(files.min_by_key(|other| file.steps_to(*other)).unwrap_or_else(|| file.successor()))
    }

    fn is_last(&self, file: FileId) -> bool {
        self.follower(file).is_some_and(|next| !self.is_listed(next))
    }

    pub(super) fn is_listed(&self, file: FileId) -> bool {
        self.data_files().binary_search_by_key(&file, |(other, _)| *other).is_ok()
    }

    /// How much comes behind a place that was written last: later records, in this file and those that were begun since.
    fn bytes_behind(&self, (file, offset): Spot) -> u64 {
        let length =
            |file| self.data_files().iter().find_map(|(other, bytes)| (*other == file).then_some(*bytes));
        let mut behind = length(file).map_or(0, |bytes| bytes.saturating_sub(offset));
        let mut next = file.successor();
        while let Some(bytes) = length(next) {
            behind = behind.saturating_add(bytes);
            next = next.successor();
            if next == file {
                break;
            }
        }
        behind
    }
}

//! What the host itself knows of the buffer: how long each file is, how much of it is durable, which ids it holds. Every
//! promise to a caller rests on this account and never on what the logic says.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use forebay_frame::RecordId;

use super::{
    file_account::{FileAccount, Stretch},
    steps::distance,
};
use crate::storage::{FileId, Ledger, Mark, SyncTarget};

/// How many files are marked: the last one, and those before it in case a power loss takes it.
const MARKED_FILES: usize = 3;

/// The account of a buffer.
#[derive(Debug)]
pub(super) struct Account {
    files: BTreeMap<FileId, FileAccount>,
    /// The ledger as it was when the lock was taken.
    found: Option<Ledger>,
    /// The ledger as last stored; `None` until there is one.
    ledger: Option<Ledger>,
    /// The reader's and the writer's file in the ledger that was last synced.
    ledger_durable: Option<(FileId, FileId)>,
    /// The id that the next event gets.
    next_id: RecordId,
    /// The file that was appended to last.
    newest: Option<FileId>,
    bytes: u64,
    /// The files that were made under this lock.
    made_here: BTreeSet<FileId>,
    /// A sync of a file's bytes or name has failed under this lock: until then nobody need look for suspects.
    had_suspects: bool,
    /// The last sync of the ledger has failed.
    ledger_unsafe: bool,
    /// The last sync of the directory has failed.
    names_unsafe: bool,
}

impl Account {
    pub(super) fn new(ledger: Option<Ledger>, files: &[(FileId, u64)]) -> Self {
        Self {
            // Names that were there when the lock was taken count as durable only after a sync of the directory: whoever
            // made them may have died before it.
            files: files.iter().map(|&(id, length)| (id, FileAccount::new(length, false))).collect(),
            found: ledger,
            ledger,
            ledger_durable: None,
            next_id: ledger.map_or(RecordId(1), |ledger| ledger.writer_next_record),
            newest: None,
            made_here: BTreeSet::new(),
            had_suspects: false,
            ledger_unsafe: false,
            names_unsafe: false,
            bytes: files.iter().fold(0, |sum: u64, &(_, length)| sum.saturating_add(length)),
        }
    }

    pub(super) fn ledger(&self) -> Option<Ledger> {
        self.ledger
    }

    pub(super) fn next_id(&self) -> RecordId {
        self.next_id
    }

    /// No id from here on is taken for a record's where frames have to be looked for behind a damage.
    ///
    /// What was written last may be on the disk while the ledger lags behind it. If such a record counted as damage until
    /// the ledger has caught up, its id would be given again, and then there would be two. So there is room for an event
    /// in every byte that the files have: what may have been written is found now or never.
    pub(super) fn ceiling(&self) -> RecordId {
        self.next_id.after(self.bytes)
    }

    /// The last event that the ledger has passed; 0 if it has passed none, or there is none.
    pub(super) fn passed(&self) -> RecordId {
        self.ledger.map_or(RecordId(0), |ledger| ledger.reader_last_record)
    }

    /// The file that was appended to last under this lock.
    pub(super) fn newest(&self) -> Option<FileId> {
        self.newest
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (FileId, &FileAccount)> + Clone {
        self.files.iter().map(|(&id, account)| (id, account))
    }

    /// Their numbers, for whoever changes the account on the way.
    pub(super) fn file_ids(&self) -> Vec<FileId> {
        self.files.keys().copied().collect()
    }

    pub(super) fn file(&self, file: FileId) -> Option<&FileAccount> {
        self.files.get(&file)
    }

    /// The file that follows one on the ring and has anything in it, and its length; `None` behind the window's end.
    pub(super) fn follower(&self, file: FileId) -> Option<(FileId, u64)> {
        let front = self.ledger?.reader_data_file;
        let mut behind =
            self.files.range((Bound::Excluded(file), Bound::Unbounded)).chain(self.files.range(..file));
        let (&next, account) = behind.find(|(_, account)| account.length > 0)?;
        (distance(front, next) > distance(front, file)).then_some((next, account.length))
    }

    /// Whether anything was appended under this lock.
    pub(super) fn has_appended(&self) -> bool {
        self.newest.is_some()
    }

    pub(super) fn created(&mut self, file: FileId) {
        self.files.insert(file, FileAccount::new(0, false));
        self.made_here.insert(file);
    }

    pub(super) fn removed(&mut self, file: FileId) {
        self.made_here.remove(&file);
        if let Some(account) = self.files.remove(&file) {
            self.bytes = self.bytes.saturating_sub(account.length);
        }
    }

    pub(super) fn truncated(&mut self, file: FileId, length: u64) {
        if let Some(account) = self.files.get_mut(&file) {
            self.bytes = self.bytes.saturating_sub(account.length.saturating_sub(length));
            account.length = length;
            account.seen = account.seen.min(length);
            account.damaged_at.take_if(|damaged_at| *damaged_at >= length);
            account.torn_at.take_if(|torn_at| *torn_at >= length);
            // The cut itself is not durable until the next sync, but no byte below it has changed.
            account.durable = account.durable.min(length);
            account.is_cut = true;
            // What was suspect is gone, if all of it was cut.
            account.data_suspect &= account.durable < length;
        }
    }

    /// What a file holds is to be looked at again: after a failed sync it may have changed.
    pub(super) fn doubt(&mut self, file: FileId) {
        if let Some(account) = self.files.get_mut(&file) {
            (account.seen, account.seen_next) = (0, RecordId(0));
            account.whole_end = 0;
            (account.damaged_at, account.torn_at) = (None, None);
        }
    }

    /// A file with the same bytes has taken the place of one whose sync had failed, and was looked through. Its bytes are
    /// durable; its name is with the next sync of the directory. What cannot be read any more is waited for no longer.
    pub(super) fn renewed(&mut self, file: FileId) {
        let Some(account) = self.files.get_mut(&file) else { return };
        (account.data_suspect, account.name_suspect) = (false, false);
        (account.name_durable, account.is_cut) = (false, false);
        account.durable = account.length;
        let written = account.written.as_ref().map_or(RecordId(0), |written| written.end);
        account.durable_next = account.durable_next.max(account.seen_next).max(written);
        self.made_here.insert(file);
    }

    /// Whether records that come now belong at the end of this file: in the order in which the files are read, none that
    /// waits is behind it.
    pub(super) fn is_last(&self, file: FileId) -> bool {
        let Some(ledger) = self.ledger else { return false };
        if self.newest == Some(file) {
            return true;
        }
        let place = |other| distance(ledger.reader_data_file, other);
        let first_unread = ledger.reader_last_record.after(1);
        let waiting = self.files.iter().filter(|(_, account)| account.seen_next > first_unread);
        // A file that ends as one before it does repeats its ids: what comes now is behind them in both.
        let highest = waiting.max_by_key(|(other, account)| (account.seen_next, Reverse(place(**other))));
        // A file that is done with lies before all that waits, wherever it is: its ids say so to whoever has no ledger.
        let is_done = |account: &FileAccount| account.whole_end > 0 && account.seen_next <= first_unread;
        let is_passed = self.files.get(&file).is_some_and(is_done);
        highest.is_none_or(|(highest, _)| place(file) >= place(*highest) && !is_passed)
            && !self.files.iter().any(|(other, account)| !account.is_seen() && place(*other) > place(file))
    }

    /// Files without content that were made under this lock, behind all that the ledger names.
    pub(super) fn unused_files(&self) -> impl Iterator<Item = FileId> {
        let behind = |file: FileId| {
            self.ledger.is_some_and(|ledger| {
                let front = ledger.reader_data_file;
                distance(front, file) > distance(front, ledger.writer_data_file)
            })
        };
        self.empty_files().filter(move |file| behind(*file))
    }

    /// Files without content that were made under this lock.
    pub(super) fn empty_files(&self) -> impl Iterator<Item = FileId> {
        let is_empty = |file: &FileId| self.files.get(file).is_some_and(|file| file.length == 0);
        self.made_here.iter().copied().filter(is_empty)
    }

    /// Whole frames were written to the end of a file, up to the id `next`.
    pub(super) fn appended(&mut self, file: FileId, bytes: u64, next: RecordId) {
        debug_assert!(next > self.next_id, "ids only rise");
        if let Some(account) = self.files.get_mut(&file) {
            let was_seen = account.is_seen();
            account.length = account.length.saturating_add(bytes);
            account.whole_end = account.length;
            account.seen_next = next;
            account.written.get_or_insert(self.next_id..next).end = next;
            if was_seen {
                account.seen = account.length;
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.next_id = next;
        self.newest = Some(file);
    }

    /// A frame that was checked ends at a mark. Ids only rise, so that what lies before it holds only ids below the mark's.
    pub(super) fn marked(&mut self, mark: Mark) {
        if let Some(account) = self.files.get_mut(&mark.file) {
            account.seen = account.seen.max(mark.offset);
            account.whole_end = account.whole_end.max(mark.offset);
            account.seen_next = account.seen_next.max(mark.next_id);
        }
    }

    /// Where the last whole record ends in each file that was read or written, and the id behind it.
    pub(super) fn ends(&self) -> Vec<Mark> {
        let end = |(&file, account): (&FileId, &FileAccount)| Mark {
            file,
            offset: account.whole_end,
            next_id: account.seen_next,
        };
        self.files.iter().map(end).filter(|mark| mark.offset > 0 && mark.next_id > RecordId(1)).collect()
    }

    /// How far the newest files are known: what is on the disk of each, and what was written or read.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let Some(ledger) = self.ledger else { return Vec::new() };
        let front = ledger.reader_data_file;
        let last_read = self.files.range(..front).rev().chain(self.files.range(front..).rev());
        let is_in_use = |account: &FileAccount| account.seen_next > ledger.reader_last_record;
        let newest = last_read.filter(|(_, account)| is_in_use(account)).take(MARKED_FILES);
        newest
            .flat_map(|(&file, account)| {
                [(account.whole_end, account.seen_next), (account.durable, account.durable_next)]
                    .map(|(offset, next_id)| Mark { file, offset, next_id })
            })
            .filter(|mark| mark.offset > 0 && mark.next_id > RecordId(1))
            .collect()
    }

    /// A stretch of a file was read.
    pub(super) fn seen(&mut self, file: FileId, stretch: &Stretch) {
        let Some(account) = self.files.get_mut(&file) else { return };
        if stretch.from > account.seen {
            return;
        }
        account.seen = account.seen.max(stretch.to);
        if let Some((whole_end, next)) = stretch.whole {
            account.whole_end = account.whole_end.max(whole_end);
            account.seen_next = account.seen_next.max(next);
        }
        account.damaged_at = account.damaged_at.into_iter().chain(stretch.damaged_at).min();
        if stretch.to == account.length && stretch.from < stretch.to {
            account.torn_at = stretch.torn_at;
        }
    }

    /// Whole records lie where the next ones come, up to this id: the ledger did not know of them.
    pub(super) fn found_records(&mut self, next: RecordId) {
        self.next_id = self.next_id.max(next);
    }

    /// Another ledger has taken the place of the one that was there, before anybody has seen it.
    pub(super) fn taken_back(&mut self, ledger: Ledger) {
        self.next_id = ledger.writer_next_record;
        self.ledger = Some(ledger);
    }

    pub(super) fn ledger_stored(&mut self, ledger: Ledger) {
        self.next_id = self.next_id.max(ledger.writer_next_record);
        self.ledger = Some(ledger);
    }

    /// A sync of a file that covers its first `length` bytes, and the ids below `next`, has succeeded.
    pub(super) fn data_synced(&mut self, file: FileId, length: u64, next: RecordId) {
        if let Some(account) = self.files.get_mut(&file).filter(|account| !account.data_suspect) {
            account.durable = account.durable.max(length.min(account.length));
            account.durable_next = account.durable_next.max(next);
        }
    }

    pub(super) fn names_synced(&mut self, files: &[FileId]) {
        for file in files {
            if let Some(account) = self.files.get_mut(file).filter(|account| !account.name_suspect) {
                account.name_durable = true;
            }
        }
        self.names_unsafe = false;
    }

    pub(super) fn ledger_synced(&mut self, reader_data_file: FileId, writer_data_file: FileId) {
        self.ledger_durable = Some((reader_data_file, writer_data_file));
        self.ledger_unsafe = false;
    }

    /// A sync has failed. The kernel may have dropped what it could not write, and answer OK the next time.
    pub(super) fn sync_failed(&mut self, target: SyncTarget) {
        self.had_suspects = true;
        match target {
            SyncTarget::Data(file) => {
                if let Some(account) = self.files.get_mut(&file) {
                    // Where all was durable before, there was nothing left to write.
                    account.data_suspect |= account.is_cut || account.durable < account.length;
                }
            }
            SyncTarget::Directory => {
                self.names_unsafe = true;
                // Before the ledger named the writer's file that was found, the names of those before it were made durable.
                let steps = |file| self.found.map(|found| distance(found.reader_data_file, file));
                let writer = self.found.and_then(|found| steps(found.writer_data_file));
                for (file, account) in self.files.iter_mut().filter(|(_, account)| !account.name_durable) {
                    account.name_suspect |= self.made_here.contains(file) || steps(*file) >= writer;
                }
            }
            SyncTarget::Ledger => self.ledger_unsafe = true,
            // Nothing counts as done that was to be in it.
            SyncTarget::DeadLetters => {}
        }
    }

    /// A process has died before it could make up for a failed sync, and the machine has been up ever since: what the kernel
    /// takes for written may not be.
    pub(super) fn found_degraded(&mut self) {
        self.had_suspects = true;
        self.ledger_unsafe = self.ledger.is_some();
        self.files.values_mut().for_each(|account| account.data_suspect = true);
    }

    /// Whether the last sync of the ledger has failed.
    pub(super) fn is_ledger_unsafe(&self) -> bool {
        self.ledger_unsafe
    }

    /// Whether something that a failed sync was to make durable is not safe again yet.
    pub(super) fn is_degraded(&self) -> bool {
        self.ledger_unsafe || self.names_unsafe || self.has_suspects()
    }

    /// Whether a sync of some file's bytes or name has failed.
    pub(super) fn has_suspects(&self) -> bool {
        self.had_suspects && self.files.values().any(FileAccount::is_suspect)
    }

    /// The id below which every event is durable: its bytes, all unacknowledged bytes before it, the name of its file,
    /// and a ledger that names the file; or it has vanished with a failed sync.
    pub(super) fn durable_next(&self) -> RecordId {
        let (Some(ledger), Some(newest)) = (self.ledger, self.newest) else { return RecordId(0) };
        let start = ledger.reader_data_file;
        let span = distance(start, newest);
        // The ledger may name a file that is still empty, and a ledger from before names one that has been left.
        let window = span.max(distance(start, ledger.writer_data_file));
        let named =
            self.ledger_durable.map(|(_, file)| distance(start, file)).filter(|&named| named <= window);
        let on_the_ring = self.files.range(start..).chain(self.files.range(..start));
        let (mut through, mut end) = (RecordId(0), RecordId(0));
        for (_, account) in on_the_ring
            .take_while(|&(&file, _)| distance(start, file) <= span)
            .filter(|(_, account)| account.length > 0)
            .take_while(|&(&file, _)| named.is_some_and(|named| distance(start, file) <= named))
        {
            // What only repeats ids that came before is no record of this buffer, and nobody asks for its sync.
            let repeats = account.is_seen() && account.seen_next <= end;
            end = end.max(account.seen_next);
            if repeats {
                continue;
            }
            if !account.name_durable {
                break;
            }
            through = through.max(account.durable_next);
            if account.durable < account.length {
                return through;
            }
        }
        through
    }
}

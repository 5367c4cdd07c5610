//! The data files. Those in use form the window, from the reader's to the newest; the others only take up room.

use std::collections::{BTreeMap, VecDeque};
use std::iter;

pub use crate::data_file::{DataFile, Reach};
pub use crate::leaving::Leaving;
use crate::leaving::Stranger;
use crate::ring::FileId;
use crate::storage::{RecordId, Ticket};

/// The data files that are in use, oldest first, and beside them all others that take up room.
#[derive(Clone, Debug)]
pub struct Window {
    older: VecDeque<DataFile>,
    newest: DataFile,
    spare: Option<DataFile>,
    leaving: Vec<Leaving>,
    strangers: BTreeMap<u16, Stranger>,
    /// The sum of the lengths of all of them: asked for at every write, and there may be 65,534 files.
    bytes: u64,
}

impl Window {
    /// A window on these files.
    #[must_use]
    pub fn new(older: VecDeque<DataFile>, newest: DataFile) -> Self {
        let bytes = older.iter().chain(iter::once(&newest)).map(|file| file.length).sum();
        Self { older, newest, spare: None, leaving: Vec::new(), strangers: BTreeMap::new(), bytes }
    }

    /// A file that is not of this buffer, or that it cannot make sense of: it takes up room and an id, nothing else. Where
    /// it is known, `end_id` is the id behind its last record.
    pub fn add_stranger(&mut self, id: FileId, length: u64, end_id: Option<RecordId>) {
        self.bytes = self.bytes.saturating_add(length);
        self.strangers.insert(id.get(), Stranger { length, end_id });
    }

    /// Files that repeat ids go once all these are acknowledged, as they would on the next opening.
    pub fn retire_strangers(&mut self, first_unread: RecordId) {
        let leaving = &mut self.leaving;
        self.strangers.retain(|id, stranger| {
            let done = stranger.end_id.is_some_and(|end_id| end_id <= first_unread);
            let id = FileId::new(*id).filter(|_| done);
            leaving.extend(id.map(|id| Leaving { id, length: stranger.length, ticket: None }));
            !done
        });
    }

    /// A file that is to go once the ledger is synced.
    pub fn add_leaving(&mut self, id: FileId, length: u64) {
        self.bytes = self.bytes.saturating_add(length);
        self.leaving.push(Leaving { id, length, ticket: None });
    }

    /// Bytes in all data files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes in the files in use of which no sync is known to have ended.
    #[must_use]
    pub fn unsynced_bytes(&self) -> u64 {
        self.iter().map(|file| file.length.saturating_sub(file.durable_length.unwrap_or(0))).sum()
    }

    /// The files in use, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &DataFile> {
        self.older.iter().chain(iter::once(&self.newest))
    }

    /// The files in use, oldest first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut DataFile> {
        self.older.iter_mut().chain(iter::once(&mut self.newest))
    }

    /// How many files are in use.
    #[must_use]
    pub fn files_in_use(&self) -> usize {
        self.older.len() + 1
    }

    /// The oldest file in use: the reader's, for the ledger.
    #[must_use]
    pub fn front(&self) -> &DataFile {
        self.older.front().unwrap_or(&self.newest)
    }

    /// The file that is appended to.
    #[must_use]
    pub fn newest(&self) -> &DataFile {
        &self.newest
    }

    /// The oldest file that the reader has not passed.
    #[must_use]
    pub fn reading(&self) -> &DataFile {
        let passed = self.older.partition_point(|file| file.end_id.is_some());
        self.older.get(passed).unwrap_or(&self.newest)
    }

    /// The reader has passed the file that it was in. The newest is never passed.
    pub fn pass_reading(&mut self, end_id: RecordId) {
        let passed = self.older.partition_point(|file| file.end_id.is_some());
        if let Some(file) = self.older.get_mut(passed) {
            file.end_id = Some(end_id);
        }
    }

    /// The files behind the one with this id, oldest first; all of them if it is not in use.
    pub fn behind(&self, id: FileId) -> impl Iterator<Item = &DataFile> {
        let from = if id == self.newest.id {
            self.older.len() + 1
        } else {
            self.position(id).map_or(0, |at| at + 1)
        };
        self.older
            .range(from.min(self.older.len())..)
            .chain((from <= self.older.len()).then_some(&self.newest))
    }

    /// Whether the file with this id is in use.
    #[must_use]
    pub fn contains(&self, id: FileId) -> bool {
        id == self.newest.id || self.position(id).is_some()
    }

    /// The file in use with this id.
    pub fn get_mut(&mut self, id: FileId) -> Option<&mut DataFile> {
        if id == self.newest.id {
            return Some(&mut self.newest);
        }
        let position = self.position(id)?;
        self.older.get_mut(position)
    }

    fn position(&self, id: FileId) -> Option<usize> {
        let front = self.front().id;
        self.older.binary_search_by_key(&front.steps_to(id), |file| front.steps_to(file.id)).ok()
    }

    /// Nothing more is to be appended to the newest file.
    pub fn seal_newest(&mut self) {
        self.newest.sealed = true;
    }

    /// Records were appended to the newest file.
    pub fn appended(&mut self, length: u64, next_id: RecordId) {
        debug_assert!(length > self.newest.length);
        self.bytes = self.bytes.saturating_add(length.saturating_sub(self.newest.length));
        self.newest.length = length;
        self.newest.next_id = next_id;
    }

    /// Makes an empty file the newest. Its first record will get this id.
    pub fn push(&mut self, mut file: DataFile, next_id: RecordId) {
        debug_assert!(
            file.length == 0 && self.front().id.steps_to(file.id) > self.front().id.steps_to(self.newest.id)
        );
        file.next_id = next_id;
        file.asked = file.asked.map(|asked| Reach { next_id, ..asked });
        self.older.push_back(std::mem::replace(&mut self.newest, file));
    }

    /// Takes the oldest file out of use. It waits for the ledger's next sync, and then goes.
    pub fn retire_front(&mut self) {
        if let Some(file) = self.older.pop_front() {
            self.leaving.push(Leaving { id: file.id, length: file.length, ticket: None });
        }
    }

    /// A file in use is not there any more. Answers whether it could be taken out of use: the newest cannot.
    pub fn forget(&mut self, id: FileId) -> bool {
        let file = self.position(id).and_then(|position| self.older.remove(position));
        let bytes = file.map_or(0, |file| file.length);
        self.bytes = self.bytes.saturating_sub(bytes);
        file.is_some()
    }

    /// The file that was made ahead of need.
    #[must_use]
    pub fn spare(&self) -> Option<&DataFile> {
        self.spare.as_ref()
    }

    /// The file that was made ahead of need, for its syncs.
    pub fn spare_mut(&mut self) -> Option<&mut DataFile> {
        self.spare.as_mut()
    }

    /// Keeps an empty file that was made ahead of need.
    pub fn set_spare(&mut self, file: DataFile) {
        debug_assert!(self.spare.is_none() && file.length == 0);
        self.spare = Some(file);
    }

    /// Takes the file that was made ahead of need.
    pub fn take_spare(&mut self) -> Option<DataFile> {
        self.spare.take()
    }

    /// The files that are to be removed.
    #[must_use]
    pub fn leaving(&self) -> &[Leaving] {
        &self.leaving
    }

    /// The files that are to be removed and have no ticket yet go with this one.
    pub fn leave_after(&mut self, ticket: Ticket) {
        for file in &mut self.leaving {
            file.ticket.get_or_insert(ticket);
        }
    }

    /// Strikes those of the files that are to be removed for which `gone` answers yes. Gives their number.
    pub fn strike_leaving(&mut self, mut gone: impl FnMut(&Leaving) -> bool) -> usize {
        let before = self.leaving.len();
        let mut struck_bytes: u64 = 0;
        self.leaving.retain(|file| {
            let gone = gone(file);
            struck_bytes = struck_bytes.saturating_add(if gone { file.length } else { 0 });
            !gone
        });
        self.bytes = self.bytes.saturating_sub(struck_bytes);
        before - self.leaving.len()
    }

    /// Whether there is an id for another file, or will be when those have gone that are to be removed.
    #[must_use]
    pub fn has_ids(&self) -> bool {
        self.spare.is_some() || !self.leaving.is_empty() || self.free_id().is_some()
    }

    /// The id for the next file: the first behind the newest at which no file is. `None` when the window fills the ring;
    /// one id stays free, so that a reader's file right behind the writer's never means a full ring.
    #[must_use]
    pub fn free_id(&self) -> Option<FileId> {
        let front = self.front().id;
        let last = self.spare.as_ref().unwrap_or(&self.newest).id;
        iter::successors(Some(last.successor()), |id| Some(id.successor()))
            .take_while(|id| *id != front && id.successor() != front)
            .find(|id| {
                !self.strangers.contains_key(&id.get()) && !self.leaving.iter().any(|file| file.id == *id)
            })
    }
}

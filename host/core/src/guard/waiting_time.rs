//! How long records wait. No record carries a time. What is known is by when a record was written at the latest: the time when a data
//! file was last written to, and times that were noted while this process wrote.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use forebay_types::{FileId, RecordId};

use super::Guard;

/// Two notes lie at least this part of the age of the oldest one apart: of a backlog that lasts for years, a few thousand are kept.
const SPACING: u64 = 128;

/// How many there are at the most.
const NOTES_MAX: usize = 4096;

/// Every event below `next_id` was written by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note<T> {
    next_id: RecordId,
    by: T,
}

/// By when records were written.
#[derive(Debug, Default)]
pub(super) struct WrittenBy {
    /// What was there when the directory was locked. Its last file may have been written to since.
    found: Option<Note<SystemTime>>,
    /// What this process has written, by rising ids, in nanoseconds of the clock.
    notes: VecDeque<Note<u64>>,
}

/// By when a record was written, at the latest, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// By the times of the data files.
    pub modified: Option<SystemTime>,
    /// How long ago it was, by what this process has noted.
    pub noted_age: Duration,
}

impl WrittenBy {
    /// Every event below this id is written now. Those up to `passed` wait no more.
    fn note(&mut self, next_id: RecordId, passed: RecordId, now: u64) {
        while self.notes.pop_front_if(|note| note.next_id <= passed.after(1)).is_some() {}
        let spacing = self.notes.front().map_or(0, |first| now.saturating_sub(first.by) / SPACING);
        let is_due = self
            .notes
            .back()
            .is_none_or(|last| last.next_id < next_id && now.saturating_sub(last.by) >= spacing);
        if is_due && passed.after(1) < next_id && self.notes.len() < NOTES_MAX {
            self.notes.push_back(Note { next_id, by: now });
        }
    }

    /// By when an event was written. One that no note is about was written by now.
    fn of(&self, id: RecordId, now: u64) -> u64 {
        let place = self.notes.partition_point(|note| note.next_id <= id);
        self.notes.get(place).map_or(now, |note| note.by)
    }
}

impl Guard {
    /// Notes by when what is there was written.
    pub(super) fn note_found(&mut self) {
        let next_id = self.segments.next_id();
        let last = self.segments.last().filter(|last| last.bytes > 0).map(|last| last.file);
        let by = last.and_then(|file| self.backend.modified(file));
        self.written_by.found = by.map(|by| Note { next_id, by });
    }

    /// Notes the time, for the records that were written since it was last noted.
    pub fn note_time(&mut self) {
        let (next_id, passed, now_ns) = (self.segments.next_id(), self.passed(), self.clock.now_ns());
        self.written_by.note(next_id, passed, now_ns);
    }

    /// By when the first event that waits was written, at the latest. `None` if nothing waits.
    pub fn oldest(&mut self) -> Option<Oldest> {
        let id = self.ledgers.stored.filter(|_| self.waiting().events > 0)?.first_unread();
        let by_file = self.file_of_first().and_then(|file| self.backend.modified(file));
        let found = self.written_by.found.filter(|found| id < found.next_id).map(|found| found.by);
        let modified = by_file.into_iter().chain(found).min();
        let now_ns = self.clock.now_ns();
        let noted_age = Duration::from_nanos(now_ns.saturating_sub(self.written_by.of(id, now_ns)));
        Some(Oldest { modified, noted_age })
    }

    /// The file that holds the first event that waits.
    fn file_of_first(&self) -> Option<FileId> {
        let (file, offset) = self.counters.place?;
        match self.segments.get(file) {
            // All of it is passed, and it may have been written to long before the next one.
            Some(segment) if offset >= segment.bytes => {
                let next = file.successor();
                self.segments.get(next).map(|segment| segment.file)
            }
            _ => Some(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u64) -> RecordId {
        RecordId(id)
    }

    /// An age that is too high sends an operator after a destination that is well.
    #[test]
    fn a_record_is_as_old_as_the_first_note_behind_it() {
        let mut written = WrittenBy::default();
        written.note(id(11), id(0), 100);
        written.note(id(11), id(0), 200);
        written.note(id(21), id(0), 300);
        assert_eq!([1, 10, 11, 20, 21].map(|event| written.of(id(event), 400)), [100, 100, 300, 300, 400]);
    }

    /// A buffer that is written to for a year notes no more than one that is written to for a day.
    #[test]
    fn notes_are_bounded_and_fine_enough() {
        let mut written = WrittenBy::default();
        for time in 1..=100_000 {
            written.note(id(time * 10 + 1), id(0), time);
        }
        assert!(written.notes.len() <= 2048, "{}", written.notes.len());
        for time in (1_u64..=100_000).step_by(997) {
            let by = written.of(id(time * 10), 100_000);
            assert!(by >= time && by - time <= 100_000 / SPACING + 1, "{time}: {by:?}");
        }
        written.note(id(1_000_011), id(1_000_000), 100_001);
        assert_eq!(written.notes.len(), 1, "what waits no more needs no note");
    }
}

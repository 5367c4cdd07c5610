//! The facts: data files with their id ranges in reading order, and beside them the spare and the files outside.
//!
//! Segments are added at the back and leave from the front; nothing else changes the order. So these hold at all times:
//!
//! * the file numbers rise along the ring from the front, over less than the whole ring;
//! * the ids of a segment come behind the ids of all segments before it, as far as they were walked;
//! * every file of the directory is in exactly one of the three places;
//! * the next id lies behind every id that was found or given.

mod arrange;
mod bounds;
mod durability;
mod durable_end;
mod segment;
mod taken_away;
mod told;
mod walked;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use forebay_types::{FileId, RecordId};

pub(crate) use self::{
    arrange::{Extent, arrange},
    bounds::{Bound, Bounds},
    segment::{Fence, Segment, Walked, WalkedEnd},
};

/// The data files of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    order: VecDeque<Segment>,
    spare: Option<Segment>,
    outside: BTreeMap<FileId, Segment>,
    /// The sum of the lengths of all of them, and of those outside alone.
    bytes: u64,
    outside_bytes: u64,
    next_id: RecordId,
    /// How many segments from the front are known to be durable and named by a durable ledger. A lower bound.
    durable: usize,
    /// How many segments from the front are known to be walked. A lower bound.
    walked: usize,
    /// The files whose names are not known to be durable.
    unnamed: BTreeSet<FileId>,
    /// The files whose bytes or name are in doubt after a failed sync.
    suspects: BTreeSet<FileId>,
    /// Whether everything that lies behind the last record was looked at, so that the next id is final.
    is_end_known: bool,
    /// How many files were seen to be taken away.
    taken_away: u64,
    remembered: bounds::Remembered,
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this position of the reading order.
    InOrder(usize),
    Spare,
    Outside,
}

impl Segments {
    /// Segments in this order, beside other files. The next event gets `next_id`.
    pub(crate) fn new(order: Vec<Segment>, outside: Vec<Segment>, next_id: RecordId) -> Self {
        let sum = |segments: &[Segment]| {
            segments.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.bytes))
        };
        let outside_bytes = sum(&outside);
        let unnamed = order.iter().chain(&outside).map(|segment| segment.file).collect();
        let bytes = sum(&order).saturating_add(outside_bytes);
        let outside = outside.into_iter().map(|segment| (segment.file, segment)).collect();
        let segments = Self {
            order: order.into(),
            spare: None,
            outside,
            bytes,
            outside_bytes,
            next_id,
            durable: 0,
            walked: 0,
            unnamed,
            suspects: BTreeSet::new(),
            is_end_known: false,
            taken_away: 0,
            remembered: bounds::Remembered::default(),
        };
        debug_assert!(segments.rises(), "the order goes once round the ring at most");
        segments
    }

    /// Takes these files into the reading order, in front of none. For opening: until then all files are outside.
    pub(crate) fn put_in_order(&mut self, files: &[FileId]) {
        for file in files {
            if let Some(segment) = self.outside.remove(file) {
                self.outside_bytes = self.outside_bytes.saturating_sub(segment.bytes);
                // Without its neighbours nothing was known of its bounds.
                self.order.push_back(Segment { bounds: Bounds::default(), ..segment });
            }
        }
        debug_assert!(self.rises(), "the order goes once round the ring at most");
    }

    /// The id behind every whole record that was met in files outside.
    pub(crate) fn outside_ends(&self) -> RecordId {
        self.outside.values().map(|segment| segment.walked.next_id).max().unwrap_or_default()
    }

    fn rises(&self) -> bool {
        let Some(front) = self.order.front() else { return true };
        self.order
            .iter()
            .is_sorted_by(|one, next| front.file.steps_to(one.file) < front.file.steps_to(next.file))
    }

    pub(crate) fn next_id(&self) -> RecordId {
        self.next_id
    }

    /// No id below this one is given again.
    pub(crate) fn raise_next_id(&mut self, next_id: RecordId) {
        self.next_id = self.next_id.max(next_id);
    }

    /// Everything behind the last record was looked at: no id that is found from now on reaches the next id.
    pub(crate) fn end_is_known(&mut self) {
        self.is_end_known = true;
    }

    /// The id below which all ids of the last file lie, once that is known.
    pub(crate) fn final_id(&self) -> Option<RecordId> {
        self.is_end_known.then_some(self.next_id)
    }

    /// Bytes in all data files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many data files there are.
    pub(crate) fn files(&self) -> usize {
        self.order.len() + self.outside.len() + usize::from(self.spare.is_some())
    }

    /// The segments in reading order.
    pub(crate) fn order(&self) -> &VecDeque<Segment> {
        &self.order
    }

    pub(crate) fn front(&self) -> Option<&Segment> {
        self.order.front()
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.order.back()
    }

    pub(crate) fn spare(&self) -> Option<&Segment> {
        self.spare.as_ref()
    }

    /// Every file, wherever it stands.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.order.iter().chain(&self.spare).chain(self.outside.values())
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.order.iter_mut().chain(&mut self.spare).chain(self.outside.values_mut())
    }

    /// The segments with content in front of this one, the nearest first.
    pub(crate) fn before(&self, file: FileId) -> impl Iterator<Item = &Segment> {
        let position = self.position(file).unwrap_or(0);
        let mut behind = file;
        let before = self.order.range(..position).rev().take_while(move |segment| {
            let behind = std::mem::replace(&mut behind, segment.file);
            self.is_followed_by(segment.file, behind)
        });
        before.filter(|segment| segment.bytes > 0)
    }

    /// Whether no file is missing between two: then the ids of the one go on in the other. What files that are missing held
    /// is not known.
    pub(crate) fn is_followed_by(&self, file: FileId, next: FileId) -> bool {
        (1..file.steps_to(next)).all(|steps| self.place(file.ahead(steps)).is_some())
    }

    /// Where a file stands in reading order.
    pub(crate) fn position(&self, file: FileId) -> Option<usize> {
        let front = self.order.front()?.file;
        // Most questions are about the ends.
        if self.order.back().is_some_and(|last| last.file == file) {
            return self.order.len().checked_sub(1);
        }
        if front == file {
            return Some(0);
        }
        self.order.binary_search_by_key(&front.steps_to(file), |segment| front.steps_to(segment.file)).ok()
    }

    /// Where a file stands; `None` if it is not there.
    pub(crate) fn place(&self, file: FileId) -> Option<Place> {
        if let Some(position) = self.position(file) {
            return Some(Place::InOrder(position));
        }
        if self.spare.as_ref().is_some_and(|spare| spare.file == file) {
            return Some(Place::Spare);
        }
        self.outside.contains_key(&file).then_some(Place::Outside)
    }

    /// A file, wherever it stands.
    pub(crate) fn get(&self, file: FileId) -> Option<&Segment> {
        match self.place(file)? {
            Place::InOrder(position) => self.order.get(position),
            Place::Spare => self.spare.as_ref(),
            Place::Outside => self.outside.get(&file),
        }
    }

    pub(crate) fn get_mut(&mut self, file: FileId) -> Option<&mut Segment> {
        match self.place(file)? {
            Place::InOrder(position) => self.order.get_mut(position),
            Place::Spare => self.spare.as_mut(),
            Place::Outside => self.outside.get_mut(&file),
        }
    }

    /// The segment that is read after this one.
    pub(crate) fn follower(&self, file: FileId) -> Option<&Segment> {
        self.order.get(self.position(file)? + 1)
    }

    /// The id below which all ids of the segments up to this position lie, by what was walked and by the first record behind
    /// them. `None` if the host has met neither.
    pub(crate) fn end_id(&self, position: usize) -> Option<RecordId> {
        let segment = self.order.get(position)?;
        if segment.is_walked() && segment.walked.next_id > RecordId(0) {
            return Some(segment.walked.next_id);
        }
        let behind = self.order.range(position + 1..);
        match behind.into_iter().find(|segment| !segment.holds_nothing()) {
            Some(next) => next.first_id().filter(|_| next.is_met()),
            None => Some(self.next_id),
        }
    }

    /// The id behind the last record of the segments in front of this position; 0 if they hold none. `None` if the host does
    /// not know it.
    pub(crate) fn records_end_before(&self, position: usize) -> Option<RecordId> {
        for before in (0..position).rev() {
            if !self.order.get(before)?.holds_nothing() {
                return self.end_id(before);
            }
        }
        Some(RecordId(0))
    }

    /// How many bytes lie between two places of the reading order; `None` if a file is not in it, or they are the wrong way
    /// round.
    pub(crate) fn bytes_between(&self, from: (FileId, u64), to: (FileId, u64)) -> Option<u64> {
        if from.0 == to.0 {
            return to.1.checked_sub(from.1);
        }
        let (first, last) = (self.position(from.0)?, self.position(to.0)?);
        let head = self.order.get(first)?.bytes.checked_sub(from.1)?;
        let between = self.order.range(first.checked_add(1)?.min(last)..last);
        let between = between.fold(head, |sum, segment| sum.saturating_add(segment.bytes));
        (first < last).then(|| between.saturating_add(to.1))
    }

    /// How many bytes lie from a place to the end of the reading order.
    pub(crate) fn bytes_from(&self, from: (FileId, u64)) -> Option<u64> {
        let position = self.position(from.0)?;
        let before =
            self.order.range(..position).fold(from.1, |sum, segment| sum.saturating_add(segment.bytes));
        let outside = self.outside_bytes;
        Some(self.bytes.saturating_sub(outside).saturating_sub(before))
    }

    /// Whether the logic was told before that nothing is to be appended to the last segment. From now on it knows.
    pub(crate) fn tell_closed(&mut self) -> bool {
        self.order.back_mut().is_none_or(|last| std::mem::replace(&mut last.is_told_closed, true))
    }

    /// The number for the next file: the first behind the last segment that no file has. `None` when the order fills the
    /// ring: one number stays free, so that a full ring never looks like an empty one.
    pub(crate) fn free_file(&self, first: FileId) -> Option<FileId> {
        let Some(last) = self.order.back() else {
            // Without segments the ledger's file is taken, unless another file has that number.
            return (0..FileId::MODULUS)
                .map(|steps| first.ahead(steps))
                .find(|file| !self.outside.contains_key(file));
        };
        let front = self.order.front().map_or(last.file, |front| front.file);
        let room = last.file.steps_to(front).checked_sub(1).unwrap_or(FileId::MODULUS - 1);
        (1..room)
            .map(|steps| last.file.ahead(steps))
            .find(|file| file.successor() != front && !self.outside.contains_key(file))
    }

    /// A file was made that comes behind the last segment.
    pub(crate) fn prepared(&mut self, file: FileId) {
        debug_assert!(self.spare.is_none() && self.place(file).is_none(), "one spare, and no file twice");
        self.unnamed.insert(file);
        self.spare = Some(Segment::made(file));
    }

    /// Another program has made a file since opening.
    pub(crate) fn found_outside(&mut self, file: FileId) {
        self.unnamed.insert(file);
        self.outside.entry(file).or_insert_with(|| Segment::found(file, 0));
    }

    /// The spare becomes the last segment.
    pub(crate) fn rolled(&mut self) {
        if let Some(mut spare) = self.spare.take() {
            spare.walked.next_id = RecordId(0);
            let rises = self
                .front()
                .zip(self.last())
                .is_none_or(|(front, last)| front.file.steps_to(last.file) < front.file.steps_to(spare.file));
            debug_assert!(rises, "the spare comes behind the last segment");
            self.order.push_back(spare);
        }
    }

    /// Frames were appended to the last segment, with ids up to `next`.
    pub(crate) fn appended(&mut self, bytes: u64, next: RecordId) {
        debug_assert!(next > self.next_id, "ids only rise");
        let first = self.next_id;
        if let Some(last) = self.order.back_mut() {
            last.appended(bytes, first, next);
            self.durable = self.durable.min(self.order.len() - 1);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.next_id = next;
    }

    /// The last segment was truncated to this length.
    pub(crate) fn truncated(&mut self, length: u64) {
        if let Some(last) = self.order.back_mut() {
            self.bytes = self.bytes.saturating_sub(last.bytes.saturating_sub(length));
            last.truncated(length);
            let file = last.file;
            self.durable = self.durable.min(self.order.len() - 1);
            self.forget_bounds(file);
            self.note_suspect(file);
        }
    }

    /// The front segment has left the directory.
    pub(crate) fn released(&mut self) -> Option<Segment> {
        let front = self.order.pop_front()?;
        self.unnamed.remove(&front.file);
        self.suspects.remove(&front.file);
        self.forget_bounds(front.file);
        self.front_has_left();
        self.bytes = self.bytes.saturating_sub(front.bytes);
        Some(front)
    }

    fn front_has_left(&mut self) {
        self.durable = self.durable.saturating_sub(1);
        self.walked = self.walked.saturating_sub(1);
    }

    /// The front segment leaves the reading order and stays in the directory.
    pub(crate) fn set_aside(&mut self) {
        if let Some(front) = self.order.pop_front() {
            self.forget_bounds(front.file);
            self.front_has_left();
            self.outside_bytes = self.outside_bytes.saturating_add(front.bytes);
            self.outside.insert(front.file, front);
        }
    }

    /// The spare or a file outside has left the directory.
    pub(crate) fn discarded(&mut self, file: FileId) -> Option<Segment> {
        let place = self.place(file)?;
        let gone = match place {
            Place::Spare => self.spare.take(),
            Place::Outside => self.outside.remove(&file),
            Place::InOrder(_) => None,
        }?;
        self.unnamed.remove(&file);
        self.suspects.remove(&file);
        self.forget_bounds(file);
        if place == Place::Outside {
            self.outside_bytes = self.outside_bytes.saturating_sub(gone.bytes);
        }
        self.bytes = self.bytes.saturating_sub(gone.bytes);
        Some(gone)
    }
}

//! A walk through one data file: from record to record, past what is damaged.
//!
//! A file is read forward as long as frames are whole and their ids follow each other. That part always counts. Where it
//! ends before the file does, the [`FileMap`] says what the rest is: a function of the file's bytes and of the ids that its
//! neighbours allow, so that each look finds the same.

use std::num::NonZeroU32;

use forebay_frame::{
    Anchor, CountSource, Fences, FileMap, Frame, FrameError, Stretch, decode, decode_undelimited,
};
use forebay_types::{FileId, RecordId};

use super::{blocks::Block, file_bytes::FileBytes, view::View};
use crate::{
    segments::{Walked, WalkedEnd},
    storage::StorageError,
};

/// A whole record, where it lies.
pub(crate) struct Met<'a> {
    pub(crate) offset: u64,
    pub(crate) frame: Frame<'a>,
    /// How many events it holds: what the frame states, or what the ids around it leave.
    pub(crate) events: NonZeroU32,
    /// Its length statements are damaged. Nothing is lost by that.
    pub(crate) is_undelimited: bool,
    /// The block that it lies in.
    pub(crate) block: &'a Block,
}

impl Met<'_> {
    /// The id after its last event.
    pub(crate) fn next_id(&self) -> RecordId {
        self.frame.id.after(self.events.get().into())
    }
}

/// What a walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next block: go on.
    On,
    /// A record was not taken. The walk stands before it.
    Full,
    /// A stretch without a record of this buffer, which the walk has passed.
    Passed { why: WhyPassed, from: u64, to: u64 },
    /// The walk needs to know what the neighbouring files hold: see [`FileWalk::use_map`].
    NeedsMap,
    /// The end of the file.
    End,
}

/// Why a walk has passed a stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyPassed {
    /// Its bytes are damaged.
    Damaged,
    /// Whole frames that do not belong there.
    Misplaced,
    /// An unfinished frame that ends the file.
    Unfinished,
}

/// Which id the next frame must have to follow the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Any: nothing is known of what stands before.
    Any,
    /// Exactly this one.
    Exactly(RecordId),
    /// One of these: the frame before counts its events in its payload, and the count may be too high.
    Within(RecordId, RecordId),
}

impl Expected {
    fn admits(self, id: RecordId) -> bool {
        match self {
            Self::Any => id > RecordId(0),
            Self::Exactly(expected) => id == expected,
            Self::Within(first, last) => (first..=last).contains(&id),
        }
    }
}

/// A walk through one data file.
#[derive(Debug)]
pub(crate) struct FileWalk {
    pub(crate) file: FileId,
    pub(crate) offset: u64,
    /// What the neighbours say of the first id was not told yet.
    is_asking: bool,
    expected: Expected,
    map: Option<FileMap>,
    whole_end: u64,
    next_id: RecordId,
    end: WalkedEnd,
}

impl FileWalk {
    /// From the start of a file.
    pub(crate) fn start(file: FileId) -> Self {
        Self {
            file,
            offset: 0,
            is_asking: true,
            expected: Expected::Any,
            map: None,
            whole_end: 0,
            next_id: RecordId(0),
            end: WalkedEnd::Whole,
        }
    }

    /// From the end of a frame in a file that is whole up to there.
    pub(crate) fn resume(file: FileId, offset: u64, next_id: RecordId) -> Self {
        if offset == 0 {
            return Self::start(file);
        }
        let expected = Expected::Exactly(next_id);
        Self { offset, whole_end: offset, next_id, expected, is_asking: false, ..Self::start(file) }
    }

    /// What is known of the file up to here.
    pub(crate) fn walked(&self) -> Walked {
        Walked { to: self.offset, whole_end: self.whole_end, next_id: self.next_id, end: self.end }
    }

    /// Whether it stands at the start of a file, and was not told what the neighbours say of the first id.
    pub(crate) fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// The id after the file before it.
    pub(crate) fn is_told(&mut self, min_id: Option<RecordId>) {
        self.is_asking = false;
        self.expected = min_id.map_or(Expected::Any, Expected::Exactly);
    }

    /// Whether a map tells what the rest of the file is.
    pub(crate) fn has_map(&self) -> bool {
        self.map.is_some()
    }

    /// Looks at the whole file, between the ids that its neighbours allow.
    pub(crate) fn use_map(
        &mut self,
        source: &mut FileBytes<'_>,
        fences: Fences,
        anchors: &[Anchor],
    ) -> Result<(), StorageError> {
        self.map = Some(FileMap::anchored(source, fences, anchors)?);
        Ok(())
    }

    /// Goes on, and shows each record, until `take` answers false, a block ends, or something else is met. `behind` is the
    /// id that follows the file's last record, as far as it is known.
    pub(crate) fn advance(
        &mut self,
        source: &mut FileBytes<'_>,
        view: &mut View,
        behind: Option<RecordId>,
        mut take: impl FnMut(&Met<'_>) -> bool,
    ) -> Result<Step, StorageError> {
        if self.offset >= source.length {
            return Ok(Step::End);
        }
        let stretch = self.map.as_ref().and_then(|map| map.at(self.offset)).map(|(_, stretch)| *stretch);
        if stretch.is_none() && self.map.take().is_some() {
            // Records were appended since. They follow what the map has called whole.
            self.expected = Expected::Exactly(self.next_id);
        }
        match stretch {
            None => self.follow(source, view, (source.length, behind), take),
            Some(Stretch::Run { offset, bytes, next_id, .. }) => {
                if offset == self.offset {
                    self.expected = Expected::Any;
                }
                self.follow(source, view, (offset.saturating_add(bytes), Some(next_id)), take)
            }
            Some(Stretch::Undelimited { offset, bytes, next_id, .. }) => {
                let block = view.read_block(source, offset, bytes)?;
                let Ok(frame) = decode_undelimited(&block.bytes) else {
                    return Ok(self.pass(WhyPassed::Damaged, offset, offset + bytes));
                };
                let events = events_up_to(frame.id, next_id).unwrap_or(frame.events);
                let met = Met { offset, frame, events, is_undelimited: true, block: &block };
                if !take(&met) {
                    return Ok(Step::Full);
                }
                let next_id = met.next_id();
                self.passed_record(bytes, next_id);
                self.end = WalkedEnd::Damaged;
                Ok(Step::On)
            }
            Some(Stretch::Damaged { offset, bytes }) => {
                Ok(self.pass(WhyPassed::Damaged, offset, offset.saturating_add(bytes)))
            }
            Some(Stretch::Misplaced { offset, bytes }) => {
                Ok(self.pass(WhyPassed::Misplaced, offset, offset.saturating_add(bytes)))
            }
            // What the device cannot read looks like zeros, and must not be cut: another time it may be read.
            // Nor must whole frames that this walk has met where the map sees none.
            Some(Stretch::Unfinished { offset, bytes })
                if self.offset > offset || !source.is_readable(offset, bytes)? =>
            {
                Ok(self.pass(WhyPassed::Damaged, offset, offset.saturating_add(bytes)))
            }
            Some(Stretch::Unfinished { offset, bytes }) => {
                let is_clean = self.end == WalkedEnd::Whole;
                let from = self.offset;
                self.offset = offset.saturating_add(bytes);
                self.end = if is_clean { WalkedEnd::Unfinished(offset) } else { WalkedEnd::Damaged };
                Ok(Step::Passed { why: WhyPassed::Unfinished, from, to: self.offset })
            }
        }
    }

    fn pass(&mut self, why: WhyPassed, offset: u64, to: u64) -> Step {
        debug_assert!((offset..to).contains(&self.offset), "a stretch lies where the walk is");
        let from = self.offset;
        self.offset = to;
        self.end = WalkedEnd::Damaged;
        Step::Passed { why, from, to }
    }

    fn passed_record(&mut self, bytes: u64, next_id: RecordId) {
        self.offset = self.offset.saturating_add(bytes);
        self.whole_end = self.offset;
        self.next_id = self.next_id.max(next_id);
    }

    /// Follows whole frames with consecutive ids through one block, up to an offset. `behind` is the id behind that offset.
    fn follow(
        &mut self,
        source: &mut FileBytes<'_>,
        view: &mut View,
        (end, behind): (u64, Option<RecordId>),
        mut take: impl FnMut(&Met<'_>) -> bool,
    ) -> Result<Step, StorageError> {
        let start = self.offset;
        let block = view.block(source, start)?;
        loop {
            let at = self.offset;
            if at >= end {
                return Ok(Step::On);
            }
            let rest =
                usize::try_from(at - start).ok().and_then(|skip| block.bytes.get(skip..)).unwrap_or_default();
            let frame = match decode(rest) {
                Ok(frame) => frame,
                // The frame goes on behind the block: the next one starts with it.
                Err(FrameError::Incomplete { needed })
                    if at > start && at.saturating_add(needed) <= source.length =>
                {
                    return Ok(Step::On);
                }
                Err(_) if rest.is_empty() => return Ok(Step::On),
                Err(_) => return Ok(self.needs_map()),
            };
            if !self.expected.admits(frame.id) {
                return Ok(self.needs_map());
            }
            let events = match frame.count_source {
                CountSource::Frame | CountSource::Assumed => frame.events,
                CountSource::Payload if frame.events == NonZeroU32::MIN => frame.events,
                CountSource::Payload => {
                    let frame_end = at.saturating_add(frame.bytes);
                    let follower =
                        if frame_end >= end { behind } else { next_frame_id(source, view, frame_end)? };
                    follower
                        .and_then(|id| events_up_to(frame.id, id))
                        .map_or(frame.events, |up_to| up_to.min(frame.events))
                }
            };
            let bytes = frame.bytes;
            let expected = match frame.count_source {
                CountSource::Frame => Expected::Exactly(frame.id.after(events.get().into())),
                CountSource::Payload | CountSource::Assumed => {
                    Expected::Within(frame.id.after(1), frame.id.after(frame.events.get().into()))
                }
            };
            let met = Met { offset: at, frame, events, is_undelimited: false, block: &block };
            if !take(&met) {
                return Ok(Step::Full);
            }
            let next_id = met.next_id();
            self.passed_record(bytes, next_id);
            self.expected = expected;
        }
    }

    /// The file is not whole, or not in order, from here on.
    fn needs_map(&mut self) -> Step {
        if self.map.is_none() {
            return Step::NeedsMap;
        }
        // What the map calls whole cannot be read any more: the file has changed since. It counts as damage.
        let to = self
            .map
            .as_ref()
            .and_then(|map| map.at(self.offset))
            .map_or(u64::MAX, |(_, stretch)| stretch.end());
        self.pass(WhyPassed::Damaged, self.offset, to)
    }
}

/// How many events lie from an id up to, not including, another.
fn events_up_to(id: RecordId, next_id: RecordId) -> Option<NonZeroU32> {
    u32::try_from(next_id.since(id)).ok().and_then(NonZeroU32::new)
}

/// The id of the whole frame at an offset, if there is one.
fn next_frame_id(
    source: &mut FileBytes<'_>,
    view: &mut View,
    at: u64,
) -> Result<Option<RecordId>, StorageError> {
    if at >= source.length {
        return Ok(None);
    }
    let block = view.block(source, at)?;
    Ok(decode(&block.bytes).ok().map(|frame| frame.id))
}

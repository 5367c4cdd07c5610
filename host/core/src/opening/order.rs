//! The reading order at opening: as the ledger says, unless the files contradict it.
//!
//! Of most directories only the fences of the boundary files are read. All fences are read where the ledger's window has a
//! hole, or a file outside it holds anything that is not passed. Where the fences contradict each other too, all files are
//! read, and [`arrange`] finds the order that delivers the most.

use std::{collections::BTreeSet, ops::Range};

use forebay_types::{FileId, Ledger, RecordId};
use tracing::{info, warn};

use super::frames::Frames;
use crate::{
    segments::{Extent, arrange},
    storage::StorageError,
};

/// The files to read, in this order. All other files are outside.
pub(super) fn reading_order(ledger: Ledger, frames: &mut Frames<'_>) -> Result<Vec<FileId>, StorageError> {
    let window = Window::of(ledger, frames);
    if let Some(order) = window.as_the_ledger_says(frames)? {
        return Ok(order);
    }
    if let Some(order) = window.as_the_fences_say(frames)? {
        return Ok(order);
    }
    let mut extents: Vec<Extent> = Vec::new();
    for file in frames.nonempty() {
        extents.push(frames.options(file)?.clone());
    }
    let mut order = arrange(&extents, ledger.reader_data_file, ledger.first_unread());
    if order.is_empty() {
        // Everything was passed. What is written next comes behind the highest ids.
        order = arrange(&extents, ledger.reader_data_file, RecordId::FIRST);
    }
    warn!(
        files = extents.len(),
        in_order = order.len(),
        "the ledger (buffer.db) and the data files contradict each other: the ids in the files decide what is read"
    );
    window.with_files_that_add_nothing(&window.with_the_writer(order), frames)
}

/// Whether a reader that goes by this ledger meets everything unread by rising ids.
pub(super) fn leads_to_everything(ledger: Ledger, frames: &mut Frames<'_>) -> Result<bool, StorageError> {
    let window = Window::of(ledger, frames);
    let is_there = |file| frames.files.segments.get(file).is_some();
    if !is_there(ledger.reader_data_file) || !is_there(ledger.writer_data_file) {
        return Ok(false);
    }
    Ok(window.as_the_fences_say(frames)?.is_some())
}

/// The files as a ledger divides them, each part in ring order from the reader's file.
struct Window {
    ledger: Ledger,
    /// From the reader's file to the writer's.
    inside: Vec<FileId>,
    /// With content, behind the writer's.
    outside: Vec<FileId>,
    /// The ledger's files or numbers between them are missing.
    has_hole: bool,
}

impl Window {
    fn of(ledger: Ledger, frames: &Frames<'_>) -> Self {
        let Ledger { reader_data_file: reader, writer_data_file: writer, .. } = ledger;
        let steps_to_writer = reader.steps_to(writer);
        let mut files: Vec<(FileId, u64)> =
            frames.files.segments.iter().map(|segment| (segment.file, segment.bytes)).collect();
        files.sort_by_key(|(file, _)| reader.steps_to(*file));
        let split = files.partition_point(|(file, _)| reader.steps_to(*file) <= steps_to_writer);
        let outside = files.split_off(split);
        let inside: Vec<FileId> = files.into_iter().map(|(file, _)| file).collect();
        let has_hole = u32::try_from(inside.len()) != Ok(steps_to_writer + 1);
        let outside = outside.into_iter().filter(|(_, bytes)| *bytes > 0).map(|(file, _)| file).collect();
        Self { ledger, inside, outside, has_hole }
    }

    /// The window, where nothing speaks against it. Reads the fences of the first and the last file.
    fn as_the_ledger_says(&self, frames: &mut Frames<'_>) -> Result<Option<Vec<FileId>>, StorageError> {
        let unread = self.ledger.first_unread();
        let (Some(front), Some(last)) = (self.inside.first(), self.inside.last()) else { return Ok(None) };
        if self.has_hole || !self.outside.is_empty() {
            return Ok(None);
        }
        let (first, last_first) = (frames.fence(*front)?, frames.fence(*last)?);
        let begins_well = first.is_none_or(|first| first <= unread) || self.ledger.waiting_events() == 0;
        // Where the last file does not tell, a file in front of it may be one that a power loss has brought back.
        let rises = front == last
            || frames.is_empty(*last)
            || last_first.is_some_and(|last| first.is_none_or(|first| first < last));
        Ok((begins_well && rises).then(|| self.inside.clone()))
    }

    /// The window and the files that follow it, where the fences rise and no file outside holds anything else that is unread.
    fn as_the_fences_say(&self, frames: &mut Frames<'_>) -> Result<Option<Vec<FileId>>, StorageError> {
        let unread = self.ledger.first_unread();
        let mut order = self.inside.clone();
        let mut highest = None;
        for file in &self.inside {
            if frames.is_empty(*file) {
                continue;
            }
            let fence = frames.fence(*file)?;
            let Some(fence) = fence else {
                if self.has_hole || !self.outside.is_empty() {
                    return Ok(None);
                }
                // In a whole window a file that does not tell contradicts nothing.
                continue;
            };
            if highest.is_some_and(|highest| fence <= highest) {
                return Ok(None);
            }
            highest = Some(fence);
        }
        let lowest = match self.inside.iter().find(|file| !frames.is_empty(**file)) {
            Some(file) => frames.fence(*file)?,
            None => None,
        };
        let mut end = match order.iter().rev().find(|file| !frames.is_empty(**file)) {
            // The last file is walked in any case, and may end with a torn frame.
            Some(file) if !self.outside.is_empty() => {
                frames.extent(*file)?.runs.iter().map(|run| run.end).max()
            }
            Some(_) | None => None,
        };
        for file in &self.outside {
            let Some(first) = frames.fence(*file)? else { return Ok(None) };
            let file_end = match frames.end_by_last_frame(*file)? {
                // A torn frame ends the file: the process died before the ledger named it.
                None => frames.extent(*file)?.runs.iter().map(|run| run.end).max(),
                end => end,
            };
            let Some(file_end) = file_end else { return Ok(None) };
            if file_end <= first {
                return Ok(None);
            }
            // A crash came between the first record of this file and the ledger that names it.
            let is_behind = self.ledger.reader_data_file.steps_to(*file) < FileId::MODULUS / 2;
            // All of it may be acknowledged, where what the ledger leads to shows that it is no older file.
            let follows = end.map_or(file_end > unread, |end| first >= end);
            if follows && is_behind {
                if end.is_none() && lowest.is_none() && first > unread && self.ledger.waiting_events() > 0 {
                    return Ok(None);
                }
                end = Some(file_end);
                order.push(*file);
            } else if file_end > unread {
                // It holds unread events and stands where no reader goes, or half the ring away: a reading order that long leaves
                // no number for another file.
                return Ok(None);
            }
        }
        if lowest.is_some_and(|lowest| lowest > unread) && self.has_hole {
            // The first unread events may be in a file that the ledger does not lead to; all files outside were passed.
            info!(first_unread = unread.0, "data files are missing in front of those that are read");
        }
        Ok(Some(order))
    }

    /// Files in which no record is found contradict nothing, nor do those in front of an order of which everything was passed. They
    /// stay where they are. What their neighbours say of their ids may show records in them. They tell their neighbours where
    /// ids begin.
    fn with_files_that_add_nothing(
        &self,
        order: &[FileId],
        frames: &mut Frames<'_>,
    ) -> Result<Vec<FileId>, StorageError> {
        let (Some(first), Some(last)) = (order.first().copied(), order.last().copied()) else {
            return Ok(Vec::new());
        };
        // The ledger's front, if the order can be read from there.
        let can_begin = |front: &FileId| {
            front.steps_to(first) < FileId::MODULUS / 2
                && order.is_sorted_by_key(|file| front.steps_to(*file))
        };
        let front = self.inside.first().copied().filter(can_begin).unwrap_or(first);
        // Half the ring away there is no telling what is in front and what behind.
        let end = front.steps_to(last).max(FileId::MODULUS / 2 - 1);
        let all: Vec<FileId> = frames.files.segments.iter().map(|segment| segment.file).collect();
        let in_order: BTreeSet<FileId> = order.iter().copied().collect();
        let mut files = Vec::new();
        for file in all.into_iter().filter(|file| front.steps_to(*file) <= end) {
            let is_in_front = front.steps_to(file) < front.steps_to(first);
            let passed = self.ledger.first_unread();
            let adds_nothing = |runs: &[Range<RecordId>]| {
                runs.is_empty() || is_in_front && runs.iter().all(|run| run.end <= passed)
            };
            if in_order.contains(&file) || adds_nothing(&frames.extent(file)?.runs) {
                files.push(file);
            }
        }
        files.sort_by_key(|file| front.steps_to(*file));
        Ok(files)
    }

    /// An order by ids leaves out files that add nothing. Where it is empty, the writer's file goes on.
    fn with_the_writer(&self, order: Vec<FileId>) -> Vec<FileId> {
        if !order.is_empty() {
            return order;
        }
        self.inside
            .last()
            .filter(|file| **file == self.ledger.writer_data_file)
            .copied()
            .into_iter()
            .collect()
    }
}

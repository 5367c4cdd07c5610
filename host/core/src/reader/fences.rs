//! What neighbouring files say of the ids in a file.

use forebay_frame::{
    END_BYTES, Fences, FileMap, Source, Stretch, decode, first_frame_id, frame_bytes_by_end,
};
use forebay_types::{FileId, RecordId};

use super::Files;
use crate::{
    segments::{Fence, Segments},
    storage::{StorageError, unless_missing},
};

/// At how many files is looked for the first id behind a damaged one.
const FOLLOWERS_MAX: usize = 4;

/// At how many runs of records a file may begin, where its first frame may be misplaced: each is tried.
const STARTS_MAX: usize = 5;

/// Looks at the first frame of a file, unless that was done before. It is a hint: nothing was checked.
pub(crate) fn fence_of(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    let Some(segment) = files.segments.get(file) else { return Ok(None) };
    if segment.fence != Fence::Unknown {
        return Ok(segment.first_id());
    }
    let length = segment.bytes;
    let first = first_frame_id(&mut files.bytes_of(file, length))?;
    let fence = first.map_or(Fence::None, Fence::First);
    if let Some(segment) = files.segments.get_mut(file) {
        segment.fence = fence;
    }
    Ok(first)
}

/// The id after the whole frame that ends at an offset of a file, if one does. Where its events were counted in its
/// payload, they may be too many.
pub(crate) fn frame_ending_at(
    files: &mut Files<'_>,
    file: FileId,
    end: u64,
) -> Result<Option<RecordId>, StorageError> {
    Ok(last_frame(files, file, end)?.map(|(_, next_id)| next_id))
}

/// The id after the last record of a file, if a whole frame ends the file. Events that were counted in its payload give way to
/// the first id of the file that follows.
pub(super) fn id_after(
    files: &mut Files<'_>,
    file: FileId,
    bytes: u64,
    follower: FileId,
) -> Result<Option<RecordId>, StorageError> {
    let Some((lowest, next_id)) = last_frame(files, file, bytes)? else { return Ok(None) };
    if lowest < next_id
        && let Some(first) = fence_of(files, follower)?
        && (lowest..next_id).contains(&first)
    {
        return Ok(Some(first));
    }
    Ok(Some(next_id))
}

/// The lowest id that may follow the whole frame that ends at an offset, and the id after its last event.
fn last_frame(
    files: &mut Files<'_>,
    file: FileId,
    end: u64,
) -> Result<Option<(RecordId, RecordId)>, StorageError> {
    let Some(length) = files.segments.get(file).map(|segment| segment.bytes) else { return Ok(None) };
    frame_before(&mut files.bytes_of(file, length), end)
}

/// What the ids behind the whole frame may be that ends at an offset, if one does: the lowest, and the id after its last event.
/// The two differ where its events were counted in its payload.
pub fn frame_before<S: Source>(source: &mut S, end: u64) -> Result<Option<(RecordId, RecordId)>, S::Error> {
    let mut last = [0; END_BYTES];
    let end_bytes = u64::try_from(END_BYTES).unwrap_or(u64::MAX);
    let Some(at) = end.checked_sub(end_bytes).filter(|_| end <= source.len()) else { return Ok(None) };
    source.read_at(at, &mut last)?;
    let Some(bytes) = frame_bytes_by_end(last) else { return Ok(None) };
    let Some(start) = end.checked_sub(bytes) else { return Ok(None) };
    let Ok(wanted) = usize::try_from(bytes) else { return Ok(None) };
    let mut frame = vec![0; wanted];
    source.read_at(start, &mut frame)?;
    let Some(frame) = decode(&frame).ok().filter(|frame| frame.bytes == bytes) else { return Ok(None) };
    Ok(Some((frame.lowest_next_id(), frame.next_id())))
}

/// The id behind a file's last record, as far as the facts tell it without a look: the first id of the next segment, or the
/// buffer's next.
pub(super) fn known_behind(segments: &Segments, file: FileId) -> Option<RecordId> {
    let position = segments.position(file)?;
    if position + 1 == segments.order().len() {
        return Some(segments.next_id());
    }
    segments.order().get(position + 1)?.first_id()
}

/// The first segment behind a file that holds anything.
fn nonempty_follower(segments: &Segments, file: FileId) -> Option<(FileId, u64)> {
    let mut follower = segments.follower(file);
    while let Some(next) = follower {
        if next.bytes > 0 {
            return Some((next.file, next.bytes));
        }
        follower = segments.follower(next.file);
    }
    None
}

/// The id of a file's first frame, whether or not that frame counts: which one was met first depends on what else was walked.
fn first_frame(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    let met = files.segments.get(file).filter(|segment| segment.is_met()).map(|segment| segment.bytes);
    unless_missing(match met {
        Some(bytes) => first_frame_id(&mut files.bytes_of(file, bytes)),
        None => fence_of(files, file),
    })
}

/// The id with which the first segment begins that is behind a file and holds anything. It is a hint: nothing was checked.
fn first_behind(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    match nonempty_follower(files.segments, file) {
        Some((next, _)) => first_frame(files, next),
        None => Ok(None),
    }
}

/// The lowest id of a file, or else, where its first frame may be misplaced, the one with which no first frame counts more than
/// any other: where a file stands in front and tells nothing, and where the file behind begins with no higher id. A walk
/// delivers nothing of such a file before it has looked at all of it.
pub(super) fn or_unplaced(
    files: &mut Files<'_>,
    file: FileId,
    min: Option<RecordId>,
) -> Result<Option<RecordId>, StorageError> {
    if min.is_some() {
        return Ok(min);
    }
    let is_in_doubt = files.segments.before(file).next().is_some() || begins_too_high(files, file)?;
    Ok(if is_in_doubt { Fences::UNPLACED.min } else { None })
}

fn begins_too_high(files: &mut Files<'_>, file: FileId) -> Result<bool, StorageError> {
    let Some(first) = first_frame(files, file)? else { return Ok(false) };
    Ok(first_behind(files, file)?.is_some_and(|behind| behind <= first))
}

/// What follows a file.
struct Follower {
    file: FileId,
    bytes: u64,
    /// The id of its first frame, which may be misplaced.
    fence: Option<RecordId>,
    /// What it holds where its first frame counts no more than any other. Not made yet where that frame tells its id.
    unplaced: Option<FileMap>,
}

/// The first segment behind a file that holds a record, or the last one that is looked at.
fn follower_with_records(files: &mut Files<'_>, file: FileId) -> Result<Option<Follower>, StorageError> {
    let mut next = nonempty_follower(files.segments, file);
    for looked_at in 1..=FOLLOWERS_MAX {
        let Some((file, bytes)) = next else { break };
        let fence = first_frame(files, file)?;
        let mut follower = Follower { file, bytes, fence, unplaced: None };
        if looked_at == FOLLOWERS_MAX || fence.is_some() || follower.unplaced(files)?.records() > 0 {
            return Ok(Some(follower));
        }
        next = nonempty_follower(files.segments, file);
    }
    Ok(None)
}

impl Follower {
    /// What it holds from an id on.
    fn from(&self, files: &mut Files<'_>, min: Option<RecordId>) -> Result<FileMap, StorageError> {
        FileMap::of(&mut files.bytes_of(self.file, self.bytes), Fences { min, end: None })
    }

    /// See the field.
    fn unplaced(&mut self, files: &mut Files<'_>) -> Result<&FileMap, StorageError> {
        let map = if let Some(map) = self.unplaced.take() {
            map
        } else {
            let map = FileMap::of(&mut files.bytes_of(self.file, self.bytes), Fences::UNPLACED);
            unless_missing(map)?
        };
        Ok(self.unplaced.insert(map))
    }
}

/// The id below which all ids of a damaged file lie: where the file that follows begins, unless nothing tells that.
///
/// A misplaced sector may end this file or begin the next. Of the places where the next file can begin, the one counts with which
/// this file and those behind it keep the most records. So the answer is a function of their bytes, and every look finds the same.
pub(crate) fn end_id(
    files: &mut Files<'_>,
    file: FileId,
    min_id: Option<RecordId>,
) -> Result<Option<RecordId>, StorageError> {
    let Some(mut next) = follower_with_records(files, file)? else {
        return Ok(files.segments.final_id());
    };
    let Some(bytes) = files.segments.get(file).map(|segment| segment.bytes) else { return Ok(None) };
    let fence = next.fence;
    let own = |files: &mut Files<'_>, end| {
        FileMap::of(&mut files.bytes_of(file, bytes), Fences { min: min_id, end })
    };
    let open = own(files, None)?;
    if let Some(fence) = fence {
        let behind = next.from(files, Some(fence))?;
        let is_whole_itself = open.first_id().is_some_and(|first| is_whole_from_its_fence(&open, first));
        let is_short = behind.records() < open.records();
        if is_whole_from_its_fence(&behind, fence) && !is_whole_itself && !is_short {
            return Ok(Some(fence));
        }
    }
    let unplaced = next.unplaced(files)?.stretches().iter().filter_map(first_id);
    let mut starts: Vec<RecordId> = fence.into_iter().chain(unplaced).take(STARTS_MAX).collect();
    starts.dedup();
    let open_end = open.next_id().unwrap_or_default();
    if starts.iter().all(|start| open_end <= *start) {
        // Where the next file's first frame does not tell, its first record that can be read does.
        return Ok(fence.or(starts.into_iter().min()));
    }
    let voters = voters(files, &mut next, open.records())?;
    let mut best = (None, open.worth().saturating_add(worth_from(files, &voters, Some(open_end))?));
    for start in starts {
        let own = own(files, Some(start))?;
        let behind = worth_from(files, &voters, own.next_id().or(min_id))?;
        let kept = own.worth().saturating_add(behind);
        // In doubt the first frame of the next file counts.
        if kept > best.1 || kept == best.1 && Some(start) == fence {
            best = (Some(start), kept);
        }
    }
    Ok(best.0)
}

/// The files behind a damaged one that say where its ids end: so many that they hold more records than it. A short one alone could be
/// outvoted by a misplaced sector, which would hide the files behind it as well.
fn voters(
    files: &mut Files<'_>,
    next: &mut Follower,
    own_records: u64,
) -> Result<Vec<(FileId, u64)>, StorageError> {
    let mut records = next.unplaced(files)?.records();
    let mut voters = vec![(next.file, next.bytes)];
    let mut last = next.file;
    while records <= own_records.saturating_mul(2)
        && voters.len() < FOLLOWERS_MAX
        && let Some((file, bytes)) = nonempty_follower(files.segments, last)
    {
        let map = unless_missing(FileMap::of(&mut files.bytes_of(file, bytes), Fences::UNPLACED))?;
        records = records.saturating_add(map.records());
        voters.push((file, bytes));
        last = file;
    }
    Ok(voters)
}

/// How much speaks for files that follow each other, if no id in them is below `min`.
fn worth_from(
    files: &mut Files<'_>,
    in_order: &[(FileId, u64)],
    mut min: Option<RecordId>,
) -> Result<i128, StorageError> {
    let mut worth = 0_i128;
    for (file, bytes) in in_order {
        let map = FileMap::of(&mut files.bytes_of(*file, *bytes), Fences { min, end: None });
        let map = unless_missing(map)?;
        worth = worth.saturating_add(map.worth());
        min = map.next_id().or(min);
    }
    Ok(worth)
}

/// The id with which a stretch begins that can be read.
fn first_id(stretch: &Stretch) -> Option<RecordId> {
    match *stretch {
        Stretch::Run { first_id, .. } => Some(first_id),
        Stretch::Undelimited { id, .. } => Some(id),
        Stretch::Damaged { .. } | Stretch::Misplaced { .. } | Stretch::Unfinished { .. } => None,
    }
}

/// Whether a file is one run from its first frame on, so that nothing speaks against that frame. A misplaced sector at its
/// start would be a run, too, and the rest of the file another one.
fn is_whole_from_its_fence(map: &FileMap, fence: RecordId) -> bool {
    match map.stretches() {
        [Stretch::Run { offset: 0, first_id, .. }]
        | [Stretch::Run { offset: 0, first_id, .. }, Stretch::Unfinished { .. }] => *first_id == fence,
        _ => false,
    }
}

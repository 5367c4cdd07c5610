//! What neighbouring files say of the ids in a file.

use forebay_frame::{
    CountSource, END_BYTES, Fences, FileMap, Source as _, Stretch, decode, first_frame_id, frame_bytes_by_end,
};
use forebay_types::{FileId, RecordId};

use super::{Files, file_bytes::FileBytes};
use crate::{
    segments::{Fence, Segments},
    storage::StorageError,
};

/// Looks at the first frame of a file, unless that was done before. It is a hint: nothing was checked.
pub(crate) fn fence_of(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    let Some(segment) = files.segments.get(file) else { return Ok(None) };
    if segment.fence != Fence::Unknown {
        return Ok(segment.first_id());
    }
    let length = segment.bytes;
    let first = first_frame_id(&mut FileBytes::new(&mut *files.backend, file, length))?;
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
    let mut source = FileBytes::new(&mut *files.backend, file, length);
    let mut last = [0; END_BYTES];
    let end_bytes = u64::try_from(END_BYTES).unwrap_or(u64::MAX);
    let Some(at) = end.checked_sub(end_bytes).filter(|_| end <= length) else { return Ok(None) };
    source.read_at(at, &mut last)?;
    let Some(bytes) = frame_bytes_by_end(last) else { return Ok(None) };
    let Some(start) = end.checked_sub(bytes) else { return Ok(None) };
    let Ok(wanted) = usize::try_from(bytes) else { return Ok(None) };
    let mut frame = vec![0; wanted];
    source.read_at(start, &mut frame)?;
    let Some(frame) = decode(&frame).ok().filter(|frame| frame.bytes == bytes) else { return Ok(None) };
    let lowest = match frame.count_source {
        CountSource::Frame => frame.next_id(),
        CountSource::Payload | CountSource::Assumed => frame.id.after(1),
    };
    Ok(Some((lowest, frame.next_id())))
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

/// The id with which the first segment begins that is behind a file and holds anything. It is a hint: nothing was checked.
pub(crate) fn first_behind(files: &mut Files<'_>, file: FileId) -> Result<Option<RecordId>, StorageError> {
    let Some((next, _)) = nonempty_follower(files.segments, file) else { return Ok(None) };
    match fence_of(files, next) {
        Err(StorageError::NotFound { .. }) => Ok(None),
        fence => fence,
    }
}

/// The id below which all ids of a damaged file lie: the first id of the file that follows, unless that one is itself
/// misplaced.
///
/// Where the two files disagree, the boundary that keeps more records counts. So the answer is a function of the two files'
/// bytes, and every look finds the same.
pub(crate) fn end_id(
    files: &mut Files<'_>,
    file: FileId,
    min_id: Option<RecordId>,
) -> Result<Option<RecordId>, StorageError> {
    let Some((next, next_bytes)) = nonempty_follower(files.segments, file) else {
        return Ok(files.segments.final_id());
    };
    let Some(fence) = first_behind(files, file)? else { return Ok(None) };
    let Some(bytes) = files.segments.get(file).map(|segment| segment.bytes) else { return Ok(None) };
    let map = |files: &mut Files<'_>, file, bytes, fences| {
        FileMap::of(&mut FileBytes::new(&mut *files.backend, file, bytes), fences)
    };
    let behind_closed = map(files, next, next_bytes, Fences { min: Some(fence), end: None })?;
    let open = map(files, file, bytes, Fences { min: min_id, end: None })?;
    let is_whole_itself = open.first_id().is_some_and(|first| is_whole_from_its_fence(&open, first));
    if is_whole_from_its_fence(&behind_closed, fence) && !is_whole_itself {
        return Ok(Some(fence));
    }
    let Some(open_end) = open.next_id().filter(|end| *end > fence) else { return Ok(Some(fence)) };
    let closed = map(files, file, bytes, Fences { min: min_id, end: Some(fence) })?;
    let behind_open = map(files, next, next_bytes, Fences { min: Some(open_end), end: None })?;
    let keeps_more = open.records().saturating_add(behind_open.records())
        > closed.records().saturating_add(behind_closed.records());
    Ok((!keeps_more).then_some(fence))
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

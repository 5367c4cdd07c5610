//! A reader that needs no map up to the first damage.

use forebay_frame::{CountSource, Fences, RecordId, decode};

use crate::map::reader::{Delivered, map, records_of};

/// How far a reader gets without a map: the committed prefix, and the offsets of its frames.
fn committed(bytes: &[u8], fences: Fences) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    let mut expected = fences.min.map(|min| min..=min);
    while let Ok(frame) = decode(&bytes[at..]) {
        let floor =
            if frame.count_source == CountSource::Frame { frame.next_id() } else { frame.id.after(1) };
        let follows = expected.as_ref().is_none_or(|expected| expected.contains(&frame.id));
        if !follows || fences.end.is_some_and(|end| floor > end) {
            break;
        }
        starts.push(at);
        at += frame.bytes as usize;
        expected = Some(floor..=frame.next_id());
    }
    starts.push(at);
    starts
}

/// From any frame of the committed prefix on, a reader that asks for the map behind it delivers what the map gives.
#[track_caller]
pub(crate) fn same_as_map(bytes: &[u8], fences: Fences, delivered: &[Delivered]) {
    let starts = committed(bytes, fences);
    let end = *starts.last().unwrap();
    let rest = records_of(bytes, &map(bytes, fences), end);
    for (index, start) in starts.iter().enumerate().step_by(7) {
        let mut streamed: Vec<Delivered> = starts[index..starts.len() - 1]
            .iter()
            .map(|start| Delivered::of(*start, &decode(&bytes[*start..]).unwrap()))
            .collect();
        streamed.extend(rest.iter().cloned());
        let expected: Vec<_> = delivered.iter().filter(|record| record.offset >= *start).cloned().collect();
        assert!(streamed == expected, "from {start} on, committed up to {end}");
    }
    // What a map gives behind the prefix rises above it.
    let last = starts.len().checked_sub(2).map(|last| decode(&bytes[starts[last]..]).unwrap().id);
    assert!(rest.first().is_none_or(|next| last.is_none_or(|last| last < RecordId(next.id))));
}

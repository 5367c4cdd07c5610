//! Reads a file by its map, as a reader of the queue does.

use forebay_frame::{CountSource, Fences, FileMap, Frame, RecordId, Stretch, decode, decode_undelimited};

use crate::data_file::{DataFile, Record};

/// A record that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) offset: usize,
    pub(crate) id: u64,
    pub(crate) payload: Vec<u8>,
}

impl Delivered {
    pub(crate) fn of(offset: usize, frame: &Frame<'_>) -> Self {
        Self { offset, id: frame.id.0, payload: frame.payload.to_vec() }
    }
}

/// What neighbours say of a file that was written without a gap.
pub(crate) fn fences(file: &DataFile) -> Fences {
    Fences {
        min: file.records.first().map(|record| RecordId(record.id)),
        end: Some(RecordId(file.next_id())),
    }
}

/// A map, and what holds for every map: it covers the file, ids rise, the same bytes give the same map.
#[track_caller]
pub(crate) fn map(bytes: &[u8], fences: Fences) -> FileMap {
    let Ok(map) = FileMap::of(&mut &bytes[..], fences);
    let mut at = 0;
    let mut floor = fences.min;
    let mut records = 0;
    for (index, stretch) in map.stretches().iter().enumerate() {
        assert_eq!(stretch.offset(), at, "a hole: {map:?}");
        assert!(stretch.bytes() > 0, "a stretch of nothing: {map:?}");
        assert_eq!(map.at(at), Some((index, stretch)));
        assert_eq!(map.at(stretch.end() - 1), Some((index, stretch)));
        at = stretch.end();
        let (first, next) = match *stretch {
            Stretch::Run { first_id, next_id, records: more, .. } => {
                records += u64::from(more);
                (first_id, next_id)
            }
            Stretch::Undelimited { id, next_id, .. } => {
                records += 1;
                (id, next_id)
            }
            Stretch::Unfinished { .. } => {
                assert_eq!(at, bytes.len() as u64, "an unfinished frame is not the last: {map:?}");
                continue;
            }
            _ => continue,
        };
        assert!(floor.is_none_or(|floor| floor <= first) && first < next, "ids do not rise: {map:?}");
        assert!(fences.end.is_none_or(|end| next <= end), "ids reach the fence: {map:?}");
        floor = Some(next);
    }
    assert_eq!(at, bytes.len() as u64, "{map:?}");
    assert_eq!(map.records(), records);
    map
}

/// The records that a map gives.
#[track_caller]
pub(crate) fn read(bytes: &[u8], fences: Fences) -> Vec<Delivered> {
    records_of(bytes, &map(bytes, fences), 0)
}

/// The records that a map gives from an offset on, at which a frame or another stretch starts.
#[track_caller]
pub(crate) fn records_of(bytes: &[u8], map: &FileMap, from: usize) -> Vec<Delivered> {
    let mut delivered = Vec::new();
    for stretch in map.stretches().iter().filter(|stretch| stretch.end() > from as u64) {
        let start = (stretch.offset() as usize).max(from);
        match *stretch {
            Stretch::Run { next_id, .. } => {
                let mut at = start;
                let mut last: Option<(RecordId, RecordId, CountSource)> = None;
                while at < stretch.end() as usize {
                    let frame = decode(&bytes[at..]).expect("a run holds whole frames");
                    if let Some((id, next, source)) = last {
                        let follows = match source {
                            CountSource::Frame => frame.id == next,
                            _ => frame.id > id && frame.id <= next,
                        };
                        assert!(follows, "a gap within a run: {map:?}");
                    }
                    last = Some((frame.id, frame.next_id(), frame.count_source));
                    delivered.push(Delivered::of(at, &frame));
                    at += frame.bytes as usize;
                }
                assert_eq!(at as u64, stretch.end());
                assert!(last.is_some_and(|(id, next, _)| id < next_id && next_id <= next));
            }
            Stretch::Undelimited { id, .. } => {
                let frame = decode_undelimited(&bytes[start..stretch.end() as usize]).unwrap();
                assert_eq!(frame.id, id);
                delivered.push(Delivered::of(start, &frame));
            }
            _ => {}
        }
    }
    delivered
}

/// Their ids.
pub(crate) fn ids(delivered: &[Delivered]) -> Vec<u64> {
    delivered.iter().map(|record| record.id).collect()
}

/// The records of a file that were not delivered.
pub(crate) fn missing<'a>(file: &'a DataFile, delivered: &[Delivered]) -> Vec<&'a Record> {
    let ids = ids(delivered);
    file.records.iter().filter(|record| !ids.contains(&record.id)).collect()
}

/// Every record was written, and they are in order.
#[track_caller]
pub(crate) fn invented_nothing(delivered: &[Delivered], file: &DataFile) {
    let mut written = file.records.iter();
    for Delivered { offset, id, payload } in delivered {
        assert!(
            written.any(|record| record.id == *id && record.payload == *payload),
            "record {id} at {offset} was never written, or not here"
        );
    }
}

//! What the scans of one call of the logic have read: each record once, to be taken out run by run.
//!
//! The records of a scan lie beside the spans that the logic was told. A run is compared with the spans, and costs a look at
//! each record only where it names a part of one.

use std::{collections::VecDeque, vec};

use forebay_frame::Surroundings;

use super::{ReadRecord, Span, SpanState};
use crate::{logic::Run, storage::FileId};

/// What one scan has read of a file, less what was taken of it.
#[derive(Debug)]
pub(super) struct ReadScan {
    file: FileId,
    /// Where what is left begins, and where it ends.
    offset: u64,
    end: u64,
    /// The whole spans, and what is known behind each.
    spans: VecDeque<(Span, Surroundings)>,
    /// Their records.
    records: vec::IntoIter<ReadRecord>,
}

impl ReadScan {
    /// The records of these spans, as far as they are whole, and what is known behind each span.
    pub(super) fn new(
        file: FileId,
        spans: &[Span],
        behind: &[Surroundings],
        records: Vec<ReadRecord>,
    ) -> Self {
        debug_assert_eq!(spans.len(), behind.len(), "something is known behind each");
        let known = spans.iter().copied().zip(behind.iter().copied());
        let spans: VecDeque<_> = known.filter(|(span, _)| span.state == SpanState::Whole).collect();
        let end = spans.back().map_or(0, |(span, _)| span.end());
        let mut scan = Self { file, offset: 0, end, spans, records: records.into_iter() };
        scan.begin();
        scan
    }

    /// How many records are left.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Leaves out what lies before an offset.
    fn skip_to(&mut self, offset: u64) {
        while let Some((span, _)) = self.spans.front_mut().filter(|(span, _)| span.offset < offset) {
            if span.end() <= offset {
                let skipped = to_usize(span.records);
                self.spans.pop_front();
                self.records.by_ref().take(skipped).for_each(drop);
            } else if let Some(record) = self.records.next() {
                span.pass(&record);
            } else {
                break;
            }
        }
        self.begin();
    }

    /// Takes out what a run begins with, and gives how much of it that is, and what is known behind it. `None` if nothing
    /// here begins as it says.
    fn take(&mut self, run: &Run, into: &mut Vec<ReadRecord>) -> Option<(Run, Surroundings)> {
        self.skip_to(run.offset);
        let (span, behind) = self.spans.front_mut()?;
        if span.offset != run.offset || span.first_id != run.first_id || run.records == 0 {
            return None;
        }
        let whole = *span;
        if run.records < span.records {
            for record in self.records.as_slice().get(..to_usize(run.records))? {
                span.pass(record);
            }
        } else {
            span.pass_all();
        }
        let mut behind = *behind;
        if span.records > 0 {
            // A record was read there, and that is its id.
            behind = Surroundings { floor: span.first_id, exact: true, ..behind };
        }
        let taken = Run {
            bytes: whole.bytes.saturating_sub(span.bytes),
            next_id: span.first_id,
            records: whole.records.saturating_sub(span.records),
            ..*run
        };
        if span.records == 0 {
            self.spans.pop_front();
        }
        if into.is_empty() && self.spans.is_empty() {
            // All of them: they stay where they are in memory.
            *into = std::mem::take(&mut self.records).collect();
        } else {
            into.extend(self.records.by_ref().take(to_usize(taken.records)));
        }
        self.begin();
        Some((taken, behind))
    }

    /// What is left begins with the first span that is.
    fn begin(&mut self) {
        self.offset = self.spans.front().map_or(self.end, |(span, _)| span.offset);
    }
}

/// What is left of a span of whole records, behind the records that were taken.
impl Span {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }

    fn pass(&mut self, record: &ReadRecord) {
        self.offset = self.offset.saturating_add(record.frame_bytes);
        self.bytes = self.bytes.saturating_sub(record.frame_bytes);
        self.first_id = record.id.after(record.events.get().into());
        self.records = self.records.saturating_sub(1);
    }

    fn pass_all(&mut self) {
        *self = Self { offset: self.end(), bytes: 0, first_id: self.next_id, records: 0, ..*self };
    }
}

/// What some scans have read: in the order of files and offsets, and none of it twice.
#[derive(Debug)]
pub(super) struct ReadScans(Vec<ReadScan>);

impl ReadScans {
    /// Of these, in the order in which they were.
    ///
    /// Logic that looks for a place may scan a stretch more than once; what was read first counts.
    pub(super) fn new(mut scans: Vec<ReadScan>) -> Self {
        let follows = |one: &ReadScan, next: &ReadScan| (one.file, one.end) <= (next.file, next.offset);
        if !scans.is_sorted_by(follows) {
            scans.sort_by_key(|scan| (scan.file, scan.offset));
            let mut known = None;
            for scan in &mut scans {
                if let Some((file, end)) = known
                    && file == scan.file
                {
                    scan.skip_to(end);
                }
                known = known.max(Some((scan.file, scan.end)));
            }
            scans.retain(|scan| !scan.spans.is_empty());
        }
        Self(scans)
    }

    /// Takes out the records that a run names, to the end of `into`, and gives what is known behind them. `None` if they were
    /// not read, or are not as it says.
    pub(super) fn take(&mut self, run: &Run, into: &mut Vec<ReadRecord>) -> Option<Surroundings> {
        let mut left = *run;
        loop {
            let behind = self.0.partition_point(|scan| (scan.file, scan.offset) <= (left.file, left.offset));
            let scan = self.0.get_mut(behind.checked_sub(1)?).filter(|scan| scan.file == left.file)?;
            let (taken, behind) = scan.take(&left, into)?;
            left.offset = left.offset.saturating_add(taken.bytes);
            left.bytes = left.bytes.checked_sub(taken.bytes)?;
            left.first_id = taken.next_id;
            left.records = left.records.saturating_sub(taken.records);
            if left.records == 0 {
                return (left.bytes == 0 && left.first_id == left.next_id).then_some(behind);
            }
        }
    }
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use bytes::Bytes;
    use forebay_frame::RecordId;

    use super::*;

    /// The length of each frame in these tests, and what is damaged where something is.
    const FRAME: u64 = 10;

    fn file(number: u16) -> FileId {
        FileId::new(number).unwrap()
    }

    /// Records of one event each from this id on, at the place in the file where they are if nothing is damaged.
    fn run(number: u16, first: u64, records: u32) -> Run {
        let bytes = u64::from(records) * FRAME;
        let (first_id, next_id) = (RecordId(first), RecordId(first + u64::from(records)));
        Run { file: file(number), offset: first * FRAME, bytes, first_id, next_id, records }
    }

    fn scan(number: u16, runs: &[(u64, u32)]) -> ReadScan {
        let (mut spans, mut records) = (Vec::new(), Vec::new());
        for (first, count) in runs {
            let Run { offset, bytes, first_id, next_id, records: count, .. } = run(number, *first, *count);
            spans.push(Span { offset, bytes, first_id, next_id, records: count, state: SpanState::Whole });
            let none = RecordId(0);
            let (offset, state) = (offset + bytes, SpanState::Corrupt);
            spans.push(Span { offset, bytes: FRAME, first_id: none, next_id: none, records: 0, state });
            records.extend((first_id.0..next_id.0).map(|id| ReadRecord {
                id: RecordId(id),
                incarnation: 0,
                events: NonZeroU32::MIN,
                metadata: 0,
                payload: Bytes::new(),
                frame_bytes: FRAME,
            }));
        }
        let behind = spans.iter().map(|span| behind(span.next_id)).collect::<Vec<_>>();
        ReadScan::new(file(number), &spans, &behind, records)
    }

    /// What a scan knows behind a span in these tests.
    fn behind(next_id: RecordId) -> Surroundings {
        Surroundings { floor: next_id, exact: false, ceiling: RecordId(u64::MAX) }
    }

    fn take(scans: &mut ReadScans, run: Run) -> Option<Vec<u64>> {
        // Something was taken before it.
        let mut records = scan(9, &[(77, 1)]).records.collect();
        scans.take(&run, &mut records)?;
        Some(records.iter().skip(1).map(|record| record.id.0).collect())
    }

    /// Logic delivers what fits into its answer, which ends where it likes.
    #[test]
    fn a_run_may_be_any_part_of_a_span() {
        let mut scans = ReadScans::new(vec![scan(0, &[(0, 10), (11, 4)])]);
        assert_eq!(take(&mut scans, run(0, 2, 3)), Some(vec![2, 3, 4]));
        assert_eq!(take(&mut scans, run(0, 5, 2)), Some(vec![5, 6]));
        assert_eq!(take(&mut scans, run(0, 9, 1)), Some(vec![9]), "two were left out");
        assert_eq!(take(&mut scans, run(0, 11, 4)), Some(vec![11, 12, 13, 14]));
        assert_eq!(take(&mut scans, run(0, 14, 1)), None, "it was taken");
    }

    /// Records that more than one scan has read are one run, if nothing lies between them.
    #[test]
    fn a_run_may_go_through_several_scans() {
        let both = |second: ReadScan| ReadScans::new(vec![scan(0, &[(0, 3)]), second]);
        assert_eq!(take(&mut both(scan(0, &[(3, 2)])), run(0, 1, 4)), Some(vec![1, 2, 3, 4]));
        assert_eq!(take(&mut both(scan(0, &[(4, 2)])), run(0, 1, 4)), None, "something lies between them");
        assert_eq!(take(&mut both(scan(1, &[(3, 2)])), run(0, 1, 4)), None, "it is another file");
    }

    /// Logic that looks for its place scans here and there, and more than once.
    #[test]
    fn what_was_read_twice_is_there_once_whatever_the_order() {
        let overlapping = [(1, 3, 2), (0, 4, 4), (0, 0, 6), (0, 2, 1), (0, 12, 1)];
        let scans = overlapping.map(|(number, first, records)| scan(number, &[(first, records)]));
        let mut scans = ReadScans::new(scans.into());
        assert_eq!(scans.0.iter().map(ReadScan::len).sum::<usize>(), 8 + 1 + 2);
        assert_eq!(take(&mut scans, run(0, 0, 8)), Some((0..8).collect()));
        assert_eq!(take(&mut scans, run(0, 0, 1)), None, "it was taken");
        assert_eq!(take(&mut scans, run(0, 12, 1)), Some(vec![12]));
        assert_eq!(take(&mut scans, run(1, 3, 2)), Some(vec![3, 4]));
    }

    /// Whatever a run says is compared with what was read.
    #[test]
    fn a_run_that_says_anything_else_takes_nothing() {
        let forged: [fn(&mut Run); 8] = [
            |run| run.offset += 8,
            |run| run.offset = u64::MAX,
            |run| run.bytes -= 1,
            |run| run.first_id = RecordId(3),
            |run| run.next_id = RecordId(9),
            |run| run.records = 0,
            |run| run.records = u32::MAX,
            |run| run.file = file(1),
        ];
        for forge in forged {
            for records in [3, 10] {
                let mut run = run(0, 0, records);
                forge(&mut run);
                assert_eq!(take(&mut ReadScans::new(vec![scan(0, &[(0, 10)])]), run), None, "{run:?}");
            }
        }
    }
}

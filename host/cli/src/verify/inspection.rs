//! From what a look has found to a report: which fault is which record.

use std::ops::Range;

use forebay::{
    RecordId,
    storage::{FileId, data_file_name},
};
use forebay_core::look::{Finding, StretchKind};

use super::{
    ranges::{self, Ranges},
    report::{Kind, Report},
};

/// What was found in the data files so far.
#[derive(Default)]
pub(super) struct Inspection {
    report: Report,
    /// The first unread id, as the ledger says.
    first_unread: RecordId,
    /// The ledger's next id, where another process holds the buffer and may be writing to it.
    live_next: Option<RecordId>,
    file: String,
    is_in_order: bool,
    /// The ids of unread records in a file that no reader reaches, and where the first of them starts.
    unreachable: Option<(u64, Range<RecordId>)>,
    /// The id after the last whole record, and the faults since then: the records that they were lie between it and the next
    /// whole one.
    floor: Option<RecordId>,
    faults: Vec<usize>,
}

impl Inspection {
    /// `live_next` is the ledger's next id if another process holds the buffer and may be writing.
    pub(super) fn new(first_unread: RecordId, live_next: Option<RecordId>) -> Self {
        Self { first_unread, live_next, ..Self::default() }
    }

    /// Adds a finding. They come in reading order, and those of files outside it at the end.
    pub(super) fn add(&mut self, finding: Finding) {
        match finding {
            Finding::File { file, is_in_order } => self.file(file, is_in_order),
            Finding::Record { offset, bytes, ids, is_undelimited } => {
                self.report.bytes += bytes;
                self.record(offset, &ids);
                if is_undelimited {
                    self.report.corrupt += 1;
                    self.report.add(&self.file, offset, Kind::Length, Some(ids));
                } else {
                    self.report.frames += 1;
                }
            }
            Finding::Stretch { kind, offset, bytes } => self.stretch(kind, offset, bytes),
            _ => {}
        }
    }

    fn file(&mut self, file: FileId, is_in_order: bool) {
        self.end_file();
        self.report.files += 1;
        self.file = data_file_name(file);
        self.is_in_order = is_in_order;
        if !is_in_order {
            self.faults.clear();
            self.floor = None;
        }
    }

    fn record(&mut self, offset: u64, ids: &Range<RecordId>) {
        self.name_faults(ids.start);
        self.floor = Some(ids.end);
        if !self.is_in_order && ids.end > self.first_unread {
            let (_, unreachable) = self.unreachable.get_or_insert((offset, ids.clone()));
            *unreachable = unreachable.start.min(ids.start)..unreachable.end.max(ids.end);
        }
    }

    fn stretch(&mut self, kind: StretchKind, offset: u64, bytes: u64) {
        let kind = match kind {
            StretchKind::Damaged => Kind::Corrupt,
            StretchKind::Misplaced => Kind::Misplaced,
            // Everything that the ledger counts is there: this is a write under way.
            StretchKind::Unfinished if self.is_under_way() => return,
            StretchKind::Unfinished => Kind::Torn,
        };
        self.report.bytes += bytes;
        match kind {
            Kind::Torn => self.report.torn_bytes += bytes,
            _ => self.report.corrupt += 1,
        }
        self.faults.push(self.report.add(&self.file, offset, kind, None));
    }

    fn is_under_way(&self) -> bool {
        self.is_in_order && self.live_next.is_some_and(|next| self.floor.unwrap_or(self.first_unread) >= next)
    }

    /// The faults since the last whole record lie before this id: says which ids they were, as far as that is certain.
    fn name_faults(&mut self, before: RecordId) {
        let faults = std::mem::take(&mut self.faults);
        let Some(floor) = self.floor else { return };
        let count = u64::try_from(faults.len()).unwrap_or(u64::MAX);
        let gap = floor..before;
        if let [fault] = *faults {
            self.report.name(fault, gap);
        } else if ranges::count(&gap) == count {
            for (id, fault) in (floor.0..before.0).zip(faults) {
                self.report.name(fault, RecordId(id)..RecordId(id).after(1));
            }
        }
    }

    fn end_file(&mut self) {
        if let Some((offset, ids)) = self.unreachable.take() {
            self.report.corrupt += 1;
            self.report.add(&self.file, offset, Kind::Misplaced, Some(ids));
        }
    }

    /// What was found, with the unread ids that are lost. `next_id` is the id behind all records.
    pub(super) fn finish(mut self, next_id: RecordId, lost: &[Range<RecordId>]) -> Report {
        self.end_file();
        if self.is_in_order {
            self.name_faults(next_id);
        }
        let mut named = Ranges::default();
        for fault in self.report.faults.iter().filter(|fault| fault.kind != Kind::Misplaced) {
            if let Some([first, end]) = fault.ids {
                named.add(RecordId(first)..RecordId(end));
            }
        }
        for lost in lost {
            self.report.lost_records += ranges::count(lost);
            for ids in named.missing(lost.clone()) {
                self.report.add_missing(ids);
            }
        }
        self.report.judge();
        self.report
    }
}

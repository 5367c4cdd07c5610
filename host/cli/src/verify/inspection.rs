//! Going through the data files of a buffer, and keeping an account of what was found.

use std::ops::Range;

use forebay::RecordId;
use forebay_frame::{Source, Step, Surroundings, Walker};

use super::{
    ranges::{self, Ranges},
    report::{Kind, Report},
};

/// What was found in the data files so far.
pub(super) struct Inspection {
    next_id: RecordId,
    ceiling: RecordId,
    /// The first unread id, if somebody has the buffer and may be writing to it.
    live: Option<RecordId>,
    report: Report,
    seen: Ranges,
    /// The id after the last whole record, and the damages since then: the records that they were lie between it and the
    /// next whole one.
    floor: Option<RecordId>,
    damages: Vec<usize>,
}

impl Inspection {
    /// `next_id` is the ledger's next id, `bytes` how long all data files are together, `live` the first unread id if somebody
    /// has the buffer and may be writing.
    pub(super) fn new(next_id: RecordId, bytes: u64, live: Option<RecordId>) -> Self {
        let (report, seen) = (Report::default(), Ranges::default());
        // The ledger may lag behind, and an event takes a byte or more: opening goes by the same.
        let ceiling = next_id.after(bytes);
        Self { next_id, ceiling, live, report, seen, floor: None, damages: Vec::new() }
    }

    /// Reads a data file. Files come in the order of their records; `follower` is the first one's id in the next file.
    pub(super) fn file<S: Source>(
        &mut self,
        name: &str,
        source: &mut S,
        follower: Option<RecordId>,
    ) -> Result<(), S::Error> {
        let mut walker = Walker::new(source, 0, self.around());
        if let Some(follower) = follower {
            walker = walker.followed_by(follower);
        }
        self.report.files += 1;
        while let Some(step) = walker.next()? {
            match step {
                Step::Whole { offset, id, events, length_damaged, bytes, .. } => {
                    let ids = id..id.after(events.get().into());
                    self.report.bytes += bytes;
                    self.whole(&ids);
                    if length_damaged {
                        self.report.corrupt += 1;
                        self.report.add(name, offset, Kind::Length, Some(ids));
                    } else {
                        self.report.frames += 1;
                    }
                }
                Step::Corrupt { offset, bytes } => {
                    self.report.bytes += bytes;
                    self.report.corrupt += 1;
                    self.damages.push(self.report.add(name, offset, Kind::Corrupt, None));
                }
                // Everything that the ledger counts is there: this is a write under way.
                Step::Torn { .. }
                    if self.live.is_some_and(|unread| self.floor.unwrap_or(unread) >= self.next_id) => {}
                Step::Torn { offset, bytes } => {
                    self.report.bytes += bytes;
                    self.report.torn_bytes += bytes;
                    self.damages.push(self.report.add(name, offset, Kind::Torn, None));
                }
            }
        }
        Ok(())
    }

    /// The id with which a data file begins; `None` if damage does.
    pub(super) fn first_id<S: Source>(&self, source: &mut S) -> Result<Option<RecordId>, S::Error> {
        Ok(match Walker::new(source, 0, self.around()).next()? {
            Some(Step::Whole { id, .. }) => Some(id),
            _ => None,
        })
    }

    /// What is known where a data file begins.
    fn around(&self) -> Surroundings {
        Surroundings::at_start(self.ceiling)
    }

    /// A record was found whole.
    fn whole(&mut self, ids: &Range<RecordId>) {
        self.name_damages(ids.start);
        self.floor = Some(ids.end);
        self.seen.add(ids.clone());
    }

    /// The damages since the last whole record lie before this id: says which ids they were, as far as that is certain.
    fn name_damages(&mut self, before: RecordId) {
        let damages = std::mem::take(&mut self.damages);
        let Some(floor) = self.floor else { return };
        let count = u64::try_from(damages.len()).unwrap_or(u64::MAX);
        let gap = floor..before;
        if let [damage] = *damages {
            self.report.name(damage, gap);
        } else if ranges::count(&gap) == count {
            for (id, damage) in (floor.0..before.0).zip(damages) {
                self.report.name(damage, RecordId(id)..RecordId(id).after(1));
            }
        }
    }

    /// Whether a record was found that holds this event or a later one.
    pub(super) fn reaches(&self, id: RecordId) -> bool {
        self.seen.end() > Some(id)
    }

    /// What was found, with the ids of `unread` that no file holds.
    pub(super) fn finish(mut self, unread: Range<RecordId>) -> Report {
        self.name_damages(unread.end);
        let mut named = Ranges::default();
        for [first, end] in self.report.faults.iter().filter_map(|fault| fault.ids) {
            named.add(RecordId(first)..RecordId(end));
        }
        for lost in self.seen.missing(unread) {
            self.report.lost_records += ranges::count(&lost);
            for ids in named.missing(lost) {
                self.report.add_missing(ids);
            }
        }
        self.report.judge();
        self.report
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::cast_possible_truncation
    )]

    use std::num::NonZeroU32;

    use super::*;

    /// The frames of these ids, each with a payload that says so, and where each starts.
    fn frames(ids: Range<u64>) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for id in ids {
            starts.push(bytes.len());
            forebay_frame::encode(
                &mut bytes,
                RecordId(id),
                0,
                NonZeroU32::MIN,
                format!("record {id}").as_bytes(),
            );
        }
        (bytes, starts)
    }

    fn inspect(files: &[&[u8]], next: u64, last: u64) -> Report {
        inspect_live(files, next, last, None)
    }

    fn inspect_live(files: &[&[u8]], next: u64, last: u64, live: Option<RecordId>) -> Report {
        let mut inspection = Inspection::new(RecordId(next), 0, live);
        for file in files {
            inspection.file("a file", &mut &**file, None).unwrap();
        }
        inspection.finish(RecordId(last + 1)..RecordId(next))
    }

    /// (frames, corrupt, torn bytes, lost records)
    fn figures(report: &Report) -> (u64, u64, u64, u64) {
        (report.frames, report.corrupt, report.torn_bytes, report.lost_records)
    }

    fn ids(report: &Report) -> Vec<Option<[u64; 2]>> {
        report.faults.iter().map(|fault| fault.ids).collect()
    }

    /// An alarm without a cause is soon not looked at any more.
    #[test]
    fn a_whole_buffer_is_ok() {
        let ((one, _), (two, _)) = (frames(1..51), frames(51..101));
        let report = inspect(&[&one, &two], 101, 0);
        assert_eq!(figures(&report), (100, 0, 0, 0));
        assert!(report.ok && report.faults.is_empty());
        assert!(inspect(&[], 1, 0).ok);
    }

    /// Records that were acknowledged may be gone with their file.
    #[test]
    fn what_was_acknowledged_is_not_missing() {
        let (file, _) = frames(51..101);
        assert!(inspect(&[&file], 101, 60).ok);
    }

    /// The report names the record, so that somebody can ask for it again.
    #[test]
    fn a_damaged_record_is_named() {
        let (mut file, starts) = frames(1..101);
        file[starts[49] + 8] ^= 1;
        let report = inspect(&[&file], 101, 0);
        assert_eq!(figures(&report), (99, 1, 0, 1));
        assert_eq!(ids(&report), [Some([50, 51])]);
        assert!(!report.ok);
    }

    /// Each damaged frame counts, also where they lie side by side.
    #[test]
    fn neighbouring_damages_are_named_one_by_one() {
        let (mut file, starts) = frames(1..11);
        file[starts[3] + 8] ^= 1;
        file[starts[4] + 8] ^= 1;
        let report = inspect(&[&file], 11, 0);
        assert_eq!(figures(&report), (8, 2, 0, 2));
        assert_eq!(ids(&report), [Some([4, 5]), Some([5, 6])]);
    }

    /// The end of a write that a crash cut short.
    #[test]
    fn a_torn_tail_is_counted_in_bytes() {
        let (mut file, starts) = frames(1..101);
        file.truncate(file.len() - 5);
        let torn = (file.len() - starts[99]) as u64;
        let report = inspect(&[&file], 101, 0);
        assert_eq!(figures(&report), (99, 0, torn, 1));
        assert_eq!(ids(&report), [Some([100, 101])]);
        // The ledger had not counted it: nothing that anybody relied on is lost.
        let report = inspect(&[&file], 100, 0);
        assert_eq!((report.lost_records, report.ok), (0, false));
    }

    /// A busy buffer is not a damaged one: what the ledger does not count yet may be half written.
    #[test]
    fn a_write_under_way_is_no_damage() {
        let (mut file, _) = frames(1..101);
        file.truncate(file.len() - 5);
        let live = Some(RecordId(1));
        assert!(inspect_live(&[&file], 100, 0, live).ok);
        assert!(inspect_live(&[&file[..20]], 1, 0, live).ok);
        // What it counts is there.
        let report = inspect_live(&[&file], 101, 0, live);
        assert_eq!((report.lost_records, report.ok), (1, false));
    }

    /// A file that somebody removed leaves no damaged byte behind, and is a loss all the same.
    #[test]
    fn a_file_that_is_gone_is_a_loss() {
        let ((one, _), (three, _)) = (frames(1..11), frames(21..31));
        let report = inspect(&[&one, &three], 31, 0);
        assert_eq!(figures(&report), (20, 0, 0, 10));
        assert_eq!(ids(&report), [Some([11, 21])]);
        assert_eq!(report.faults[0].file, None);
    }

    /// A damaged length loses nothing, and the file is damaged all the same.
    #[test]
    fn a_damaged_length_loses_no_record() {
        let (mut file, starts) = frames(1..11);
        file[starts[3]] ^= 0x10;
        let report = inspect(&[&file], 11, 0);
        assert_eq!(figures(&report), (9, 1, 0, 0));
        assert_eq!(ids(&report), [Some([4, 5])]);
        assert!(!report.ok);
    }

    /// A payload of Vector's says how many events it holds, and may say too many. The file that follows knows better: what
    /// lies between the two is lost, and it is said so.
    #[test]
    fn events_counted_in_the_last_record_go_no_further_than_the_next_file() {
        // An array of three log events.
        let payload = [&[0x0a, 6][..], &[0x0a, 0].repeat(3)].concat();
        let mut one = Vec::new();
        forebay_frame::encode(&mut one, RecordId(1), 1, NonZeroU32::MIN, &payload);
        for (first, lost) in [(2, 0), (3, 0), (4, 0), (7, 3)] {
            let (two, _) = frames(first..11);
            let mut inspection = Inspection::new(RecordId(11), 0, None);
            inspection.file("one", &mut &*one, Some(RecordId(first))).unwrap();
            assert_eq!(inspection.first_id(&mut &*two).unwrap(), Some(RecordId(first)));
            assert_eq!(inspection.floor, Some(RecordId(first.min(4))));
            inspection.file("two", &mut &*two, None).unwrap();
            let report = inspection.finish(RecordId(1)..RecordId(11));
            assert_eq!((report.frames, report.lost_records), (12 - first, lost), "{first}");
        }
    }
}

//! The storage calls of a guest that calls whatever it likes, and what each of them may have done.

use forebay::{
    RecordId,
    guard::BatchId,
    storage::{FileId, Ledger},
};
use forebay_types::{Segment, SegmentEnd, SegmentPlace, SyncTarget};

use super::{
    bed::Bed,
    random::{Phase, Placed, World},
};
use crate::support::storage::file;

impl World {
    /// One storage call.
    pub(super) fn call(&mut self, bed: &mut Bed) {
        self.calls += 1;
        let before = bed.guard.refused();
        self.watched(|world| world.any_call(bed));
        self.refused += bed.guard.refused() - before;
        let now = self.disk.data_files();
        let on_disk: u64 = now.iter().map(|(_, length)| length).sum();
        assert!(on_disk <= self.most_bytes, "{on_disk}");
        assert!(now.len() <= self.most_files, "{now:?}");
    }

    /// Does something that may make, remove or truncate files.
    fn watched(&mut self, action: impl FnOnce(&mut Self)) {
        let before = self.disk.data_files();
        action(self);
        let now = self.disk.data_files();
        let length = |files: &[(FileId, u64)], file| {
            files.iter().find(|(other, _)| *other == file).map(|(_, bytes)| *bytes)
        };
        for (file, _) in before.iter().chain(&now) {
            self.tickets.changed(*file, length(&before, *file), length(&now, *file));
        }
    }

    fn any_call(&mut self, bed: &mut Bed) {
        match self.dice.below(32) {
            0..=11 => self.append(bed),
            12..=17 => self.store_ledger(bed),
            18 => drop(bed.guard.prepare()),
            19 | 20 => drop(bed.guard.roll()),
            21 | 22 => self.release(bed),
            23 | 24 => self.discard(bed),
            25 => self.truncate(bed),
            26 => {
                let (from, max) = (self.dice.below(10) as u32, self.dice.below(10) as u32);
                assert!(bed.guard.segments(from, max).unwrap().len() <= max as usize);
            }
            27 => assert_eq!(bed.guard.load_ledger().ok(), bed.guard.ledger()),
            _ => self.request_sync(bed),
        }
    }

    /// A number that could be right: mostly of a file that is there.
    fn a_file(&mut self, bed: &mut Bed) -> FileId {
        let segments = bed.segments();
        if segments.is_empty() || self.chance(8) {
            let most = if self.chance(4) { 65_535 } else { 8 };
            return file(self.dice.below(most) as u16);
        }
        segments[self.dice.below(segments.len() as u64) as usize].file
    }

    /// An id near those that count.
    fn an_id(&mut self, bed: &mut Bed) -> u64 {
        let segments = bed.segments();
        let end = match segments.len() as u64 {
            0 => 0,
            count => segments[self.dice.below(count) as usize].next_id.0,
        };
        let near = [bed.guard.next_id().0, self.acknowledged, self.expected, end];
        match self.dice.below(9) {
            0 => self.dice.below(u64::MAX),
            n => (near[n as usize % 4] + self.dice.below(3)).saturating_sub(1),
        }
    }

    fn append(&mut self, bed: &mut Bed) {
        let Some(mut offered) = self.offered.take() else {
            assert!(bed.guard.append(BatchId(self.dice.below(5)), 1).is_err());
            return;
        };
        let last = in_order(&bed.segments()).last().copied();
        let batch =
            if self.chance(20) { BatchId(offered.batch.0 + self.dice.below(3) - 1) } else { offered.batch };
        let count =
            if self.chance(20) { u32::MAX - self.dice.below(3) as u32 } else { self.dice.below(4) as u32 };
        let mut next = bed.guard.next_id().0;
        if let Ok(placed) = bed.guard.append(batch, count) {
            let Segment { file, bytes, .. } = last.unwrap();
            assert!(
                (1..=count).contains(&placed.records) && batch == offered.batch && placed.first_id.0 == next
            );
            let mut end = bytes;
            for (payload, record) in offered.records.iter().skip(offered.placed).take(placed.records as usize)
            {
                end += record.frame_bytes();
                let id = next;
                next += u64::from(record.events.get());
                self.payloads.insert(id, payload.clone());
                self.next.insert(id, next);
                self.placed.insert((id, file), Placed { end, next });
            }
            assert_eq!((placed.bytes, placed.next_id.0), (end, next));
            offered.placed += placed.records as usize;
        }
        assert_eq!(bed.guard.next_id().0, next, "no id is given for nothing");
        self.offered = Some(offered);
    }

    fn store_ledger(&mut self, bed: &mut Bed) {
        let next = bed.guard.next_id();
        let mut ledger = bed.guard.ledger().unwrap_or(Ledger { writer_next_record: next, ..Ledger::EMPTY });
        ledger.writer_next_record = next;
        if self.chance(3) {
            ledger.writer_data_file = self.a_file(bed);
        }
        if self.chance(3) {
            ledger.reader_data_file = self.a_file(bed);
        }
        if self.chance(10) {
            ledger.writer_next_record = RecordId(self.an_id(bed));
        }
        ledger.reader_last_record = match self.dice.below(4) {
            0 => ledger.reader_last_record,
            1 => RecordId(self.an_id(bed)),
            _ => RecordId(self.acknowledged.max(ledger.reader_last_record.0)),
        };
        if self.chance(6) {
            self.aim_at_a_drop(bed, &mut ledger);
        }
        self.store(bed, ledger);
    }

    /// A ledger that passes whole segments from the front, or nearly so.
    fn aim_at_a_drop(&mut self, bed: &mut Bed, ledger: &mut Ledger) {
        let segments = in_order(&bed.segments());
        if segments.len() < 2 {
            return;
        }
        let reader = 1 + self.dice.below(segments.len() as u64 - 1) as usize;
        let off = if self.chance(3) { self.dice.below(3) } else { 1 };
        ledger.reader_data_file = segments[reader].file;
        ledger.writer_data_file = segments[segments.len() - 1].file;
        ledger.reader_last_record = RecordId((segments[reader - 1].next_id.0 + 1).saturating_sub(off + 1));
    }

    pub(super) fn store(&mut self, bed: &mut Bed, ledger: Ledger) {
        let (segments, dropped) = (in_order(&bed.segments()), bed.guard.dropped_events());
        if bed.guard.store_ledger(ledger).is_err() {
            return;
        }
        let last = ledger.reader_last_record.0;
        let newly = bed.guard.dropped_events() - dropped;
        let unread = self.acknowledged + 1;
        if newly == 0 {
            self.assert_passes_nothing(last);
        } else {
            assert!(self.drops && self.phase == Phase::Open, "{ledger:?} drops what it may not");
            let kept = segments.iter().skip_while(|segment| segment.file != ledger.reader_data_file);
            let kept: Vec<FileId> = kept.map(|segment| segment.file).collect();
            let waits = self.placed.iter().filter(|(_, placed)| placed.next > unread);
            let gone = waits.filter(|((_, file), _)| !kept.contains(file));
            let (mut events, mut end) = (0, unread);
            for ((id, _), placed) in gone {
                assert!(
                    placed.next <= last + 1,
                    "{ledger:?}: what the reader's file passes, the last id passes too"
                );
                events += placed.next.saturating_sub(end.max(*id));
                end = end.max(placed.next);
            }
            assert_eq!(newly, events, "{ledger:?}: what is dropped is counted");
            let of_kept = self.placed.iter().find(|((id, file), _)| {
                kept.contains(file)
                    && *id <= last
                    && !self.placed.keys().any(|other| other.0 == *id && !kept.contains(&other.1))
                    && self.placed[&(*id, *file)].next > unread
            });
            assert_eq!(of_kept.map(|(at, _)| at), None, "{ledger:?}: only whole segments go");
            self.dropped += newly;
        }
        self.ever = self.ever.max(last);
        self.acknowledged = self.acknowledged.max(last);
        self.expected = self.expected.max(last + 1);
    }

    fn release(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        self.release_through(bed, file);
    }

    pub(super) fn release_through(&mut self, bed: &mut Bed, through: FileId) {
        let before = in_order(&bed.segments());
        if let Ok(released) = bed.guard.release(through) {
            let gone = &before[..released.files as usize];
            assert!(gone.len() < before.len() && !gone.is_empty());
            assert!(
                gone.iter().rev().skip(1).all(|segment| segment.file != through),
                "no more than were named"
            );
            assert_eq!(released.bytes, gone.iter().map(|segment| segment.bytes).sum::<u64>());
            for segment in gone {
                assert!(self.disk.data_file(segment.file).is_none());
                self.gone(segment.file);
            }
        }
    }

    fn discard(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        if bed.guard.discard(file).is_ok() {
            self.gone(file);
        }
    }

    pub(super) fn truncate(&mut self, bed: &mut Bed) {
        let last = in_order(&bed.segments()).last().map(|last| last.file);
        if let Ok(bytes) = bed.guard.truncate() {
            let file = last.unwrap();
            let length = bed.length(file.get());
            assert!(bytes > 0);
            let gone = self.placed.iter().find(|((_, from), placed)| *from == file && placed.end > length);
            assert!(gone.is_none(), "{gone:?} was whole");
        }
    }

    /// A file goes. What is in it must have been acknowledged.
    fn gone(&mut self, file: FileId) {
        let ever = self.ever;
        self.placed.retain(|(id, from), placed| {
            let goes = *from == file;
            assert!(!goes || placed.next <= ever + 1, "record {id} of {from} was not acknowledged");
            !goes
        });
    }

    fn request_sync(&mut self, bed: &mut Bed) {
        let target = match self.dice.below(3) {
            0 => SyncTarget::Data(self.a_file(bed)),
            1 => SyncTarget::Directory,
            _ => SyncTarget::Ledger,
        };
        self.request(bed, target);
    }

    pub(super) fn request(&mut self, bed: &mut Bed, target: SyncTarget) {
        if let Ok(ticket) = bed.guard.request_sync(target) {
            self.tickets.requested(ticket, target, &self.disk);
        }
    }

    /// What well-behaved logic would do: only then is anything ever answered as synced, or room made.
    pub(super) fn do_as_told(&mut self, bed: &mut Bed) {
        self.watched(|world| world.truncate(bed));
        let is_good = |last: &Segment| !last.suspect && last.end == SegmentEnd::Whole && last.bytes < 4096;
        if !in_order(&bed.segments()).last().is_some_and(is_good) {
            self.watched(|_| drop(bed.guard.roll()));
        }
        let segments = in_order(&bed.segments());
        if segments.is_empty() {
            return;
        }
        let last = self.acknowledged.max(bed.guard.passed().0);
        let ledger = Ledger {
            writer_next_record: bed.guard.next_id(),
            writer_data_file: segments[segments.len() - 1].file,
            // Ids that are not known yet count as unread.
            reader_data_file: segments
                .iter()
                .find(|segment| segment.next_id.0 == 0 || segment.next_id.0 > last + 1)
                .unwrap_or(&segments[segments.len() - 1])
                .file,
            reader_last_record: RecordId(last),
        };
        self.store(bed, ledger);
        for (file, _) in self.disk.data_files() {
            self.request(bed, SyncTarget::Data(file));
        }
        for target in [SyncTarget::Directory, SyncTarget::Ledger] {
            self.request(bed, target);
        }
        self.watched(|world| {
            world.release_through(bed, ledger.reader_data_file);
            for segment in bed.segments().into_iter().filter(|segment| segment.place == SegmentPlace::Outside)
            {
                if bed.guard.discard(segment.file).is_ok() {
                    world.gone(segment.file);
                }
            }
        });
    }
}

fn in_order(segments: &[Segment]) -> Vec<Segment> {
    segments.iter().filter(|segment| segment.place == SegmentPlace::InOrder).copied().collect()
}

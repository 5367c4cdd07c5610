//! Syncs that the logic should have requested, and has not. The operator says how long a record may stay unsynced: two sync
//! intervals. The host knows what is synced, and sees to it itself.

use forebay_types::{FileId, RecordId};
use tracing::warn;

use super::Guard;
use crate::storage::SyncTarget;

/// When unsynced records are due.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    /// All records below this id are to be synced, or their sync to be under way, at this time.
    due: Option<(RecordId, u64)>,
    was_said: bool,
}

impl Guard {
    /// Time has passed, and the logic has been told. Syncs what should have been synced by now. Gives the time to look again;
    /// `None` until more is placed.
    ///
    /// The first look at a record comes at most an interval after it was placed, and the second an interval later.
    pub fn sync_overdue(&mut self, now_ns: u64, interval_ns: u64) -> Option<u64> {
        if self.is_closing || self.is_degraded() {
            return None;
        }
        if let Some((id, due_ns)) = self.overdue.due
            && now_ns >= due_ns
        {
            self.overdue.due = None;
            let files = self.without_sync(id);
            if let Some(file) = files.first() {
                self.say_overdue(*file);
            }
            for file in &files {
                self.sync_unless_under_way(SyncTarget::Data(*file));
            }
            if !files.is_empty() {
                self.sync_unless_under_way(SyncTarget::Directory);
            }
        }
        let next_id = self.segments.next_id();
        if self.without_sync(next_id).is_empty() {
            self.overdue.due = None;
            return None;
        }
        let (_, due_ns) = self.overdue.due.get_or_insert((next_id, now_ns.saturating_add(interval_ns)));
        Some(*due_ns)
    }

    /// The files that hold unacknowledged records below an id, written under this lock, that neither are synced nor have a sync
    /// under way.
    fn without_sync(&self, id: RecordId) -> Vec<FileId> {
        let first_unread = self.passed().after(1);
        let lacks_sync = |file: FileId, is_named: bool, synced: RecordId, end: RecordId| {
            let end = end.min(id);
            let lacks_bytes =
                synced.max(first_unread) < end && !self.syncs.is_in_flight(SyncTarget::Data(file));
            let lacks_name =
                !is_named && first_unread < end && !self.syncs.is_in_flight(SyncTarget::Directory);
            lacks_bytes || lacks_name
        };
        let segments = self.segments.not_known_durable();
        let written = segments.filter_map(|segment| Some((segment, segment.written.as_ref()?.end)));
        let lacking = written.filter(|(segment, end)| {
            let durability = &segment.durability;
            !segment.is_taken_away && lacks_sync(segment.file, durability.is_named, durability.next_id, *end)
        });
        lacking.map(|(segment, _)| segment.file).collect()
    }

    fn sync_unless_under_way(&mut self, target: SyncTarget) {
        let is_done = match target {
            SyncTarget::Data(file) => self.segments.get(file).is_none_or(|segment| {
                let end = segment.written.as_ref().map_or(RecordId(0), |written| written.end);
                segment.durability.next_id >= end
            }),
            _ => self.segments.unnamed().is_empty(),
        };
        if !is_done && !self.syncs.is_in_flight(target) {
            self.start_unless_failed(target);
        }
    }

    fn say_overdue(&mut self, file: FileId) {
        if !std::mem::replace(&mut self.overdue.was_said, true) {
            warn!(%file, "the buffer's logic has not requested a sync within two sync intervals: the host syncs by itself");
        }
    }
}

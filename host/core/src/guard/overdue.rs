//! Syncs that the logic should have requested, and has not. The operator says how long a record may stay unsynced: two sync
//! intervals. The host knows what is synced, and sees to it itself.

use forebay_types::RecordId;
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
            let overdue = self.without_sync(id);
            if let Some(target) = overdue.first() {
                self.say_overdue(*target);
            }
            for target in overdue {
                self.start_unless_failed(target);
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

    /// What keeps unacknowledged records below an id, written under this lock, from being durable, and has no sync under way.
    fn without_sync(&self, id: RecordId) -> Vec<SyncTarget> {
        let first_unread = self.passed().after(1);
        let (mut targets, mut lacks_name) = (Vec::new(), false);
        for segment in self.segments.not_known_durable().filter(|segment| !segment.is_taken_away) {
            let Some(written) = &segment.written else { continue };
            let end = written.end.min(id);
            if segment.durability.next_id.max(first_unread) < end {
                targets.push(SyncTarget::Data(segment.file));
            }
            lacks_name |= !segment.durability.is_named && first_unread < end;
        }
        targets.extend(lacks_name.then_some(SyncTarget::Directory));
        targets.retain(|target| !self.syncs.is_in_flight(*target));
        targets
    }

    fn say_overdue(&mut self, target: SyncTarget) {
        if !std::mem::replace(&mut self.overdue.was_said, true) {
            warn!(
                ?target,
                "the buffer's logic has not requested a sync within two sync intervals: the host syncs by itself"
            );
        }
    }
}

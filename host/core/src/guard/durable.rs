//! What is durable, by the host's own account.

use std::{ops::Range, sync::Arc};

use forebay_types::RecordId;

use super::Guard;

/// Events that were written, not confirmed, and are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Which.
    pub ids: Range<RecordId>,
    /// What has happened to their data file, where another program has taken it away. `None` where a sync has failed.
    pub taken_away: Option<Arc<str>>,
}

impl Guard {
    /// The first of these events that are lost, up to the first behind them that is there.
    pub fn vanished(&self, ids: &Range<RecordId>) -> Option<Gone> {
        let among = self.vanished.iter().map(|gone| Gone {
            ids: gone.ids.start.max(ids.start)..gone.ids.end.min(ids.end),
            taken_away: gone.taken_away.clone(),
        });
        among.filter(|gone| gone.ids.start < gone.ids.end).min_by_key(|gone| gone.ids.start)
    }

    /// Whether a sync has failed, and what it was to make durable is not safe again yet.
    pub fn is_degraded(&self) -> bool {
        self.ledgers.is_unsafe || self.ledgers.are_names_unsafe || self.segments.suspects().next().is_some()
    }

    /// The id below which every event is durable, as the host itself has seen: its bytes, all unacknowledged bytes before
    /// them, the name of its file, and a ledger that names the file; or it has vanished with a failed sync.
    pub fn durable_next(&mut self) -> RecordId {
        if self.backend.cannot_sync().is_some() { RecordId(0) } else { self.synced_next() }
    }

    /// Why nothing is ever durable in this buffer, if that is so.
    pub fn cannot_sync(&self) -> Option<&str> {
        self.backend.cannot_sync()
    }

    /// The id below which every event was synced, whether or not that makes it durable.
    fn synced_next(&mut self) -> RecordId {
        let named = self.ledgers.synced.and_then(|synced| self.segments.position(synced.writer_data_file));
        self.segments.durable_next(named)
    }

    /// Whether all that was appended and is not acknowledged is durable, as far as the file system can make it so.
    pub fn is_all_durable(&mut self) -> bool {
        let next = self.segments.next_id();
        let is_empty = self.ledgers.stored.is_some_and(|ledger| ledger.first_unread() >= next);
        let has_appended = self.segments.iter().any(|segment| segment.written.is_some());
        is_empty || !has_appended || self.synced_next() >= next
    }
}

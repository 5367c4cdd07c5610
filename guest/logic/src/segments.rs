//! The segments in reading order, and the spare behind them.
//!
//! A segment has a *position*: how many came before it since opening. It keeps its position for as long as it is there.
//! Segments come at the end and leave at the front, so a position finds its segment at once, however many there are.

use std::collections::VecDeque;

use forebay_types::{FileId, RecordId, Segment, SegmentEnd};

/// A segment as the logic keeps it.
#[derive(Clone, Copy, Debug)]
pub struct LiveSegment {
    /// Its file.
    pub file: FileId,
    /// Every id in it is lower; 0 if storage has not told it yet. Of the last segment only the ledger knows it.
    pub next_id: RecordId,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many of its bytes the requested syncs cover; `None` if no sync of it was requested.
    pub requested_bytes: Option<u64>,
    /// How many of its bytes the ended syncs cover; `None` if no sync of it has ended.
    pub durable_bytes: Option<u64>,
    /// The change of the directory that made it: see [`Syncs`](crate::syncs::Syncs).
    pub made_by: u64,
}

impl LiveSegment {
    /// An empty segment that was just made.
    #[must_use]
    pub fn empty(file: FileId, made_by: u64) -> Self {
        let next_id = RecordId(0);
        Self { file, next_id, bytes: 0, requested_bytes: None, durable_bytes: None, made_by }
    }

    /// A segment that was there on opening. What storage knows to be durable is not synced again.
    #[must_use]
    pub fn found(segment: &Segment) -> Self {
        let durable_bytes = segment.durable_bytes.min(segment.bytes);
        let is_durable = durable_bytes > 0;
        Self {
            file: segment.file,
            next_id: segment.next_id,
            bytes: segment.bytes,
            requested_bytes: (is_durable && durable_bytes == segment.bytes).then_some(durable_bytes),
            durable_bytes: is_durable.then_some(durable_bytes),
            // Durable bytes have a durable name. Any other name is made durable by the first sync of the directory.
            made_by: u64::from(!is_durable),
        }
    }

    fn unsynced_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.durable_bytes.unwrap_or(0))
    }
}

/// Whether records can be appended to the last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// They can.
    Usable,
    /// It ends with an unfinished frame, which is to be truncated first.
    Unfinished,
    /// They cannot: the next record goes to another segment.
    Sealed,
}

impl Tail {
    fn of(segment: &Segment) -> Self {
        match segment.end {
            SegmentEnd::Unfinished => Self::Unfinished,
            SegmentEnd::Whole if !segment.suspect => Self::Usable,
            SegmentEnd::Whole | SegmentEnd::Damaged => Self::Sealed,
        }
    }
}

/// The segments in reading order.
#[derive(Clone, Debug)]
pub struct Segments {
    queue: VecDeque<LiveSegment>,
    /// The position of the first segment.
    front: u64,
    /// The position of the first segment that may hold unacknowledged events; the last one if none does.
    unread: u64,
    tail: Tail,
    spare: Option<LiveSegment>,
    bytes: u64,
    acknowledged_bytes: u64,
    unsynced_bytes: u64,
}

impl Segments {
    /// The segments that were there on opening, and the spare. The ledger has passed the first `unread` of them.
    #[must_use]
    pub fn new(found: &[Segment], unread: u64, spare: Option<LiveSegment>) -> Self {
        let mut segments = Self {
            queue: found.iter().map(LiveSegment::found).collect(),
            front: 0,
            unread: 0,
            tail: found.last().map_or(Tail::Sealed, Tail::of),
            spare,
            bytes: found.iter().map(|segment| segment.bytes).fold(0, u64::saturating_add),
            acknowledged_bytes: 0,
            unsynced_bytes: 0,
        };
        let unsynced = segments.queue.iter().map(LiveSegment::unsynced_bytes);
        segments.unsynced_bytes = unsynced.fold(0, u64::saturating_add);
        while segments.unread < unread && segments.pass_unread() {}
        segments
    }

    /// How many segments there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.queue.len()
    }

    /// The position of the first segment.
    #[must_use]
    pub fn front(&self) -> u64 {
        self.front
    }

    /// The position of the first segment that may hold unacknowledged events; the last one if none does.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// The first segment that may hold unacknowledged events; the last one if none does.
    #[must_use]
    pub fn first_unread(&self) -> Option<&LiveSegment> {
        self.get(self.unread)
    }

    /// The position of the last segment; of the next one to come, if there is none.
    #[must_use]
    pub fn last_position(&self) -> u64 {
        self.end().saturating_sub(1).max(self.front)
    }

    /// The position that the next segment gets.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.front.saturating_add(u64::try_from(self.queue.len()).unwrap_or(u64::MAX))
    }

    /// The segment at this position.
    #[must_use]
    pub fn get(&self, position: u64) -> Option<&LiveSegment> {
        self.queue.get(self.index(position)?)
    }

    /// Where the segment at this position stands in storage's list.
    #[must_use]
    pub fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.front)?).ok()
    }

    /// The segment at this position, or the spare, which stands at the next one to come.
    pub fn get_mut(&mut self, position: u64) -> Option<&mut LiveSegment> {
        if position == self.end() {
            return self.spare.as_mut();
        }
        let index = self.index(position)?;
        self.queue.get_mut(index)
    }

    /// The segment that is appended to.
    #[must_use]
    pub fn last(&self) -> Option<&LiveSegment> {
        self.queue.back()
    }

    /// Whether records can be appended to the last segment.
    #[must_use]
    pub fn tail(&self) -> Tail {
        if self.queue.is_empty() { Tail::Sealed } else { self.tail }
    }

    /// Says whether records can be appended to the last segment.
    pub fn set_tail(&mut self, tail: Tail) {
        self.tail = tail;
    }

    /// The file that was made ahead of need.
    #[must_use]
    pub fn spare(&self) -> Option<&LiveSegment> {
        self.spare.as_ref()
    }

    /// Keeps a file that was made ahead of need.
    pub fn set_spare(&mut self, spare: LiveSegment) {
        self.spare = Some(spare);
    }

    /// Gives up the file that was made ahead of need.
    pub fn take_spare(&mut self) -> Option<LiveSegment> {
        self.spare.take()
    }

    /// The length of all segments in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The length in bytes of the segments before the first with unacknowledged events: they wait to leave.
    #[must_use]
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged_bytes
    }

    /// How many bytes no ended sync covers, in the segments from the first with unacknowledged events on.
    #[must_use]
    pub fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }

    /// An empty segment becomes the last one. Its first event gets this id.
    pub fn push(&mut self, segment: LiveSegment, next_id: RecordId) {
        if let Some(last) = self.queue.back_mut() {
            last.next_id = next_id;
        }
        self.queue.push_back(segment);
        self.tail = Tail::Usable;
    }

    /// Records were appended to the last segment: so long it is now.
    pub fn appended(&mut self, bytes: u64) {
        self.change_last(|last| last.bytes = last.bytes.max(bytes));
    }

    /// So many bytes were removed from the end of the last segment. Records can be appended to it now.
    pub fn truncated(&mut self, removed: u64) {
        self.tail = Tail::Usable;
        self.change_last(|last| {
            last.bytes = last.bytes.saturating_sub(removed);
            last.requested_bytes = last.requested_bytes.min(Some(last.bytes));
            last.durable_bytes = last.durable_bytes.min(Some(last.bytes));
        });
    }

    /// Storage was asked again for the last segment, after it could not be truncated.
    pub fn sealed_found(&mut self, segment: &Segment) {
        self.change_last(|last| {
            if last.file == segment.file {
                *last = LiveSegment { made_by: last.made_by, ..LiveSegment::found(segment) };
            }
        });
    }

    fn change_last(&mut self, change: impl FnOnce(&mut LiveSegment)) {
        let Some(last) = self.queue.back_mut() else { return };
        let before = *last;
        change(last);
        self.bytes = self.bytes.saturating_sub(before.bytes).saturating_add(last.bytes);
        let unsynced_bytes = self.unsynced_bytes.saturating_sub(before.unsynced_bytes());
        self.unsynced_bytes = unsynced_bytes.saturating_add(last.unsynced_bytes());
    }

    /// So many bytes of the file at this position are durable.
    pub fn durable(&mut self, position: u64, file: FileId, bytes: u64) {
        let is_unread = position >= self.unread && position < self.end();
        let Some(segment) = self.get_mut(position).filter(|segment| segment.file == file) else { return };
        let before = segment.unsynced_bytes();
        segment.durable_bytes = segment.durable_bytes.max(Some(bytes));
        let synced = before.saturating_sub(segment.unsynced_bytes());
        if is_unread {
            self.unsynced_bytes = self.unsynced_bytes.saturating_sub(synced);
        }
    }

    /// Everything in the first segment with unacknowledged events is acknowledged. Answers whether another one follows: the
    /// last segment is never passed.
    pub fn pass_unread(&mut self) -> bool {
        let Some(segment) = self.get(self.unread).filter(|_| self.unread < self.last_position()) else {
            return false;
        };
        let (bytes, unsynced_bytes) = (segment.bytes, segment.unsynced_bytes());
        self.acknowledged_bytes = self.acknowledged_bytes.saturating_add(bytes);
        self.unsynced_bytes = self.unsynced_bytes.saturating_sub(unsynced_bytes);
        self.unread = self.unread.saturating_add(1);
        true
    }

    /// The first segment has left. Gives its length in bytes. One with unacknowledged events does not leave.
    pub fn pop_front(&mut self) -> Option<u64> {
        if self.front >= self.unread {
            return None;
        }
        let bytes = self.queue.pop_front()?.bytes;
        self.front = self.front.saturating_add(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.acknowledged_bytes = self.acknowledged_bytes.saturating_sub(bytes);
        Some(bytes)
    }

    /// Storage tells of segments from this position on. Takes over the ids that were not known.
    pub fn learn(&mut self, position: u64, found: &[Segment]) {
        let Some(index) = self.index(position) else { return };
        for (segment, found) in self.queue.iter_mut().skip(index).zip(found) {
            if segment.file != found.file {
                return;
            }
            if segment.next_id == RecordId(0) {
                segment.next_id = found.next_id;
            }
        }
    }
}

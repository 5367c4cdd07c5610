//! The reference: a queue of records and what has become of each. Nothing here knows of files, syncs or ledgers.

use std::collections::VecDeque;

/// What has become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Unread,
    Delivered,
    /// Given back, to be delivered again at this time.
    GivenBack(u64),
    Acknowledged,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub id: u64,
    pub events: u64,
    /// Which record it is: its payload follows from it.
    pub number: u64,
    pub state: State,
    pub deliveries: u32,
    /// Its writer was told that it is on the disk.
    pub is_promised: bool,
}

impl Entry {
    /// The id of its last event.
    pub fn last(&self) -> u64 {
        self.id + self.events - 1
    }
}

#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// All that is not done with, and what is acknowledged behind it.
    pub queue: VecDeque<Entry>,
    pub next_id: u64,
    /// The last event below which all is done with.
    pub acknowledged: u64,
    pub max_unacknowledged: usize,
}

impl Reference {
    pub fn place(&mut self, number: u64, events: u64) -> u64 {
        let id = self.next_id;
        let (state, deliveries, is_promised) = (State::Unread, 0, false);
        self.queue.push_back(Entry { id, events, number, state, deliveries, is_promised });
        self.next_id += events;
        id
    }

    /// How many records are delivered, or given back, and not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        let counts = |entry: &&Entry| matches!(entry.state, State::Delivered | State::GivenBack(_));
        self.queue.iter().filter(counts).count()
    }

    /// The records that a reader gets now: those given back whose time has come, and then new ones.
    pub fn read(&mut self, max: usize, now_ns: u64) -> Vec<Entry> {
        let mut left = self.max_unacknowledged.saturating_sub(self.unacknowledged());
        let mut given = Vec::new();
        for again in [true, false] {
            for entry in &mut self.queue {
                let is_next = match entry.state {
                    State::GivenBack(due_ns) => again && due_ns <= now_ns,
                    State::Unread => !again && left > 0,
                    State::Delivered | State::Acknowledged => false,
                };
                if is_next && given.len() < max {
                    left -= usize::from(!again);
                    entry.state = State::Delivered;
                    entry.deliveries += 1;
                    given.push(*entry);
                }
            }
        }
        given
    }

    /// Whether a reader would get anything.
    pub fn has_next(&self, now_ns: u64) -> bool {
        !self.clone().read(1, now_ns).is_empty()
    }

    /// Whether a reader who gets nothing has come to the end, once writing has ended.
    pub fn is_all_delivered(&self) -> bool {
        let waits = |entry: &Entry| matches!(entry.state, State::Unread | State::GivenBack(_));
        !self.queue.iter().any(waits) && self.unacknowledged() < self.max_unacknowledged
    }

    /// One delivery of a record is over: only if it is the one that its consumer has.
    pub fn settle(&mut self, id: u64, deliveries: u32, state: State) {
        let is_it = |entry: &&mut Entry| {
            entry.id == id && entry.deliveries == deliveries && entry.state == State::Delivered
        };
        if let Some(entry) = self.queue.iter_mut().find(is_it) {
            entry.state = state;
        }
        self.pass_acknowledged();
    }

    pub fn acknowledge_through(&mut self, id: u64) {
        // An id within a record says nothing of it as a whole.
        for entry in self.queue.iter_mut().filter(|entry| entry.id == id || entry.last() <= id) {
            if entry.state == State::Delivered {
                entry.state = State::Acknowledged;
            }
        }
        self.pass_acknowledged();
    }

    fn pass_acknowledged(&mut self) {
        while let Some(entry) = self.queue.pop_front_if(|entry| entry.state == State::Acknowledged) {
            self.acknowledged = entry.last();
        }
    }

    /// The oldest were dropped, up to this id. Gives how many events they have that were not acknowledged, and how many in
    /// all: what was acknowledged out of its turn may have been dropped, or have been passed before it was.
    pub fn drop_through(&mut self, id: u64) -> (u64, u64) {
        let (mut unacknowledged, mut all) = (0, 0);
        while let Some(entry) = self.queue.pop_front_if(|entry| entry.id <= id) {
            assert!(entry.last() <= id, "half of it was dropped: {entry:?}");
            // After a power loss the ledger may be one from before, and stand in the midst of a record.
            let events = entry.last() - self.acknowledged.max(entry.id - 1);
            all += events;
            if entry.state != State::Acknowledged {
                unacknowledged += events;
            }
            self.acknowledged = entry.last();
        }
        self.pass_acknowledged();
        (unacknowledged, all)
    }

    /// A new life: nothing is delivered yet.
    pub fn begin(&mut self) {
        for entry in &mut self.queue {
            (entry.state, entry.deliveries) = (State::Unread, 0);
        }
    }
}

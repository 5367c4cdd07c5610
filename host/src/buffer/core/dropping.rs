//! What was dropped: no caller waits for it any more. It is logged at most once a second, however much is dropped.

use std::mem;

use tracing::warn;

use forebay_core::throttle::Throttle;

/// What was dropped, and what of it was said.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Events, since the buffer was opened.
    seen: u64,
    /// Those of them that went although there was room.
    seen_beyond_retention: u64,
    unsaid: Unsaid,
    throttle: Throttle,
}

/// What the next line will say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unsaid {
    events: u64,
    /// Those of them that went although there was room, because newer ones are retained.
    beyond_retention: u64,
    /// Those of them that consumers had.
    delivered_records: usize,
    /// The last event of them.
    through: u64,
}

impl Drops {
    /// How many events were dropped beyond those that it had been told of, and how many of them for retention.
    pub(super) fn newly(&mut self, dropped: u64, beyond_retention: u64) -> (u64, u64) {
        let events = dropped.saturating_sub(mem::replace(&mut self.seen, dropped));
        let beyond = mem::replace(&mut self.seen_beyond_retention, beyond_retention);
        (events, beyond_retention.saturating_sub(beyond))
    }

    pub(super) fn add(
        &mut self,
        (events, beyond_retention): (u64, u64),
        delivered_records: usize,
        through: u64,
    ) {
        self.unsaid.events = self.unsaid.events.saturating_add(events);
        self.unsaid.beyond_retention = self.unsaid.beyond_retention.saturating_add(beyond_retention);
        self.unsaid.delivered_records = self.unsaid.delivered_records.saturating_add(delivered_records);
        self.unsaid.through = through;
    }

    /// What is to be said now, if anything is.
    fn due(&mut self, now_ns: u64) -> Option<Unsaid> {
        if self.unsaid == Unsaid::default() {
            return None;
        }
        self.throttle.may_log(now_ns).map(|_| mem::take(&mut self.unsaid))
    }

    /// Says what was not said yet, whenever something was said last.
    pub(super) fn say_rest(&mut self) {
        self.throttle = Throttle::default();
        self.say(0);
    }

    /// Says what was dropped, unless something was said a moment ago.
    pub(super) fn say(&mut self, now_ns: u64) {
        let Some(unsaid) = self.due(now_ns) else { return };
        let Unsaid { events, beyond_retention, delivered_records, through } = unsaid;
        if beyond_retention == 0 {
            warn!(events, delivered_records, through, "dropped the oldest records to make room");
        } else {
            warn!(
                events,
                beyond_retention,
                delivered_records,
                through,
                "dropped the oldest records: newer ones wait, as many as are retained"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer that is always full drops a file for each that it begins. A line for each hides what else is said; and
    /// the lines must add up to what is gone.
    #[test]
    fn what_was_dropped_is_said_once_a_second_and_adds_up() {
        let mut drops = Drops::default();
        let start = 5_000_000_000;
        let ms = |ms: u64| start + ms * 1_000_000;
        let unsaid = |events, delivered_records, through| Unsaid {
            events,
            beyond_retention: 0,
            delivered_records,
            through,
        };
        assert_eq!(drops.due(start), None, "nothing was dropped");
        drops.add((10, 0), 1, 10);
        assert_eq!(drops.due(start), Some(unsaid(10, 1, 10)));
        for file in 1..=50 {
            drops.add((10, 0), 2, 10 + file * 10);
            assert_eq!(drops.due(ms(file * 10)), None);
        }
        assert_eq!(drops.due(ms(1000)), Some(unsaid(500, 100, 510)));
        assert_eq!(drops.due(ms(9000)), None, "it was said");
    }
}

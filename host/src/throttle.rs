//! Saying the same thing once a second at the most: logic that is out to harm gives cause for it as fast as it is called.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// When one kind of thing was said last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throttle {
    said: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// How often it was not said since it was said last, if it may be said now.
    pub(crate) fn may_say(&mut self) -> Option<u64> {
        self.may_say_at(Instant::now())
    }

    pub(crate) fn may_say_at(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < INTERVAL) {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was kept back is counted, or nobody knows how bad it is.
    #[test]
    fn it_is_said_once_a_second_and_then_how_often_it_was_not() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.may_say_at(start), Some(0));
        for millis in 1..1000 {
            assert_eq!(throttle.may_say_at(start + Duration::from_millis(millis)), None);
        }
        assert_eq!(throttle.may_say_at(start + INTERVAL), Some(999));
        assert_eq!(throttle.may_say_at(start + INTERVAL * 2), Some(0));
    }
}

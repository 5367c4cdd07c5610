//! How long to wait between two attempts.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// The longest wait that a destination can ask for.
const ASKED_MAX: Duration = Duration::from_hours(1);

/// Waits that double from failure to failure. Each is shortened by up to a half at random, so that several shippers do not go in step.
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
    random: RandomState,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration) -> Self {
        Self { least, most: most.max(least), failures: 0, random: RandomState::new() }
    }

    /// One more attempt has failed: how long to wait, and at least as long as the destination has asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = self.least.saturating_mul(1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let half = doubled.min(self.most) / 2;
        let part = self.random.hash_one(self.failures) % 1000;
        let part = u32::try_from(part).unwrap_or(0);
        let wait = half + half * part / 1000;
        wait.max(asked.unwrap_or_default().min(ASKED_MAX))
    }

    /// How many attempts have failed since the last one that succeeded.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// An attempt has succeeded.
    pub(super) fn reset(&mut self) {
        if self.failures > 0 {
            *self = Self::new(self.least, self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint that is down must not be hammered, nor left alone for hours once it is up.
    #[test]
    fn waits_double_up_to_a_limit_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        for full_ms in [200, 400, 800, 1000, 1000] {
            let (wait, full) = (backoff.next(None), Duration::from_millis(full_ms));
            assert!((full / 2..=full).contains(&wait), "{wait:?} of {full:?}");
        }
        let mut many = Backoff::new(Duration::from_millis(200), Duration::MAX);
        for _ in 0..100 {
            assert!(many.next(None) >= Duration::from_millis(100));
        }
        backoff.reset();
        assert!(backoff.next(None) <= Duration::from_millis(200));
    }

    /// `Retry-After` of an hour is heard; one of a year must not stop delivery.
    #[test]
    fn what_the_destination_asks_for_counts_within_reason() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(1));
        assert_eq!(backoff.next(Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(backoff.next(Some(Duration::from_hours(9000))), ASKED_MAX);
    }
}

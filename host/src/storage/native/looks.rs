//! How often a file is looked at by its name while it is used. Thousands of stores and appends may pass between two looks: each
//! look is a system call, and costs as much as all the rest of a store.

use std::time::{Duration, Instant};

/// The time between two looks.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// When a file was looked at last.
#[derive(Debug, Default)]
pub(super) struct Looks(Option<Instant>);

impl Looks {
    /// Whether the time has come for another look. The next interval begins then.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.0.is_none_or(|last| now.duration_since(last) >= LOOK_INTERVAL);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

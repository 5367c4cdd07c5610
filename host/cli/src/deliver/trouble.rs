//! Logs what keeps records from being delivered: the first time at once, and then at most every half a minute.

use std::time::{Duration, Instant};

use tracing::{info, warn};

const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// When it was logged last.
    logged: Option<Instant>,
    failures: u64,
}

impl Trouble {
    /// A delivery has failed.
    pub(super) fn failed(&mut self, reason: &str, wait: Duration) {
        self.failures += 1;
        if self.logged.is_some_and(|logged| logged.elapsed() < PAUSE) {
            return;
        }
        self.logged = Some(Instant::now());
        let (failures, wait) = (self.failures, humantime::format_duration(round(wait)).to_string());
        warn!(failures, next_attempt_in = wait, "records are not delivered, and not acknowledged: {reason}");
    }

    /// A delivery has succeeded.
    pub(super) fn ended(&mut self) {
        if self.failures > 0 {
            info!(failures = self.failures, "records are delivered again");
            self.failures = 0;
        }
    }
}

fn round(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

//! Logs what keeps records from being delivered: the first time at once, and then at most every half a minute.

use std::time::{Duration, Instant};

use tracing::{info, warn};

const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// When a failure was logged last.
    logged: Option<Instant>,
    /// When it was logged last that all records are held.
    held_logged: Option<Instant>,
    failures: u64,
}

impl Trouble {
    /// A delivery has failed.
    pub(super) fn failed(&mut self, reason: &str, wait: Duration) {
        self.failures += 1;
        log(&mut self.logged, self.failures, reason, wait);
    }

    /// No record is delivered until something changes outside.
    pub(super) fn held(&mut self, reason: &str, wait: Duration) {
        log(&mut self.held_logged, self.failures, reason, wait);
    }

    /// A delivery has succeeded.
    pub(super) fn ended(&mut self) {
        if self.failures > 0 {
            info!(failures = self.failures, "records are delivered again");
            self.failures = 0;
        }
    }
}

fn log(logged: &mut Option<Instant>, failures: u64, reason: &str, wait: Duration) {
    if logged.is_some_and(|logged| logged.elapsed() < PAUSE) {
        return;
    }
    *logged = Some(Instant::now());
    let wait = humantime::format_duration(round(wait)).to_string();
    warn!(failures, next_attempt_in = wait, "records are not delivered, and not acknowledged: {reason}");
}

fn round(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

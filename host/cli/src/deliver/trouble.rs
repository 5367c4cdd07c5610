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
    /// When it was logged last that records are refused.
    refused_logged: Option<Instant>,
    failures: u64,
}

impl Trouble {
    /// A delivery has failed.
    pub(super) fn failed(&mut self, reason: &str, wait: Duration) {
        self.failures += 1;
        log(&mut self.logged, self.failures, reason, wait);
    }

    /// Records are refused, and it is not known yet whether they are to blame.
    pub(super) fn refused(&mut self, reason: &str) {
        if is_due(&mut self.refused_logged) {
            warn!(
                "records are refused, and not acknowledged; Forebay looks which ones are to blame: {reason}"
            );
        }
    }

    /// No record is delivered until something changes outside.
    pub(super) fn held(&mut self, reason: &str, wait: Duration) {
        self.failures += 1;
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

/// Whether nothing was logged for a while. From now on something was.
fn is_due(logged: &mut Option<Instant>) -> bool {
    let is_due = logged.is_none_or(|logged| logged.elapsed() >= PAUSE);
    if is_due {
        *logged = Some(Instant::now());
    }
    is_due
}

fn log(logged: &mut Option<Instant>, failures: u64, reason: &str, wait: Duration) {
    if !is_due(logged) {
        return;
    }
    let wait = humantime::format_duration(round(wait)).to_string();
    warn!(failures, next_attempt_in = wait, "records are not delivered, and not acknowledged: {reason}");
}

fn round(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

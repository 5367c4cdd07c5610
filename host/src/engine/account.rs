//! The account of the call of a guest that is under way: what it has taken, of itself and of its host, beside its limits.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;

use super::limits::Limits;
use crate::{brake::Brake, guard::Guard};

/// The most that is charged to the guest for one stretch of its running. The clock ends a stretch after one epoch: a longer
/// one means that the machine was busy with something else.
const STRETCH_MAX: Duration = Limits::EPOCH.saturating_mul(2);

/// What the host may take besides for each file that was there and each record on offer, and for each byte that it reads,
/// goes through or is given. Both are more than they take on a slow or busy machine: the data bound them, and not the guest.
const FILE_TIME: Duration = Duration::from_micros(500);
const BYTE_NANOS: u64 = 10;

/// What the guest itself may take besides for each file that was there when it opens the buffer: some ten times what it needs.
const OPENING_TIME: Duration = Duration::from_micros(25);

/// For how many changes of files one file that was there, or one record on offer, may be the reason.
const FILE_OPERATIONS: u64 = 2;

/// A guest has taken more in one call than it may.
#[derive(Debug, Error)]
pub(super) enum Overrun {
    #[error("it ran for longer than {0:?} in one call (call_time)")]
    Time(Duration),
    #[error("more than {0} storage calls in one call (host_calls)")]
    HostCalls(u64),
    #[error("its storage calls took the host longer than {0:?} in one call (host_time)")]
    HostTime(Duration),
    #[error("it had files made, cut and removed more than {0} times in one call (file_operations)")]
    FileOperations(u64),
    #[error("it had {walked} bytes of data files read in one call, which held {held} (walked_bytes)")]
    Walked { walked: u64, held: u64 },
    #[error("it broke a rule more than {0} times in one call (refusals)")]
    Refusals(u64),
    #[error("it ran for longer than {0:?} in all while its buffer was being closed (closing_time)")]
    Closing(Duration),
    #[error("it was at work for longer than {0:?} after the process was told to end")]
    Braked(Duration),
}

/// What the host hands to a call, which bounds what the call may need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// It opens the buffer, and goes through all data files.
    pub(super) is_opening: bool,
}

impl Given {
    /// The records that a write offers, as the contract puts them.
    pub(super) fn offer(records: &[u64]) -> Self {
        let bytes = records.iter().fold(0, |sum: u64, record| sum.saturating_add(record & 0xffff_ffff));
        Self { records: u64::try_from(records.len()).unwrap_or(u64::MAX), bytes, is_opening: false }
    }
}

/// What the guard has counted since it was made.
#[derive(Clone, Copy, Debug)]
struct Counts {
    refused: u64,
    walked: u64,
    file_operations: u64,
}

impl Counts {
    fn of(guard: &Guard) -> Self {
        Self {
            refused: guard.refused(),
            walked: guard.walked_bytes(),
            file_operations: guard.file_operations(),
        }
    }
}

/// The account of one call.
pub(super) struct Account {
    limits: Limits,
    /// What the guard had counted when the call began.
    before: Counts,
    /// What the data files held when it began: much of it may be removed before it ends.
    held: u64,
    file_operations_max: u64,
    /// What the guest itself may take.
    time_max: Duration,
    /// What the host may take for it, but for what it reads.
    host_time_max: Duration,
    /// When the guest last began to run: at the call, on return from its host, or at an epoch.
    resumed: Instant,
    /// How long it has run before that.
    taken: Duration,
    /// How long its host has worked for it.
    host_taken: Duration,
    host_calls: u64,
    pub(super) is_running: bool,
}

impl Account {
    pub(super) fn start(limits: Limits, guard: &Guard, given: Given) -> Self {
        let files = u64::try_from(guard.file_count()).unwrap_or(u64::MAX);
        let times =
            |time: Duration, count: u64| time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let by_opening = if given.is_opening { times(OPENING_TIME, files) } else { Duration::ZERO };
        let files = files.saturating_add(given.records);
        let by_files = times(FILE_TIME, files);
        let by_bytes = Duration::from_nanos(given.bytes.saturating_mul(BYTE_NANOS));
        let by_files_changed = files.saturating_mul(FILE_OPERATIONS);
        Self {
            limits,
            before: Counts::of(guard),
            held: guard.bytes(),
            file_operations_max: limits.file_operations.saturating_add(by_files_changed),
            time_max: limits.call_time.saturating_add(by_opening),
            host_time_max: limits.host_time.saturating_add(by_files).saturating_add(by_bytes),
            resumed: Instant::now(),
            taken: Duration::ZERO,
            host_taken: Duration::ZERO,
            host_calls: 0,
            is_running: true,
        }
    }

    /// Runs a storage function for the guest: on the host's time, and counted.
    pub(super) fn host_call<T>(
        &mut self,
        guard: &mut Guard,
        function: impl FnOnce(&mut Guard) -> T,
    ) -> Result<T, Overrun> {
        debug_assert!(self.is_running, "the guest calls its host only while it is called itself");
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            return Err(Overrun::HostCalls(self.limits.host_calls));
        }
        let began = Instant::now();
        self.charge(began);
        let by_processor = self.is_host_timed().then(processor_time);
        let result = function(guard);
        self.resumed = Instant::now();
        self.charge_host(self.resumed.saturating_duration_since(began), by_processor);
        self.check(guard)?;
        Ok(result)
    }

    /// The guest has run until now.
    fn charge(&mut self, now: Instant) {
        self.taken += now.saturating_duration_since(self.resumed).min(STRETCH_MAX);
        self.resumed = now;
    }

    /// How long the guest itself has run.
    pub(super) fn taken(&self) -> Duration {
        self.taken
    }

    /// How often it has called its host.
    #[cfg(test)]
    pub(super) fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// Whether the host has worked for so long that its processor time is asked for, which costs a system call. Until then a
    /// clock is read that costs none, and which cannot tell work from waiting for a disk.
    fn is_host_timed(&self) -> bool {
        self.host_taken >= self.limits.host_time / 2
    }

    fn charge_host(&mut self, passed: Duration, by_processor: Option<Duration>) {
        self.host_taken = match by_processor {
            Some(before) => self.host_taken.saturating_add(processor_time().saturating_sub(before)),
            None => self.host_taken.saturating_add(passed).min(self.limits.host_time / 2),
        };
    }

    /// Called at each epoch while the guest runs.
    pub(super) fn check_time(&mut self) -> Result<(), Overrun> {
        self.charge(Instant::now());
        if self.taken > self.time_max {
            return Err(Overrun::Time(self.time_max));
        }
        Ok(())
    }

    fn check(&self, guard: &Guard) -> Result<(), Overrun> {
        let counts = Counts::of(guard);
        let walked = counts.walked.saturating_sub(self.before.walked);
        if walked > self.limits.walked_bytes && walked > self.held.saturating_mul(Limits::WALKS) {
            return Err(Overrun::Walked { walked, held: self.held });
        }
        if counts.refused.saturating_sub(self.before.refused) > self.limits.refusals {
            return Err(Overrun::Refusals(self.limits.refusals));
        }
        let file_operations = counts.file_operations.saturating_sub(self.before.file_operations);
        if file_operations > self.file_operations_max {
            return Err(Overrun::FileOperations(self.file_operations_max));
        }
        let by_bytes = Duration::from_nanos(walked.saturating_mul(BYTE_NANOS));
        let host_time_max = self.host_time_max.saturating_add(by_bytes);
        if self.host_taken > host_time_max {
            return Err(Overrun::HostTime(host_time_max));
        }
        Ok(())
    }
}

/// How long the logic has been at work since the brake was pulled.
#[derive(Debug, Default)]
pub(super) struct Braked {
    brake: Brake,
    since: Option<Instant>,
    taken: Duration,
}

impl Braked {
    pub(super) fn by(brake: Brake) -> Self {
        Self { brake, since: None, taken: Duration::ZERO }
    }

    /// A call begins.
    pub(super) fn begin(&mut self) {
        self.since = None;
    }

    /// The call goes on.
    pub(super) fn check(&mut self, limits: &Limits) -> Result<(), Overrun> {
        if !self.brake.is_pulled() {
            return Ok(());
        }
        let now = Instant::now();
        let since = self.since.replace(now).unwrap_or(now);
        self.taken = self.taken.saturating_add(now.saturating_duration_since(since));
        if self.taken > limits.call_time {
            return Err(Overrun::Braked(limits.call_time));
        }
        Ok(())
    }
}

/// The processor time of this thread. Waiting for a disk takes none.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

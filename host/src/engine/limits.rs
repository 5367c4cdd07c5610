//! What one instance of a buffer's logic may use.

use std::time::Duration;

/// Bounds on one instance. The defaults suit the shipped logic with room to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The time that the guest itself may take in one call; time in the host's storage does not count. Measured in
    /// steps of [`EPOCH`](Self::EPOCH). Default: 100 ms.
    pub call_time: Duration,
    /// The linear memory of an instance, in bytes. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Calls of storage functions within one call of the guest. Default: 1,000,000.
    pub host_calls: u64,
    /// Bytes that the host may allocate for the lists of one call. Default: 16 MiB.
    pub list_bytes: usize,
}

impl Limits {
    /// How often a running guest is looked at.
    pub const EPOCH: Duration = Duration::from_millis(10);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_time: Duration::from_millis(100),
            memory_bytes: 64 * 1024 * 1024,
            host_calls: 1_000_000,
            list_bytes: 16 * 1024 * 1024,
        }
    }
}

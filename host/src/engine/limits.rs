//! What one instance of a buffer's logic may use.

use std::time::Duration;

/// The most that a component may be long, in bytes.
pub(super) const COMPONENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bounds on one instance. The defaults suit the shipped logic with room to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The time that the guest itself may take in one call; time in the host's storage does not count. Measured in
    /// steps of [`EPOCH`](Self::EPOCH). To it come 25 µs for each data file that is there when it opens the buffer. Default: 100 ms.
    pub call_time: Duration,
    /// The linear memory of an instance, in bytes. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Calls of storage functions within one call of the guest. Default: 1,000,000.
    pub host_calls: u64,
    /// The time that the host may work for the storage calls of one call of the guest; waiting for a disk does not count. To it
    /// come 500 µs for each data file that is there and each record on offer, and 10 ns for each byte that is on offer, read
    /// or gone through: the data bound those. Default: 100 ms.
    pub host_time: Duration,
    /// Data files that may be made, cut and removed within one call of the guest. To it come two for each file that is there
    /// and each record on offer. Default: 1,000.
    pub file_operations: u64,
    /// The time that the guest itself may take in all calls together while its buffer is being closed. Default: 2 s.
    pub closing_time: Duration,
    /// Rules that may be broken within one call of the guest: looking into each costs the host time. Default: 1,000.
    pub refusals: u64,
    /// Bytes of data files that the host may read, or go through in memory, within one call of the guest: for its scans, and
    /// for looking into what it asks for. Where the files hold much it is [`WALKS`](Self::WALKS) times that: building a
    /// ledger from the frames, and making up for a failed sync, read all of them in one call. Default: 1 GiB.
    pub walked_bytes: u64,
    /// Bytes that the host may allocate for the lists that one call gives it. Default: 1 MiB.
    pub list_bytes: usize,
    /// Elements in each table of an instance. Default: 10,000.
    pub table_elements: usize,
    /// Tables of an instance. Default: 16.
    pub tables: usize,
    /// Core instances in an instance. Default: 16.
    pub instances: usize,
}

impl Limits {
    /// How often a running guest is looked at.
    pub const EPOCH: Duration = Duration::from_millis(10);

    /// How often one call of the guest may have all data files read, however much they hold.
    pub const WALKS: u64 = 16;

    /// The elements that a list may have which a call answers with. One that is longer is a breach of the contract.
    pub const LIST_MAX: usize = 4096;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_time: Duration::from_millis(100),
            memory_bytes: 64 * 1024 * 1024,
            host_calls: 1_000_000,
            host_time: Duration::from_millis(100),
            file_operations: 1_000,
            closing_time: Duration::from_secs(2),
            refusals: 1_000,
            walked_bytes: 1 << 30,
            list_bytes: 1024 * 1024,
            table_elements: 10_000,
            tables: 16,
            instances: 16,
        }
    }
}

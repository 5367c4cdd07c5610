//! How long syncs took, and how the last one ended.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::storage::{StorageError, SyncTarget};

/// How long the syncs took that ended well, as a histogram. It can be serialized: `bounds_us`, `counts`, and `sum_ns`.
///
/// A sync of a data file, of the directory or of the ledger counts, from its begin to its end on the disk. The time that it waited
/// for its turn does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncLatency {
    /// How many syncs took longer than the bound before, and not longer than the one at the same place in
    /// [`BOUNDS_US`](Self::BOUNDS_US). The last number is of syncs that took longer than all bounds.
    pub counts: [u64; Self::BOUNDS_US.len() + 1],
    /// How long all of them took together.
    pub sum: Duration,
}

impl SyncLatency {
    /// The bounds of the histogram, in microseconds.
    pub const BOUNDS_US: [u64; 16] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        2_500_000, 5_000_000, 10_000_000,
    ];

    /// How many syncs were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    fn add(&mut self, took: Duration) {
        let place = Self::BOUNDS_US.partition_point(|bound| Duration::from_micros(*bound) < took);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(took);
    }
}

impl Serialize for SyncLatency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("SyncLatency", 3)?;
        object.serialize_field("bounds_us", &Self::BOUNDS_US)?;
        object.serialize_field("counts", &self.counts)?;
        object.serialize_field("sum_ns", &u64::try_from(self.sum.as_nanos()).unwrap_or(u64::MAX))?;
        object.end()
    }
}

/// A sync that has ended, on its way to the core.
#[derive(Debug)]
pub(super) struct EndedSync {
    pub(super) target: SyncTarget,
    pub(super) result: Result<(), StorageError>,
    /// How long it ran.
    pub(super) took: Duration,
}

/// The syncs of a buffer since it was opened.
#[derive(Debug, Default)]
pub(super) struct SyncRecord {
    pub(super) latency: SyncLatency,
    pub(super) failed: u64,
    pub(super) last_error: Option<String>,
}

impl SyncRecord {
    pub(super) fn ended(&mut self, sync: &EndedSync) {
        match &sync.result {
            Ok(()) => {
                self.latency.add(sync.took);
                self.last_error = None;
            }
            // Another program has taken the file away: that says nothing of the disk.
            Err(error) if error.is_missing() => {}
            Err(error) => {
                self.failed = self.failed.saturating_add(1);
                self.last_error = Some(error.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bound belongs to its own bucket: that is what `le` means to Prometheus.
    #[test]
    fn a_sync_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let mut latency = SyncLatency::default();
        for us in [0, 100, 101, 1_000, 10_000_000, 10_000_001] {
            latency.add(Duration::from_micros(us));
        }
        let mut expected = [0; 17];
        (expected[0], expected[1], expected[3], expected[15], expected[16]) = (2, 1, 1, 1, 1);
        assert_eq!((latency.counts, latency.count()), (expected, 6));
        assert_eq!(latency.sum, Duration::from_micros(20_001_202));
    }
}

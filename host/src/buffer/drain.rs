//! Having a buffer run empty before it is closed.

use std::{pin::pin, time::Duration};

use super::{
    Buffer,
    core::{Core, DrainReport},
};

impl Buffer {
    /// Lets the buffer run empty: no record is taken any more, and readers go on. Returns when everything is acknowledged, or
    /// after this time, or when the buffer has stopped, and says what is left.
    ///
    /// Records that wait for room are placed as it comes; those for which it does not come in time are handed back. The
    /// buffer stays open: what is left can still be read, or is there when it is opened again.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// use std::time::Duration;
    ///
    /// let buffer = forebay::Buffer::builder(directory.path()).open()?;
    /// buffer.writer().write("hello")?;
    ///
    /// let report = buffer.drain(Duration::from_millis(10));
    /// assert_eq!(report.events, 1, "there is no reader");
    ///
    /// let reader = buffer.reader();
    /// std::thread::spawn(move || while let Ok(Some(record)) = reader.next() { record.ack() });
    /// assert!(buffer.drain(Duration::from_secs(60)).is_drained());
    /// # buffer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self, timeout: Duration) -> DrainReport {
        let mut report = DrainReport::default();
        self.shared.block_on(pin!(async { report = self.drain_async(timeout).await }));
        report
    }

    /// As [`drain`](Self::drain), without blocking the thread.
    pub async fn drain_async(&self, timeout: Duration) -> DrainReport {
        let runtime = self.shared.runtime();
        let deadline_ns = self.shared.deadline_ns(timeout);
        while let Ok(Some(change)) = self.shared.with_core_elsewhere(Core::drain).await {
            if runtime.now_ns() >= deadline_ns {
                break;
            }
            self.shared.schedule().look_again_at(deadline_ns);
            drop(change.await);
        }
        self.end_writing_async().await;
        self.shared.with_core_elsewhere(Core::left).await.unwrap_or_default()
    }
}

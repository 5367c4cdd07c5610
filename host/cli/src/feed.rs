//! From stdin into the buffer.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    access::{Sent, Sink},
    args::InputFraming,
    framing::Input,
    signals::Signals,
    stdin::StoppableStdin,
};

/// Reads records and hands them to the buffer.
pub(crate) struct Feed {
    input: Input<StoppableStdin>,
    sink: Sink,
    read: Arc<AtomicU64>,
}

impl Feed {
    /// Records of at most `max_record` bytes from stdin into a buffer, until a signal comes. What was read by then is placed first.
    pub(crate) fn new(
        framing: InputFraming,
        max_record: u64,
        sink: Sink,
        signals: &Signals,
    ) -> anyhow::Result<Self> {
        signals.place_first();
        let input = Input::new(StoppableStdin::new(signals)?, framing, max_record);
        Ok(Self { input, sink, read: Arc::default() })
    }

    /// How many records were read.
    pub(crate) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Hands over everything that comes, batch by batch, until stdin ends or `sent` has enough. All that was handed over
    /// before an error was seen has been given to `sent`.
    pub(crate) fn run(mut self, mut sent: impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        let result = self.hand_over(&mut sent);
        let given_up = self.input.give_up();
        self.count(given_up);
        result
    }

    fn hand_over(&mut self, sent: &mut impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        while let Some(batch) = self.input.next_batch()? {
            self.count(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            if self.sink.submit(batch, &mut *sent)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn count(&self, records: u64) {
        self.read.fetch_add(records, Ordering::SeqCst);
    }
}

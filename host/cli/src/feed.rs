//! From stdin into the buffer.

use std::{ops::ControlFlow, sync::Arc};

use crate::{
    access::{Sent, Sink},
    args::InputFraming,
    framing::{Counts, Input, Limit},
    signals::Signals,
    stdin::StoppableStdin,
};

/// Reads records and hands them to the buffer.
pub(crate) struct Feed {
    input: Input<StoppableStdin>,
    sink: Sink,
    counts: Arc<Counts>,
}

impl Feed {
    /// Records within a limit from stdin into a buffer, until a signal comes. What was read by then is placed first.
    pub(crate) fn new(
        framing: InputFraming,
        limit: Limit,
        metadata: u32,
        sink: Sink,
        signals: &Signals,
    ) -> anyhow::Result<Self> {
        signals.place_first();
        let counts = Arc::default();
        let input = Input::new(StoppableStdin::new(signals)?, framing, limit, metadata, Arc::clone(&counts));
        Ok(Self { input, sink, counts })
    }

    /// How many records were read, and were too long.
    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Hands over everything that comes, batch by batch, until stdin ends or `sent` has enough. All that was handed over
    /// before an error was seen has been given to `sent`.
    pub(crate) fn run(mut self, mut sent: impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        let result = self.hand_over(&mut sent);
        let given_up = self.input.give_up();
        self.counts.add_records(given_up);
        result
    }

    fn hand_over(&mut self, sent: &mut impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        while let Some(batch) = self.input.next_batch()? {
            self.counts.add_records(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            if self.sink.submit(batch, &mut *sent)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

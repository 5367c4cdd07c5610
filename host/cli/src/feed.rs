//! From stdin into the buffer.

use std::{
    io::{self, Stdin},
    ops::ControlFlow,
};

use crate::{
    access::{Sent, Sink},
    args::InputFraming,
    framing::Input,
};

/// Reads records and hands them to the buffer.
pub(crate) struct Feed {
    input: Input<Stdin>,
    sink: Sink,
}

impl Feed {
    /// Records of at most `max_record` bytes from stdin into a buffer.
    pub(crate) fn new(framing: InputFraming, max_record: u64, sink: Sink) -> Self {
        Self { input: Input::new(io::stdin(), framing, max_record), sink }
    }

    /// Hands over everything that comes, batch by batch, until stdin ends or `sent` has enough. All that was handed over
    /// before an error was seen has been given to `sent`.
    pub(crate) fn run(mut self, mut sent: impl FnMut(Sent) -> ControlFlow<()>) -> anyhow::Result<()> {
        while let Some(batch) = self.input.next_batch()? {
            if self.sink.submit(batch, &mut sent)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

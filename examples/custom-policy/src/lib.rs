//! Your own buffer logic: a flight recorder. It keeps as many of the newest events as the operator retains, or a few more, and
//! drops what is older although there is room. A reader after an incident then finds what came just before it.
//!
//! It is built around Forebay's own [`Buffer`], which does all the rest. `docs/writing-logic.md` says how to build and run it.

use forebay_logic::{BatchId, Buffer, BufferError, Logic, Options, RecordId, Storage, Ticket, WriteOutcome};

struct FlightRecorder {
    buffer: Buffer,
    /// At least so many events stay. Older ones go segment by segment, so that up to one segment more is there. `None`: the
    /// operator lets none go, and the host would refuse it.
    retained: Option<u64>,
}

impl FlightRecorder {
    /// Drops segments from the oldest on, for as long as enough events lie behind. Gives how many events that were.
    fn drop_old_events(&mut self, storage: &mut impl Storage) -> Result<u64, BufferError> {
        let mut dropped = 0;
        let Some(retained) = self.retained else { return Ok(dropped) };
        while self.buffer.events_behind_oldest(storage)?.is_some_and(|events| events >= retained) {
            // `None`: the next segment is not durable yet. `synced` tries again.
            let Some(events) = self.buffer.drop_oldest(storage)? else { break };
            dropped += events;
        }
        Ok(dropped)
    }
}

impl Logic for FlightRecorder {
    fn open(storage: &mut impl Storage, options: &Options) -> Result<Self, BufferError> {
        let buffer = Buffer::open(storage, options)?;
        Ok(Self { buffer, retained: options.retained_events() })
    }

    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        let mut outcome = self.buffer.write(storage, batch, records)?;
        outcome.dropped_events += self.drop_old_events(storage)?;
        Ok(outcome)
    }

    fn read(
        &mut self,
        storage: &mut impl Storage,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<u32, BufferError> {
        self.buffer.read(storage, max_records, max_bytes)
    }

    fn acknowledge(&mut self, storage: &mut impl Storage, through: RecordId) -> Result<(), BufferError> {
        self.buffer.acknowledge(storage, through)
    }

    fn tick(&mut self, storage: &mut impl Storage, now_ns: u64) -> Result<u64, BufferError> {
        self.buffer.tick(storage, now_ns)
    }

    fn flush(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        self.buffer.flush(storage)
    }

    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket) -> Result<(), BufferError> {
        self.buffer.synced(storage, ticket)?;
        // A segment that had to stay until the next one was durable may go now.
        self.drop_old_events(storage)?;
        Ok(())
    }

    fn close_writer(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        self.buffer.close_writer(storage)
    }

    fn status(&self) -> Vec<(u16, u64)> {
        self.buffer.status()
    }
}

forebay_bindings::export!(FlightRecorder);

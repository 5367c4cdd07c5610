//! A buffer's logic of one's own: a flight recorder. It keeps the newest thousand events, or a few more, and lets go of
//! what is older although there is room, so that whoever reads it after an incident finds what came just before.
//!
//! It is built round Forebay's own [`Buffer`], which does all the rest. How to build and run it: `docs/writing-logic.md`.

use forebay_logic::{
    BatchId, Buffer, BufferError, Logic, OpenReport, Options, RecordId, Run, Storage, Ticket, WhenFull,
    WriteOutcome,
};

/// So many events stay at least. What is older goes file by file, so that up to one file more is there.
const KEPT_EVENTS: u64 = 1_000;

struct FlightRecorder {
    buffer: Buffer,
    /// Whether the operator lets unacknowledged records go. Otherwise the host would refuse it.
    may_drop: bool,
}

impl FlightRecorder {
    /// Drops files from the oldest on, for as long as enough events lie behind. Gives how many events went.
    fn forget_the_oldest(&mut self, storage: &mut impl Storage) -> Result<u64, BufferError> {
        let mut forgotten = 0;
        while self.may_drop && self.events_behind_the_oldest_file() >= KEPT_EVENTS {
            // `None`: the next file is not durable yet. `synced` comes back to it.
            let Some(dropped) = self.buffer.drop_oldest(storage)? else { break };
            forgotten += dropped;
        }
        Ok(forgotten)
    }

    fn events_behind_the_oldest_file(&self) -> u64 {
        let directory = self.buffer.directory();
        directory.ledger.next_id().0.saturating_sub(directory.window.front().next_id.0)
    }
}

impl Logic for FlightRecorder {
    fn open(storage: &mut impl Storage, options: &Options) -> Result<(Self, OpenReport), BufferError> {
        let (buffer, report) = Buffer::open(storage, options)?;
        Ok((Self { buffer, may_drop: options.when_full == WhenFull::DropOldest }, report))
    }

    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        let mut outcome = self.buffer.write(storage, batch, records)?;
        outcome.dropped_events += self.forget_the_oldest(storage)?;
        Ok(outcome)
    }

    fn read(
        &mut self,
        storage: &mut impl Storage,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<Vec<Run>, BufferError> {
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

    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket, ok: bool) -> Result<(), BufferError> {
        self.buffer.synced(storage, ticket, ok)?;
        // A file that had to stay until the next one was durable may be free to go.
        self.forget_the_oldest(storage)?;
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

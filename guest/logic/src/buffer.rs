//! The logic that ships. It wires the parts and holds state only; the storage comes with each call.

use forebay_types::{BatchId, BufferError, Options, RecordId, Ticket, WriteOutcome};

use crate::directory::Directory;
use crate::dropping::drop_oldest;
use crate::logic::Logic;
use crate::opening::open;
use crate::retention::{acknowledge, pass_acknowledged, remove_passed, request_all, request_events};
use crate::status;
use crate::storage::Storage;
use crate::syncs::Covered;
use crate::writer::Writer;

/// An open buffer. `wit/buffer.wit` documents its functions.
#[derive(Clone, Debug)]
pub struct Buffer {
    directory: Directory,
    writer: Writer,
    tick_ns: u64,
    syncs_at_every_tick: bool,
    now_ns: u64,
    /// The next id at the last tick: what lies below it is older than one interval at the next.
    aged: RecordId,
    /// A flush has left the sync of the ledger to the next tick.
    owes_ledger: bool,
}

/// For logic that is built around a buffer.
impl Buffer {
    /// The ledger, the segments, and the syncs of both.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many events lie behind the oldest segment that holds anything unacknowledged; `None` while storage does not know
    /// where that segment ends.
    pub fn events_behind_oldest(&mut self, storage: &mut impl Storage) -> Result<Option<u64>, BufferError> {
        let unread = self.directory.segments.unread();
        let end = self.directory.next_id_at(storage, unread)?;
        Ok(end.map(|end| self.directory.ledger.next_id().since(end)))
    }

    /// Drops the oldest segment that holds anything unacknowledged. Gives how many events that were; `None` if it cannot go
    /// yet, because the ledger may not name a later one.
    ///
    /// The host refuses it unless it sees a reason: the operator chose [`WhenFull::DropOldest`](crate::WhenFull::DropOldest)
    /// and room is lacking, or as many events lie behind as [`Options::retained_events`] says.
    pub fn drop_oldest(&mut self, storage: &mut impl Storage) -> Result<Option<u64>, BufferError> {
        Ok(drop_oldest(storage, &mut self.directory)?)
    }
}

impl Logic for Buffer {
    fn open(storage: &mut impl Storage, options: &Options) -> Result<Self, BufferError> {
        let directory = open(storage, options)?;
        Ok(Self {
            writer: Writer::new(options),
            tick_ns: options.tick_ns(),
            syncs_at_every_tick: options.sync_interval_ms == 0,
            now_ns: options.now_ns,
            aged: directory.ledger.next_id(),
            owes_ledger: false,
            directory,
        })
    }

    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        let outcome = self.writer.write(storage, &mut self.directory, batch, records)?;
        if usize::try_from(outcome.accepted) != Ok(records.len()) {
            // What is full gets room again only from segments that leave.
            pass_acknowledged(storage, &mut self.directory)?;
        }
        Ok(outcome)
    }

    fn read(&mut self, _: &mut impl Storage, max_records: u32, _: u64) -> Result<u32, BufferError> {
        Ok(if self.directory.ledger.waiting_events() > 0 { max_records } else { 0 })
    }

    fn acknowledge(&mut self, storage: &mut impl Storage, through: RecordId) -> Result<(), BufferError> {
        Ok(acknowledge(storage, &mut self.directory, through)?)
    }

    /// Records that are younger than one interval wait for the next tick. What is acknowledged meanwhile costs no sync of its
    /// data.
    fn tick(&mut self, storage: &mut impl Storage, now_ns: u64) -> Result<u64, BufferError> {
        let Self { directory, writer, .. } = self;
        self.now_ns = self.now_ns.max(now_ns);
        if !writer.is_closed() {
            directory.complete(storage)?;
        }
        if writer.wants_spare() {
            writer.prepare(storage, directory)?;
        }
        remove_passed(storage, directory)?;
        pass_acknowledged(storage, directory)?;

        let aged = std::mem::replace(&mut self.aged, directory.ledger.next_id());
        let owes_ledger = std::mem::take(&mut self.owes_ledger);
        let is_young = directory.oldest_unrequested().is_some_and(|oldest| oldest >= aged);
        if is_young && !self.syncs_at_every_tick && !directory.has_unrequested_file() {
            directory.syncs.request_directory(storage)?;
            if owes_ledger {
                directory.request_ledger(storage)?;
            }
        } else {
            request_all(storage, directory)?;
        }
        let needs_tick = directory.needs_tick()
            || writer.wants_spare()
            || !(directory.is_complete() || writer.is_closed());
        Ok(if needs_tick { self.now_ns.saturating_add(self.tick_ns) } else { u64::MAX })
    }

    /// While records come, what was acknowledged is left to the next tick: it costs no record.
    fn flush(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        if self.writer.is_closed() {
            return Ok(request_all(storage, &mut self.directory)?);
        }
        request_events(storage, &mut self.directory)?;
        self.owes_ledger = self.directory.ledger.has_unrequested_store();
        Ok(())
    }

    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket) -> Result<(), BufferError> {
        let directory = &mut self.directory;
        let named = directory.named();
        match directory.synced(ticket) {
            None => return Ok(()),
            Some(Covered::Ledger(..)) => remove_passed(storage, directory)?,
            Some(Covered::Data(..) | Covered::Directory(_)) => {}
        }
        pass_acknowledged(storage, directory)?;
        if directory.named() > named {
            // A flush may wait for the ledger to name the segment that it wrote to, and no other call would request it.
            directory.request_ledger(storage)?;
        }
        Ok(())
    }

    fn close_writer(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        let closed = self.writer.close(storage, &mut self.directory);
        self.flush(storage)?;
        Ok(closed?)
    }

    /// Figures by number: see [`status`].
    fn status(&self) -> Vec<(u16, u64)> {
        let Directory { segments, ledger, dropped_events, .. } = &self.directory;
        vec![
            (status::BYTES, self.directory.bytes()),
            (status::SEGMENTS, u64::try_from(segments.count()).unwrap_or(u64::MAX)),
            (status::UNSYNCED_BYTES, segments.unsynced_bytes()),
            (status::WAITING_EVENTS, ledger.waiting_events()),
            (status::DROPPED_EVENTS, *dropped_events),
        ]
    }
}

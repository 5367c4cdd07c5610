//! The buffer: the logic that ships. It holds state only; the storage comes with each call.

use crate::acks::{Acks, settle};
use crate::directory::Directory;
use crate::dropping::drop_oldest;
use crate::error::BufferError;
use crate::logic::Logic;
use crate::losses::Losses;
use crate::mending;
use crate::options::Options;
use crate::reader::{Reader, Run};
use crate::recovery::{OpenReport, recover};
use crate::status;
use crate::storage::{BatchId, RecordId, Storage, Ticket};
use crate::syncs::Covered;
use crate::writer::{WriteOutcome, Writer};

/// An open buffer. Its functions are documented in `wit/buffer.wit`.
#[derive(Clone, Debug)]
pub struct Buffer {
    directory: Directory,
    writer: Writer,
    reader: Reader,
    acks: Acks,
    losses: Losses,
    tick_ns: u64,
    sync_always: bool,
    /// The next id at the last tick: what lies below it is older than one interval at the next.
    aged: RecordId,
}

/// For logic that is built round a buffer.
impl Buffer {
    /// The ledger, the files in use and their syncs.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Drops the oldest file that holds anything unacknowledged. Gives how many events were dropped; `None` if it cannot
    /// go yet, because the ledger may not name a later one.
    ///
    /// The host refuses it unless the operator chose [`WhenFull::DropOldest`](crate::WhenFull::DropOldest).
    pub fn drop_oldest(&mut self, storage: &mut impl Storage) -> Result<Option<u64>, BufferError> {
        let Self { directory, reader, losses, .. } = self;
        Ok(drop_oldest(storage, directory, reader, losses)?)
    }
}

impl Logic for Buffer {
    /// Opens the buffer: brings the ledger and the data files into agreement, and cuts a torn end if it may.
    fn open(storage: &mut impl Storage, options: &Options) -> Result<(Self, OpenReport), BufferError> {
        let marks = storage.marks()?;
        let (mut directory, losses) = recover(storage, &marks, options.resume_after.is_some())?;
        let report = OpenReport {
            first_unread: directory.ledger.first_unread(),
            next_id: directory.ledger.next_id(),
            events: directory.ledger.events(),
            bytes: directory.window.bytes(),
            lost_events: losses.events(),
            cut_bytes: losses.cut_bytes(),
        };
        let buffer = Self {
            writer: Writer::new(options),
            reader: Reader::new(
                options.resume_after.map_or(report.first_unread, |last| {
                    last.after(1).clamp(report.first_unread, report.next_id)
                }),
                &marks,
                &mut directory.window,
            ),
            acks: Acks::default(),
            losses,
            tick_ns: options.tick_ns(),
            sync_always: options.sync_interval_ms == 0,
            aged: report.next_id,
            directory,
        };
        Ok((buffer, report))
    }

    /// Places as many of the records as there is room for. Each is its event count << 32 | its frame's length.
    fn write(
        &mut self,
        storage: &mut impl Storage,
        batch: BatchId,
        records: &[u64],
    ) -> Result<WriteOutcome, BufferError> {
        let Self { directory, reader, writer, losses, .. } = self;
        let outcome = writer.write(storage, directory, (reader, losses), batch, records)?;
        if usize::try_from(outcome.accepted) != Ok(records.len()) {
            if directory.ledger.events() == 0 {
                // Nobody may ever read: what is done with must not stand in the way until somebody does.
                reader.find_end(storage, directory, losses)?;
            }
            // What is full now gets room again only from files that leave.
            settle(storage, directory, reader)?;
        }
        Ok(outcome)
    }

    /// Gives the next records that were not yet read, at most so many and, from the second on, so many bytes.
    fn read(
        &mut self,
        storage: &mut impl Storage,
        max_records: u32,
        max_bytes: u64,
    ) -> Result<Vec<Run>, BufferError> {
        let Self { directory, reader, losses, .. } = self;
        let runs = reader.read(storage, directory, losses, max_records, max_bytes)?;
        if runs.is_empty() {
            // What was passed over may have been all that there was to wait for.
            settle(storage, directory, reader)?;
        }
        Ok(runs)
    }

    /// All events up to and including this one are done with.
    fn acknowledge(&mut self, storage: &mut impl Storage, through: RecordId) -> Result<(), BufferError> {
        let Self { directory, reader, acks, .. } = self;
        Ok(acks.acknowledge(storage, directory, reader, through)?)
    }

    /// Time passes. Gives the time at which the next tick is wanted, the highest number if none is.
    ///
    /// Records that are younger than one interval wait for the next tick, so that what is acknowledged meanwhile costs no
    /// sync of its data.
    fn tick(&mut self, storage: &mut impl Storage, now_ns: u64) -> Result<u64, BufferError> {
        let Self { directory, reader, writer, .. } = self;
        if directory.syncs.degraded() {
            mending::ask_again(storage, directory)?;
            return Ok(now_ns.saturating_add(self.tick_ns));
        }
        if writer.spare_refused() {
            writer.make_spare(storage, directory);
        }
        directory.remove_passed(storage)?;
        directory.sync_names(storage)?;
        settle(storage, directory, reader)?;

        let next_id = directory.ledger.next_id();
        let aged = std::mem::replace(&mut self.aged, next_id);
        match directory.oldest_unsynced() {
            Some(oldest) if oldest >= aged && !self.sync_always => {}
            _ => directory.sync_all(storage)?,
        }
        let needs_tick = directory.needs_tick() || writer.spare_refused();
        Ok(if needs_tick { now_ns.saturating_add(self.tick_ns) } else { u64::MAX })
    }

    /// Asks for syncs that make every record that was accepted until now durable.
    fn flush(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        if self.directory.syncs.degraded() {
            return Err(BufferError::Degraded);
        }
        Ok(self.directory.sync_all(storage)?)
    }

    /// The sync with this ticket ended, well or not.
    fn synced(&mut self, storage: &mut impl Storage, ticket: Ticket, ok: bool) -> Result<(), BufferError> {
        let Self { directory, reader, .. } = self;
        let was_idle = directory.syncs.is_idle();
        let Some(covered) = directory.syncs.ended(ticket, ok) else {
            if !ok && !was_idle && directory.syncs.is_idle() {
                mending::failed(storage, directory)?;
            }
            return Ok(());
        };
        directory.made_durable(storage, covered)?;
        if matches!(covered, Covered::Data(..) | Covered::Directory(_)) {
            settle(storage, directory, reader)?;
        }
        if directory.syncs.degraded() {
            mending::finish(storage, directory)?;
        }
        Ok(())
    }

    /// Takes no more records, drops what was made ahead of need, and asks for syncs as `flush` does.
    fn close_writer(&mut self, storage: &mut impl Storage) -> Result<(), BufferError> {
        self.writer.close(storage, &mut self.directory);
        self.flush(storage)
    }

    /// Figures by number: see [`status`].
    fn status(&self) -> Vec<(u16, u64)> {
        let Self { directory, reader, losses, acks, .. } = self;
        let window = &directory.window;
        vec![
            (status::BYTES, window.bytes()),
            (status::FILES, u64::try_from(window.files_in_use()).unwrap_or(u64::MAX)),
            (status::LOST_EVENTS, losses.events()),
            (status::DAMAGED_BYTES, losses.damaged_bytes()),
            (status::CUT_BYTES, losses.cut_bytes()),
            (status::UNSYNCED_BYTES, window.unsynced_bytes()),
            (status::IGNORED_ACKS, acks.ignored()),
            (status::READING_FILE, u64::from(window.reading().id.get())),
            (status::READING_OFFSET, reader.offset()),
            (status::EVENTS, directory.ledger.events()),
            (status::DEGRADED, u64::from(directory.syncs.degraded())),
            (status::DROPPED_EVENTS, losses.dropped_events()),
        ]
    }
}

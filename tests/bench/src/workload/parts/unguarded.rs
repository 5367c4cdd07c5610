//! The logic, run natively, over storage that nothing guards. It is here to say what the guard costs: storage that does
//! what the logic says, and knows no more than it takes to do so. Frames are made, written, kept from the append that wrote
//! them, and checked on reading, as the guard does it.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use forebay::{
    NewRecord, Options,
    guard::{MemoryBlock, ReadRecord},
    storage::{Backend as _, StorageError as HostError, native::Create, native::Native},
};
use forebay_frame::{decode, encode};
use forebay_logic::{
    self as logic, BatchId, BufferError, FileId, Ledger, Logic as _, Placed, RecordId, Released, Segment,
    SegmentEnd, SegmentPlace, Storage, StorageError, SyncTarget, Ticket,
};

use super::{BATCH, batch};
use crate::support::fuse::Fuse;

/// As long as the guard's.
const BLOCK_BYTES: usize = 256 * 1024;

/// How many records there is room for at once, as in the guard's memory.
const ROOM: usize = 256;

struct Bare {
    backend: Native,
    /// In reading order, with their lengths.
    segments: VecDeque<FileId>,
    lengths: BTreeMap<FileId, u64>,
    spare: Option<FileId>,
    next_id: RecordId,
    /// What is on offer.
    records: VecDeque<NewRecord>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<(FileId, u64, Bytes)>,
    /// Where delivery stands.
    cursor: (FileId, u64),
    /// Syncs that were requested. As where there is a guard, none is run: the disk is not what is measured.
    asked: Vec<Ticket>,
    tickets: u64,
    /// Burns as it does where there is a guard.
    fuse: Fuse,
}

/// A buffer without a guard.
pub(super) struct Unguarded {
    bare: Bare,
    buffer: logic::Buffer,
    batches: u64,
}

impl Unguarded {
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let mut bare = Bare {
            backend: Native::open(directory, Create::Yes)?,
            segments: VecDeque::new(),
            lengths: BTreeMap::new(),
            spare: None,
            next_id: RecordId::FIRST,
            records: VecDeque::new(),
            appended: None,
            cursor: (FileId::FIRST, 0),
            asked: Vec::new(),
            tickets: 0,
            fuse: Fuse::default(),
        };
        let sizes = Options::default();
        let options = logic::Options {
            max_bytes: sizes.max_bytes,
            file_bytes: sizes.file_bytes,
            sync_interval_ms: 500,
            ..logic::Options::default()
        };
        let buffer = call(|| logic::Buffer::open(&mut bare, &options))?;
        Ok(Self { bare, buffer, batches: 0 })
    }

    /// Writes a batch, reads it and acknowledges it.
    pub(super) fn pass(&mut self) -> Result<()> {
        let Self { bare, buffer, batches } = self;
        *batches += 1;
        let records = batch();
        let sizes: Vec<u64> = records
            .iter()
            .map(|record| u64::from(record.events.get()) << 32 | (record.frame_bytes() & u64::from(u32::MAX)))
            .collect();
        bare.records = records.into();
        call(|| buffer.write(bare, BatchId(*batches), &sizes))?;
        bare.records.clear();
        let allowed = call(|| buffer.read(bare, u32::try_from(BATCH).unwrap_or(u32::MAX), 1 << 20))?;
        let records = bare.deliver(usize::try_from(allowed)?, 1 << 20)?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        let last = records.last().context("a batch is never empty")?.id;
        call(|| buffer.acknowledge(bare, last))?;
        for ticket in std::mem::take(&mut bare.asked) {
            call(|| buffer.synced(bare, ticket))?;
        }
        Ok(())
    }
}

/// Runs a call of the logic as where there is a guard.
fn call<T>(run: impl FnOnce() -> Result<T, BufferError>) -> Result<T> {
    match Fuse::catch(run) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => bail!("the logic refused a call: {error:?}"),
        None => bail!("the logic trapped"),
    }
}

fn answer<T>(result: Result<T, HostError>) -> Result<T, StorageError> {
    result.map_err(|error| StorageError::Io(error.errno()))
}

impl Bare {
    /// The next records, at most so many.
    fn deliver(&mut self, max_records: usize, max_bytes: u64) -> Result<Vec<ReadRecord>> {
        let mut records = Vec::with_capacity(ROOM);
        let mut room = max_bytes;
        while records.len() < max_records {
            let (file, start) = self.cursor;
            if start >= self.lengths.get(&file).copied().unwrap_or(0) {
                let position = self.segments.iter().position(|segment| *segment == file);
                let Some(next) = position.and_then(|position| self.segments.get(position + 1)) else { break };
                self.cursor = (*next, 0);
                continue;
            }
            let block = self.block(file, start)?;
            let mut at = start;
            while records.len() < max_records {
                let skip = usize::try_from(at - start)?;
                let Ok(frame) = decode(block.get(skip..).unwrap_or_default()) else { break };
                if frame.bytes > room && !records.is_empty() {
                    return Ok(records);
                }
                room = room.saturating_sub(frame.bytes);
                records.push(ReadRecord {
                    id: RecordId(frame.id.0),
                    incarnation: 0,
                    events: frame.events,
                    metadata: frame.metadata,
                    payload: block.slice_ref(frame.payload),
                    frame_bytes: frame.bytes,
                    block: MemoryBlock::default(),
                });
                at = at.saturating_add(frame.bytes);
            }
            ensure!(at > start, "nothing here is damaged, and no record is longer than a block");
            self.cursor = (file, at);
        }
        Ok(records)
    }

    /// The bytes from an offset on: what was appended last, or a block of the file.
    fn block(&mut self, file: FileId, offset: u64) -> Result<Bytes, HostError> {
        if let Some((appended, start, bytes)) = &self.appended
            && *appended == file
            && let Some(skip) = offset.checked_sub(*start).and_then(|skip| usize::try_from(skip).ok())
            && skip < bytes.len()
        {
            return Ok(bytes.slice(skip..));
        }
        let mut block = vec![0; BLOCK_BYTES];
        let read = self.backend.read_at(file, offset, &mut block)?;
        block.truncate(read);
        Ok(block.into())
    }

    /// The memory of what was appended last, if nothing holds on to any of it.
    fn take_block(&mut self) -> Vec<u8> {
        let last = self.appended.take().and_then(|(.., bytes)| bytes.try_into_mut().ok());
        let mut block = last.map_or_else(|| Vec::with_capacity(BLOCK_BYTES), Vec::from);
        block.clear();
        block
    }

    fn length(&self, file: FileId) -> u64 {
        self.lengths.get(&file).copied().unwrap_or(0)
    }

    fn make_file(&mut self) -> Result<FileId, StorageError> {
        let file = self.segments.back().map_or(FileId::FIRST, |last| last.successor());
        answer(self.backend.create_file(file))?;
        self.lengths.insert(file, 0);
        Ok(file)
    }
}

impl Storage for Bare {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.fuse.burn();
        answer(self.backend.load_ledger())?.ok_or(StorageError::NotFound)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.fuse.burn();
        answer(self.backend.store_ledger(ledger))
    }

    fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Segment>, StorageError> {
        self.fuse.burn();
        let to_usize = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let told = |file: &FileId| Segment {
            file: *file,
            first_id: RecordId(0),
            next_id: RecordId(0),
            bytes: self.length(*file),
            durable_bytes: 0,
            end: SegmentEnd::Whole,
            suspect: false,
            place: SegmentPlace::InOrder,
        };
        Ok(self.segments.iter().map(told).skip(to_usize(from)).take(to_usize(max)).collect())
    }

    fn next_id(&mut self) -> RecordId {
        self.fuse.burn();
        self.next_id
    }

    fn append(&mut self, _: BatchId, count: u32) -> Result<Placed, StorageError> {
        self.fuse.burn();
        let file = *self.segments.back().ok_or(StorageError::NotFound)?;
        let mut block = self.take_block();
        let (first_id, mut records) = (self.next_id, 0);
        while records < count
            && let Some(record) = self.records.pop_front()
        {
            encode(&mut block, self.next_id, record.metadata, record.events, &record.payload);
            self.next_id = self.next_id.after(record.events.get().into());
            records += 1;
        }
        let at = self.length(file);
        answer(self.backend.append(file, at, &block))?;
        let bytes = at.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
        self.lengths.insert(file, bytes);
        self.appended = Some((file, at, Bytes::from(block)));
        Ok(Placed { records, first_id, next_id: self.next_id, bytes })
    }

    fn prepare(&mut self) -> Result<FileId, StorageError> {
        self.fuse.burn();
        let spare = self.spare.map_or_else(|| self.make_file(), Ok)?;
        self.spare = Some(spare);
        Ok(spare)
    }

    fn roll(&mut self) -> Result<FileId, StorageError> {
        self.fuse.burn();
        let file = self.spare.take().map_or_else(|| self.make_file(), Ok)?;
        self.segments.push_back(file);
        Ok(file)
    }

    fn truncate(&mut self) -> Result<u64, StorageError> {
        self.fuse.burn();
        Err(StorageError::NotFound)
    }

    fn release(&mut self, through: FileId) -> Result<Released, StorageError> {
        self.fuse.burn();
        let mut released = Released::default();
        while released.files == 0 || self.segments.contains(&through) {
            let Some(file) = self.segments.pop_front() else { break };
            answer(self.backend.remove_file(file))?;
            released.files = released.files.saturating_add(1);
            released.bytes = released.bytes.saturating_add(self.lengths.remove(&file).unwrap_or(0));
        }
        Ok(released)
    }

    fn discard(&mut self, file: FileId) -> Result<u64, StorageError> {
        self.fuse.burn();
        self.spare.take_if(|spare| *spare == file).ok_or(StorageError::NotFound)?;
        answer(self.backend.remove_file(file))?;
        Ok(self.lengths.remove(&file).unwrap_or(0))
    }

    fn request_sync(&mut self, _: SyncTarget) -> Result<Ticket, StorageError> {
        self.fuse.burn();
        self.tickets += 1;
        self.asked.push(Ticket(self.tickets));
        Ok(Ticket(self.tickets))
    }
}

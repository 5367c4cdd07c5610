//! The logic, run natively, over storage that nothing guards. It is here to say what the guard costs: storage that does
//! what the logic says, and knows no more than it takes to do so. Frames are made, written, kept from the append that wrote
//! them, and checked on reading, as the guard does it.

use std::{collections::BTreeMap, num::NonZeroU32, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use forebay::{
    NewRecord, Options, RecordId,
    storage::{Backend as _, FileId, Ledger, StorageError as HostError, native::Create, native::Native},
};
use forebay_frame::{decode, encode};
use forebay_logic::{
    self as logic, BatchId, BufferError, FileEntry, Logic as _, Mark, Placed, ScanLimits, Scanned, Span,
    SpanState, Storage, StorageError, SyncTarget, Ticket,
};

use crate::{BATCH, batch, support::fuse::Fuse};

/// As long as the guard's.
const BLOCK_BYTES: usize = 256 * 1024;

/// How many records there is room for at once, as in the guard's memory.
const ROOM: usize = 256;

/// A record as a consumer gets it.
#[allow(dead_code, reason = "nobody looks at all of it: making it is what is measured")]
struct Record {
    file: FileId,
    offset: u64,
    id: RecordId,
    events: NonZeroU32,
    metadata: u32,
    payload: Bytes,
    frame_bytes: u64,
}

struct Bare {
    backend: Native,
    lengths: BTreeMap<FileId, u64>,
    /// What is on offer.
    records: Vec<NewRecord>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<(FileId, u64, Bytes)>,
    read: Vec<Record>,
    /// Syncs that were asked for. As where there is a guard, none is run: the disk is not what is measured.
    asked: Vec<(Ticket, SyncTarget)>,
    tickets: u64,
    /// Burns as it does where there is a guard.
    fuse: Fuse,
}

/// A buffer without a guard.
pub(crate) struct Unguarded {
    bare: Bare,
    buffer: logic::Buffer,
    batches: u64,
}

impl Unguarded {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let mut bare = Bare {
            backend: Native::open(directory, Create::Yes)?,
            lengths: BTreeMap::new(),
            records: Vec::new(),
            appended: None,
            read: Vec::new(),
            asked: Vec::new(),
            tickets: 0,
            fuse: Fuse::default(),
        };
        let sizes = Options::default();
        let options = logic::Options {
            max_bytes: sizes.max_bytes,
            file_bytes: sizes.file_bytes,
            max_events: 0,
            when_full: logic::WhenFull::Block,
            resume_after: None,
            sync_interval_ms: 500,
            now_ns: 0,
        };
        let (buffer, _) = call(|| logic::Buffer::open(&mut bare, &options))?;
        Ok(Self { bare, buffer, batches: 0 })
    }

    /// Writes a batch, reads it and acknowledges it.
    pub(crate) fn pass(&mut self) -> Result<()> {
        let Self { bare, buffer, batches } = self;
        *batches += 1;
        bare.records = batch();
        let sizes: Vec<u64> = bare
            .records
            .iter()
            .map(|record| u64::from(record.events.get()) << 32 | (record.frame_bytes() & u64::from(u32::MAX)))
            .collect();
        call(|| buffer.write(bare, BatchId(*batches), &sizes))?;
        bare.records.clear();
        let runs = call(|| buffer.read(bare, u32::try_from(BATCH).unwrap_or(u32::MAX), 1 << 20))?;
        let records = std::mem::replace(&mut bare.read, Vec::with_capacity(ROOM));
        ensure!(records.len() == BATCH && !runs.is_empty(), "only {} records were read", records.len());
        let last = records.last().context("a batch is never empty")?.id;
        call(|| buffer.acknowledge(bare, logic::RecordId(last.0)))?;
        for (ticket, target) in std::mem::take(&mut bare.asked) {
            bare.synced(target);
            call(|| buffer.synced(bare, ticket, true))?;
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

fn host(file: logic::FileId) -> Result<FileId, StorageError> {
    FileId::new(file.get()).ok_or(StorageError::NotFound)
}

fn guest(file: FileId) -> Result<logic::FileId, StorageError> {
    logic::FileId::new(file.get()).ok_or(StorageError::NotFound)
}

fn answer<T>(result: Result<T, HostError>) -> Result<T, StorageError> {
    result.map_err(|error| StorageError::Io(error.errno()))
}

impl Bare {
    /// The bytes from an offset on: what was appended last, or a block of the file.
    fn block(&mut self, file: FileId, offset: u64) -> Result<Bytes, StorageError> {
        if let Some((appended, start, bytes)) = &self.appended
            && *appended == file
            && let Some(skip) = offset.checked_sub(*start).and_then(|skip| usize::try_from(skip).ok())
            && skip < bytes.len()
        {
            return Ok(bytes.slice(skip..));
        }
        let mut block = vec![0; BLOCK_BYTES];
        let read = answer(self.backend.read_at(file, offset, &mut block))?;
        block.truncate(read);
        Ok(block.into())
    }

    /// A file that is durable and is not appended to any more is closed.
    fn synced(&mut self, target: SyncTarget) {
        if let SyncTarget::Data(file) = target
            && let Ok(file) = host(file)
            && self.appended.as_ref().is_some_and(|(newest, ..)| *newest != file)
        {
            self.backend.release(file);
        }
    }

    /// The memory of what was appended last, if nobody holds on to any of it.
    fn take_block(&mut self) -> Vec<u8> {
        let last = self.appended.take().and_then(|(.., bytes)| bytes.try_into_mut().ok());
        let mut block = last.map_or_else(|| Vec::with_capacity(BLOCK_BYTES), Vec::from);
        block.clear();
        block
    }
}

impl Storage for Bare {
    fn load_ledger(&mut self) -> Result<logic::Ledger, StorageError> {
        self.fuse.burn();
        let ledger = answer(self.backend.load_ledger())?.ok_or(StorageError::NotFound)?;
        Ok(logic::Ledger {
            writer_next_record: logic::RecordId(ledger.writer_next_record.0),
            writer_data_file: guest(ledger.writer_data_file)?,
            reader_data_file: guest(ledger.reader_data_file)?,
            reader_last_record: logic::RecordId(ledger.reader_last_record.0),
        })
    }

    fn store_ledger(&mut self, ledger: logic::Ledger) -> Result<(), StorageError> {
        self.fuse.burn();
        let ledger = Ledger {
            writer_next_record: RecordId(ledger.writer_next_record.0),
            writer_data_file: host(ledger.writer_data_file)?,
            reader_data_file: host(ledger.reader_data_file)?,
            reader_last_record: RecordId(ledger.reader_last_record.0),
        };
        answer(self.backend.store_ledger(ledger))
    }

    fn marks(&mut self) -> Result<Vec<Mark>, StorageError> {
        Ok(Vec::new())
    }

    fn list_files(&mut self) -> Result<Vec<FileEntry>, StorageError> {
        self.fuse.burn();
        let files = answer(self.backend.list_files())?;
        self.lengths = files.iter().copied().collect();
        let entry = |&(id, length): &(FileId, u64)| {
            Ok(FileEntry { id: guest(id)?, length, durable_length: 0, suspect: false })
        };
        files.iter().map(entry).collect()
    }

    fn create_file(&mut self, file: logic::FileId) -> Result<(), StorageError> {
        self.fuse.burn();
        answer(self.backend.create_file(host(file)?))?;
        self.lengths.insert(host(file)?, 0);
        Ok(())
    }

    fn remove_file(&mut self, file: logic::FileId) -> Result<(), StorageError> {
        self.fuse.burn();
        self.lengths.remove(&host(file)?);
        answer(self.backend.remove_file(host(file)?))
    }

    fn truncate_file(&mut self, file: logic::FileId, length: u64) -> Result<(), StorageError> {
        self.fuse.burn();
        self.lengths.insert(host(file)?, length);
        answer(self.backend.truncate_file(host(file)?, length))
    }

    fn append(
        &mut self,
        _: BatchId,
        first: u32,
        count: u32,
        file: logic::FileId,
        at: u64,
        id: logic::RecordId,
    ) -> Result<Placed, StorageError> {
        self.fuse.burn();
        let file = host(file)?;
        let mut block = self.take_block();
        let mut next = RecordId(id.0);
        let to_usize = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        for record in self.records.iter().skip(to_usize(first)).take(to_usize(count)) {
            encode(&mut block, next, record.metadata, record.events, &record.payload);
            next = next.after(record.events.get().into());
        }
        answer(self.backend.append(file, at, &block))?;
        let length = at.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
        self.lengths.insert(file, length);
        self.appended = Some((file, at, Bytes::from(block)));
        Ok(Placed { records: count, length })
    }

    fn scan(
        &mut self,
        number: logic::FileId,
        offset: u64,
        limits: ScanLimits,
    ) -> Result<Scanned, StorageError> {
        self.fuse.burn();
        let file = host(number)?;
        let length = self.lengths.get(&file).copied().unwrap_or(0);
        // The logic may look twice.
        while self.read.pop_if(|last| last.file == file && last.offset >= offset).is_some() {}
        let mut spans: Vec<Span> = Vec::new();
        let (mut at, mut records) = (offset, 0);
        'blocks: while at < length && records < limits.max_records {
            let (start, block) = (at, self.block(file, at)?);
            while records < limits.max_records {
                let skip = usize::try_from(at - start).unwrap_or(usize::MAX);
                let Ok(frame) = decode(block.get(skip..).unwrap_or_default()) else { break };
                if records > 0 && at.saturating_add(frame.bytes) - offset > limits.max_bytes {
                    break 'blocks;
                }
                let (first_id, next_id) = (logic::RecordId(frame.id.0), logic::RecordId(frame.next_id().0));
                match spans.last_mut() {
                    Some(span) if span.next_id == first_id => {
                        span.bytes += frame.bytes;
                        span.next_id = next_id;
                        span.records += 1;
                    }
                    _ => spans.push(Span {
                        offset: at,
                        bytes: frame.bytes,
                        first_id,
                        next_id,
                        records: 1,
                        state: SpanState::Whole,
                    }),
                }
                self.read.push(Record {
                    file,
                    offset: at,
                    id: frame.id,
                    events: frame.events,
                    metadata: frame.metadata,
                    payload: block.slice_ref(frame.payload),
                    frame_bytes: frame.bytes,
                });
                at = at.saturating_add(frame.bytes);
                records += 1;
            }
            if at == start {
                // Nothing here is damaged, and no record longer than a block.
                return Err(StorageError::Other(0));
            }
        }
        Ok(Scanned { spans, next_offset: at })
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        self.fuse.burn();
        self.tickets += 1;
        self.asked.push((Ticket(self.tickets), target));
        Ok(Ticket(self.tickets))
    }
}

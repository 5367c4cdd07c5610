//! No queue: payloads through `write(2)`, and back in pieces. What the machine does at best.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire},
    },
};

use anyhow::{Context as _, Result};
use bytes::Bytes;

use super::{Acks, Contender, Kind, Level};

/// As much as Forebay reads at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Bytes in a file.
pub(crate) struct Raw;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    level: Level,
    record_bytes: usize,
    writing: Mutex<Writing>,
    /// How far the file is written.
    end: AtomicU64,
    reading: Mutex<Reading>,
}

struct Writing {
    file: File,
    payloads: Vec<u8>,
}

struct Reading {
    file: File,
    /// Where the block ends in the file.
    offset: u64,
    block: Vec<u8>,
    /// What of the block was shown.
    within: usize,
}

impl Kind for Raw {
    fn name(&self) -> &'static str {
        "raw write(2)"
    }

    fn open(&self, directory: &Path, level: Level, record_bytes: usize) -> Result<Box<dyn Contender>> {
        fs::create_dir_all(directory)?;
        let path = directory.join("raw");
        let file = File::options().append(true).create_new(true).open(&path)?;
        let reading = Reading { file: File::open(&path)?, offset: 0, block: Vec::new(), within: 0 };
        Ok(Box::new(Handle(Arc::new(Shared {
            level,
            record_bytes,
            writing: Mutex::new(Writing { file, payloads: Vec::new() }),
            end: AtomicU64::new(0),
            reading: Mutex::new(reading),
        }))))
    }
}

impl Handle {
    fn write(&self, records: &[Bytes], level: Level) -> Result<()> {
        let mut writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Writing { file, payloads } = &mut *writing;
        let bytes: &[u8] = if let [record] = records {
            record
        } else {
            payloads.clear();
            for record in records {
                payloads.extend_from_slice(record);
            }
            payloads
        };
        file.write_all(bytes)?;
        if level == Level::Synced {
            file.sync_data()?;
        }
        self.0.end.fetch_add(u64::try_from(bytes.len())?, AcqRel);
        Ok(())
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, self.0.level)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, Level::Synced)
    }

    /// An acknowledgement is a number in memory.
    fn consume(&mut self, max: usize, _: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let record_bytes = self.0.record_bytes;
        let mut reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let Reading { file, offset, block, within } = &mut *reading;
        let end = self.0.end.load(Acquire);
        let mut records = 0;
        while records < max {
            if *within == block.len() {
                // Whole records, at least one.
                let most = (BLOCK_BYTES / record_bytes).max(1) * record_bytes;
                let left = usize::try_from(end - *offset)?;
                block.resize(left.min(most), 0);
                file.read_exact_at(block, *offset)?;
                *offset += u64::try_from(block.len())?;
                *within = 0;
            }
            let Some(payload) = block.get(*within..*within + record_bytes) else { break };
            each(payload);
            *within += record_bytes;
            records += 1;
        }
        Ok(records)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        let shared = Arc::into_inner(self.0).context("another handle is left")?;
        let writing = shared.writing.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(writing.file.sync_data()?)
    }
}

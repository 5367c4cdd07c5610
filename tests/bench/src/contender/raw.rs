//! No queue: payloads through `write(2)`, and back in pieces. What the machine does at best.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use bytes::Bytes;

use super::{
    Acks, Contender, Kind, Level,
    appended::{Appended, BLOCK_BYTES, Writing},
    from_last, lock,
};

/// Bytes in a file.
pub(crate) struct Raw;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    level: Level,
    record_bytes: usize,
    payloads: Appended,
    reading: Mutex<Reading>,
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
        let (payloads, file) = Appended::create(directory, "raw")?;
        let reading = Mutex::new(Reading { file, offset: 0, block: Vec::new(), within: 0 });
        Ok(Box::new(Handle(Arc::new(Shared { level, record_bytes, payloads, reading }))))
    }
}

impl Handle {
    fn write(&self, records: &[Bytes], level: Level) -> Result<()> {
        let mut writing = self.0.payloads.lock();
        let Writing { file, bytes } = &mut *writing;
        let bytes: &[u8] = if let [record] = records {
            record
        } else {
            bytes.clear();
            for record in records {
                bytes.extend_from_slice(record);
            }
            bytes
        };
        self.0.payloads.append(file, bytes, level)
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
        let mut reading = lock(&self.0.reading);
        let Reading { file, offset, block, within } = &mut *reading;
        let end = self.0.payloads.end();
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
        from_last(self.0)?.payloads.close()
    }
}

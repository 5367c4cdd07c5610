//! A log as one writes it by hand: a length, a checksum and the payload, and one `write(2)` a call. It has one file, which it
//! never removes, and recovers nothing: less than this keeps no records that can be told from damage.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::{
    Acks, Contender, Kind, Level,
    appended::{Appended, BLOCK_BYTES, Writing},
    from_last, lock,
};

/// The length, then the checksum.
const HEADER_BYTES: usize = 8;

/// The hand-written log.
pub(crate) struct Log;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    level: Level,
    log: Appended,
    reading: Mutex<Reading>,
    /// Where the reader stands, in eight bytes.
    position: File,
}

struct Reading {
    file: File,
    /// Where the block begins in the file.
    offset: u64,
    block: Vec<u8>,
    /// What of the block is acknowledged.
    within: usize,
}

impl Kind for Log {
    fn name(&self) -> &'static str {
        "hand-written log"
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        let (log, file) = Appended::create(directory, "log")?;
        let reading = Reading { file, offset: 0, block: Vec::new(), within: 0 };
        Ok(Box::new(Handle(Arc::new(Shared {
            level,
            log,
            reading: Mutex::new(reading),
            position: File::create(directory.join("position"))?,
        }))))
    }
}

impl Handle {
    fn write(&self, records: &[Bytes], level: Level) -> Result<()> {
        let mut writing = self.0.log.lock();
        let Writing { file, bytes } = &mut *writing;
        bytes.clear();
        for record in records {
            bytes.extend_from_slice(&u32::try_from(record.len())?.to_le_bytes());
            bytes.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
            bytes.extend_from_slice(record);
        }
        self.0.log.append(file, bytes, level)
    }
}

impl Reading {
    /// Reads on from what is acknowledged, up to where the file is written.
    fn fill(&mut self, end: u64, bytes: usize) -> Result<()> {
        self.offset += u64::try_from(self.within)?;
        self.within = 0;
        let left = usize::try_from(end - self.offset)?;
        self.block.resize(left.min(bytes), 0);
        Ok(self.file.read_exact_at(&mut self.block, self.offset)?)
    }

    /// The next frame, if the block has all of it.
    fn frame(&self) -> Option<(&[u8], u32)> {
        let rest = self.block.get(self.within..)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        Some((payload, u32::from_le_bytes(*checksum)))
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, self.0.level)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, Level::Synced)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut reading = lock(&self.0.reading);
        let end = self.0.log.end();
        let mut records = 0;
        let mut block_bytes = BLOCK_BYTES;
        while records < max && reading.offset + u64::try_from(reading.within)? < end {
            let Some((payload, checksum)) = reading.frame() else {
                reading.fill(end, block_bytes)?;
                // A frame that is longer than a block.
                block_bytes *= 2;
                continue;
            };
            ensure!(crc32fast::hash(payload) == checksum, "the log is damaged");
            each(payload);
            let bytes = HEADER_BYTES + payload.len();
            reading.within += bytes;
            records += 1;
            if acks == Acks::Each || records == max {
                let position = reading.offset + u64::try_from(reading.within)?;
                self.0.position.write_all_at(&position.to_le_bytes(), 0)?;
            }
        }
        Ok(records)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        from_last(self.0)?.log.close()
    }
}

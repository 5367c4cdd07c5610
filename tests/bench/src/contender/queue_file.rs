//! queue-file: a ring in one file, with a checksum of its headers. One thread may use it.

use std::{fs, path::Path};

use anyhow::Result;
use bytes::Bytes;
use queue_file::QueueFile;

use super::{Acks, Contender, Kind, Level};

/// As long as Forebay's data files: the file doubles where that is not enough, and is synced for it.
const BYTES: u64 = 128 << 20;

/// queue-file.
pub(crate) struct OneFile;

struct Handle(QueueFile);

impl Kind for OneFile {
    fn name(&self) -> &'static str {
        "queue-file"
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        fs::create_dir_all(directory)?;
        let mut file = QueueFile::with_capacity(directory.join("queue"), BYTES)?;
        file.set_sync_writes(level == Level::Synced);
        // What was removed need not be overwritten with zeros.
        file.set_overwrite_on_remove(false);
        Ok(Box::new(Handle(file)))
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        Ok(self.0.add_n(records)?)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.0.add_n(records)?;
        Ok(self.0.sync_all()?)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let max = if acks == Acks::Each { 1 } else { max };
        let mut count = 0;
        let mut records = self.0.iter();
        while count < max
            && let Some(record) = records.borrowed_next()
        {
            each(record);
            count += 1;
        }
        drop(records);
        self.0.remove_n(count)?;
        Ok(count)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        None
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        Ok(self.0.sync_all()?)
    }
}

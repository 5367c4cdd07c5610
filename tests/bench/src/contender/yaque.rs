//! yaque: segments of frames with a length, and no checksum of the payload. It syncs nothing: where records are to be durable,
//! its files are synced from outside.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use yaque::{Receiver, Sender, SenderBuilder, TryRecvError};

use super::{Acks, Contender, Kind, Level, from_last, lock};

/// As long as Forebay's data files.
const SEGMENT_BYTES: u64 = 128 << 20;

/// yaque.
pub(crate) struct Yaque;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    directory: PathBuf,
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
}

impl Kind for Yaque {
    fn name(&self) -> &'static str {
        "yaque"
    }

    fn levels(&self) -> &'static [Level] {
        &[Level::Written]
    }

    fn open(&self, directory: &Path, _: Level, _: usize) -> Result<Box<dyn Contender>> {
        let sender = SenderBuilder::new().segment_size(SEGMENT_BYTES).open(directory)?;
        Ok(Box::new(Handle(Arc::new(Shared {
            directory: directory.to_owned(),
            sender: Mutex::new(sender),
            receiver: Mutex::new(Receiver::open(directory)?),
        }))))
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        let mut sender = lock(&self.0.sender);
        sender.try_send_batch(records).map_err(|error| anyhow!("yaque did not take the records: {error}"))
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.append(records)?;
        for entry in fs::read_dir(&self.0.directory)? {
            File::open(entry?.path())?.sync_data()?;
        }
        Ok(File::open(&self.0.directory)?.sync_all()?)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let max = if acks == Acks::Each { 1 } else { max };
        let mut receiver = lock(&self.0.receiver);
        let records = match receiver.try_recv_batch_up_to(max) {
            Ok(records) => records,
            Err(TryRecvError::QueueEmpty) => return Ok(0),
            Err(TryRecvError::Io(error)) => return Err(error.into()),
        };
        records.iter().for_each(|record| each(record));
        let count = records.len();
        records.commit()?;
        Ok(count)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        from_last(self.0).map(drop)
    }
}

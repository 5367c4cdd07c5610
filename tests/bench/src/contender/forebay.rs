//! Forebay, with its logic as the component and natively.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use forebay::{
    Buffer, Component, Durability, NewRecord, Options, ReadError, Reader, Writer,
    storage::native::{Create, Native as Files},
};

use super::{Acks, Contender, Kind, Level, from_last};
use crate::support::native_logic::NativeLogic;

/// How long a consumer waits before it looks whether other consumers have taken the rest.
const PATIENCE: Duration = Duration::from_millis(20);

/// As it ships.
pub(crate) struct AsComponent;

/// With the same logic outside the sandbox.
pub(crate) struct Native;

struct Handle {
    buffer: Arc<Buffer>,
    writer: Writer,
    reader: Reader,
}

/// The defaults, but for a buffer that no workload fills.
pub(crate) fn options(level: Level) -> Options {
    let mut options = Options::default();
    options.max_bytes = 256 << 30;
    options.durability = match level {
        Level::Accepted => Durability::Accepted,
        Level::Written => Durability::Written,
        Level::Synced => Durability::Synced,
    };
    options
}

impl AsComponent {
    /// The buffer itself, for what no other contender has.
    pub(crate) fn buffer(directory: &Path, options: Options) -> Result<Buffer> {
        // The host compiles the component once in a process: not to be measured.
        Ok(Buffer::builder_with(directory, options).component(Component::embedded()?).open()?)
    }
}

impl Native {
    /// As [`AsComponent::buffer`].
    pub(crate) fn buffer(directory: &Path, options: Options) -> Result<Buffer> {
        let files = Box::new(Files::open(directory, Create::Yes)?);
        Ok(Buffer::open_with(files, options, |guard| Ok(NativeLogic::make(guard)))?)
    }
}

impl Kind for AsComponent {
    fn name(&self) -> &'static str {
        "forebay"
    }

    fn levels(&self) -> &'static [Level] {
        &[Level::Accepted, Level::Written, Level::Synced]
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        Ok(Box::new(Handle::new(Arc::new(Self::buffer(directory, options(level))?))))
    }
}

impl Kind for Native {
    fn name(&self) -> &'static str {
        "forebay, native logic"
    }

    fn levels(&self) -> &'static [Level] {
        &[Level::Accepted, Level::Written, Level::Synced]
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        Ok(Box::new(Handle::new(Arc::new(Self::buffer(directory, options(level))?))))
    }
}

impl Handle {
    fn new(buffer: Arc<Buffer>) -> Self {
        Self { writer: buffer.writer(), reader: buffer.reader(), buffer }
    }
}

/// Writes records as an application does that has them as [`Bytes`].
fn write(writer: &Writer, records: &[Bytes]) -> Result<()> {
    match records {
        [record] => writer.write(record.clone())?,
        records => writer.write_batch(records.iter().cloned().map(NewRecord::from).collect())?,
    };
    Ok(())
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        write(&self.writer, records)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        write(&self.writer.clone().with_durability(Durability::Synced), records)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let records = match self.reader.next_batch_timeout(max, PATIENCE) {
            Ok(records) => records.context("nothing has ended the buffer")?,
            Err(ReadError::TimedOut) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        for record in &records {
            each(record.payload());
            if acks == Acks::Each {
                record.ack();
            }
        }
        if acks == Acks::Through {
            self.reader.ack_through(records.last().context("a batch is never empty")?.id());
        }
        Ok(records.len())
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(Self::new(Arc::clone(&self.buffer))))
    }

    fn close(self: Box<Self>) -> Result<()> {
        from_last(self.buffer)?.close()?;
        Ok(())
    }
}

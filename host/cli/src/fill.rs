//! A new buffer that is filled with records that have their ids already. Its ledger is stored last.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use forebay::{
    Options, RecordId,
    storage::{Backend, FileId, Ledger, SyncTarget, native::Native},
};

use crate::{
    framing::Shown,
    place, print,
    remembered::{self, Remembered},
};

/// How much is written at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// The file that is made as soon as the directory is taken.
const LEDGER: &str = "buffer.db";

/// The file that is there as long as a buffer is filled.
const FILLING: &str = "buffer.filling";

/// The names with which a directory holds a buffer.
const OF_A_BUFFER: [&str; 4] = [LEDGER, "buffer-data-", "buffer.forebay", "buffer.dead-letters"];

/// A new buffer, locked until this is dropped. What was made of it is removed again unless it was finished. Where the process is killed,
/// what is left is marked as a part of a buffer, and nothing opens it.
pub(crate) struct Fill {
    dir: PathBuf,
    native: Native,
    file_bytes: u64,
    max_bytes: u64,
    options: Remembered,
    made: Vec<FileId>,
    /// How long the last file is, with what waits in `frames`.
    length: u64,
    frames: Vec<u8>,
    filled: Filled,
    is_finished: bool,
}

/// What was put into a new buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) records: u64,
    pub(crate) events: u64,
    /// The length of all frames.
    pub(crate) bytes: u64,
    /// The id of the first record and the one behind the last.
    pub(crate) ids: Option<(u64, u64)>,
}

impl Fill {
    /// Makes the buffer's directory, which must hold none. `sizes` are those of a data file and of all. It is to remember `options`.
    pub(crate) fn new(dir: &Path, (options, sizes): (Remembered, (u64, u64))) -> anyhow::Result<Self> {
        place::must_be_free(dir)?;
        must_hold_no_buffer(dir)?;
        let native = Native::fill(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            native,
            file_bytes: sizes.0,
            max_bytes: sizes.1,
            options,
            made: Vec::new(),
            length: 0,
            frames: Vec::new(),
            filled: Filled::default(),
            is_finished: false,
        })
    }

    /// Adds a record. Its id is above those before it.
    pub(crate) fn add(&mut self, record: &Shown<'_>) -> anyhow::Result<()> {
        let next_id = record.id.saturating_add(record.events.get().into());
        let frame_bytes = forebay_frame::frame_bytes(u64::try_from(record.payload.len())?);
        self.filled.bytes = self.filled.bytes.saturating_add(frame_bytes);
        anyhow::ensure!(
            self.filled.bytes <= self.max_bytes,
            "the records take more than the {} bytes that the new buffer may hold: choose a larger --max-size",
            self.max_bytes
        );
        let is_full = self.length.saturating_add(frame_bytes) > self.file_bytes;
        if self.made.is_empty() || is_full && self.length > 0 {
            self.begin_file()?;
        }
        let (id, payload) = (RecordId(record.id), record.payload);
        forebay_frame::encode(&mut self.frames, id, record.metadata, record.events, payload);
        self.length = self.length.saturating_add(frame_bytes);
        self.filled.records = self.filled.records.saturating_add(1);
        self.filled.events = self.filled.events.saturating_add(record.events.get().into());
        let (first, _) = self.filled.ids.unwrap_or((record.id, next_id));
        self.filled.ids = Some((first, next_id));
        if self.frames.len() >= BLOCK_BYTES { self.write() } else { Ok(()) }
    }

    /// Makes everything durable, and stores the ledger: all records from `first_id` on wait, and the next one gets `next_id`.
    pub(crate) fn finish(mut self, first_id: RecordId, next_id: RecordId) -> anyhow::Result<Filled> {
        self.end_file()?;
        self.sync(SyncTarget::Directory)?;
        let first_id = first_id.max(RecordId::FIRST);
        let behind = self.filled.ids.map_or(RecordId::FIRST, |(_, next)| RecordId(next));
        let ledger = Ledger {
            writer_next_record: next_id.max(behind).max(first_id),
            writer_data_file: self.made.last().copied().unwrap_or(FileId::FIRST),
            reader_data_file: FileId::FIRST,
            reader_last_record: RecordId(first_id.0.saturating_sub(1)),
        };
        self.native.store_ledger(ledger)?;
        self.sync(SyncTarget::Ledger)?;
        if !self.options.is_empty() {
            self.options.store(&self.dir)?;
        }
        self.native.filled()?;
        self.is_finished = true;
        Ok(self.filled)
    }

    fn begin_file(&mut self) -> anyhow::Result<()> {
        self.end_file()?;
        let file = self.made.last().map_or(FileId::FIRST, |last| last.successor());
        anyhow::ensure!(
            u64::try_from(self.made.len())? < Options::FILES_MAX,
            "the records need more than {} data files: choose a larger --file-size",
            Options::FILES_MAX
        );
        self.native.create_file(file)?;
        self.made.push(file);
        self.length = 0;
        Ok(())
    }

    fn end_file(&mut self) -> anyhow::Result<()> {
        self.write()?;
        self.made.last().copied().map_or(Ok(()), |file| self.sync(SyncTarget::Data(file)))
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let Some(file) = self.made.last().copied().filter(|_| !self.frames.is_empty()) else { return Ok(()) };
        let at = self.length.saturating_sub(u64::try_from(self.frames.len())?);
        self.native.append(file, at, &self.frames)?;
        self.frames.clear();
        Ok(())
    }

    fn sync(&mut self, target: SyncTarget) -> anyhow::Result<()> {
        Ok(self.native.prepare_sync(target)?()?)
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let mut are_removed = true;
        for file in &self.made {
            are_removed &= self.native.remove_file(*file).is_ok();
        }
        let _ = fs::remove_file(self.dir.join(remembered::NAME));
        // What is left stays marked, and the next attempt names it.
        if are_removed && fs::remove_file(self.dir.join(LEDGER)).is_ok() {
            let _ = self.native.filled();
        }
    }
}

fn must_hold_no_buffer(dir: &Path) -> anyhow::Result<()> {
    // One that is not there, or cannot be listed, is for the opening.
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let name = entry.with_context(|| format!("cannot list {}", dir.display()))?.file_name();
        let name = name.to_string_lossy();
        if name == FILLING {
            // The opening says what is wrong.
            return Ok(());
        }
        anyhow::ensure!(!OF_A_BUFFER.iter().any(|start| name.starts_with(start)), holds_a_buffer(dir));
    }
    Ok(())
}

fn holds_a_buffer(dir: &Path) -> String {
    format!(
        "{} holds a buffer already, and nothing is put into it: name a new directory, or move its files away first",
        print::path(dir)
    )
}

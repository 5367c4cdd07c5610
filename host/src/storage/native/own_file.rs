//! `buffer.forebay`: what Forebay remembers of a buffer beyond Vector's format. Vector ignores the file, and it may be
//! deleted: then less is known, never less kept.
//!
//! It has two slots in different blocks of 4 KiB, written in turn, each with its own checksum: a write that is torn leaves
//! the other slot.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use forebay_frame::RecordId;
use tracing::warn;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout,
    little_endian::{U32, U64},
};

use super::directory::{Access, Directory};
use crate::storage::incarnation::{Incarnations, REMEMBERED_MAX};

const NAME: &str = "buffer.forebay";
const MAGIC: [u8; 8] = *b"FOREBAY1";
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Start {
    first_id: U64,
    incarnation: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Body {
    magic: [u8; 8],
    /// The higher of two whole slots is the newer.
    sequence: U64,
    /// The boot of the machine during which it was written.
    boot: [u8; 16],
    /// 1 if the buffer was closed with everything durable.
    clean: U32,
    count: U32,
    starts: [Start; REMEMBERED_MAX],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Slot {
    body: Body,
    /// The CRC-32 of the body.
    checksum: U32,
}

/// What is remembered.
#[derive(Clone, Debug)]
struct Memory {
    sequence: u64,
    boot: [u8; 16],
    clean: bool,
    incarnations: Incarnations,
}

/// The file, and what was last read from it or written to it.
#[derive(Debug)]
pub(super) struct OwnFile {
    directory: Arc<Directory>,
    memory: Option<Memory>,
    boot: [u8; 16],
}

impl OwnFile {
    /// Reads what is remembered. A file that is missing, damaged or of another version is as if there were none.
    pub(super) fn open(directory: Arc<Directory>) -> Self {
        let read = directory.open_file(NAME, Access::Read).and_then(|file| newest(&file));
        let memory = read.unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                warn!(path = directory.name(NAME), %error, "what was remembered of the buffer cannot be read");
            }
            None
        });
        Self { directory, memory, boot: current_boot() }
    }

    /// The buffer is open, and its next event gets this id. Gives the incarnations, with a new one if records that were
    /// written before may have been lost with the machine's memory.
    pub(super) fn opened(&mut self, next_id: RecordId) -> Incarnations {
        let mut incarnations =
            self.memory.as_ref().map(|memory| memory.incarnations.clone()).unwrap_or_default();
        if self.memory.as_ref().is_none_or(|memory| !memory.clean && memory.boot != self.boot) {
            let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
            incarnations.begin(next_id, clock);
        }
        self.write(incarnations.clone(), false);
        incarnations
    }

    /// The buffer is closed, and everything is durable.
    pub(super) fn closed(&mut self) {
        if let Some(memory) = &self.memory {
            self.write(memory.incarnations.clone(), true);
        }
    }

    /// A buffer works without this file: what cannot be written is said, and stops nothing.
    fn write(&mut self, incarnations: Incarnations, clean: bool) {
        let sequence = self.memory.as_ref().map_or(1, |memory| memory.sequence.saturating_add(1));
        let memory = Memory { sequence, boot: self.boot, clean, incarnations };
        if let Err(error) = self.store(&memory) {
            warn!(path = self.directory.name(NAME), %error, "what is to be remembered of the buffer cannot be written");
        }
        self.memory = Some(memory);
    }

    fn store(&self, memory: &Memory) -> io::Result<()> {
        let file = self.directory.open_file(NAME, Access::ReadWriteOrCreate)?;
        // Strictly in turn: the slot that holds what was last written stays whole.
        let [even, odd] = SLOT_OFFSETS;
        let offset = if memory.sequence.is_multiple_of(2) { even } else { odd };
        file.write_all_at(encode(memory).as_bytes(), offset)?;
        file.sync_all()?;
        if memory.sequence == 1 { self.directory.sync().map_err(io::Error::other) } else { Ok(()) }
    }
}

fn newest(file: &File) -> io::Result<Option<Memory>> {
    let mut newest: Option<Memory> = None;
    for offset in SLOT_OFFSETS {
        let mut bytes = [0; size_of::<Slot>()];
        match file.read_exact_at(&mut bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            read => read?,
        }
        if let Some(memory) = Slot::read_from_bytes(&bytes).ok().and_then(|slot| decode(&slot))
            && newest.as_ref().is_none_or(|newest| memory.sequence > newest.sequence)
        {
            newest = Some(memory);
        }
    }
    Ok(newest)
}

fn encode(memory: &Memory) -> Slot {
    let starts = memory.incarnations.starts();
    let mut body = Body {
        magic: MAGIC,
        sequence: memory.sequence.into(),
        boot: memory.boot,
        clean: u32::from(memory.clean).into(),
        count: u32::try_from(starts.len()).unwrap_or(0).into(),
        starts: [Start { first_id: 0.into(), incarnation: 0.into() }; REMEMBERED_MAX],
    };
    for (slot, &(first_id, incarnation)) in body.starts.iter_mut().zip(starts) {
        *slot = Start { first_id: first_id.0.into(), incarnation: incarnation.into() };
    }
    Slot { checksum: crc32fast::hash(body.as_bytes()).into(), body }
}

fn decode(slot: &Slot) -> Option<Memory> {
    let body = &slot.body;
    let whole = body.magic == MAGIC && slot.checksum.get() == crc32fast::hash(body.as_bytes());
    let count = usize::try_from(body.count.get()).ok().filter(|_| whole)?;
    let starts = body.starts.get(..count)?.iter();
    let starts = starts.map(|start| (RecordId(start.first_id.get()), start.incarnation.get()));
    Some(Memory {
        sequence: body.sequence.get(),
        boot: body.boot,
        clean: body.clean.get() == 1,
        incarnations: Incarnations::remembered(starts.collect())?,
    })
}

/// This boot of the machine, as the kernel names it. Where it does not, every opening is taken for another boot.
fn current_boot() -> [u8; 16] {
    let mut boot = [0; 16];
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match u128::from_str_radix(&text.trim().replace('-', ""), 16) {
        Ok(number) => boot = number.to_be_bytes(),
        Err(_) => boot.iter_mut().zip(std::process::id().to_be_bytes()).for_each(|(byte, id)| *byte = id),
    }
    boot
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::storage::native::Create;

    const ID: RecordId = RecordId(7);
    const ANOTHER_BOOT: [u8; 16] = [9; 16];

    fn directory() -> (tempfile::TempDir, Arc<Directory>) {
        let parent = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::open(parent.path(), Create::No).unwrap());
        (parent, directory)
    }

    fn reopen(directory: &Arc<Directory>, boot: Option<[u8; 16]>) -> OwnFile {
        let mut file = OwnFile::open(Arc::clone(directory));
        file.boot = boot.unwrap_or(file.boot);
        file
    }

    /// The process died and the machine did not: nothing is lost, so nothing is to be told apart.
    #[test]
    fn a_killed_process_leaves_the_incarnation_as_it_was() {
        let (_parent, directory) = directory();
        let before = reopen(&directory, None).opened(ID);
        assert_eq!(reopen(&directory, None).opened(ID), before);
    }

    /// The machine went down without a close: ids may be given a second time.
    #[test]
    fn an_unclean_stop_and_another_boot_make_a_new_incarnation() {
        let (_parent, directory) = directory();
        let before = reopen(&directory, None).opened(ID).of(ID);
        assert!(reopen(&directory, Some(ANOTHER_BOOT)).opened(ID).of(ID) > before);
    }

    /// After a clean close everything is durable: a reboot changes nothing.
    #[test]
    fn a_clean_stop_and_another_boot_keep_the_incarnation() {
        let (_parent, directory) = directory();
        let mut file = reopen(&directory, None);
        let before = file.opened(ID);
        file.closed();
        assert_eq!(reopen(&directory, Some(ANOTHER_BOOT)).opened(ID), before);
    }

    /// Power may fail in the middle of any write of the file: what was remembered before it must be left.
    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let (parent, directory) = directory();
        let mut file = reopen(&directory, None);
        let before = file.opened(ID);
        file.closed();
        let path = parent.path().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        // The second write, that of the close, went to the first block.
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let file = reopen(&directory, None);
        let memory = file.memory.unwrap();
        assert_eq!((memory.incarnations, memory.clean), (before, false));
    }

    /// Deleting the file must not bring back a number that was used.
    #[test]
    fn a_missing_file_is_not_an_error() {
        let (parent, directory) = directory();
        let before = reopen(&directory, None).opened(ID).of(ID);
        std::fs::remove_file(parent.path().join(NAME)).unwrap();
        assert!(reopen(&directory, None).opened(ID).of(ID) >= before);
    }
}

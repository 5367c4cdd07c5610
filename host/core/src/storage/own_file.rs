//! `buffer.forebay`: what Forebay remembers of a buffer beyond Vector's format. Vector ignores the file, and it may be
//! deleted: then opening is slower and less is known, never less kept.
//!
//! It has three blocks of 4 KiB, each with a checksum. Two of them are *slots*: they are written in turn and synced each
//! time, so that a write that is torn by a power loss leaves the one before. The third only has to survive the process: it
//! is written between syncs, never waited for, and believed only as long as the machine has been up since.
//!
//! A file of a later version is left as it is, and this program remembers nothing. Anything else that cannot be read, or
//! that was copied from another buffer, is as if there were none, and is written over.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use tracing::warn;

use super::{
    Incarnations, Memo, Opening, Recalled,
    memo_block::{BLOCK_BYTES, Block, FoundBlock, decode, encode},
};

/// The file's name, where it has one.
pub const OWN_FILE_NAME: &str = "buffer.forebay";

/// Where the two slots are, and behind them the block that is not synced.
const OFFSETS: [u64; 3] = [0, 4096, 8192];
const SLOTS: [usize; 2] = [0, 1];
const UNSYNCED: usize = 2;

/// Where the bytes of the file live.
pub trait OwnBytes: fmt::Debug + Send + Sync {
    /// All of them; none if there is no file.
    fn read(&self) -> io::Result<Vec<u8>>;
    /// Writes at an offset, and makes the file if there is none.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable, and the file's name.
    fn sync(&self) -> io::Result<()>;
    /// When the ledger beside it was last changed, in nanoseconds since 1970; 0 if that is not known.
    fn ledger_changed_ns(&self) -> u64;
}

/// Which life of which buffer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The boot of the machine.
    pub boot: [u8; 16],
    /// Names the place where the buffer is: a copy of the file elsewhere is not believed.
    pub owner: u64,
}

/// What stands in the file.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// What is to be believed.
    newest: Option<Block>,
    /// The slot that the next synced write goes to.
    next_slot: usize,
    sequence: u64,
    /// The highest number of an incarnation in it, whatever program wrote it.
    incarnation: u64,
    /// A later version has written it.
    is_later: bool,
    /// How long the file is.
    bytes: usize,
}

/// The two slots.
#[derive(Debug)]
struct Slots {
    /// Where the next synced write goes.
    next: usize,
    /// A process that was killed may have written the other one, and not synced it.
    is_other_durable: bool,
}

/// The file, and what was last read from it or written to it.
#[derive(Debug)]
pub struct OwnFile {
    bytes: Arc<dyn OwnBytes>,
    identity: Identity,
    found: Contents,
    sequence: u64,
    /// Held while a synced write is under way.
    slots: Arc<Mutex<Slots>>,
    /// The disk says that the buffer is open during this boot.
    open_is_durable: Arc<AtomicBool>,
    incarnations: Incarnations,
    /// A write or a sync has failed, and it was said.
    has_failed: Arc<AtomicBool>,
}

impl OwnFile {
    /// Reads what is remembered.
    pub fn open(bytes: Arc<dyn OwnBytes>, identity: Identity) -> Self {
        let found = match bytes.read() {
            Ok(bytes) => contents(&bytes, identity),
            Err(error) => {
                warn!(%error, "what was remembered of the buffer in {OWN_FILE_NAME} cannot be read");
                Contents::default()
            }
        };
        if found.is_later {
            warn!(
                "{OWN_FILE_NAME} is of a later version of forebay: it is left alone, and nothing is remembered"
            );
        }
        Self {
            bytes,
            identity,
            sequence: found.sequence,
            slots: Arc::new(Mutex::new(Slots { next: found.next_slot, is_other_durable: found.bytes == 0 })),
            open_is_durable: Arc::default(),
            incarnations: Incarnations::default(),
            has_failed: Arc::default(),
            found,
        }
    }

    /// What was remembered.
    pub fn recall(&self) -> Option<Recalled> {
        self.found
            .newest
            .as_ref()
            .map(|block| recalled(block.clone(), self.identity, self.bytes.ledger_changed_ns()))
    }

    /// The incarnations that gave the ids until now, as far as they are remembered.
    pub fn incarnations(&self) -> Incarnations {
        self.found.newest.as_ref().map_or_else(Incarnations::default, |block| block.incarnations.clone())
    }

    /// The buffer is open. Gives the incarnations, with a new one if records that were written before may have been lost
    /// with the machine's memory. Waits until the disk says that the buffer is open during this boot, unless it does
    /// already: a sync waits for much of what a process that was killed has written.
    pub fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations {
        let mut incarnations = self.incarnations();
        let newest = self.found.newest.as_ref();
        let is_other_boot = |block: &Block| block.boot != self.identity.boot;
        let begins = opening.hides_ids || newest.is_none_or(|block| !block.clean && is_other_boot(block));
        let is_durable = !begins
            && newest.is_some_and(|block| block.open_is_durable && !block.clean && !is_other_boot(block));
        if begins {
            let above = self.found.incarnation.saturating_add(1);
            incarnations.begin(memo.ledger.writer_next_record, opening.unix_seconds.max(above));
        }
        self.incarnations = incarnations.clone();
        self.reserve();
        self.open_is_durable.store(is_durable, SeqCst);
        if !is_durable {
            self.write_durably(memo, false);
        }
        self.remember(memo);
        incarnations
    }

    /// Makes the file as long as it ever is: on a disk that is full later, what is dropped is still to be noted.
    fn reserve(&mut self) {
        let bytes = vec![0; (OFFSETS.len() * BLOCK_BYTES).saturating_sub(self.found.bytes)];
        if !bytes.is_empty() && !self.found.is_later {
            let at = u64::try_from(self.found.bytes).unwrap_or(u64::MAX);
            let written = self.bytes.write_at(&bytes, at);
            note(&self.has_failed, written);
        }
    }

    /// Notes what survives the process at once, and power loss with the next sync.
    pub fn remember(&mut self, memo: &Memo) {
        if let Some(block) = self.block(memo, false) {
            let [_, _, unsynced] = OFFSETS;
            let written = self.bytes.write_at(&block, unsynced);
            note(&self.has_failed, written);
        }
    }

    /// A sync of what was noted last. The file is of use and not needed: what cannot be written is said, and stops nothing.
    pub fn prepare_sync(&mut self) -> Box<dyn FnOnce() + Send> {
        let newest = self.found.newest.as_ref().map(|newest| newest.memo.clone());
        let Some(block) = newest.and_then(|memo| self.block(&memo, false)) else { return Box::new(|| ()) };
        let write = self.slot_write(block, false);
        let has_failed = Arc::clone(&self.has_failed);
        Box::new(move || note(&has_failed, write()))
    }

    /// The buffer is closed, and everything is durable.
    pub fn closed(&mut self, memo: &Memo) {
        // Whatever becomes of the sync, the disk may say from now on that the buffer is closed.
        self.open_is_durable.store(false, SeqCst);
        self.write_durably(memo, true);
    }

    fn write_durably(&mut self, memo: &Memo, clean: bool) {
        if let Some(block) = self.block(memo, clean) {
            let write = self.slot_write(block, clean);
            note(&self.has_failed, write());
        }
    }

    /// A write of a block that is durable when it ends.
    fn slot_write(&self, block: Vec<u8>, clean: bool) -> impl FnOnce() -> io::Result<()> + use<> {
        let (bytes, slots) = (Arc::clone(&self.bytes), Arc::clone(&self.slots));
        let open_is_durable = Arc::clone(&self.open_is_durable);
        move || {
            write_slot(&*bytes, &slots, &block)?;
            open_is_durable.store(!clean, SeqCst);
            Ok(())
        }
    }

    /// The next block; `None` if the file is not ours to write, or the buffer is not open yet.
    fn block(&mut self, memo: &Memo, clean: bool) -> Option<Vec<u8>> {
        if self.found.is_later || self.incarnations.starts().is_empty() {
            return None;
        }
        self.sequence = self.sequence.saturating_add(1);
        let block = Block {
            sequence: self.sequence,
            boot: self.identity.boot,
            owner: self.identity.owner,
            clean,
            open_is_durable: self.open_is_durable.load(SeqCst),
            ledger_changed_ns: if clean { self.bytes.ledger_changed_ns() } else { 0 },
            incarnations: self.incarnations.clone(),
            memo: memo.clone(),
        };
        let bytes = encode(&block);
        // The next owner in this process is told of it, whatever becomes of the file.
        self.found.newest = Some(block);
        Some(bytes)
    }
}

/// On a full disk this may go on for long, and is to be heard of once.
fn note(has_failed: &AtomicBool, written: io::Result<()>) {
    if let Err(error) = written
        && !has_failed.swap(true, Relaxed)
    {
        warn!(%error, "what is to be remembered of the buffer in {OWN_FILE_NAME} cannot be written");
    }
}

/// Strictly in turn: the slot that was synced last stays whole until the other one is on the disk.
fn write_slot(bytes: &dyn OwnBytes, slots: &Mutex<Slots>, block: &[u8]) -> io::Result<()> {
    let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
    if !slots.is_other_durable {
        bytes.sync()?;
        slots.is_other_durable = true;
    }
    let [first, second, _] = OFFSETS;
    bytes.write_at(block, if slots.next == 0 { first } else { second })?;
    bytes.sync()?;
    slots.next = 1 - slots.next;
    Ok(())
}

/// What is to be believed of the file's bytes.
///
/// `ledger_changed_ns` tells when the ledger was last changed; 0 if that is not known.
pub fn newest(bytes: &[u8], identity: Identity, ledger_changed_ns: u64) -> Option<Recalled> {
    contents(bytes, identity).newest.map(|newest| recalled(newest, identity, ledger_changed_ns))
}

/// Whether a later version of Forebay has written these bytes of the file.
pub fn is_later(bytes: &[u8]) -> bool {
    contents(bytes, Identity { boot: [0; 16], owner: 0 }).is_later
}

fn recalled(block: Block, identity: Identity, ledger_changed_ns: u64) -> Recalled {
    Recalled {
        same_boot: block.boot == identity.boot,
        clean: block.clean,
        is_ledger_untouched: block.clean
            && block.ledger_changed_ns != 0
            && block.ledger_changed_ns == ledger_changed_ns,
        memo: block.memo,
    }
}

fn contents(bytes: &[u8], identity: Identity) -> Contents {
    let mut contents = Contents { bytes: bytes.len(), ..Contents::default() };
    let mut newest_slot = 0;
    for (place, piece) in bytes.chunks(BLOCK_BYTES).take(OFFSETS.len()).enumerate() {
        let block = match decode(piece) {
            FoundBlock::Block(block) => *block,
            FoundBlock::Later(_) => {
                contents.is_later = true;
                continue;
            }
            FoundBlock::Nothing => continue,
        };
        let highest = block.incarnations.starts().last().map_or(0, |&(_, number)| number);
        contents.incarnation = contents.incarnation.max(highest);
        contents.sequence = contents.sequence.max(block.sequence);
        if SLOTS.contains(&place) && block.sequence > newest_slot {
            newest_slot = block.sequence;
            contents.next_slot = 1 - place;
        }
        let is_newer = contents.newest.as_ref().is_none_or(|newest| block.sequence > newest.sequence);
        let survived = place != UNSYNCED || block.boot == identity.boot;
        if is_newer && survived && block.owner == identity.owner {
            contents.newest = Some(block);
        }
    }
    if contents.is_later { Contents { newest: None, ..contents } } else { contents }
}

#[cfg(test)]
mod tests;

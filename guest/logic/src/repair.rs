//! After a failed sync: making safe again what it was to make durable.
//!
//! The kernel may have dropped the pages that it could not write, and answer OK the next time; what can still be read may
//! be gone after a power loss. So what is whole, unacknowledged and not known to be durable is copied, from the first file
//! on which a sync failed to the newest, to new files behind them. When the copies are durable they take the place of what
//! they were copied from. Until then nothing is written; reading and acknowledging go on.

use crate::directory::Directory;
use crate::reader::Reader;
use crate::ring::FileId;
use crate::seek::unread_part;
use crate::storage::{RecordId, SpanState, Storage, StorageError};
use crate::survey::{NO_LIMIT, Survey};
use crate::window::{DataFile, Reach};
use crate::writer::Writer;

/// How far the way back to normal has come.
#[derive(Clone, Copy, Debug, Default)]
pub enum Repair {
    /// There is nothing to repair, or the next tick begins with it: an attempt that found no room is not repeated at once.
    #[default]
    Due,
    /// The copies would be more than there is room for while this is the first unacknowledged event and the data files have
    /// so many bytes.
    Full(RecordId, u64),
    /// All that is to be copied is in the window's incoming files, and their syncs are asked for. What they replace begins
    /// in this file, at this offset.
    Copied(FileId, u64),
    /// The ledger names the copies. What they replace goes: first the files behind the first of them, and when they are
    /// durably gone, what that has behind the offset. In any other order a reader could come past a record that is missing
    /// before it comes to the copy.
    Adopted(FileId, u64),
    /// Everything is where it belongs; the syncs that confirm it are asked for.
    Settling,
}

impl Repair {
    /// Whether it waits for a tick.
    #[must_use]
    pub fn is_due(&self) -> bool {
        matches!(self, Self::Due | Self::Full(..))
    }

    /// A sync has failed: what is known to be durable is what storage says, and copies that were made are of no use.
    pub fn failed(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
    ) -> Result<(), StorageError> {
        *self = Self::Due;
        directory.ledger.forget_sync();
        learn_suspects(storage, directory)
    }

    /// Goes on as far as it comes without waiting. Called at ticks, and when syncs have ended.
    pub fn go_on(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        reader: &mut Reader,
        writer: &Writer,
    ) -> Result<(), StorageError> {
        match *self {
            Self::Due | Self::Full(..) => self.begin(storage, directory, writer),
            Self::Copied(source, offset) => {
                if !can_be_adopted(directory, source) {
                    return ask_for_copies(storage, directory, source);
                }
                adopt(storage, directory, reader, source, offset)?;
                *self = Self::Adopted(source, offset);
                directory.sync_ledger(storage)
            }
            Self::Adopted(source, offset) => {
                directory.remove_passed(storage)?;
                directory.sync_ledger(storage)?;
                directory.syncs.directory(storage)?;
                if directory.has_leaving_in_doubt() || !directory.syncs.is_directory_durable() {
                    return Ok(());
                }
                cut(storage, directory, source, offset)?;
                self.settle(storage, directory)
            }
            Self::Settling => {
                directory.remove_passed(storage)?;
                self.settle(storage, directory)?;
                if directory.is_settled() {
                    *self = Self::Due;
                    if !has_suspects(storage, directory)? {
                        directory.syncs.recovered();
                    }
                }
                Ok(())
            }
        }
    }

    fn begin(
        &mut self,
        storage: &mut impl Storage,
        directory: &mut Directory,
        writer: &Writer,
    ) -> Result<(), StorageError> {
        let now = (directory.ledger.first_unread(), directory.window.bytes());
        if matches!(*self, Self::Full(first_unread, bytes) if (first_unread, bytes) == now) {
            return Ok(());
        }
        *self = Self::Due;
        if !discard_copies(storage, directory) {
            return Ok(());
        }
        learn_suspects(storage, directory)?;
        let suspect = directory.window.iter().find(|file| file.suspect);
        let Some((source, offset)) = suspect.map(|file| (file.id, file.durable_length.unwrap_or(0))) else {
            return self.settle(storage, directory);
        };
        let sources = sources(directory, source, offset);
        if self.has_room(storage, directory, &sources, writer.max_bytes())?
            && copy(storage, directory, &sources, writer.file_bytes())?
        {
            *self = Self::Copied(source, offset);
            return ask_for_copies(storage, directory, source);
        }
        Ok(())
    }

    /// Whether there is room for copies of all that is unacknowledged in these files from an offset on. Where there is none,
    /// that is not asked again before something is acknowledged or removed: it may take reading all of it.
    fn has_room(
        &mut self,
        storage: &mut impl Storage,
        directory: &Directory,
        sources: &[Source],
        max_bytes: u64,
    ) -> Result<bool, StorageError> {
        let (first_unread, bytes) = (directory.ledger.first_unread(), directory.window.bytes());
        let room = max_bytes.saturating_sub(bytes);
        let at_most = sources.iter().map(Source::bytes).fold(0, u64::saturating_add);
        if at_most > room && bytes_to_copy(storage, sources, first_unread)? > room {
            *self = Self::Full(first_unread, bytes);
            return Ok(false);
        }
        Ok(true)
    }

    fn settle(&mut self, storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
        directory.sync_all(storage)?;
        *self = Self::Settling;
        directory.sync_ledger(storage)
    }
}

/// A file that is copied from, from an offset to its end.
#[derive(Clone, Copy, Debug)]
struct Source {
    file: FileId,
    offset: u64,
    length: u64,
}

impl Source {
    fn bytes(&self) -> u64 {
        self.length.saturating_sub(self.offset)
    }
}

/// All files from one on, in the order of the ring, and with them those that only repeat ids: where they are, they would be
/// read before the copies.
fn sources(directory: &Directory, first: FileId, offset: u64) -> Vec<Source> {
    let Directory { window, .. } = directory;
    let files = window.iter().skip_while(|file| file.id != first).map(|file| (file.id, file.length));
    let all = files.chain(window.strangers_behind(first));
    let from = |file: FileId| if file == first { offset } else { 0 };
    let mut sources: Vec<_> = all.map(|(file, length)| Source { file, offset: from(file), length }).collect();
    sources.sort_by_key(|source| window.front().id.steps_to(source.file));
    sources
}

/// Takes over what storage says is durable, and what no sync can make so any more.
fn learn_suspects(storage: &mut impl Storage, directory: &mut Directory) -> Result<(), StorageError> {
    let entries = storage.list_files()?;
    for file in directory.window.iter_mut() {
        if let Some(entry) = entries.iter().find(|entry| entry.id == file.id) {
            file.suspect = entry.suspect;
            file.durable_length = (entry.durable_length > 0).then_some(entry.durable_length);
            file.asked = file.durable_length.map(|length| Reach { length, next_id: file.reached(length) });
        }
    }
    Ok(())
}

/// Whether the sync of a file in use has failed. One that had begun before another one failed may have failed since, and
/// nobody was told.
fn has_suspects(storage: &mut impl Storage, directory: &Directory) -> Result<bool, StorageError> {
    let entries = storage.list_files()?;
    Ok(entries.iter().any(|entry| entry.suspect && directory.window.contains(entry.id)))
}

/// Whether the copies, and all that the ledger has to name before them, are durable.
fn can_be_adopted(directory: &Directory, source: FileId) -> bool {
    let Directory { window, syncs, .. } = directory;
    let is_durable = |file: &DataFile| file.durable_length == Some(file.length) && syncs.made_durable(file);
    let place = |id: FileId| window.front().id.steps_to(id);
    let is_kept = |file: &DataFile| window.contains(source) && place(file.id) < place(source);
    window.incoming().all(is_durable) && !window.behind(directory.named_writer_file()).any(is_kept)
}

/// Asks for the syncs of the copies, of their names, and of the files before them that the ledger does not name, as far as
/// that was not done.
fn ask_for_copies(
    storage: &mut impl Storage,
    directory: &mut Directory,
    source: FileId,
) -> Result<(), StorageError> {
    for file in directory.window.iter_mut().take_while(|file| file.id != source) {
        if file.asked.is_none() {
            directory.syncs.data(storage, file)?;
        }
    }
    for file in directory.window.incoming_mut() {
        directory.syncs.data(storage, file)?;
    }
    directory.syncs.directory(storage)
}

/// Cuts what is elsewhere from the first file that was copied from, and has the cut synced.
fn cut(
    storage: &mut impl Storage,
    directory: &mut Directory,
    source: FileId,
    offset: u64,
) -> Result<(), StorageError> {
    if !directory.window.contains(source) {
        return Ok(());
    }
    match storage.truncate_file(source, offset) {
        Ok(()) | Err(StorageError::NotFound) => {}
        Err(error) => return Err(error),
    }
    directory.window.surplus_cut(source);
    if let Some(file) = directory.window.get_mut(source) {
        file.asked = None;
        directory.syncs.data(storage, file)?;
    }
    Ok(())
}

/// Removes the copies of an attempt that failed, and an empty file whose name is not to be trusted. Answers whether storage
/// gave them up.
fn discard_copies(storage: &mut impl Storage, directory: &mut Directory) -> bool {
    while let Some(id) = directory.window.last_incoming().map(|file| file.id) {
        if !matches!(storage.remove_file(id), Ok(()) | Err(StorageError::NotFound)) {
            return false;
        }
        directory.window.drop_incoming();
        directory.syncs.directory_changed();
    }
    if let Some(spare) = directory.window.take_spare() {
        if matches!(storage.remove_file(spare.id), Ok(()) | Err(StorageError::NotFound)) {
            directory.syncs.directory_changed();
        } else {
            directory.window.set_spare(spare);
            return false;
        }
    }
    true
}

/// The length of the unacknowledged frames in these files from an offset on, without those that repeat ids.
fn bytes_to_copy(
    storage: &mut impl Storage,
    sources: &[Source],
    first_unread: RecordId,
) -> Result<u64, StorageError> {
    let (mut bytes, mut next_id) = (0_u64, first_unread);
    for &Source { file, mut offset, .. } in sources {
        loop {
            let scanned = match storage.scan(file, offset, NO_LIMIT) {
                Ok(scanned) if scanned.next_offset > offset => scanned,
                Ok(_) | Err(StorageError::NotFound) => break,
                Err(error) => return Err(error),
            };
            for span in &scanned.spans {
                if span.state == SpanState::Whole && span.next_id > next_id {
                    bytes = bytes.saturating_add(unread_part(storage, file, span, next_id)?.bytes);
                    next_id = span.next_id;
                }
            }
            offset = scanned.next_offset;
        }
    }
    Ok(bytes)
}

/// Copies what is unacknowledged in these files from an offset on to new files. Answers whether there was room for all of
/// it.
fn copy(
    storage: &mut impl Storage,
    directory: &mut Directory,
    sources: &[Source],
    file_bytes: u64,
) -> Result<bool, StorageError> {
    let Some(file) = directory.make_file(storage)? else { return Ok(false) };
    directory.window.push_incoming(file);
    for &Source { file: source, mut offset, length } in sources {
        while offset < length {
            let Some(target) = directory.window.last_incoming() else { return Ok(false) };
            let (target, at) = (target.id, target.length);
            let room = file_bytes.saturating_sub(at);
            let relocated = match storage.relocate(source, offset, room, target, at) {
                Ok(relocated) => relocated,
                Err(StorageError::NoSpace) => return Ok(false),
                Err(error) => return Err(error),
            };
            directory.window.copied(relocated.length);
            if relocated.next_offset == offset {
                // The next record does not fit into this file any more; an empty one takes it however long it is.
                if at == 0 {
                    return Ok(false);
                }
                let Some(file) = directory.make_file(storage)? else { return Ok(false) };
                directory.window.push_incoming(file);
            }
            offset = relocated.next_offset;
        }
    }
    Ok(true)
}

/// The copies take the place of what they were copied from.
fn adopt(
    storage: &mut impl Storage,
    directory: &mut Directory,
    reader: &mut Reader,
    source: FileId,
    offset: u64,
) -> Result<(), StorageError> {
    let next_id = directory.ledger.next_id();
    let first_copied = match directory.window.incoming().next() {
        Some(file) => Survey::default().first_id(storage, file.id)?,
        None => None,
    };
    reader.leave_replaced(&mut directory.window, source, offset);
    directory.window.adopt_incoming(source, offset, first_copied.unwrap_or(next_id), next_id);
    directory.store_ledger(storage)
}

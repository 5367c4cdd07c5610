//! The folder `buffer.quarantine`: what was taken out of data files, as the native host keeps it. It is for people; nothing
//! reads it, and it may be deleted.

use std::{io, iter};

use forebay_core::storage::{
    FileId, QUARANTINE_BYTES_MAX, StorageError, damaged_files_to_keep, data_file_name, data_file_of,
};
use wasip2::filesystem::types::Descriptor;

use super::{
    data_files::DataFiles,
    directory::{Access, Directory},
    errno::again,
    file::{length, read_full, to_u64, write_all},
};

const FOLDER: &str = "buffer.quarantine";

/// The file of ends. Each end is preceded by a line that says where it was, and followed by a newline. When there is no room
/// for another the file begins again. It is not synced.
const CUT_ENDS: &str = "buffer.quarantine/cut-ends";

/// How much is copied at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// Keeps what a data file has from an offset on.
pub(super) fn keep(
    directory: &Directory,
    data_files: &mut DataFiles,
    file: FileId,
    from: u64,
    bytes: u64,
) -> Result<(), StorageError> {
    let fail = |operation| move |error| directory.failed(operation, CUT_ENDS, error);
    let head = format!("data file {file}, {bytes} bytes from offset {from} on:\n");
    let room = QUARANTINE_BYTES_MAX.saturating_sub(to_u64(head.len())).saturating_sub(1);
    let bytes = bytes.min(room);
    let needed = to_u64(head.len()).saturating_add(bytes).saturating_add(1);
    let mut kept = Kept::open(directory, needed).map_err(fail("open"))?;
    kept.write(head.as_bytes()).map_err(fail("write to"))?;
    let (mut at, end) = (from, from.saturating_add(bytes));
    let mut block = vec![0; BLOCK_BYTES];
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let read = data_files.read_at(file, at, block.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 {
            break;
        }
        kept.write(block.get(..read).unwrap_or_default()).map_err(fail("write to"))?;
        at = at.saturating_add(to_u64(read));
    }
    kept.write(b"\n").map_err(fail("write to"))
}

/// A file that is written from an offset on.
struct Kept {
    file: Descriptor,
    at: u64,
}

impl Kept {
    /// Opens the file of ends at its end, or at its start if there is no room behind its end.
    fn open(directory: &Directory, needed: u64) -> io::Result<Self> {
        directory.make_folder(FOLDER)?;
        let file = directory.open_file(CUT_ENDS, Access::ReadWriteOrCreate)?;
        let mut at = length(&file)?;
        if at.saturating_add(needed) > QUARANTINE_BYTES_MAX {
            again(|| file.set_size(0))?;
            at = 0;
        }
        Ok(Self { file, at })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.file, bytes, self.at)?;
        self.at = self.at.saturating_add(to_u64(bytes.len()));
        Ok(())
    }
}

/// Keeps a data file that is damaged and about to be removed. Of very many, or very large ones, the newest.
pub(super) fn keep_damaged(directory: &Directory, file: FileId, bytes_max: u64) -> Result<(), StorageError> {
    let name = data_file_name(file);
    let keep = || {
        directory.make_folder(FOLDER)?;
        let kept = damaged(directory)?;
        let number = kept.last().map_or(1, |(last, _)| last.saturating_add(1));
        let newest = format!("{FOLDER}/damaged-{number}-{name}");
        keep_file(directory, &name, &newest)?;
        directory.sync_folder(FOLDER)?;
        let older: Vec<&String> = kept.iter().rev().map(|(_, old)| old).collect();
        let lengths = iter::once(&newest)
            .chain(older.iter().copied())
            .map(|name| directory.open_file(name, Access::Read).and_then(|file| length(&file)).unwrap_or(0));
        let staying = damaged_files_to_keep(lengths, bytes_max);
        for old in older.get(staying.saturating_sub(1)..).unwrap_or_default() {
            // It holds nothing up but takes room.
            let _ = directory.remove_file(old);
        }
        Ok(())
    };
    keep().map_err(|error| directory.failed("keep", &name, error))
}

/// Removes the one of them that was kept first. Gives whether there was one.
pub(super) fn give_up_damaged(directory: &Directory) -> Result<bool, StorageError> {
    let remove = || match damaged(directory)?.first() {
        Some((_, oldest)) => directory.remove_file(oldest).map(|()| true),
        None => Ok(false),
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map_err(|error| directory.failed("clear", FOLDER, error)),
    }
}

/// The damaged data files that were kept, the first first, by number and name.
fn damaged(directory: &Directory) -> io::Result<Vec<(u32, String)>> {
    let names = directory.names_in_folder(FOLDER)?;
    let kept = names.iter().filter_map(|name| Some((damaged_number(name)?, format!("{FOLDER}/{name}"))));
    let mut kept: Vec<_> = kept.collect();
    kept.sort_unstable();
    Ok(kept)
}

/// The number of a damaged data file that was kept.
fn damaged_number(name: &str) -> Option<u32> {
    let (number, file) = name.strip_prefix("damaged-")?.split_once('-')?;
    data_file_of(file)?;
    number.parse().ok()
}

/// Gives a file a second name in the folder, or makes a copy where the file system knows no second names.
fn keep_file(directory: &Directory, name: &str, kept: &str) -> io::Result<()> {
    if directory.link(name, kept).is_ok() {
        return Ok(());
    }
    let source = directory.open_file(name, Access::Read)?;
    let mut target = Kept { file: directory.open_file(kept, Access::CreateNew)?, at: 0 };
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = read_full(&source, target.at, &mut block)?;
        if read == 0 {
            return again(|| target.file.sync());
        }
        target.write(block.get(..read).unwrap_or_default())?;
    }
}

//! The folder `buffer.quarantine`: what was taken out of data files. It is for people; nothing reads it, and it may be deleted.
//!
//! `cut-ends` holds what was cut from the ends of data files, which held no whole record. Each end is preceded by a line that
//! says where it was, and followed by a newline. When there is no room for another the file begins again. It is not synced.
//! The files `damaged-1-buffer-data-7.dat` and so on are data files that were damaged when they were removed: the last eight,
//! and of these an eighth of the buffer's maximum size, but always the last one. On a full disk the first of them gives way to records.
//! The folders `repair-1`, `repair-2` and so on hold the files that [`Repair`](super::Repair) has replaced.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    iter,
};

use tracing::{debug, info};

use super::{
    data_file::{self, DataFiles},
    directory::{Access, Directory},
    interrupted::again,
};
use crate::storage::{FileId, QUARANTINE_BYTES_MAX, StorageError, damaged_files_to_keep};

pub(super) const FOLDER: &str = "buffer.quarantine";

/// The file of ends, as `Directory` opens it.
const CUT_ENDS: &str = "buffer.quarantine/cut-ends";

/// What the file of ends is called while the folder is made in whose place it was.
const MOVING: &str = "buffer.quarantine.moving";

/// How the folder of a repair is called, in front of its number.
pub(super) const REPAIR: &str = "repair-";

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
    let fail = |operation| move |error| StorageError::from_io(operation, directory.name(CUT_ENDS), error);
    let head = format!("data file {file}, {bytes} bytes from offset {from} on:\n");
    let room = QUARANTINE_BYTES_MAX.saturating_sub(to_u64(head.len())).saturating_sub(1);
    let bytes = bytes.min(room);
    let end = from.saturating_add(bytes);
    let needed = to_u64(head.len()).saturating_add(bytes).saturating_add(1);
    let mut kept = open(directory, needed).map_err(fail("open"))?;
    kept.write_all(head.as_bytes()).map_err(fail("write to"))?;
    let mut at = from;
    let mut block = vec![0; BLOCK_BYTES];
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let Some(into) = block.get_mut(..wanted) else { break };
        let read = data_files.read_at(file, at, into)?;
        if read == 0 {
            break;
        }
        kept.write_all(into.get(..read).unwrap_or_default()).map_err(fail("write to"))?;
        at = at.saturating_add(to_u64(read));
    }
    kept.write_all(b"\n").map_err(fail("write to"))
}

/// Keeps a data file that is damaged and about to be removed. Of very many, or very large ones, the newest.
pub(super) fn keep_damaged(directory: &Directory, file: FileId, bytes_max: u64) -> Result<(), StorageError> {
    let name = data_file::name(file);
    let keep = || {
        make_folder(directory)?;
        let kept = damaged(directory)?;
        let number = kept.last().map_or(1, |(last, _)| last.saturating_add(1));
        let second = format!("{FOLDER}/damaged-{number}-{name}");
        keep_file(directory, &name, &second)?;
        directory.sync_folder(FOLDER)?;
        info!(%file, kept = second, "a damaged data file is kept aside");
        let length = |name: &str| directory.metadata(name).map_or(0, |found| found.len());
        let older: Vec<String> = kept.iter().rev().map(|(_, old)| format!("{FOLDER}/{old}")).collect();
        let lengths = iter::once(&second).chain(&older).map(|name| length(name));
        let staying = damaged_files_to_keep(lengths, bytes_max);
        for old in older.get(staying.saturating_sub(1)..).unwrap_or_default() {
            if let Err(error) = directory.remove_file(old) {
                debug!(old, %error, "a damaged data file that was kept long ago is left");
            }
        }
        Ok(())
    };
    keep().map_err(|error| StorageError::from_io("keep", directory.name(&name), error))
}

/// Removes the one of them that was kept first. Gives whether there was one.
pub(super) fn give_up_damaged(directory: &Directory) -> Result<bool, StorageError> {
    let remove = || match damaged(directory)?.first() {
        Some((_, oldest)) => directory.remove_file(&format!("{FOLDER}/{oldest}")).map(|()| true),
        None => Ok(false),
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map_err(|error| StorageError::from_io("clear", directory.name(FOLDER), error)),
    }
}

/// What of the folder is there, in bytes and files, and was removed.
pub(super) fn clear(directory: &Directory) -> io::Result<Cleared> {
    let known = |found: &OsStr| {
        let name = found.to_str()?;
        let is_repair = name.strip_prefix(REPAIR).is_some_and(|number| number.parse::<u32>().is_ok());
        let is_file = damaged_number(found).is_some() || Some(name) == CUT_ENDS.rsplit('/').next();
        (is_repair || is_file).then(|| (format!("{FOLDER}/{name}"), is_repair))
    };
    let mut cleared = Cleared::default();
    let names = match directory.names_in_folder(FOLDER, known) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(cleared),
        names => names?,
    };
    for (name, is_repair) in names {
        let files = if is_repair {
            directory.names_in_folder(&name, |file| Some(format!("{name}/{}", file.to_str()?)))?
        } else {
            vec![name.clone()]
        };
        for file in files {
            let bytes = directory.metadata(&file)?.len();
            directory.remove_file(&file)?;
            cleared.files += 1;
            cleared.bytes = cleared.bytes.saturating_add(bytes);
        }
        if is_repair {
            directory.remove_folder(&name)?;
        }
    }
    // What else a person has put there stays.
    let _ = directory.remove_folder(FOLDER);
    Ok(cleared)
}

/// What was removed of the quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// So many files.
    pub files: u64,
    /// How long they were, in bytes.
    pub bytes: u64,
}

/// The damaged data files that were kept, the first first.
fn damaged(directory: &Directory) -> io::Result<Vec<(u32, String)>> {
    let mut kept = directory.names_in_folder(FOLDER, damaged_number)?;
    kept.sort_unstable();
    Ok(kept)
}

/// The number and the name of a damaged data file that was kept.
fn damaged_number(found: &OsStr) -> Option<(u32, String)> {
    let name = found.to_str()?;
    let (number, file) = name.strip_prefix("damaged-")?.split_once('-')?;
    data_file::parse(OsStr::new(file))?;
    Some((number.parse().ok()?, name.to_owned()))
}

/// Gives a file a second name in the folder, or makes a copy where the file system knows no second names.
pub(super) fn keep_file(directory: &Directory, name: &str, kept: &str) -> io::Result<()> {
    if directory.link(name, kept).is_ok() {
        return Ok(());
    }
    let mut source = directory.open_file(name, Access::Read)?;
    let mut target = directory.open_file(kept, Access::CreateNew)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Makes the folder where there is none. What earlier versions kept in a file of this name moves into the folder.
pub(super) fn make_folder(directory: &Directory) -> io::Result<()> {
    match directory.metadata(FOLDER) {
        Ok(found) if found.is_dir() => return put_into_folder(directory),
        Ok(found) if found.is_file() => directory.rename(FOLDER, MOVING)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    directory.make_folder(FOLDER)?;
    put_into_folder(directory)
}

/// Puts the file of an earlier version into the folder, also where the process died that had begun this.
fn put_into_folder(directory: &Directory) -> io::Result<()> {
    match directory.rename(MOVING, CUT_ENDS) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens the file at its end, or at its start if there is no room behind its end.
fn open(directory: &Directory, needed: u64) -> io::Result<File> {
    make_folder(directory)?;
    let mut file = directory.open_file(CUT_ENDS, Access::ReadWriteOrCreate)?;
    if again(|| file.metadata())?.len().saturating_add(needed) > QUARANTINE_BYTES_MAX {
        file.set_len(0)?;
    }
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

//! The file that says that a buffer is being filled with records that have their ids already. It comes before the first of them and
//! goes when all is durable: a process that is killed in between leaves no part of a buffer that looks like a whole one.

use std::io::{self, Write as _};

use super::{
    data_file,
    directory::{Access, Directory, OpenDirError},
    ledger_image::LEDGER_NAME,
};

const NAME: &str = "buffer.filling";

/// What the file tells people.
const TEXT: &[u8] = b"A command such as 'forebay restore' or 'forebay copy' is filling this buffer. As long as this file is here, the \
buffer is not whole, and nothing opens it. If no such command is running, remove the directory, and run the command again.\n";

/// Fails where a directory holds a part of a buffer.
pub(super) fn must_be_over(directory: &Directory) -> Result<(), OpenDirError> {
    match directory.metadata(NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenDirError::from_io("look into", directory.path(), error)),
        Ok(_) => Err(OpenDirError::Unfilled { path: directory.path().to_owned() }),
    }
}

/// Makes the file, durably. The directory is locked, and holds no buffer.
pub(super) fn begin(directory: &Directory) -> Result<(), OpenDirError> {
    let fail = |error| OpenDirError::from_io("fill", directory.path(), error);
    must_be_over(directory)?;
    let has_ledger = match directory.metadata(LEDGER_NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        found => found.map(|_| true).map_err(fail)?,
    };
    let files = data_file::list(directory).map_err(|error| fail(io::Error::other(error)))?;
    if has_ledger || !files.is_empty() {
        return Err(OpenDirError::HoldsBuffer { path: directory.path().to_owned() });
    }
    let make = || {
        let mut file = directory.open_file(NAME, Access::CreateNew)?;
        file.write_all(TEXT)?;
        file.sync_all()?;
        directory.sync_apart()
    };
    make().map_err(fail)
}

/// Removes the file, durably: the buffer is whole, or gone.
pub(super) fn end(directory: &Directory) -> Result<(), OpenDirError> {
    let remove = || {
        directory.remove_file(NAME)?;
        directory.sync_apart()
    };
    remove().map_err(|error| OpenDirError::from_io("finish", directory.path(), error))
}

//! Names that are to be durable: of directories that are made, and of those in them.

use std::{fs::File, io, path::Path};

use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder, DirBuilderExt as _},
};
use rustix::io::Errno;
use tracing::debug;

use super::directory::{OpenDirError, open_ambient};
use super::interrupted::again;
use crate::descriptors::explain;

/// Makes a directory and those above it, from the top, each durable before the next is made: `sync` makes the names in a
/// directory so.
pub(super) fn make(
    path: &Path,
    mode: u32,
    sync: &mut dyn FnMut(&Dir) -> io::Result<()>,
) -> Result<Dir, OpenDirError> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(OpenDirError::Missing { path: path.to_owned() });
    };
    let fail = |error: io::Error| match error.kind() {
        // Not for want of making it: a link that leads nowhere, or a file system that takes no directories.
        io::ErrorKind::NotFound => {
            OpenDirError::Io { operation: "make", path: path.to_owned(), source: error }
        }
        _ => OpenDirError::from_io("make", path, error),
    };
    let above_dir = match open_ambient(above) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(above, 0o777, sync)?,
        opened => {
            let opened = opened.map_err(fail)?;
            sync_own_name(&opened, sync).map_err(fail)?;
            opened
        }
    };
    let mut builder = DirBuilder::new();
    builder.mode(mode);
    let outcome = again(|| above_dir.create_dir_with(name, &builder));
    match sync(&above_dir) {
        Err(error) if !is_unsupported(&error) => return Err(fail(error)),
        _ => {}
    }
    match outcome {
        Ok(()) => again(|| above_dir.open_dir(name)).map_err(fail),
        // By another process meanwhile; or a link that leads nowhere stands here.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_ambient(path).map_err(fail),
        Err(error) => Err(fail(error)),
    }
}

pub(super) fn readable(dir: &Dir) -> io::Result<File> {
    again(|| dir.open(".")).map(cap_std::fs::File::into_std).map_err(explain)
}

pub(super) fn sync_names(dir: &Dir) -> io::Result<()> {
    readable(dir)?.sync_all()
}

pub(super) fn sync_own_name(dir: &Dir, sync: &mut dyn FnMut(&Dir) -> io::Result<()>) -> io::Result<()> {
    match again(|| dir.open_parent_dir(ambient_authority())).map_err(explain).and_then(|above| sync(&above)) {
        // A user who may not read the directory above did not make this one.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            debug!(%error, "the directory above cannot be synced by this user");
            Ok(())
        }
        // What does not work there is asked of the directory itself, and said once.
        Err(error) if is_unsupported(&error) => Ok(()),
        synced => synced,
    }
}

/// Whether the file system cannot sync directories, as CIFS and some of those in user space.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

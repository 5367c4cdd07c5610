//! A buffer's directory: the only place where a path is turned into files. All else is opened relative to it, by names
//! that this host forms itself.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _,
};
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;
use thiserror::Error;
use tracing::warn;

use super::entry::{Entry, NotAFile};
use super::interrupted::again;
use super::names::{self, make, readable, sync_names, sync_own_name};
use crate::descriptors::explain;
use crate::storage::{StorageError, TakenAway};

/// What others in the group may do to a buffer's files, which Vector makes with the same mode: read.
const FILE_MODE: u32 = 0o640;

/// A buffer's own directory is for its owner.
const DIRECTORY_MODE: u32 = 0o700;

/// Where the directory is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// Make it, with the directories above it that are missing.
    Yes,
    /// Refuse; and also where it is there and holds other things and no buffer.
    No,
}

/// Why a directory cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenDirError {
    /// It is not there, and was not to be made.
    #[error("there is no buffer directory {}: check the path, or write to the buffer first, which makes it", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// It is there, and holds other things and no buffer.
    #[error("there is no buffer in {}, but other files: check the path; a buffer has a directory of its own, which the first write makes", path.display())]
    NoBuffer {
        /// The directory.
        path: PathBuf,
    },
    /// A process that was to fill it with records has not come to the end.
    #[error(
        "the buffer in {} is not whole: 'forebay restore' or 'forebay copy' is filling it, or was ended before it was done; if neither is \
         running, remove the directory, and run the command again",
        path.display()
    )]
    Unfilled {
        /// The directory.
        path: PathBuf,
    },
    /// It was to be filled with records, and holds a buffer.
    #[error(
        "{} holds a buffer already, and nothing is put into it: name a new directory, or move its files away first",
        path.display()
    )]
    HoldsBuffer {
        /// The directory.
        path: PathBuf,
    },
    /// A file or something else stands at its place, or at the place of a directory above it.
    #[error("{} is not a directory: give the path of a directory that is the buffer's alone", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// This user may not.
    #[error(
        "no permission to {operation} the buffer directory {}: run as the user that owns it, or change its owner or mode",
        path.display()
    )]
    PermissionDenied {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// The directory.
        path: PathBuf,
    },
    /// The operating system refused for another reason.
    #[error("could not {operation} the buffer directory {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl OpenDirError {
    pub(super) fn from_io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { operation, path },
            _ => Self::Io { operation, path, source },
        }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// For reading what is there.
    Read,
    /// For reading and writing what is there.
    ReadWrite,
    /// The same, and an empty file is made where there is none.
    ReadWriteOrCreate,
    /// The same, and it must not be there yet.
    CreateNew,
}

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Opened for reading: a mere name of it could be neither synced nor locked.
    dir: Dir,
    /// Why its names cannot be made durable, once that is known.
    names_cannot_be_synced: OnceLock<String>,
}

impl Directory {
    /// Opens a directory, or makes it. A directory that is made is durable when this returns, and so are those above it
    /// that had to be made for it.
    pub fn open(path: impl AsRef<Path>, create: Create) -> Result<Self, OpenDirError> {
        let path = path.as_ref();
        let opened = match open_ambient(path) {
            Err(error) if create == Create::Yes && error.kind() == io::ErrorKind::NotFound => {
                make(path, DIRECTORY_MODE, &mut sync_names)?
            }
            opened => opened.map_err(|error| OpenDirError::from_io("open", path, error))?,
        };
        let handle = readable(&opened).map_err(|error| OpenDirError::from_io("read", path, error))?;
        let dir = Dir::from_std_file(handle);
        Ok(Self { path: path.to_owned(), dir, names_cannot_be_synced: OnceLock::new() })
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a lock is taken on, and what /proc knows it by.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// What it is.
    pub(super) fn itself(&self) -> io::Result<Metadata> {
        again(|| self.dir.dir_metadata())
    }

    /// The path of a file in it, to name it in messages.
    pub(super) fn name(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Opens a file. Only regular files are opened: a symbolic link could lead anywhere, and a pipe would make us wait.
    pub(super) fn open_file(&self, name: &str, access: Access) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read).mode(FILE_MODE);
        options.create(access == Access::ReadWriteOrCreate).create_new(access == Access::CreateNew);
        options.follow(FollowSymlinks::No).nonblock(true);
        let file = again(|| self.dir.open_with(name, &options)).map_err(|error| {
            let is_link = Errno::from_io_error(&error) == Some(Errno::LOOP);
            if is_link { NotAFile::Link.into() } else { explain(error) }
        })?;
        let file = file.into_std();
        if again(|| file.metadata())?.is_file() { Ok(file) } else { Err(NotAFile::Other.into()) }
    }

    /// Makes an empty file in place of one that an attempt which came to nothing has left there.
    pub(super) fn make_anew(&self, name: &str) -> io::Result<File> {
        match self.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.open_file(name, Access::CreateNew)
    }

    /// Fails with [`TakenAway`] unless a name leads to the file of this device and inode. Gives its length. One system call.
    pub(super) fn must_lead_to(&self, name: &str, identity: (u64, u64)) -> io::Result<u64> {
        match self.stat(name) {
            Ok(found) if (found.st_dev, found.st_ino) == identity => {
                Ok(u64::try_from(found.st_size).unwrap_or(0))
            }
            Ok(_) => Err(io::Error::other(TakenAway::Replaced)),
            Err(Errno::NOENT) => Err(io::Error::other(TakenAway::File)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a name leads to this file.
    pub(super) fn leads_to(&self, name: &str, file: &File) -> io::Result<bool> {
        let ours = again(|| file.metadata())?;
        match self.metadata(name) {
            Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What stands at a name, by one system call; a symbolic link is not followed.
    pub(super) fn stat(&self, name: &str) -> Result<Stat, Errno> {
        again(|| rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW))
    }

    /// Whether it was removed: nothing gets a name in it any more. A directory that was only renamed is used on.
    fn is_removed(&self) -> bool {
        again(|| rustix::fs::fstat(&self.dir)).is_ok_and(|itself| itself.st_nlink == 0)
    }

    /// The error of something that was done to a file. Where that is missing because the whole directory is, it says so.
    pub(super) fn failed(&self, operation: &'static str, name: &str, error: io::Error) -> StorageError {
        let error = StorageError::from_io(operation, self.name(name), error);
        match error {
            StorageError::NotFound { operation, what } | StorageError::TakenAway { operation, what, .. }
                if self.is_removed() =>
            {
                StorageError::TakenAway { operation, what, how: TakenAway::Directory }
            }
            error => error,
        }
    }

    /// What stands at a name; a symbolic link is not followed.
    pub(super) fn metadata(&self, name: &str) -> io::Result<Metadata> {
        again(|| self.dir.symlink_metadata(name))
    }

    /// Whether there is anything in it that no buffer makes.
    pub(super) fn holds_strangers(&self) -> Result<bool, OpenDirError> {
        let fail = |error| OpenDirError::from_io("list", &self.path, explain(error));
        for entry in again(|| self.dir.entries()).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            if !name.as_encoded_bytes().starts_with(b"buffer.") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All whose name `select` knows, with what it made of the name.
    pub(super) fn entries<T>(
        &self,
        select: impl Fn(&OsStr) -> Option<T>,
    ) -> Result<Vec<Entry<T>>, StorageError> {
        let fail = |error| StorageError::from_io("list", self.path.display().to_string(), explain(error));
        let mut entries = Vec::new();
        for entry in again(|| self.dir.entries()).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let Some(selected) = select(&entry.file_name()) else { continue };
            match again(|| entry.metadata()) {
                Ok(metadata) => entries.push(Entry {
                    selected,
                    length: metadata.len(),
                    names: metadata.nlink(),
                    is_regular: NotAFile::check(metadata.file_type()),
                }),
                // A look without the lock sees files go.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(fail(error)),
            }
        }
        Ok(entries)
    }

    /// Makes a folder in it. Fails where something stands at the name, a symbolic link too.
    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.mode(DIRECTORY_MODE);
        again(|| self.dir.create_dir_with(name, &builder))
    }

    /// Removes a folder, which must be empty.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        again(|| self.dir.remove_dir(name))
    }

    /// Makes all names in a folder durable, where the file system can do that.
    pub(super) fn sync_folder(&self, name: &str) -> io::Result<()> {
        let folder = again(|| self.dir.open_dir(name))?;
        self.synced(sync_names(&folder))
    }

    /// What `select` makes of the names in a folder, where it knows them.
    pub(super) fn names_in_folder<T>(
        &self,
        name: &str,
        select: impl Fn(&OsStr) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let folder = again(|| self.dir.open_dir(name))?;
        let mut names = Vec::new();
        for entry in again(|| folder.entries())? {
            names.extend(select(&entry?.file_name()));
        }
        Ok(names)
    }

    /// Gives a file a second name, which must be free.
    pub(super) fn link(&self, name: &str, second: &str) -> io::Result<()> {
        again(|| self.dir.hard_link(name, &self.dir, second))
    }

    /// Gives a file another name, in place of what had that name.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        again(|| self.dir.rename(from, &self.dir, to))
    }

    /// Removes a name.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        again(|| self.dir.remove_file(name))
    }

    /// Makes all names in it durable, where the file system can do that: see [`cannot_sync`](Self::cannot_sync).
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.synced(again(|| rustix::fs::fsync(&self.dir)).map_err(io::Error::from))
            .map_err(|error| StorageError::from_io("sync", self.path.display().to_string(), error))
    }

    /// As [`sync`](Self::sync), through a handle of its own: the kernel tells each handle once of a write that has failed,
    /// and what this one is told must not be kept from the other.
    pub(super) fn sync_apart(&self) -> io::Result<()> {
        self.synced(sync_names(&self.dir))
    }

    fn synced(&self, synced: io::Result<()>) -> io::Result<()> {
        let Err(error) = &synced else { return Ok(()) };
        if !names::is_unsupported(error) {
            return synced;
        }
        self.names_cannot_be_synced.get_or_init(|| {
            let path = self.path.display().to_string();
            warn!(
                path,
                %error,
                "this file system cannot sync a directory: records survive the death of the process, and a power failure may \
                 lose them; Forebay confirms nothing as synced"
            );
            format!("the file system of {path} cannot sync a directory ({error})")
        });
        Ok(())
    }

    /// Why nothing in it is durable, however often it is synced; `None` as far as that is not known.
    pub(super) fn cannot_sync(&self) -> Option<&str> {
        self.names_cannot_be_synced.get().map(String::as_str)
    }

    /// Makes its own name durable, as far as this user may: its maker may have died before doing so.
    pub(super) fn sync_own_name(&self) -> Result<(), OpenDirError> {
        sync_own_name(&self.dir, &mut sync_names)
            .map_err(|error| OpenDirError::from_io("sync", &self.path, error))
    }

    /// Says so where other users may change the buffer. A directory of another user is used all the same.
    pub(super) fn warn_of_writers(&self, files: &[&str]) {
        let directory = self.itself().map(|metadata| (self.path.clone(), metadata));
        let files =
            files.iter().map(|name| self.metadata(name).map(|metadata| (self.path.join(name), metadata)));
        for (path, metadata) in std::iter::once(directory).chain(files).flatten() {
            let mode = metadata.mode() & 0o7777;
            if mode & 0o022 != 0 {
                warn!(
                    path = %path.display(),
                    mode = format_args!("{mode:04o}"),
                    "other users may write here, and can destroy the buffer: chmod go-w"
                );
            }
        }
    }
}

pub(super) fn open_ambient(path: &Path) -> io::Result<Dir> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    again(|| Dir::open_ambient_dir(path, ambient_authority())).map_err(explain)
}

//! A buffer's directory: the only place where a path is turned into files. All else is opened relative to it, by names
//! that this crate forms itself.
//!
//! Names are reached through the directory that the host gives: some hosts let no other change names. To list and to sync it
//! is opened once more, because some hosts can do neither with the one that they give.

use std::{io, sync::OnceLock};

use forebay_core::storage::{StorageError, TakenAway};
use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags},
};

use super::{
    OpenError,
    errno::{again, error_of, is, opening_error},
    preopen,
};

/// What is done where there is no directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    IsNone,
    IsMade,
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
pub(super) struct Directory {
    /// As it was given.
    path: String,
    /// What the host gives.
    root: Descriptor,
    /// What comes before each name below the root; empty, or with a slash at its end.
    prefix: String,
    itself: Descriptor,
    /// Why its names cannot be made durable, once that is known.
    names_cannot_be_synced: OnceLock<String>,
}

impl Directory {
    /// Opens a directory, or makes it with those above it. `None` where it is missing, and is not to be made.
    pub(super) fn open(path: &str, missing: Missing) -> Result<Option<Self>, OpenError> {
        let parts = preopen::parts(path).ok_or(OpenError::BadPath)?;
        let (mut given, names): (Vec<_>, Vec<_>) = get_directories().into_iter().unzip();
        let (index, rest) = preopen::choose(&names, &parts).ok_or(OpenError::NoDirectory)?;
        let root = given.swap_remove(index);
        let failed =
            |operation: &'static str| move |error| StorageError::from_io(operation, path.to_owned(), error);
        let itself = match open_folder(&root, &rest) {
            Err(error) if is(&error, ErrorCode::NoEntry) && missing == Missing::IsNone => return Ok(None),
            Err(error) if is(&error, ErrorCode::NoEntry) => make(&root, &rest).map_err(failed("make"))?,
            opened => opened.map_err(failed("open"))?,
        };
        let prefix = if rest.is_empty() { String::new() } else { format!("{}/", rest.join("/")) };
        let names_cannot_be_synced = OnceLock::new();
        Ok(Some(Self { path: path.to_owned(), root, prefix, itself, names_cannot_be_synced }))
    }

    /// The directory itself, opened.
    pub(super) fn itself(&self) -> &Descriptor {
        &self.itself
    }

    fn below_root(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Opens a file. Only regular files are opened: a symbolic link could lead anywhere, and a pipe would make us wait.
    pub(super) fn open_file(&self, name: &str, access: Access) -> io::Result<Descriptor> {
        // Asked before it is opened: to open a pipe waits.
        let found = self.stat(name)?;
        if found.is_some_and(|found| found.type_ != DescriptorType::RegularFile) {
            return Err(io::Error::other("it is not a regular file: move it away"));
        }
        let (open, flags) = match access {
            Access::Read => (OpenFlags::empty(), DescriptorFlags::READ),
            Access::ReadWrite => (OpenFlags::empty(), DescriptorFlags::READ | DescriptorFlags::WRITE),
            Access::ReadWriteOrCreate => (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE),
            Access::CreateNew => {
                (OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::READ | DescriptorFlags::WRITE)
            }
        };
        let path = self.below_root(name);
        again(|| self.root.open_at(PathFlags::empty(), &path, open, flags)).map_err(opening_error)
    }

    /// Makes an empty file in place of one that an attempt which came to nothing has left there.
    pub(super) fn make_anew(&self, name: &str) -> io::Result<Descriptor> {
        match self.remove_file(name) {
            Err(error) if !is(&error, ErrorCode::NoEntry) => return Err(error),
            _ => {}
        }
        self.open_file(name, Access::CreateNew)
    }

    /// What stands at a name; a symbolic link is not followed.
    pub(super) fn stat(&self, name: &str) -> io::Result<Option<DescriptorStat>> {
        let path = self.below_root(name);
        match again(|| self.root.stat_at(PathFlags::empty(), &path)) {
            Err(error) if is(&error, ErrorCode::NoEntry) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Fails with [`TakenAway`] unless a name leads to this open file. Gives its length.
    ///
    /// The two hashes are compared at one time: some hosts make them of what changes, such as the time of the last write.
    pub(super) fn must_lead_to(&self, name: &str, file: &Descriptor) -> io::Result<u64> {
        let path = self.below_root(name);
        let named = match again(|| self.root.metadata_hash_at(PathFlags::empty(), &path)) {
            Err(error) if is(&error, ErrorCode::NoEntry) => return Err(io::Error::other(TakenAway::File)),
            named => named?,
        };
        let ours = again(|| file.metadata_hash())?;
        if (named.lower, named.upper) != (ours.lower, ours.upper) {
            return Err(io::Error::other(TakenAway::Replaced));
        }
        super::file::length(file)
    }

    /// The names in it of regular files and others.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        names(&self.itself)
    }

    /// The names in a folder in it.
    pub(super) fn names_in_folder(&self, name: &str) -> io::Result<Vec<String>> {
        let path = self.below_root(name);
        names(&open_folder(&self.root, &[&path])?)
    }

    /// Makes a folder in it, unless there is one.
    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        let path = self.below_root(name);
        match again(|| self.root.create_directory_at(&path)) {
            Err(error) if is(&error, ErrorCode::Exist) => Ok(()),
            made => made,
        }
    }

    /// Makes the names in a folder in it durable, as far as the file system can do that.
    pub(super) fn sync_folder(&self, name: &str) -> io::Result<()> {
        let path = self.below_root(name);
        self.synced(sync(&open_folder(&self.root, &[&path])?))
    }

    /// Gives a file a second name.
    pub(super) fn link(&self, name: &str, second: &str) -> io::Result<()> {
        let (from, to) = (self.below_root(name), self.below_root(second));
        again(|| self.root.link_at(PathFlags::empty(), &from, &self.root, &to))
    }

    /// Gives a file another name, in place of what had that name.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.below_root(from), self.below_root(to));
        again(|| self.root.rename_at(&from, &self.root, &to))
    }

    /// Removes a name.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        let path = self.below_root(name);
        again(|| self.root.unlink_file_at(&path))
    }

    /// Makes all names in it durable, where the file system can do that: see [`cannot_sync`](Self::cannot_sync).
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.synced(sync(&self.itself))
            .map_err(|error| StorageError::from_io("sync", self.path.clone(), error))
    }

    fn synced(&self, synced: io::Result<()>) -> io::Result<()> {
        let Err(error) = &synced else { return Ok(()) };
        if !is(error, ErrorCode::Invalid) && !is(error, ErrorCode::Unsupported) {
            return synced;
        }
        self.names_cannot_be_synced
            .get_or_init(|| format!("the file system of {} cannot sync a directory ({error})", self.path));
        Ok(())
    }

    /// Why nothing in it is durable, however often it is synced; `None` as far as that is not known.
    pub(super) fn cannot_sync(&self) -> Option<&str> {
        self.names_cannot_be_synced.get().map(String::as_str)
    }

    /// The error of something that was done to a file. Where that is missing because the whole directory is, it says so.
    pub(super) fn failed(&self, operation: &'static str, name: &str, error: io::Error) -> StorageError {
        match StorageError::from_io(operation, format!("{}/{name}", self.path), error) {
            StorageError::NotFound { operation, what } | StorageError::TakenAway { operation, what, .. }
                if self.is_removed() =>
            {
                StorageError::TakenAway { operation, what, how: TakenAway::Directory }
            }
            error => error,
        }
    }

    fn is_removed(&self) -> bool {
        again(|| self.itself.stat()).is_ok_and(|itself| itself.link_count == 0)
    }
}

/// Opens a folder below a directory, to list and to sync it.
fn open_folder(root: &Descriptor, parts: &[&str]) -> io::Result<Descriptor> {
    let path = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
    let folder = again(|| {
        root.open_at(PathFlags::SYMLINK_FOLLOW, &path, OpenFlags::DIRECTORY, DescriptorFlags::READ)
    })?;
    match again(|| folder.get_type())? {
        DescriptorType::Directory => Ok(folder),
        _ => Err(error_of(ErrorCode::NotDirectory)),
    }
}

/// Makes a directory and those above it, from the top, each durable before the next is made.
fn make(root: &Descriptor, parts: &[&str]) -> io::Result<Descriptor> {
    for length in 1..=parts.len() {
        let (made, above) =
            (parts.get(..length).unwrap_or_default(), parts.get(..length - 1).unwrap_or_default());
        let path = made.join("/");
        match again(|| root.create_directory_at(&path)) {
            Err(error) if !is(&error, ErrorCode::Exist) => return Err(error),
            _ => {}
        }
        match sync(&open_folder(root, above)?) {
            Err(error) if !is(&error, ErrorCode::Invalid) && !is(&error, ErrorCode::Unsupported) => {
                return Err(error);
            }
            _ => {}
        }
    }
    open_folder(root, parts)
}

fn names(folder: &Descriptor) -> io::Result<Vec<String>> {
    let stream = again(|| folder.read_directory())?;
    let mut names = Vec::new();
    while let Some(entry) = again(|| stream.read_directory_entry())? {
        names.push(entry.name);
    }
    Ok(names)
}

fn sync(folder: &Descriptor) -> io::Result<()> {
    again(|| folder.sync())
}

//! What is found in a directory, and what of it is no file that a buffer could use.

use std::io;

use cap_std::fs::FileType;
use thiserror::Error;

/// Something in a directory whose name is known.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// What its name says.
    pub(super) selected: T,
    /// Its length in bytes.
    pub(super) length: u64,
    /// How many names lead to it.
    pub(super) names: u64,
    /// Whether it is a regular file, or why it is not to be used as one.
    pub(super) is_regular: Result<(), NotAFile>,
}

/// What stands in the place of a file and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum NotAFile {
    #[error("it is a symbolic link, which is not followed: move the file itself to its place")]
    Link,
    #[error("it is a directory and no file: move it away")]
    Directory,
    #[error("it is a pipe, a socket or a device and no regular file: move it away")]
    Other,
}

impl NotAFile {
    pub(super) fn check(found: FileType) -> Result<(), Self> {
        match found {
            found if found.is_file() => Ok(()),
            found if found.is_symlink() => Err(Self::Link),
            found if found.is_dir() => Err(Self::Directory),
            _ => Err(Self::Other),
        }
    }
}

impl From<NotAFile> for io::Error {
    fn from(what: NotAFile) -> Self {
        Self::other(what)
    }
}

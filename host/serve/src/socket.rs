//! The socket in a buffer's directory: an address, and nothing more. Who owns the buffer is decided by its lock.
//!
//! Paths of sockets are short. It is reached through the directory's descriptor, so that the directory's own path may be long.

use std::{
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use forebay::storage::native::explain_missing_descriptors;
use forebay_api::SOCKET_NAME;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, chmodat, fstat, openat, renameat, statat, unlinkat},
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
        sockopt::socket_peercred,
    },
};
use thiserror::Error;

/// The name under which a socket is made ready. Only the holder of the buffer's lock uses it.
const NEW_NAME: &str = "buffer.sock.new";

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 512;

/// The directory's owner, and no other user but root.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Why a socket cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The operating system refused.
    #[error("could not {operation} {SOCKET_NAME} in {}", directory.display())]
    Io {
        /// What was to be done.
        operation: &'static str,
        /// The buffer's directory.
        directory: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The process at the other end is another user's.
    #[error(
        "the process that serves {SOCKET_NAME} in {} runs as user {found}, and the directory belongs to user {owner}: \
         run it as that user, or change the owner of the directory",
        directory.display()
    )]
    OtherUser {
        /// The buffer's directory.
        directory: PathBuf,
        /// The user that the process runs as.
        found: u32,
        /// The user that the directory belongs to.
        owner: u32,
    },
}

impl SocketError {
    /// What the operating system said, if it did.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            Self::OtherUser { .. } => io::ErrorKind::PermissionDenied,
        }
    }
}

/// The socket of a buffer whose lock this process holds. Its name is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    pub(crate) listener: UnixListener,
    name: Name,
}

/// The name of a socket. Removed on drop, unless another socket has it by then.
#[derive(Debug)]
pub(crate) struct Name {
    directory: OwnedFd,
    /// The user that the directory belongs to.
    pub(crate) owner: u32,
    inode: u64,
    is_kept: bool,
}

impl Socket {
    /// Binds the socket, in the place of one that an owner left behind when it was killed. The caller holds the buffer's lock.
    pub fn bind(directory: impl AsRef<Path>) -> Result<Self, SocketError> {
        let directory = directory.as_ref();
        let fail = |operation| {
            move |source: io::Error| SocketError::Io { operation, directory: directory.to_owned(), source }
        };
        let (handle, owner) = open(directory).map_err(fail("open the directory of"))?;
        // Left behind by a process that was killed.
        let _ = again(|| unlinkat(&handle, NEW_NAME, AtFlags::empty()));
        let made = bound(&handle).map_err(fail("make"))?;
        let listener = UnixListener::from(made);
        listener.set_nonblocking(true).map_err(fail("make"))?;
        let found = again(|| statat(&handle, NEW_NAME, AtFlags::SYMLINK_NOFOLLOW)).map_err(fail("make"))?;
        again(|| renameat(&handle, NEW_NAME, &handle, SOCKET_NAME)).map_err(fail("rename"))?;
        let inode = found.st_ino;
        Ok(Self { listener, name: Name { directory: handle, owner, inode, is_kept: false } })
    }

    /// The listener, and its name.
    pub(crate) fn into_parts(self) -> (UnixListener, Name) {
        (self.listener, self.name)
    }
}

impl Name {
    /// Leaves the name where it is, for the next owner to replace: it says that clients were there.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let found = again(|| statat(&self.directory, SOCKET_NAME, AtFlags::SYMLINK_NOFOLLOW));
        if !self.is_kept && found.is_ok_and(|found| found.st_ino == self.inode) {
            // The next owner replaces it in any case.
            let _ = again(|| unlinkat(&self.directory, SOCKET_NAME, AtFlags::empty()));
        }
    }
}

/// Connects to the owner of the buffer in a directory.
pub fn connect(directory: impl AsRef<Path>) -> Result<UnixStream, SocketError> {
    let directory = directory.as_ref();
    let fail = |source| SocketError::Io { operation: "connect to", directory: directory.to_owned(), source };
    let (handle, owner) = open(directory).map_err(fail)?;
    let stream = UnixStream::connect(path(&handle, SOCKET_NAME)).map_err(fail)?;
    let found = peer(&stream).map_err(fail)?;
    if may_serve(found, owner) {
        Ok(stream)
    } else {
        Err(SocketError::OtherUser { directory: directory.to_owned(), found, owner })
    }
}

/// Whether a process of this user may serve, or use, a buffer in a directory of that owner.
pub(crate) fn may_serve(user: u32, owner: u32) -> bool {
    user == owner || user == 0
}

fn peer(stream: &UnixStream) -> io::Result<u32> {
    Ok(socket_peercred(stream)?.uid.as_raw())
}

/// The directory, and the user that it belongs to.
fn open(directory: &Path) -> io::Result<(OwnedFd, u32)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = again(|| openat(CWD, directory, flags, Mode::empty()))?;
    let owner = again(|| fstat(&handle))?.st_uid;
    Ok((handle, owner))
}

/// Makes a call again that was interrupted.
fn again<T>(call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    retry_on_intr(call).map_err(|error| explain_missing_descriptors(error.into()))
}

fn path(directory: &OwnedFd, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))
}

/// No process can connect before it listens, and then its mode is right.
fn bound(directory: &OwnedFd) -> io::Result<OwnedFd> {
    let made = again(|| socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None))?;
    let address = SocketAddrUnix::new(path(directory, NEW_NAME))?;
    again(|| bind(&made, &address))?;
    again(|| chmodat(directory, NEW_NAME, MODE, AtFlags::empty()))?;
    again(|| listen(&made, BACKLOG))?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// A buffer may lie anywhere, and the kernel takes 107 bytes for the path of a socket.
    #[test]
    fn the_path_of_the_directory_may_be_long() {
        let above = tempfile::tempdir().unwrap();
        let directory = above.path().join("x".repeat(200));
        fs::create_dir(&directory).unwrap();
        let socket = Socket::bind(&directory).unwrap();
        connect(&directory).unwrap();
        let mode = fs::symlink_metadata(directory.join(SOCKET_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(socket);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    /// An owner that is killed removes nothing; its socket must keep no other from taking its place.
    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_only_ones_own_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (listener, mut name) = Socket::bind(&directory).unwrap().into_parts();
        name.keep();
        drop((listener, name));
        assert_eq!(connect(&directory).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let first = Socket::bind(&directory).unwrap();
        let second = Socket::bind(&directory).unwrap();
        drop(first);
        connect(&directory).unwrap();
        drop(second);
        assert_eq!(connect(&directory).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

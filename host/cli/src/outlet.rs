//! Stdout as the place that records go to: how much was written to it, and how much of that its reader has taken.
//!
//! A pipe or a Unix socket holds what was written until its reader takes it, and the kernel says how much that is. A file or a terminal has
//! what was written. Of another socket nothing can be said.

mod unread;

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, OFlags, fstat},
    io::ioctl_fionread,
    net::{AddressFamily, SendFlags, send, sockopt},
    pipe::fcntl_getpipe_size,
};

use self::unread::Unread;
use crate::print;

/// What the kernel gives a pipe unless it is asked for another size.
const PIPE_BYTES: u64 = 64 << 10;

/// Stdout for records.
pub(crate) struct Outlet {
    file: File,
    kind: Kind,
    written: u64,
    /// How many bytes the reader of a socket is known to have taken: when it goes, the kernel drops the rest without a word.
    taken: Cell<u64>,
}

enum Kind {
    Pipe,
    Socket(Unread),
    /// It has what was written.
    Keeping,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// So many bytes are in the output.
    Bytes(usize),
    /// A pipe or a socket has no room for more.
    Nothing,
    /// Its reader is gone.
    Broken,
}

impl Outlet {
    /// Takes stdout as it was given.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let file = print::stdout()?;
        let kind = match fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Fifo) => Kind::Pipe,
            Ok(FileType::Socket) => Kind::Socket(of_socket(&file)?),
            _ => Kind::Keeping,
        };
        // Writing to a full pipe must not block, and other processes may share this end of it: so it is opened once more. Where that is not
        // allowed, writing blocks.
        let own =
            if matches!(kind, Kind::Pipe) { open_again() } else { Err(io::ErrorKind::Unsupported.into()) };
        Ok(Self { file: own.unwrap_or(file), kind, written: 0, taken: Cell::new(0) })
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<Wrote> {
        loop {
            let written = match self.kind {
                Kind::Socket(_) => {
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    send(&self.file, bytes, flags).map_err(io::Error::from)
                }
                Kind::Pipe | Kind::Keeping => self.file.write(bytes),
            };
            match written {
                Ok(written) => {
                    self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                    return Ok(Wrote::Bytes(written));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Wrote::Nothing),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
                {
                    return Ok(Wrote::Broken);
                }
                Err(error) => return Err(print::cannot_write(error)),
            }
        }
    }

    /// How many bytes were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes the reader of a pipe or a socket has taken at least, or another output has. What other processes have written into the
    /// same one counts as not taken.
    pub(crate) fn taken(&self) -> u64 {
        // Without a word from the kernel nothing is taken.
        match &self.kind {
            Kind::Pipe => self.written.saturating_sub(ioctl_fionread(&self.file).unwrap_or(u64::MAX)),
            Kind::Socket(unread) => {
                let taken = self.written.saturating_sub(unread.bytes().unwrap_or(u64::MAX));
                // The reader was there when the kernel answered, and so nothing had been dropped.
                if !self.is_broken_within(Duration::ZERO) {
                    self.taken.set(taken.max(self.taken.get()));
                }
                self.taken.get()
            }
            Kind::Keeping => self.written,
        }
    }

    /// The most that a reader takes at a time.
    pub(crate) fn capacity(&self) -> u64 {
        let size = match self.kind {
            Kind::Pipe => fcntl_getpipe_size(&self.file).ok(),
            Kind::Socket(_) => sockopt::socket_send_buffer_size(&self.file).ok(),
            Kind::Keeping => None,
        };
        size.and_then(|size| u64::try_from(size).ok()).unwrap_or(PIPE_BYTES)
    }

    /// Waits for so long for room in a pipe or a socket, or for its reader to go.
    pub(crate) fn wait_for_room(&self, time: Duration) {
        self.wait(PollFlags::OUT, time);
    }

    /// Waits for so long for the reader of a pipe or a socket to go. Whether it has.
    pub(crate) fn is_broken_within(&self, time: Duration) -> bool {
        let is_read = !matches!(self.kind, Kind::Keeping);
        is_read && self.wait(PollFlags::empty(), time).intersects(PollFlags::ERR | PollFlags::HUP)
    }

    fn wait(&self, flags: PollFlags, time: Duration) -> PollFlags {
        let mut fds = [PollFd::new(&self.file, flags)];
        let time = Timespec::try_from(time).ok();
        // A signal cuts it short.
        let _ = poll(&mut fds, time.as_ref());
        fds.first().map_or(PollFlags::empty(), PollFd::revents)
    }
}

/// What a socket holds that its reader has not taken, where the kernel tells.
fn of_socket(file: &File) -> anyhow::Result<Unread> {
    let of_unix = match sockopt::socket_domain(file) {
        Ok(AddressFamily::UNIX) => {
            Unread::of(file).map_err(|error| format!("the kernel does not say: {error}"))
        }
        _ => Err("it is not a Unix socket".to_owned()),
    };
    of_unix.map_err(|reason| {
        anyhow::anyhow!(
            "standard output is a socket, and Forebay cannot see what its reader has taken ({reason}): no record is taken out; put a pipe \
             between, as in 'forebay read DIR | cat'"
        )
    })
}

fn open_again() -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().write(true).custom_flags(flags).open("/proc/self/fd/1")
}

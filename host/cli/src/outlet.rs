//! Stdout as the place that records go to: how much was written to it, and how much of that its reader has taken.
//!
//! A pipe holds what was written until its reader takes it, and the kernel says how much that is. Another output has what was written.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, OFlags, fstat},
    io::ioctl_fionread,
    pipe::fcntl_getpipe_size,
};

use crate::print;

/// What the kernel gives a pipe unless it is asked for another size.
const PIPE_BYTES: u64 = 64 << 10;

/// Stdout for records.
pub(crate) struct Outlet {
    file: File,
    is_pipe: bool,
    written: u64,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// So many bytes are in the output.
    Bytes(usize),
    /// A pipe has no room for more.
    Nothing,
    /// Its reader is gone.
    Broken,
}

impl Outlet {
    /// Takes stdout as it was given.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let file = print::stdout()?;
        let is_pipe = fstat(&file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        // Writing to a full pipe must not block, and other processes may share this end of it: so it is opened once more. Where that is not
        // allowed, writing blocks.
        let own = if is_pipe { open_again() } else { Err(io::ErrorKind::Unsupported.into()) };
        Ok(Self { file: own.unwrap_or(file), is_pipe, written: 0 })
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<Wrote> {
        loop {
            match self.file.write(bytes) {
                Ok(written) => {
                    self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                    return Ok(Wrote::Bytes(written));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Wrote::Nothing),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Wrote::Broken),
                Err(error) => return Err(print::cannot_write(error)),
            }
        }
    }

    /// How many bytes were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes the reader of a pipe has taken at least, or another output has. What other processes have written into the same pipe
    /// counts as not taken.
    pub(crate) fn taken(&self) -> u64 {
        if !self.is_pipe {
            return self.written;
        }
        // Without a word from the kernel nothing is taken.
        self.written.saturating_sub(ioctl_fionread(&self.file).unwrap_or(u64::MAX))
    }

    /// The most that a reader takes at a time.
    pub(crate) fn capacity(&self) -> u64 {
        let size = if self.is_pipe { fcntl_getpipe_size(&self.file).ok() } else { None };
        size.and_then(|size| u64::try_from(size).ok()).unwrap_or(PIPE_BYTES)
    }

    /// Waits for so long for room in a pipe, or for its reader to go.
    pub(crate) fn wait_for_room(&self, time: Duration) {
        self.wait(PollFlags::OUT, time);
    }

    /// Waits for so long for the reader of a pipe to go. Whether it has.
    pub(crate) fn is_broken_within(&self, time: Duration) -> bool {
        self.is_pipe && self.wait(PollFlags::empty(), time).contains(PollFlags::ERR)
    }

    fn wait(&self, flags: PollFlags, time: Duration) -> PollFlags {
        let mut fds = [PollFd::new(&self.file, flags)];
        let time = Timespec::try_from(time).ok();
        // A signal cuts it short.
        let _ = poll(&mut fds, time.as_ref());
        fds.first().map_or(PollFlags::empty(), PollFd::revents)
    }
}

fn open_again() -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().write(true).custom_flags(flags).open("/proc/self/fd/1")
}

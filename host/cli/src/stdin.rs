//! Stdin, until a signal comes. Then it is read to the end of the record that has begun, and no byte further: the next process that reads
//! the same pipe begins with a whole record.

use std::{
    fs::File,
    io::{self, Read},
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Duration,
};

use anyhow::Context as _;
use forebay::storage::native::explain_missing_descriptors;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    framing::{Ready, Stream},
    signals::Signals,
};

/// How often it is looked, after a signal, whether the time for the rest of a record is over.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct StoppableStdin {
    stdin: File,
    /// Has a byte when a signal has come.
    woken: UnixStream,
    signals: Signals,
}

impl StoppableStdin {
    pub(crate) fn new(signals: &Signals) -> anyhow::Result<Self> {
        let opened = || -> io::Result<(File, UnixStream)> {
            // Without the standard library's buffer, which reads ahead.
            Ok((File::from(io::stdin().as_fd().try_clone_to_owned()?), Signals::wake_on_signal()?))
        };
        let opened = opened().map_err(explain_missing_descriptors);
        let (stdin, woken) = opened.context("cannot use standard input")?;
        Ok(Self { stdin, woken, signals: signals.clone() })
    }

    /// Waits until there is something to read, or a signal comes, or the time is over.
    fn wait(&self, time: Option<Duration>) -> bool {
        let mut fds = [PollFd::new(&self.stdin, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        let fds = if time.is_some() { fds.get_mut(..1).unwrap_or_default() } else { &mut fds[..] };
        match poll(fds, time.as_ref()) {
            Ok(_) => fds.first().is_some_and(|stdin| !stdin.revents().is_empty()),
            Err(_) => false,
        }
    }
}

impl Read for StoppableStdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.stdin.read(into) {
            // A supervisor has closed it.
            Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => Ok(0),
            read => read,
        }
    }
}

impl Stream for StoppableStdin {
    fn ready(&mut self, is_between_records: bool) -> Ready {
        loop {
            if self.signals.caught().is_none() {
                if self.wait(None) && self.signals.caught().is_none() {
                    return Ready::Bytes;
                }
            } else if is_between_records || !self.signals.may_go_on() {
                return Ready::Stopped;
            } else if self.wait(Some(LOOK)) {
                return Ready::OneByte;
            }
        }
    }
}

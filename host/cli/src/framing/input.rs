//! Reading records from a stream, as many at a time as are there.

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use forebay_api::framing::{Cutter, Fault};
use thiserror::Error;

use super::{
    cutter,
    overlong::{Counts, Limit, Overlong, Progress},
};
use crate::args::{InputFraming, OnTooLong};

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// What one batch holds at the most: the buffer's logic takes no more records in one call, and what waits is in memory.
const BATCH_RECORDS_MAX: usize = 4096;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Why no more records can be had.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    #[error("cannot read standard input")]
    Read(#[source] io::Error),
    #[error(
        "record {number} is longer than {max} bytes, the most that a record may have; the {} before it are written: \
         split it, choose a larger --max-record and --file-size, or say --on-too-long skip or truncate",
        number - 1
    )]
    TooLong { number: u64, max: usize },
    #[error(
        "record {number} is cut off: the input ends in the middle of it; the {} before it are written",
        number - 1
    )]
    Truncated { number: u64 },
}

/// What may be read of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// As much as there is.
    Bytes,
    /// One byte: more may be for another process.
    OneByte,
    /// Nothing more, although the stream has not ended.
    Stopped,
}

/// A stream that another may tell to stop.
pub(crate) trait Stream: Read {
    /// Waits until something can be read. `is_between_records`: no record has begun.
    fn ready(&mut self, is_between_records: bool) -> Ready;
}

/// Records from a stream.
pub(crate) struct Input<R> {
    stream: R,
    cutter: Box<dyn Cutter + Send>,
    limit: Limit,
    scratch: Box<[u8]>,
    window: BytesMut,
    ended: bool,
    stopped: bool,
    /// How many records were given or left out.
    count: u64,
    counts: Arc<Counts>,
    overlong: Option<Overlong>,
    fault: Option<Fault>,
}

impl<R: Stream> Input<R> {
    /// Records within a limit from a stream. Those above it are counted.
    pub(crate) fn new(stream: R, framing: InputFraming, limit: Limit, counts: Arc<Counts>) -> Self {
        Self {
            stream,
            cutter: cutter(framing),
            limit,
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            window: BytesMut::new(),
            ended: false,
            stopped: false,
            count: 0,
            counts,
            overlong: None,
            fault: None,
        }
    }

    /// The next records: those that are there, or, where none is, the first that come. `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Vec<Bytes>>, InputError> {
        loop {
            let batch = self.cut_batch();
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
            if let Some(fault) = self.fault {
                let (number, max) = (self.count + 1, self.limit.max);
                return Err(match fault {
                    Fault::TooLong => InputError::TooLong { number, max },
                    Fault::Truncated => InputError::Truncated { number },
                });
            }
            if self.ended || self.stopped {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// How many records were read and not given, the one among them whose end is missing. They are not given any more.
    pub(crate) fn give_up(&mut self) -> u64 {
        let mut count = 0_u64;
        loop {
            let batch = self.cut_batch();
            if batch.is_empty() {
                break;
            }
            count = count.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        }
        let is_cut_off = !self.is_between_records();
        self.window.clear();
        count.saturating_add(is_cut_off.into())
    }

    /// Takes off the window what is whole in it.
    fn cut_batch(&mut self) -> Vec<Bytes> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while self.fault.is_none() && batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            match self.cut() {
                Ok(Some(record)) => {
                    bytes += record.len();
                    self.count += 1;
                    batch.push(record);
                }
                Ok(None) => break,
                Err(fault) => self.fault = Some(fault),
            }
        }
        batch
    }

    /// Takes the next record off the window, if it is whole, and leaves out those that are too long.
    fn cut(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(overlong) = &mut self.overlong {
                let (cutter, window) = (&mut *self.cutter, &mut self.window);
                match overlong.go_on(cutter, window, self.ended, self.limit, &self.counts)? {
                    Progress::Unfinished => return Ok(None),
                    Progress::Skipped => self.count += 1,
                    Progress::Truncated(record) => {
                        self.overlong = None;
                        return Ok(Some(record));
                    }
                }
                self.overlong = None;
            }
            let cut = match self.cutter.cut(&mut self.window, self.limit.max) {
                Ok(None) if self.ended => self.cutter.cut_last(&mut self.window),
                cut => cut,
            };
            match cut {
                Err(Fault::TooLong) if self.limit.on_too_long != OnTooLong::Fail => {
                    self.overlong = Some(Overlong::new(self.limit));
                }
                cut => return cut,
            }
        }
    }

    fn is_between_records(&self) -> bool {
        self.window.is_empty() && self.overlong.is_none()
    }

    fn fill(&mut self) -> Result<(), InputError> {
        loop {
            let most = match self.stream.ready(self.is_between_records()) {
                Ready::Bytes => self.scratch.len(),
                Ready::OneByte => 1,
                Ready::Stopped => {
                    self.stopped = true;
                    return Ok(());
                }
            };
            match self.stream.read(self.scratch.get_mut(..most).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(read) => self.window.extend_from_slice(self.scratch.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(InputError::Read(error)),
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;

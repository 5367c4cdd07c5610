//! Reading records from a stream, as many at a time as are there.

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use forebay::NewRecord;
use forebay_api::framing::{Cutter, Fault, NotARecord, parse_ndjson};
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

/// The longest line of JSON that holds a record within a limit: a byte of its payload takes six at the most, and there is room for
/// names, numbers and spaces.
fn json_line_max(max_record: usize) -> usize {
    max_record.saturating_mul(6).saturating_add(1 << 20)
}

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
        "record {number} is cut off: the input ends in the middle of it; {written} before it are written"
    )]
    Truncated { number: u64, written: u64 },
    #[error("line {number} of standard input is no record in JSON; {written} before it are written")]
    NotARecord {
        number: u64,
        written: u64,
        #[source]
        error: NotARecord,
    },
    #[error(
        "line {number} of standard input is longer than {max} bytes, more than any record within --max-record takes in JSON; \
         {written} before it are written"
    )]
    LineTooLong { number: u64, written: u64, max: usize },
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
    framing: InputFraming,
    limit: Limit,
    /// What is kept beside each record that states nothing else.
    metadata: u32,
    scratch: Box<[u8]>,
    window: BytesMut,
    ended: bool,
    stopped: bool,
    /// How many records were given or left out.
    count: u64,
    counts: Arc<Counts>,
    overlong: Option<Overlong>,
    fault: Option<InputError>,
    /// Nothing follows the fault.
    is_broken: bool,
}

impl<R: Stream> Input<R> {
    /// Records within a limit from a stream. Those above it are counted.
    pub(crate) fn new(
        stream: R,
        framing: InputFraming,
        limit: Limit,
        metadata: u32,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            stream,
            cutter: cutter(framing),
            framing,
            limit,
            metadata,
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            window: BytesMut::new(),
            ended: false,
            stopped: false,
            count: 0,
            counts,
            overlong: None,
            fault: None,
            is_broken: false,
        }
    }

    /// The next records: those that are there, or, where none is, the first that come. `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Vec<NewRecord>>, InputError> {
        loop {
            let batch = self.cut_batch();
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.ended || self.stopped || self.is_broken {
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
    fn cut_batch(&mut self) -> Vec<NewRecord> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while !self.is_broken && batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            let cut = match self.cut() {
                Ok(Some(cut)) => self.record(cut),
                Ok(None) => break,
                Err(fault) => Err(self.error(fault)),
            };
            match cut {
                Ok(record) => {
                    self.count += 1;
                    bytes += record.as_ref().map_or(0, |record| record.payload.len());
                    batch.extend(record);
                }
                Err(error) => {
                    self.fault = Some(error);
                    self.is_broken = true;
                }
            }
        }
        batch
    }

    /// The record in what was cut off, unless it is left out.
    fn record(&self, cut: Bytes) -> Result<Option<NewRecord>, InputError> {
        if self.framing != InputFraming::Json {
            return Ok(Some(NewRecord::new(cut).with_metadata(self.metadata)));
        }
        let (number, max) = (self.count + 1, self.limit.max);
        let parsed = parse_ndjson(&cut, self.metadata).map_err(|error| InputError::NotARecord {
            number,
            written: self.written(),
            error,
        })?;
        let mut record = NewRecord::new(parsed.payload).with_metadata(parsed.metadata);
        record.events = parsed.events;
        if record.payload.len() > max {
            match self.limit.on_too_long {
                OnTooLong::Fail => return Err(InputError::TooLong { number, max }),
                OnTooLong::Skip => {
                    self.counts.add_skipped();
                    return Ok(None);
                }
                OnTooLong::Truncate => {
                    self.counts.add_truncated();
                    record.payload.truncate(max);
                }
            }
        }
        Ok(Some(record))
    }

    fn error(&self, fault: Fault) -> InputError {
        let (number, written) = (self.count + 1, self.written());
        match fault {
            Fault::TooLong if self.framing == InputFraming::Json => {
                InputError::LineTooLong { number, written, max: self.cut_limit().max }
            }
            Fault::TooLong => InputError::TooLong { number, max: self.limit.max },
            Fault::Truncated => InputError::Truncated { number, written },
        }
    }

    /// How many of the records so far were given.
    fn written(&self) -> u64 {
        self.count.saturating_sub(self.counts.skipped())
    }

    /// The limit on what is cut off. A line of JSON that cannot be looked at as a whole may be broken: it is not left out.
    fn cut_limit(&self) -> Limit {
        if self.framing == InputFraming::Json {
            Limit { max: json_line_max(self.limit.max), on_too_long: OnTooLong::Fail }
        } else {
            self.limit
        }
    }

    /// Takes the next record off the window, if it is whole, and leaves out those that are too long.
    fn cut(&mut self) -> Result<Option<Bytes>, Fault> {
        let limit = self.cut_limit();
        loop {
            if let Some(overlong) = &mut self.overlong {
                let (cutter, window) = (&mut *self.cutter, &mut self.window);
                match overlong.go_on(cutter, window, self.ended, limit, &self.counts)? {
                    Progress::Unfinished => return Ok(None),
                    Progress::Skipped => self.count += 1,
                    Progress::Truncated(record) => {
                        self.overlong = None;
                        return Ok(Some(record));
                    }
                }
                self.overlong = None;
            }
            let cut = match self.cutter.cut(&mut self.window, limit.max) {
                Ok(None) if self.ended => self.cutter.cut_last(&mut self.window),
                cut => cut,
            };
            match cut {
                Err(Fault::TooLong) if limit.on_too_long != OnTooLong::Fail => {
                    self.overlong = Some(Overlong::new(limit));
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

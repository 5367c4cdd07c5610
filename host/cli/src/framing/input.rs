//! Reading records from a stream, as many at a time as are there.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use forebay_api::framing::{Cutter, Fault};
use thiserror::Error;

use super::cutter;
use crate::args::InputFraming;

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
         split it, or choose a larger --max-record and --file-size",
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
    max_record: usize,
    scratch: Box<[u8]>,
    window: BytesMut,
    ended: bool,
    stopped: bool,
    /// How many records were given.
    count: u64,
    fault: Option<Fault>,
}

impl<R: Stream> Input<R> {
    /// Records of at most so many bytes from a stream.
    pub(crate) fn new(stream: R, framing: InputFraming, max_record: u64) -> Self {
        Self {
            stream,
            cutter: cutter(framing),
            max_record: usize::try_from(max_record).unwrap_or(usize::MAX),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            window: BytesMut::new(),
            ended: false,
            stopped: false,
            count: 0,
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
                let (number, max) = (self.count + 1, self.max_record);
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
        let is_cut_off = !self.window.is_empty();
        self.window.clear();
        count.saturating_add(is_cut_off.into())
    }

    /// Takes off the window what is whole in it.
    fn cut_batch(&mut self) -> Vec<Bytes> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while self.fault.is_none() && batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            let cut = match self.cutter.cut(&mut self.window, self.max_record) {
                Ok(None) if self.ended => self.cutter.cut_last(&mut self.window),
                cut => cut,
            };
            match cut {
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

    fn fill(&mut self) -> Result<(), InputError> {
        loop {
            let most = match self.stream.ready(self.window.is_empty()) {
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use forebay_api::framing::{append_length, append_line};
    use proptest::prelude::*;

    use super::*;

    /// A stream that gives its bytes in pieces, as pipes do.
    struct Pieces(Vec<Vec<u8>>);

    impl Stream for Pieces {
        fn ready(&mut self, _: bool) -> Ready {
            Ready::Bytes
        }
    }

    impl Stream for io::Take<io::Repeat> {
        fn ready(&mut self, _: bool) -> Ready {
            Ready::Bytes
        }
    }

    impl Stream for &[u8] {
        fn ready(&mut self, _: bool) -> Ready {
            Ready::Bytes
        }
    }

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.retain(|piece| !piece.is_empty());
            let Some(piece) = self.0.first_mut() else { return Ok(0) };
            let read = piece.len().min(into.len());
            into[..read].copy_from_slice(&piece[..read]);
            piece.drain(..read);
            Ok(read)
        }
    }

    fn all(input: &mut Input<impl Stream>) -> (Vec<Bytes>, Option<InputError>) {
        let mut records = Vec::new();
        loop {
            match input.next_batch() {
                Ok(Some(batch)) => records.extend(batch),
                Ok(None) => return (records, None),
                Err(error) => return (records, Some(error)),
            }
        }
    }

    fn from_lines(text: &[u8], max: u64) -> (Vec<Bytes>, Option<InputError>) {
        all(&mut Input::new(text, InputFraming::Lines, max))
    }

    /// What stands between newlines is a record whatever it is; changing a byte of it corrupts a user's data.
    #[test]
    fn lines_are_bytes() {
        let (records, error) = from_lines(b"a\r\n\n\0\xff\nlast", 100);
        assert!(error.is_none());
        assert_eq!(records, [&b"a\r"[..], b"", b"\0\xff", b"last"]);
    }

    /// A newline ends a line: the last one starts no empty record.
    #[test]
    fn no_record_follows_the_last_newline() {
        assert_eq!(from_lines(b"", 100).0.len(), 0);
        assert_eq!(from_lines(b"\n", 100).0, [&b""[..]]);
        assert_eq!(from_lines(b"a\n", 100).0, [&b"a"[..]]);
    }

    /// To find the bad line, the user needs its number, and all before it must be safe.
    #[test]
    fn a_line_that_is_too_long_is_named_after_those_before_it() {
        let (records, error) = from_lines(b"a\nb\ntoo long\nc\n", 3);
        assert_eq!(records, [&b"a"[..], b"b"]);
        assert!(matches!(error, Some(InputError::TooLong { number: 3, max: 3 })));
    }

    /// A line without end must not fill the memory before it is refused.
    #[test]
    fn a_line_without_end_is_refused_once_it_is_too_long() {
        let mut input = Input::new(io::repeat(b'x').take(64 << 20), InputFraming::Lines, 1000);
        assert!(matches!(input.next_batch(), Err(InputError::TooLong { number: 1, .. })));
        assert!(input.window.len() <= READ_BYTES);
    }

    /// An interactive line goes through at once: a batch is what is there.
    #[test]
    fn a_batch_does_not_wait_to_be_full() {
        let pieces = Pieces(vec![b"a\nb".to_vec(), b"c\n".to_vec()]);
        let mut input = Input::new(pieces, InputFraming::Lines, 100);
        assert_eq!(input.next_batch().unwrap().unwrap(), [&b"a"[..]]);
        assert_eq!(input.next_batch().unwrap().unwrap(), [&b"bc"[..]]);
    }

    /// A length says how much is to come, and believing it must cost nothing.
    #[test]
    fn a_length_above_the_limit_is_refused_before_its_bytes_come() {
        let mut input = Input::new(&b"\xff\xff\xff\xff"[..], InputFraming::Length, 100);
        assert!(matches!(input.next_batch(), Err(InputError::TooLong { number: 1, max: 100 })));
    }

    /// Half a record is not a record.
    #[test]
    fn a_record_that_is_cut_off_is_named() {
        for text in [&b"\0\0\0\x01a\0\0"[..], b"\0\0\0\x01a\0\0\0\x02b"] {
            let (records, error) = all(&mut Input::new(text, InputFraming::Length, 100));
            assert_eq!(records, [&b"a"[..]]);
            assert!(matches!(error, Some(InputError::Truncated { number: 2 })), "{text:?}");
        }
    }

    /// What one batch holds is bounded however much is there.
    #[test]
    fn batches_are_bounded() {
        let text = vec![b'\n'; 3 * BATCH_RECORDS_MAX];
        let mut input = Input::new(&text[..], InputFraming::Lines, 100);
        assert_eq!(input.next_batch().unwrap().unwrap().len(), BATCH_RECORDS_MAX);
    }

    fn pieces(text: &[u8], sizes: &[usize]) -> Pieces {
        let mut left = text;
        let mut pieces = Vec::new();
        for &size in sizes.iter().cycle().take(if sizes.is_empty() { 0 } else { text.len() }) {
            let (piece, rest) = left.split_at(size.min(left.len()));
            pieces.push(piece.to_vec());
            left = rest;
        }
        pieces.push(left.to_vec());
        Pieces(pieces)
    }

    proptest! {
        /// However a pipe cuts the stream, the records are those that were sent.
        #[test]
        fn records_come_through_in_any_pieces(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..50),
            sizes in prop::collection::vec(1_usize..40, 0..5),
        ) {
            let mut text = Vec::new();
            for record in &records {
                append_length(&mut text, record).unwrap();
            }
            let (got, error) = all(&mut Input::new(pieces(&text, &sizes), InputFraming::Length, 20));
            prop_assert!(error.is_none());
            prop_assert_eq!(&got, &records);

            let records: Vec<Vec<u8>> =
                records.into_iter().map(|record| record.into_iter().filter(|&byte| byte != b'\n').collect()).collect();
            let mut text = Vec::new();
            for record in &records {
                append_line(&mut text, record);
            }
            let (got, error) = all(&mut Input::new(pieces(&text, &sizes), InputFraming::Lines, 20));
            prop_assert!(error.is_none());
            prop_assert_eq!(&got, &records);
        }
    }

    /// A stream that is stopped in the middle of a record, after so many bytes of its rest.
    struct Stopping(&'static [u8], usize);

    impl Read for Stopping {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(into)
        }
    }

    impl Stream for Stopping {
        fn ready(&mut self, is_between_records: bool) -> Ready {
            if self.0.len() == 10 {
                return Ready::Bytes;
            }
            if is_between_records || self.1 == 0 {
                return Ready::Stopped;
            }
            self.1 -= 1;
            Ready::OneByte
        }
    }

    /// The next process reads the same pipe: it must find the beginning of a record there, and half a record must not be written.
    #[test]
    fn a_stream_that_is_stopped_ends_between_records_or_gives_no_half_one() {
        for (more, expected, left) in [(9, 2, 0), (1, 1, 1)] {
            let mut input = Input::new(Stopping(b"one\ntwo\nxx", more), InputFraming::Lines, 100);
            input.scratch = vec![0; 6].into_boxed_slice();
            let (records, error) = all(&mut input);
            assert!(error.is_none());
            assert_eq!((records.len(), input.give_up()), (expected, left), "{more} bytes more");
        }
    }
}

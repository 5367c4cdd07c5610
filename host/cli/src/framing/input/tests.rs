//! Input in pieces, with an end or without one.

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

fn limited<R: Stream>(stream: R, framing: InputFraming, max: u64, action: OnTooLong) -> Input<R> {
    Input::new(stream, framing, Limit::new(max, action), 0, Arc::default())
}

fn input<R: Stream>(stream: R, framing: InputFraming, max: u64) -> Input<R> {
    limited(stream, framing, max, OnTooLong::Fail)
}

fn payloads(records: Vec<NewRecord>) -> Vec<Bytes> {
    records.into_iter().map(|record| record.payload).collect()
}

fn all(input: &mut Input<impl Stream>) -> (Vec<Bytes>, Option<InputError>) {
    let mut records = Vec::new();
    loop {
        match input.next_batch() {
            Ok(Some(batch)) => records.extend(payloads(batch)),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

fn from_lines(text: &[u8], max: u64) -> (Vec<Bytes>, Option<InputError>) {
    all(&mut input(text, InputFraming::Lines, max))
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
    let mut input = input(io::repeat(b'x').take(64 << 20), InputFraming::Lines, 1000);
    assert!(matches!(input.next_batch(), Err(InputError::TooLong { number: 1, .. })));
    assert!(input.window.len() <= READ_BYTES);
}

/// A file of 10 GB without a newline takes no more memory than what is kept of it.
#[test]
fn a_line_without_end_is_left_out_or_truncated_in_little_memory() {
    for (action, expected) in [(OnTooLong::Skip, 0), (OnTooLong::Truncate, 1)] {
        let stream = io::repeat(b'x').take(64 << 20);
        let mut input = limited(stream, InputFraming::Lines, 1000, action);
        let mut records = 0;
        loop {
            let batch = input.cut_batch();
            assert!(batch.iter().all(|record| record.payload[..] == [b'x'; 1000]), "{action:?}");
            records += batch.len();
            assert!(input.window.capacity() <= 4 * READ_BYTES, "{action:?}: {}", input.window.capacity());
            if input.ended {
                break;
            }
            input.fill().unwrap();
        }
        assert_eq!(records + input.cut_batch().len(), expected);
    }
}

/// An interactive line goes through at once: a batch is what is there.
#[test]
fn a_batch_does_not_wait_to_be_full() {
    let pieces = Pieces(vec![b"a\nb".to_vec(), b"c\n".to_vec()]);
    let mut input = input(pieces, InputFraming::Lines, 100);
    assert_eq!(payloads(input.next_batch().unwrap().unwrap()), [&b"a"[..]]);
    assert_eq!(payloads(input.next_batch().unwrap().unwrap()), [&b"bc"[..]]);
}

/// A length says how much is to come, and believing it must cost nothing.
#[test]
fn a_length_above_the_limit_is_refused_before_its_bytes_come() {
    let mut input = input(&b"\xff\xff\xff\xff"[..], InputFraming::Length, 100);
    assert!(matches!(input.next_batch(), Err(InputError::TooLong { number: 1, max: 100 })));
}

/// Half a record is not a record.
#[test]
fn a_record_that_is_cut_off_is_named() {
    for text in [&b"\0\0\0\x01a\0\0"[..], b"\0\0\0\x01a\0\0\0\x02b"] {
        let (records, error) = all(&mut input(text, InputFraming::Length, 100));
        assert_eq!(records, [&b"a"[..]]);
        assert!(matches!(error, Some(InputError::Truncated { number: 2, written: 1 })), "{text:?}");
    }
}

/// What one batch holds is bounded however much is there.
#[test]
fn batches_are_bounded() {
    let text = vec![b'\n'; 3 * BATCH_RECORDS_MAX];
    let mut input = input(&text[..], InputFraming::Lines, 100);
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
        let (got, error) = all(&mut input(pieces(&text, &sizes), InputFraming::Length, 20));
        prop_assert!(error.is_none());
        prop_assert_eq!(&got, &records);

        let records: Vec<Vec<u8>> =
            records.into_iter().map(|record| record.into_iter().filter(|&byte| byte != b'\n').collect()).collect();
        let mut text = Vec::new();
        for record in &records {
            append_line(&mut text, record);
        }
        let (got, error) = all(&mut input(pieces(&text, &sizes), InputFraming::Lines, 20));
        prop_assert!(error.is_none());
        prop_assert_eq!(&got, &records);
    }
}

proptest! {
    /// Records around one that is too long must not be lost, nor a part of it become a record of its own.
    #[test]
    fn only_records_that_are_too_long_are_left_out_or_truncated(
        records in prop::collection::vec(prop::collection::vec(0_u8..9, 0..20), 0..50),
        sizes in prop::collection::vec(1_usize..40, 0..5),
        max in 0_usize..20,
    ) {
        let (mut lengths, mut lines) = (Vec::new(), Vec::new());
        for record in &records {
            append_length(&mut lengths, record).unwrap();
            append_line(&mut lines, record);
        }
        for (framing, text) in [(InputFraming::Length, lengths), (InputFraming::Lines, lines)] {
            let limit = u64::try_from(max).unwrap();
            let mut skipping = limited(pieces(&text, &sizes), framing, limit, OnTooLong::Skip);
            let (got, error) = all(&mut skipping);
            prop_assert!(error.is_none());
            let kept: Vec<_> = records.iter().filter(|record| record.len() <= max).collect();
            let gone = u64::try_from(records.len() - kept.len()).unwrap();
            prop_assert!(got == kept && skipping.counts.skipped() == gone);

            let mut truncating = limited(pieces(&text, &sizes), framing, limit, OnTooLong::Truncate);
            let (got, error) = all(&mut truncating);
            prop_assert!(error.is_none());
            let kept: Vec<_> = records.iter().map(|record| &record[..record.len().min(max)]).collect();
            prop_assert!(got == kept && truncating.counts.truncated() == gone);
        }
    }
}

/// The rest of a record that is too long may be missing, as that of any other.
#[test]
fn a_record_that_is_too_long_and_cut_off_is_named() {
    for action in [OnTooLong::Skip, OnTooLong::Truncate] {
        let text = &b"\0\0\0\x05short\0\0\0\x08cut o"[..];
        let (records, error) = all(&mut limited(text, InputFraming::Length, 5, action));
        assert_eq!(records, [&b"short"[..]]);
        assert!(matches!(error, Some(InputError::Truncated { number: 2, written: 1 })), "{action:?}");
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
        let mut input = input(Stopping(b"one\ntwo\nxx", more), InputFraming::Lines, 100);
        input.scratch = vec![0; 6].into_boxed_slice();
        let (records, error) = all(&mut input);
        assert!(error.is_none());
        assert_eq!((records.len(), input.give_up()), (expected, left), "{more} bytes more");
    }
}

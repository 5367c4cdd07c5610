//! Records in a stream of bytes: how input is cut into them, and how output shows them.

pub mod batch;
mod json;
mod length;
mod lines;
mod ndjson;

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

pub use self::{
    json::{JsonRecord, append as append_json, append_base64},
    length::{Length, TooLongForPrefix, append as append_length},
    lines::{Lines, append as append_line, append_nul},
    ndjson::{NotARecord, parse as parse_ndjson},
};

/// Finds records in what has come in so far.
pub trait Cutter {
    /// Takes the first record off the window, if it is whole. One of more than `max` bytes is refused as soon as that
    /// can be told.
    fn cut(&mut self, window: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Fault>;

    /// Takes the last record off the window: nothing more will come in.
    fn cut_last(&mut self, window: &mut BytesMut) -> Result<Option<Bytes>, Fault>;

    /// Takes the bytes off the window that belong to the first record, which was found too long, and need not be whole.
    fn take_part(&mut self, window: &mut BytesMut) -> Part;

    /// Whether the record that parts were taken of may end here, where the input does.
    fn end_parts(&mut self) -> Result<(), Fault>;
}

/// A part of a record that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether the record ends with them.
    pub is_last: bool,
}

/// Why the input cannot be cut into records from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The record is longer than the limit.
    #[error("it is longer than a record may be")]
    TooLong,
    /// The input ends in the middle of the record.
    #[error("the input ends in the middle of it")]
    Truncated,
}

/// Cuts all of a body into records of at most so many bytes. The fault is that of the record with this index.
pub fn cut_all(mut cutter: impl Cutter, body: Bytes, max: usize) -> Result<Vec<Bytes>, (usize, Fault)> {
    let mut window = BytesMut::from(body);
    let mut records = Vec::new();
    loop {
        let cut = match cutter.cut(&mut window, max) {
            Ok(None) => cutter.cut_last(&mut window),
            cut => cut,
        };
        match cut.map_err(|fault| (records.len(), fault))? {
            Some(record) if record.len() > max => return Err((records.len(), Fault::TooLong)),
            Some(record) => records.push(record),
            None => return Ok(records),
        }
    }
}

/// What is shown of a record.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its id.
    pub id: u64,
    /// How many events it holds.
    pub events: NonZeroU32,
    /// The number that is kept beside it.
    pub metadata: u32,
    /// Its bytes.
    pub payload: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request is placed as a whole or refused as a whole: half of a body must not become records.
    #[test]
    fn a_body_is_cut_into_all_of_its_records_or_none() {
        let lines = cut_all(Lines::default(), Bytes::from_static(b"a\n\nlast"), 4);
        assert_eq!(lines, Ok(vec!["a".into(), Bytes::new(), "last".into()]));
        assert_eq!(cut_all(Lines::default(), Bytes::from_static(b"a\nfive."), 4), Err((1, Fault::TooLong)));
        assert_eq!(
            cut_all(Length::default(), Bytes::from_static(b"\0\0\0\x01a\0\0"), 4),
            Err((1, Fault::Truncated))
        );
        assert_eq!(cut_all(Length::default(), Bytes::new(), 4), Ok(Vec::new()));
    }
}

//! Records in a stream of bytes: how they are told apart on stdin, and how they look on stdout.

mod input;
mod json;
mod length;
mod lines;

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use forebay::{Record, RecordId};

pub(crate) use self::{input::Input, json::JsonRecord};
use crate::args::{InputFraming, OutputFraming};

/// Finds records in what has come in so far.
trait Cutter {
    /// Takes the first record off the window, if it is whole. One of more than `max` bytes is refused as soon as that
    /// can be told.
    fn cut(&mut self, window: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Fault>;

    /// Takes the last record off the window: nothing more will come in.
    fn cut_last(&mut self, window: &mut BytesMut) -> Result<Option<Bytes>, Fault>;
}

/// Why the input cannot be cut into records from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The record is longer than the limit.
    TooLong,
    /// The input ends in the middle of the record.
    Truncated,
}

fn cutter(framing: InputFraming) -> Box<dyn Cutter + Send> {
    match framing {
        InputFraming::Lines => Box::new(lines::Lines::default()),
        InputFraming::Length => Box::new(length::Length),
    }
}

/// What is shown of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) id: RecordId,
    pub(crate) events: NonZeroU32,
    pub(crate) metadata: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> From<&'a Record> for Shown<'a> {
    fn from(record: &'a Record) -> Self {
        let (id, events, metadata) = (record.id(), record.events(), record.metadata());
        Self { id, events, metadata, payload: record.payload() }
    }
}

/// Adds a record to what is to be written to stdout.
pub(crate) fn append(framing: OutputFraming, into: &mut Vec<u8>, record: &Shown<'_>) -> anyhow::Result<()> {
    match framing {
        OutputFraming::Lines => lines::append(into, record.payload),
        OutputFraming::Length => length::append(into, record.payload)?,
        OutputFraming::Json => json::append(into, record)?,
    }
    Ok(())
}

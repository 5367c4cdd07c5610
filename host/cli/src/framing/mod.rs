//! Records on stdin and stdout, in the framings of the API.

mod input;
mod overlong;

use anyhow::Context as _;
use forebay::Record;
use forebay_api::framing::{self, Cutter, Length, Lines};
pub(crate) use forebay_api::framing::{JsonRecord, Shown};

pub(crate) use self::{
    input::{Input, Ready, Stream},
    overlong::{Counts, Limit},
};
use crate::args::{InputFraming, OutputFraming};

fn cutter(framing: InputFraming) -> Box<dyn Cutter + Send> {
    match framing {
        InputFraming::Lines | InputFraming::Json => Box::new(Lines::default()),
        InputFraming::Nul => Box::new(Lines::ended_by_nul()),
        InputFraming::Length => Box::new(Length::default()),
    }
}

/// What is shown of a record.
pub(crate) fn shown(record: &Record) -> Shown<'_> {
    let (id, events, metadata) = (record.id().0, record.events(), record.metadata());
    Shown { id, events, metadata, payload: record.payload() }
}

/// Adds a record to what is to be written to stdout.
pub(crate) fn append(framing: OutputFraming, into: &mut Vec<u8>, record: &Shown<'_>) -> anyhow::Result<()> {
    match framing {
        OutputFraming::Lines => framing::append_line(into, record.payload),
        OutputFraming::Nul => framing::append_nul(into, record.payload),
        OutputFraming::Length => framing::append_length(into, record.payload)?,
        OutputFraming::Json => {
            framing::append_json(into, record).context("cannot put a record into JSON")?;
        }
    }
    Ok(())
}

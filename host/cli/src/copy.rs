//! `forebay copy`: the records that wait, into a new buffer.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use forebay::RecordId;
use serde::Serialize;

use crate::{
    args::{CopyArgs, Format},
    delivery::{BATCH_RECORDS, lost_in_words},
    exit::Exit,
    fill::{Fill, Filled},
    print,
    records::{Records, shown},
    remembered::Remembered,
    signals::Signals,
};

/// A copy that was made.
#[derive(Debug, Serialize)]
struct Copied {
    records: u64,
    /// The first event that was not acknowledged.
    first_id: u64,
    /// The id that the next event gets.
    next_id: u64,
    /// The length of all data files.
    bytes: u64,
    /// Events that no data file holds whole.
    lost_events: u64,
}

pub(crate) fn run(args: &CopyArgs, signals: &Signals) -> anyhow::Result<Exit> {
    let new = Remembered::of_or_none(&args.dir).of_new(&args.sizes)?;
    signals.hold_connection(Box::new(|| {}));
    let mut records = Records::of(&args.dir)?;
    let mut fill = Fill::new(&args.to, new)?;
    loop {
        let batch = records.next(BATCH_RECORDS)?;
        if batch.is_empty() {
            break;
        }
        batch.iter().try_for_each(|record| fill.add(&shown(record)))?;
        signals.fail_if_caught()?;
    }
    let (first_id, next_id) = (records.first_id(), records.next_id());
    let copied = Copied::new(fill.finish(first_id, next_id)?, (first_id, next_id), records.lost().events);
    match args.format {
        Format::Json => print::json(&copied)?,
        Format::Text => print::lines(&copied.text(&args.to)?)?,
    }
    let bad_ledger = records.bad_ledger();
    bad_ledger.into_iter().for_each(print::say);
    if copied.lost_events == 0 {
        return Ok(if bad_ledger.is_some() { Exit::No } else { Exit::Done });
    }
    print::say(&lost_in_words(copied.lost_events, &records.lost().places, 0));
    Ok(Exit::No)
}

impl Copied {
    fn new(filled: Filled, (first_id, next_id): (RecordId, RecordId), lost_events: u64) -> Self {
        let Filled { records, bytes, .. } = filled;
        Self { records, first_id: first_id.0, next_id: next_id.0, bytes, lost_events }
    }

    fn text(&self, to: &Path) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let records = print::count(self.records, "record");
        let ids = print::ids(self.first_id, self.next_id);
        writeln!(text, "{}: {records}{ids}; {}", print::path(to), print::count(self.bytes, "byte"))?;
        Ok(text)
    }
}

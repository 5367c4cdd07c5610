//! `forebay status`: a look at a buffer from outside. Nothing is opened for writing, locked or changed.

use std::{fmt::Write as _, path::Path};

use forebay::storage::{
    Amount, FileId, Ledger, Usage, data_file_name,
    native::{Holder, LedgerOnDisk, Missing, Moment, Snapshot},
};
use serde::Serialize;

use crate::{
    args::{Format, LookArgs},
    dead_letters::{self, Letters},
    exit::Exit,
    print,
};

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Answer {
    ledger: LedgerAnswer,
    records: u64,
    bytes: u64,
    files: usize,
    locked: bool,
    locked_by: Option<u32>,
    /// Records that were given back too often: see `forebay dead-letters`. `None`: their file cannot be read.
    dead_letters: Option<Letters>,
    /// `None`: `buffer.forebay` is not there, or cannot be believed.
    usage: Option<UsageAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<MissingAnswer>,
    /// The id behind the last record that waits: logic may have stored no ledger that says so.
    #[serde(skip)]
    next_record: u64,
    #[serde(skip)]
    is_made: bool,
}

/// What has gone through the buffer for good.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct UsageAnswer {
    received: AmountAnswer,
    sent: AmountAnswer,
    dropped: AmountAnswer,
    /// Nothing noted which. Left out where there is none.
    #[serde(skip_serializing_if = "AmountAnswer::is_nothing")]
    sent_or_dropped: AmountAnswer,
    lost: AmountAnswer,
    rejected: AmountAnswer,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct AmountAnswer {
    events: u64,
    bytes: u64,
}

impl AmountAnswer {
    fn is_nothing(&self) -> bool {
        *self == Self { events: 0, bytes: 0 }
    }
}

impl From<Amount> for AmountAnswer {
    fn from(amount: Amount) -> Self {
        Self { events: amount.events, bytes: amount.bytes }
    }
}

impl From<Usage> for UsageAnswer {
    fn from(usage: Usage) -> Self {
        Self {
            received: usage.received.into(),
            sent: usage.sent.into(),
            dropped: usage.dropped.into(),
            sent_or_dropped: usage.sent_or_dropped.into(),
            lost: usage.lost.into(),
            rejected: usage.rejected.into(),
        }
    }
}

/// Data files that the ledger leads to and that are gone, or were cut to nothing.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct MissingAnswer {
    files: usize,
    /// The number of the first one.
    first: u16,
    /// How many of the records that wait are lost with them. `None`: the files beside them do not tell.
    records: Option<u64>,
}

impl MissingAnswer {
    fn new(missing: &Missing) -> Option<Self> {
        let first = missing.files.first()?.get();
        Some(Self { files: missing.files.len(), first, records: missing.events })
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct LedgerAnswer {
    writer_next_record: u64,
    writer_data_file: u16,
    reader_data_file: u16,
    reader_last_record: u64,
}

/// How often a look begins again while data files leave the buffer.
const LOOKS_MAX: usize = 8;

pub(crate) fn run(args: &LookArgs) -> anyhow::Result<Exit> {
    let (mut looks, mut missed) = (1, None);
    let answer = loop {
        let snapshot = Snapshot::take(&args.dir)?;
        let ledger = ledger(&snapshot, &args.dir)?;
        let brought_up = snapshot.brought_up(&ledger);
        let moment = snapshot.moment(&brought_up);
        let is_held = matches!(snapshot.holder(), Holder::Held(_));
        // What is missing twice was not removed by the buffer's holder: its ledger would have passed it.
        let missing = snapshot.missing(&brought_up);
        let is_sure = missing.is_none() || missed.is_some();
        if (moment.is_exact && is_sure) || !is_held || looks == LOOKS_MAX {
            let missing = match (missing, &missed) {
                (Some(now), Some(then)) => Some(now.in_both(then)),
                (now, _) => now,
            };
            let letters = dead_letters::count(&snapshot);
            break Answer::new((ledger, brought_up), &snapshot, moment, missing.as_ref(), letters);
        }
        missed = missing;
        looks += 1;
    };
    match args.format {
        Format::Json => print::json(&answer)?,
        Format::Text => print::lines(&answer.text(&args.dir)?)?,
    }
    Ok(Exit::Done)
}

fn ledger(snapshot: &Snapshot, dir: &Path) -> anyhow::Result<Ledger> {
    match snapshot.ledger() {
        LedgerOnDisk::Readable(ledger) => Ok(ledger),
        LedgerOnDisk::None if snapshot.lacks_ledger() => anyhow::bail!(
            "there are data files in {} and no ledger that says what waits: 'forebay verify' looks for the records without \
             it, and 'forebay read' builds a new one",
            dir.display()
        ),
        // Nothing was written to it yet.
        LedgerOnDisk::None => Ok(Ledger::EMPTY),
        LedgerOnDisk::Unreadable { length_bytes } => anyhow::bail!(
            "the ledger in {} is damaged ({length_bytes} bytes that are no ledger): 'forebay verify' looks for the \
             records without it, and 'forebay read' builds a new one from them",
            dir.display()
        ),
    }
}

impl Answer {
    fn new(
        (ledger, brought_up): (Ledger, Ledger),
        snapshot: &Snapshot,
        moment: Moment,
        missing: Option<&Missing>,
        dead_letters: Option<Letters>,
    ) -> Self {
        let holder = snapshot.holder();
        Self {
            ledger: LedgerAnswer {
                writer_next_record: ledger.writer_next_record.0,
                writer_data_file: ledger.writer_data_file.get(),
                reader_data_file: ledger.reader_data_file.get(),
                reader_last_record: ledger.reader_last_record.0,
            },
            records: waiting(&brought_up),
            bytes: moment.bytes,
            files: snapshot.data_files().len(),
            locked: matches!(holder, Holder::Held(_)),
            locked_by: match holder {
                Holder::Held(process) => process,
                Holder::Free | Holder::Unknown => None,
            },
            dead_letters,
            usage: moment.usage.map(Into::into),
            missing: missing.and_then(MissingAnswer::new),
            next_record: brought_up.writer_next_record.0,
            is_made: snapshot.ledger() != LedgerOnDisk::None || !snapshot.data_files().is_empty(),
        }
    }

    fn text(&self, dir: &Path) -> Result<String, std::fmt::Error> {
        let ledger = &self.ledger;
        let mut text = String::new();
        writeln!(text, "buffer   {}", print::path(dir))?;
        write!(text, "waiting  {}", print::count(self.records, "record"))?;
        if self.records > 0 {
            let (first, last) =
                (ledger.reader_last_record.saturating_add(1), self.next_record.saturating_sub(1));
            write!(text, " (ids {first} to {last})")?;
        }
        writeln!(text)?;
        if let Some(missing) = &self.missing {
            missing.write(&mut text)?;
        }
        let files = u64::try_from(self.files).unwrap_or(u64::MAX);
        writeln!(
            text,
            "size     {} in {}",
            print::count(self.bytes, "byte"),
            print::count(files, "data file")
        )?;
        writeln!(
            text,
            "writer   next record {}, data file {}",
            ledger.writer_next_record, ledger.writer_data_file
        )?;
        writeln!(
            text,
            "reader   last acknowledged {}, data file {}",
            ledger.reader_last_record, ledger.reader_data_file
        )?;
        match &self.usage {
            Some(usage) => {
                for (name, amount, note) in usage.lines() {
                    let events = print::count(amount.events, "record");
                    let rest = note.map_or_else(|| print::count(amount.bytes, "byte"), str::to_owned);
                    writeln!(text, "{name:8} {events}, {rest}")?;
                }
            }
            None if !self.is_made => {
                writeln!(text, "note     there is no buffer here yet: 'forebay write' makes one")?;
            }
            None => writeln!(text, "usage    not known: buffer.forebay is not there, or not of this buffer")?,
        }
        if let Some(Letters { records, bytes, .. }) = self.dead_letters
            && bytes > 0
        {
            writeln!(text, "dead     {}, {}", print::count(records, "record"), print::count(bytes, "byte"))?;
        }
        match (self.locked, self.locked_by) {
            (false, _) => writeln!(text, "lock     free")?,
            (true, Some(process)) => writeln!(text, "lock     held by process {process}")?,
            (true, None) => writeln!(text, "lock     held by another process")?,
        }
        Ok(text)
    }
}

impl MissingAnswer {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let files = print::count(u64::try_from(self.files).unwrap_or(u64::MAX), "data file");
        let first = FileId::new(self.first).map(data_file_name).unwrap_or_default();
        let lost = match self.records {
            Some(records) => format!("{} of those that wait, lost", print::count(records, "record")),
            None => "'forebay verify' tells what is lost".to_owned(),
        };
        writeln!(text, "missing  {files}, from {first} on: {lost}")
    }
}

impl UsageAnswer {
    /// What people look at, and what is said in place of bytes that are not known; the rest only if there is any.
    fn lines(&self) -> impl Iterator<Item = (&'static str, &AmountAnswer, Option<&'static str>)> {
        let always = [("received", &self.received, None), ("sent", &self.sent, None)];
        let rare = [
            ("dropped", &self.dropped, None),
            ("either", &self.sent_or_dropped, Some("dropped or sent: no note says which")),
            ("lost", &self.lost, None),
            ("rejected", &self.rejected, None),
        ];
        always.into_iter().chain(rare.into_iter().filter(|(_, amount, _)| !amount.is_nothing()))
    }
}

/// How many events wait by the ledger alone.
fn waiting(ledger: &Ledger) -> u64 {
    ledger.writer_next_record.0.saturating_sub(ledger.reader_last_record.0).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use forebay::RecordId;

    use super::*;

    /// The figure that people watch; off by one it never reaches zero.
    #[test]
    fn waiting_counts_what_lies_between_reader_and_writer() {
        let ledger = |next, last| Ledger {
            writer_next_record: RecordId(next),
            reader_last_record: RecordId(last),
            ..Ledger::EMPTY
        };
        assert_eq!(waiting(&Ledger::EMPTY), 0);
        assert_eq!(waiting(&ledger(101, 0)), 100);
        assert_eq!(waiting(&ledger(101, 100)), 0);
        // A ledger that was damaged says anything.
        assert_eq!(waiting(&ledger(5, 9)), 0);
    }
}

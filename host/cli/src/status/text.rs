//! What is known of a buffer from outside, for people.

use std::{
    fmt::{Result, Write as _},
    time::Duration,
};

use forebay::storage::{FileId, data_file_name};
use forebay_api::StatusAnswer;
use serde_json::Value;

use super::answer::{AmountAnswer, Answer, MissingAnswer, UsageAnswer};
use crate::{dead_letters::Letters, print};

impl Answer {
    pub(super) fn text(&self) -> std::result::Result<String, std::fmt::Error> {
        let ledger = &self.ledger;
        let mut text = String::new();
        writeln!(text, "buffer   {}", print::printable(&self.directory))?;
        write!(text, "waiting  {}", print::count(self.records, "record"))?;
        if self.records > 0 {
            let (first, last) =
                (ledger.reader_last_record.saturating_add(1), self.next_record.saturating_sub(1));
            write!(text, " (ids {first} to {last})")?;
        }
        writeln!(text)?;
        if let Some(age_ms) = self.oldest_waiting_age_ms {
            let age = humantime::format_duration(Duration::from_secs(age_ms / 1000));
            writeln!(text, "oldest   waits for at least {age}")?;
        }
        if let Some(missing) = &self.missing {
            missing.write(&mut text)?;
        }
        let files = u64::try_from(self.files).unwrap_or(u64::MAX);
        writeln!(text, "size     {} in {}", print::size(self.bytes), print::count(files, "data file"))?;
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
                    let rest = note.map_or_else(|| print::size(amount.bytes), str::to_owned);
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
            writeln!(text, "dead     {}, {}", print::count(records, "record"), print::size(bytes))?;
        }
        if let Some(owner) = &self.owner {
            write_figures(&mut text, owner)?;
        }
        match (self.locked, self.locked_by) {
            (false, _) => writeln!(text, "lock     free")?,
            (true, Some(process)) => writeln!(text, "lock     held by process {process}")?,
            (true, None) => writeln!(text, "lock     held by another process")?,
        }
        Ok(text)
    }
}

/// What only the owner knows.
fn write_figures(text: &mut String, StatusAnswer { buffer, .. }: &StatusAnswer) -> Result {
    let number = |at: &str| buffer.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let (records, bytes) = (number("/unacknowledged_records"), number("/unacknowledged_bytes"));
    let (records, bytes) = (print::count(records, "record"), print::size(bytes));
    writeln!(text, "flight   {records}, {bytes}: delivered and not acknowledged")?;
    let counts = buffer.pointer("/sync_latency/counts").and_then(Value::as_array);
    let syncs = counts.into_iter().flatten().filter_map(Value::as_u64).fold(0, u64::saturating_add);
    let mean = Duration::from_micros((number("/sync_latency/sum_ns") / 1000).checked_div(syncs).unwrap_or(0));
    write!(text, "syncs    {syncs}")?;
    if syncs > 0 {
        write!(text, ", {} on average", humantime::format_duration(mean))?;
    }
    match buffer.get("last_sync_error").and_then(Value::as_str) {
        Some(error) => writeln!(text, "; the last one has failed: {}", print::printable(error)),
        None => writeln!(text),
    }
}

impl MissingAnswer {
    fn write(&self, text: &mut String) -> Result {
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

//! From the buffer to stdout. A record is acknowledged when its bytes were handed to the operating system, and not before.

use std::{
    fs::File,
    io::{self, Write as _},
};

use anyhow::Context as _;
use forebay::{Buffer, OpenReport, Reader, Record, RecordId};

use crate::{args::OutputFraming, framing, print, signals::Signals};

/// How many records are taken at a time.
pub(crate) const BATCH_RECORDS: usize = 4096;

/// Whether whoever reads stdout is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    There,
    Gone,
}

/// Prints records, and keeps an account of what is missing between them.
pub(crate) struct Delivery {
    stdout: File,
    framing: OutputFraming,
    /// Whom to tell what was printed; `None` if nothing is acknowledged.
    acknowledge: Option<Reader>,
    text: Vec<u8>,
    losses: Losses,
}

impl Delivery {
    /// Delivery from a buffer that was opened with this report.
    pub(crate) fn new(
        framing: OutputFraming,
        acknowledge: Option<Reader>,
        report: &OpenReport,
    ) -> anyhow::Result<Self> {
        let losses = Losses { expected: report.first_unread, lost: 0, cut_bytes: report.cut_bytes };
        Ok(Self { stdout: print::stdout()?, framing, acknowledge, text: Vec::new(), losses })
    }

    /// Prints records, which follow those before them, and acknowledges them. If the listener is gone, none of them is.
    pub(crate) fn deliver(&mut self, records: &[Record]) -> anyhow::Result<Listener> {
        self.text.clear();
        for record in records {
            framing::append(self.framing, &mut self.text, record)?;
        }
        match self.stdout.write_all(&self.text) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Listener::Gone),
            Err(error) => return Err(error).context("cannot write to standard output"),
        }
        for record in records {
            self.losses.pass(record.id(), record.events().get());
        }
        if let (Some(reader), Some(last)) = (&self.acknowledge, records.last()) {
            reader.ack_through(last.id());
        }
        Ok(Listener::There)
    }

    /// Everything that is in the buffer now was delivered.
    pub(crate) fn reached_end(&mut self, signals: &Signals) {
        if let Some(status) = signals.with_buffer(Buffer::status).flatten() {
            self.losses.miss(status.next_id);
        }
    }

    /// Says on stderr what was missing, if anything was.
    pub(crate) fn say_losses(&self) {
        if let Some(line) = self.losses.line() {
            eprintln!("forebay: {line}");
        }
    }
}

/// Ids that should have come and did not.
struct Losses {
    expected: RecordId,
    lost: u64,
    /// What was cut from the end of the last file on opening.
    cut_bytes: u64,
}

impl Losses {
    fn pass(&mut self, id: RecordId, events: u32) {
        self.miss(id);
        self.expected = id.after(events.into());
    }

    fn miss(&mut self, next: RecordId) {
        self.lost = self.lost.saturating_add(next.0.saturating_sub(self.expected.0));
        self.expected = self.expected.max(next);
    }

    fn line(&self) -> Option<String> {
        let cut = match self.cut_bytes {
            0 => String::new(),
            bytes => format!("; {} of an unfinished write were cut off", print::count(bytes, "byte")),
        };
        (self.lost > 0).then(|| {
            let lost = print::count(self.lost, "record");
            format!("lost {lost}: the ledger counts what no data file holds whole{cut}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(ids: &[u64], next: u64) -> u64 {
        let mut losses = Losses { expected: RecordId(1), lost: 0, cut_bytes: 0 };
        for &id in ids {
            losses.pass(RecordId(id), 1);
        }
        losses.miss(RecordId(next));
        losses.lost
    }

    /// What is lost must be said, wherever it is: in front, between, or behind the last record.
    #[test]
    fn missing_ids_are_counted_wherever_they_are() {
        assert_eq!(losses(&[1, 2, 3], 4), 0);
        assert_eq!(losses(&[3], 4), 2);
        assert_eq!(losses(&[1, 3], 4), 1);
        assert_eq!(losses(&[1, 2], 4), 1);
        assert_eq!(losses(&[], 4), 3);
    }
}

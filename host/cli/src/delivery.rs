//! From the buffer to stdout. A record is acknowledged when its bytes were handed to the operating system, and not before.

use std::fs::File;

use forebay::{Buffer, OpenReport, Reader, Record};

use crate::{
    args::OutputFraming,
    framing,
    print::{self, Listener},
    signals::Signals,
};

/// How many records are taken at a time.
pub(crate) const BATCH_RECORDS: usize = 4096;

/// Prints records.
pub(crate) struct Delivery {
    stdout: File,
    framing: OutputFraming,
    /// Whom to tell what was printed; `None` if nothing is acknowledged.
    acknowledge: Option<Reader>,
    text: Vec<u8>,
    /// What was cut from the end of the last file on opening.
    cut_bytes: u64,
}

impl Delivery {
    /// Delivery from a buffer that was opened with this report.
    pub(crate) fn new(
        framing: OutputFraming,
        acknowledge: Option<Reader>,
        report: &OpenReport,
    ) -> anyhow::Result<Self> {
        let cut_bytes = report.cut_bytes;
        Ok(Self { stdout: print::stdout()?, framing, acknowledge, text: Vec::new(), cut_bytes })
    }

    /// Prints records, which follow those before them, and acknowledges them. If the listener is gone, none of them is.
    pub(crate) fn deliver(&mut self, records: &[Record]) -> anyhow::Result<Listener> {
        self.text.clear();
        for record in records {
            framing::append(self.framing, &mut self.text, &record.into())?;
        }
        let listener = print::write(&mut self.stdout, &self.text)?;
        if let (Listener::There, Some(reader), Some(last)) = (listener, &self.acknowledge, records.last()) {
            reader.ack_through(last.id());
        }
        Ok(listener)
    }

    /// Says on stderr how much is lost, if anything is. Each loss was said when it was found.
    pub(crate) fn say_losses(&self, signals: &Signals) {
        let Some(status) = signals.with_buffer(Buffer::status).flatten() else { return };
        if status.lost_events > 0 {
            let lost = print::count(status.lost_events, "record");
            let cut = match self.cut_bytes {
                0 => String::new(),
                bytes => format!("; {} of an unfinished write were cut off", print::count(bytes, "byte")),
            };
            print::say(&format!("lost {lost}: the ledger counts what no data file holds whole{cut}"));
        }
    }
}

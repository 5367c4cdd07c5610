//! From the buffer to stdout. A record is acknowledged when its bytes were handed to the operating system, and not before.

use std::{fs::File, path::Path};

use forebay::{
    Buffer, OpenReport, Place, Reader, Record, RecordId,
    storage::{data_file_name, native::Snapshot},
};
use tracing::subscriber::NoSubscriber;

use crate::{
    args::OutputFraming,
    exit::Exit,
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
    /// The last record that was acknowledged.
    acknowledged: Option<RecordId>,
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
        let stdout = print::stdout()?;
        Ok(Self { stdout, framing, acknowledge, acknowledged: None, text: Vec::new(), cut_bytes })
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
            self.acknowledged = Some(last.id());
        }
        Ok(listener)
    }

    /// Closes the buffer, and says on stderr what did not go as it should: records that are lost, and acknowledgements that
    /// the logic has kept to itself. Each loss was logged when it was found.
    pub(crate) fn finish(&self, directory: &Path, signals: &Signals) -> anyhow::Result<Exit> {
        let lost = signals.with_buffer(|buffer| self.lost(buffer)).flatten();
        if let Some(lost) = &lost {
            print::say(lost);
        }
        signals.close()?;
        let swallowed = self.swallowed(directory);
        if swallowed > 0 {
            let records = print::count(swallowed, "record");
            print::say(&format!(
                "the buffer's logic has not stored the acknowledgement of {records} in {}: the next read delivers them again; \
                 read without --component, or with other logic",
                directory.display()
            ));
        }
        Ok(if lost.is_none() && swallowed == 0 { Exit::Done } else { Exit::No })
    }

    fn lost(&self, buffer: &Buffer) -> Option<String> {
        let events = buffer.status()?.lost_events;
        if events == 0 {
            return None;
        }
        let losses = buffer.take_losses();
        let places: Vec<Place> =
            losses.iter().filter(|loss| loss.events() > 0).flat_map(|loss| loss.places.clone()).collect();
        let mut text = format!("lost {}: no data file holds them whole", print::count(events, "record"));
        if let Some((first, others)) = places.split_first() {
            text += &described(first);
            if !others.is_empty() {
                text += ", and ";
                text += &print::count(u64::try_from(others.len()).unwrap_or(u64::MAX), "place");
                text += " more";
            }
        }
        if self.cut_bytes > 0 {
            text += "; ";
            text += &print::count(self.cut_bytes, "byte");
            text += " of an unfinished write were cut off";
        }
        Some(text)
    }

    /// How many events were acknowledged here, and wait all the same in the closed buffer. Another process that has it by now
    /// can only have acknowledged more.
    fn swallowed(&self, directory: &Path) -> u64 {
        let Some(RecordId(acknowledged)) = self.acknowledged else { return 0 };
        // A directory that was removed meanwhile holds nothing that could be delivered again.
        let ledger = || Snapshot::take(directory).ok().and_then(|snapshot| snapshot.readable_ledger());
        // What is odd about the directory was logged when it was opened.
        let ledger = tracing::subscriber::with_default(NoSubscriber::default(), ledger);
        ledger.map_or(0, |ledger| acknowledged.saturating_sub(ledger.reader_last_record.0))
    }
}

fn described(place: &Place) -> String {
    let Place { file, offset, bytes } = place;
    let name = data_file_name(*file);
    match bytes {
        0 => format!("; {name} is missing"),
        _ => format!(
            "; {name} is damaged or cannot be read from byte {offset} on, {}",
            print::count(*bytes, "byte")
        ),
    }
}

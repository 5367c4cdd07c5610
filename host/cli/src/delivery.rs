//! From the buffer to stdout. A record is acknowledged when its bytes were handed to the operating system, and not before.

use std::{fs::File, path::Path};

use forebay::{
    Buffer, Place,
    storage::{data_file_name, native::Snapshot},
};
use tracing::subscriber::NoSubscriber;

use crate::{
    access::{Access, Supply, Taken},
    args::OutputFraming,
    exit::Exit,
    framing::{self, Shown},
    print::{self, Listener},
    signals::Signals,
};

/// How many records are taken at a time.
pub(crate) const BATCH_RECORDS: usize = 4096;

/// Prints records.
pub(crate) struct Delivery {
    stdout: File,
    framing: OutputFraming,
    /// The last record that was acknowledged.
    acknowledged: u64,
    text: Vec<u8>,
}

impl Delivery {
    /// Delivery to stdout.
    pub(crate) fn new(framing: OutputFraming) -> anyhow::Result<Self> {
        Ok(Self { stdout: print::stdout()?, framing, acknowledged: 0, text: Vec::new() })
    }

    /// Prints records, which follow those before them.
    pub(crate) fn print<'a>(&mut self, records: impl Iterator<Item = Shown<'a>>) -> anyhow::Result<Listener> {
        self.text.clear();
        for record in records {
            framing::append(self.framing, &mut self.text, &record)?;
        }
        print::write(&mut self.stdout, &self.text)
    }

    /// Prints records, and acknowledges them. If the listener is gone, none of them is.
    pub(crate) fn deliver(&mut self, taken: &Taken, supply: &mut impl Supply) -> anyhow::Result<Listener> {
        let listener = self.print(taken.records())?;
        if listener == Listener::There {
            supply.acknowledge(taken)?;
            self.acknowledged = taken.records().last().map_or(self.acknowledged, |record| record.id);
        }
        Ok(listener)
    }

    /// As [`finish`], after this delivery.
    pub(crate) fn finish(&self, directory: &Path, ending: Ending, signals: &Signals) -> anyhow::Result<Exit> {
        finish(self.acknowledged, directory, ending, signals)
    }
}

/// Closes the buffer, and says on stderr what did not go as it should: records that are lost, and acknowledgements up to this record that
/// the logic has kept to itself. Each loss was logged when it was found.
pub(crate) fn finish(
    acknowledged: u64,
    directory: &Path,
    ending: Ending,
    signals: &Signals,
) -> anyhow::Result<Exit> {
    let (cut_bytes, is_alone) = match ending {
        Ending::Own { cut_bytes, is_alone } => (cut_bytes, is_alone),
        Ending::Elsewhere { lost: 0 } => return Ok(Exit::Done),
        Ending::Elsewhere { lost } => {
            let lost = print::count(lost, "record");
            print::say(&format!(
                "lost {lost} while this command read: no data file holds them whole; the process that has the buffer logs where"
            ));
            return Ok(Exit::No);
        }
    };
    let lost = signals.with_buffer(|buffer| lost(buffer, cut_bytes)).flatten();
    if let Some(lost) = &lost {
        print::say(lost);
    }
    signals.close()?;
    let swallowed = if is_alone { swallowed(acknowledged, directory) } else { 0 };
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

/// How many events were acknowledged here, and wait all the same in the closed buffer. Another process that has it by now
/// can only have acknowledged more.
fn swallowed(acknowledged: u64, directory: &Path) -> u64 {
    if acknowledged == 0 {
        return 0;
    }
    // A directory that was removed meanwhile holds nothing that could be delivered again.
    let ledger = || Snapshot::take(directory).ok().and_then(|snapshot| snapshot.readable_ledger());
    // What is odd about the directory was logged when it was opened.
    let ledger = tracing::subscriber::with_default(NoSubscriber::default(), ledger);
    ledger.map_or(0, |ledger| acknowledged.saturating_sub(ledger.reader_last_record.0))
}

/// How the buffer ends for a command that took records out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// This process has the buffer, and closes it.
    Own {
        /// What was cut from the end of the last file on opening.
        cut_bytes: u64,
        /// No other process has taken records out: those before ours are ours.
        is_alone: bool,
    },
    /// Another process has it.
    Elsewhere {
        /// How many events were lost meanwhile.
        lost: u64,
    },
}

impl Ending {
    pub(crate) fn of(access: &Access) -> Self {
        match access.owned() {
            Some(owned) => Self::Own { cut_bytes: owned.cut_bytes(), is_alone: !owned.is_shared() },
            None => Self::Elsewhere { lost: access.lost_elsewhere() },
        }
    }
}

/// What was lost, in words; `cut_bytes` were cut off on opening.
fn lost(buffer: &Buffer, cut_bytes: u64) -> Option<String> {
    let events = buffer.status()?.lost_events;
    if events == 0 {
        return None;
    }
    let losses = buffer.take_losses();
    let places: Vec<Place> =
        losses.iter().filter(|loss| loss.events() > 0).flat_map(|loss| loss.places.clone()).collect();
    Some(lost_in_words(events, &places, cut_bytes))
}

/// What was lost, and where it should be, in words.
pub(crate) fn lost_in_words(events: u64, places: &[Place], cut_bytes: u64) -> String {
    let mut text = format!("lost {}: no data file holds them whole", print::count(events, "record"));
    if let Some((first, others)) = places.split_first() {
        text += &described(first);
        if !others.is_empty() {
            text += ", and ";
            text += &print::count(u64::try_from(others.len()).unwrap_or(u64::MAX), "place");
            text += " more";
        }
    }
    if cut_bytes > 0 {
        text += "; ";
        text += &print::count(cut_bytes, "byte");
        text += " of an unfinished write were cut off";
    }
    text
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

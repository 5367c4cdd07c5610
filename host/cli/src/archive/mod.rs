//! `forebay dump` and `forebay restore`: all records that wait, in one file.
//!
//! The file holds the very frames that data files hold, between a head and an end. So what is whole in a damaged archive is decided
//! by the code that reads damaged data files.

mod ends;
mod reading;
mod report;
mod target;
#[cfg(test)]
mod tests;
mod writing;

use std::io::{self, BufWriter, IsTerminal as _, Write};

use self::{
    reading::Archive,
    report::{Dumped, Restored},
    target::Target,
    writing::ArchiveWriter,
};
use crate::{
    args::{DumpArgs, Format, RestoreArgs},
    delivery::{BATCH_RECORDS, lost_in_words},
    exit::Exit,
    fill::Fill,
    framing::Shown,
    given, print,
    records::Records,
    remembered::Remembered,
    signals::Signals,
};

pub(crate) fn dump(args: &DumpArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.hold_connection(Box::new(|| {}));
    let mut records = Records::of(&args.dir)?;
    let options = Remembered::of_or_none(&args.dir);
    let dumped = if let Some(file) = &args.output {
        let (dumped, target) = write(&mut records, &options, Target::make(file)?, signals)?;
        target.finish()?;
        match args.format {
            Format::Json => print::json(&dumped)?,
            Format::Text => print::lines(&dumped.text(file))?,
        }
        dumped
    } else {
        anyhow::ensure!(
            !io::stdout().is_terminal(),
            "an archive is no text for a terminal: name a file with --output, or redirect standard output"
        );
        given::stdout_for_records()?;
        write(&mut records, &options, BufWriter::new(print::stdout()?), signals)?.0
    };
    let bad_ledger = records.bad_ledger();
    bad_ledger.into_iter().for_each(print::say);
    if dumped.lost_events == 0 {
        return Ok(if bad_ledger.is_some() { Exit::No } else { Exit::Done });
    }
    print::say(&lost_in_words(dumped.lost_events, &records.lost().places, 0));
    Ok(Exit::No)
}

/// Writes all records.
fn write<W: Write>(
    records: &mut Records,
    options: &Remembered,
    into: W,
    signals: &Signals,
) -> anyhow::Result<(Dumped, W)> {
    let mut archive = ArchiveWriter::new(into, records.first_id(), options)?;
    loop {
        let batch = records.next(BATCH_RECORDS)?;
        if batch.is_empty() {
            break;
        }
        archive.add(&batch)?;
        signals.fail_if_caught()?;
    }
    let (first_id, next_id) = (records.first_id(), records.next_id());
    let (count, into) = archive.finish(first_id, next_id)?;
    let dumped = Dumped {
        records: count,
        first_id: first_id.0,
        next_id: next_id.0,
        lost_events: records.lost().events,
    };
    Ok((dumped, into))
}

pub(crate) fn restore(args: &RestoreArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.hold_connection(Box::new(|| {}));
    let mut archive = Archive::open(&args.file)?;
    let mut fill = Fill::new(&args.dir, archive.options().of_new(&args.sizes)?)?;
    let restore_one = |record: &Shown<'_>| {
        signals.fail_if_caught()?;
        fill.add(record)
    };
    archive.show_all(restore_one)?;
    let filled = fill.finish(archive.first_id(), archive.next_id())?;
    let restored = Restored::new(&archive, filled);
    match args.format {
        Format::Json => print::json(&restored)?,
        Format::Text => print::lines(&restored.text(&args.file, &args.dir)?)?,
    }
    Ok(if restored.is_whole() { Exit::Done } else { Exit::No })
}

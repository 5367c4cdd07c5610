//! `forebay dead-letters`: the records that were given back too often, from the file that they were set aside in. Nothing is
//! locked or changed.

use std::{collections::HashMap, fs, path::Path};

use anyhow::Context as _;
use forebay::storage::native::Snapshot;
use forebay_api::{DeadLetterReason, REASONS_NAME};
use forebay_frame::{Frame, Source, UnorderedStep, UnorderedWalk};
use serde::Serialize;
use tracing::warn;

use crate::{
    args::{DeadLettersArgs, OutputFraming},
    exit::Exit,
    framing::{self, JsonRecord, Shown},
    print::{self, Listener},
};

/// How much is printed at a time, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What is in a file of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Letters {
    pub(crate) records: u64,
    /// The length of the file.
    pub(crate) bytes: u64,
    #[serde(skip)]
    damaged_bytes: u64,
}

/// A dead letter as JSON.
#[derive(Serialize)]
struct Letter {
    #[serde(flatten)]
    record: JsonRecord,
    /// Why it is one, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn run(args: &DeadLettersArgs) -> anyhow::Result<Exit> {
    let snapshot = Snapshot::take(&args.dir)?;
    if snapshot.open_dead_letters()?.is_none() {
        snapshot.must_be_buffer()?;
    }
    let (mut stdout, mut text) = (print::stdout()?, Vec::new());
    let reasons = if args.framing == OutputFraming::Json { reasons(&args.dir) } else { HashMap::new() };
    let letters = read(&snapshot, |record| {
        if args.framing == OutputFraming::Json {
            let letter =
                Letter { reason: reasons.get(&record.id).cloned(), record: JsonRecord::from(record) };
            serde_json::to_writer(&mut text, &letter).context("cannot put a record into JSON")?;
            text.push(b'\n');
        } else {
            framing::append(args.framing, &mut text, &record)?;
        }
        if text.len() < PIECE_BYTES {
            return Ok(Listener::There);
        }
        let listener = print::write(&mut stdout, &text)?;
        text.clear();
        Ok(listener)
    })?;
    print::write(&mut stdout, &text)?;
    if letters.damaged_bytes > 0 {
        let damaged = print::count(letters.damaged_bytes, "byte");
        print::say(&format!("{damaged} of the dead letters in {} are damaged", args.dir.display()));
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// The last reason that was given for each id. A line that is torn or damaged is skipped.
fn reasons(directory: &Path) -> HashMap<u64, String> {
    let text = fs::read(directory.join(REASONS_NAME)).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    let reasons = lines.filter_map(|line| serde_json::from_slice::<DeadLetterReason>(line).ok());
    reasons.map(|DeadLetterReason { id, reason, .. }| (id, reason)).collect()
}

/// How many there are; `None` if that cannot be found out, which is said.
pub(crate) fn count(snapshot: &Snapshot) -> Option<Letters> {
    match read(snapshot, |_| Ok(Listener::There)) {
        Ok(letters) => Some(letters),
        Err(error) => {
            warn!(error = format!("{error:#}"), "the dead letters cannot be read");
            None
        }
    }
}

/// Shows each record, as long as stdout is read. A partial write at the end is skipped: its records are delivered again.
fn read(
    snapshot: &Snapshot,
    mut show: impl FnMut(Shown<'_>) -> anyhow::Result<Listener>,
) -> anyhow::Result<Letters> {
    let Some(reader) = snapshot.open_dead_letters()? else { return Ok(Letters::default()) };
    let mut letters = Letters { bytes: reader.len(), ..Letters::default() };
    let mut walk = UnorderedWalk::new(reader);
    while let Some(step) = walk.next()? {
        match step {
            UnorderedStep::Whole { frame: Frame { id, events, metadata, payload, .. }, .. } => {
                letters.records += 1;
                if show(Shown { id: id.0, events, metadata, payload })? == Listener::Gone {
                    break;
                }
            }
            UnorderedStep::Damaged { bytes, .. } => {
                letters.damaged_bytes = letters.damaged_bytes.saturating_add(bytes);
            }
            UnorderedStep::Unfinished { .. } => {}
        }
    }
    Ok(letters)
}

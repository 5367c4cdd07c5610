//! A look at one buffer. Nothing is opened for writing, locked or changed.

use std::path::Path;

use forebay::storage::{
    Ledger,
    native::{Holder, LedgerOnDisk, Snapshot},
};

use super::answer::Answer;
use crate::{access, dead_letters};

/// How often a look begins again while data files leave the buffer.
const LOOKS_MAX: usize = 8;

pub(super) fn look(dir: &Path) -> anyhow::Result<Answer> {
    let (mut looks, mut missed) = (1, None);
    let answer = loop {
        let snapshot = Snapshot::take(dir)?;
        let ledger = ledger(&snapshot, dir)?;
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
    // A process that has just ended tells no more; another program has no socket.
    let owner = if answer.locked { access::owner_status(dir) } else { None };
    Ok(answer.with_owner(owner))
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

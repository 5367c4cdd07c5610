//! `forebay purge`: records are acknowledged up to an id, without being delivered.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::ensure;
use forebay::RecordId;

use crate::{
    access::Access, args::PurgeArgs, delivery::BATCH_RECORDS, exit::Exit, open::Opening, print,
    records::Records, signals::Signals,
};

pub(crate) fn run(args: &PurgeArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let opening = Opening::existing(&args.buffer)?;
    let mut records = Records::of(&args.dir)?;
    if let Some(what) = records.bad_ledger() {
        anyhow::bail!("{what}; nothing is removed: see 'forebay verify', and run 'forebay repair' first");
    }
    let (first, end) = (records.next_id(), records.end_id());
    let (dir, through) = (print::path(&args.dir), args.through);
    ensure!(
        RecordId(through) < end || first == end,
        "the last record in {dir} has the id {}: name that one, or one before it",
        end.0.saturating_sub(1)
    );
    if RecordId(through) < first {
        print::say(&format!("no record up to {through} waits in {dir}"));
        print::lines("0\n")?;
        return Ok(Exit::Done);
    }
    ensure!(RecordId(through) < end, "no record waits in {dir}, and {through} has not been given out yet");
    if !args.yes && !is_wanted(&format!("remove the records {} to {through} from {dir}?", first.0))? {
        print::say("nothing is removed");
        return Ok(Exit::No);
    }
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, || {});
    let removed = remove(&mut records, RecordId(through), &access, signals)?;
    signals.close()?;
    print::lines(&format!("{removed}\n"))?;
    Ok(Exit::Done)
}

/// Acknowledges the records up to an id, as many at a time as the owner has room for in memory. Says how many there were.
fn remove(
    records: &mut Records,
    through: RecordId,
    access: &Access,
    signals: &Signals,
) -> anyhow::Result<u64> {
    let mut removed = 0_u64;
    let mut from = records.next_id();
    while from <= through && signals.caught().is_none() {
        // Each step takes at most 1 MiB, unless a record alone is longer.
        let is_end = records.next(BATCH_RECORDS)?.is_empty();
        let to = if is_end { through } else { through.min(RecordId(records.next_id().0.saturating_sub(1))) };
        removed = removed.saturating_add(access.acknowledge(&[(from.0, to.0)])?);
        from = to.after(1);
    }
    Ok(removed)
}

/// Asks the person at the terminal.
fn is_wanted(question: &str) -> anyhow::Result<bool> {
    ensure!(
        io::stdin().is_terminal(),
        "purge removes records for good, and no terminal is there to ask at: say --yes to do it without a question"
    );
    // Stderr may be closed.
    let _ = write!(io::stderr(), "forebay: {question} [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

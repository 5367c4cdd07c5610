//! `forebay repair`: takes what is damaged out of the data files. What is whole is found by the same look as `verify`'s, and so
//! by the code that reads.

mod mend;
mod plan;
mod report;

use anyhow::{Context as _, ensure};
use forebay::{
    Buffer, Options,
    storage::native::{self, Repair, Snapshot},
};
use serde::Serialize;

use self::{
    plan::{Action, Plan},
    report::Outcome,
};
use crate::{
    args::{Format, RepairArgs},
    exit::Exit,
    print, verify,
};

pub(crate) fn run(args: &RepairArgs) -> anyhow::Result<Exit> {
    if args.clear_quarantine {
        return clear(args);
    }
    let outcome = if args.dry_run {
        let (found, plan) = verify::inspect(|| Snapshot::take(&args.dir), Plan::add)?;
        Outcome::new(found, &plan, true)
    } else {
        repair(args)?
    };
    match args.format {
        Format::Json => print::json(&outcome)?,
        Format::Text => print::lines(&outcome.text(&args.dir)?)?,
    }
    Ok(if outcome.found.ok { Exit::Done } else { Exit::No })
}

/// What was removed of the quarantine.
#[derive(Serialize)]
struct Cleared {
    files: u64,
    bytes: u64,
}

fn clear(args: &RepairArgs) -> anyhow::Result<Exit> {
    let native::Cleared { files, bytes } = Repair::lock(&args.dir)?.clear_quarantine()?;
    match args.format {
        Format::Json => print::json(&Cleared { files, bytes })?,
        Format::Text => {
            let (files, bytes) = (print::count(files, "file"), print::count(bytes, "byte"));
            print::lines(&format!(
                "{}: removed {files} from buffer.quarantine, {bytes}\n",
                print::path(&args.dir)
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn repair(args: &RepairArgs) -> anyhow::Result<Outcome> {
    let mut repair = Repair::lock(&args.dir)?;
    let (found, plan) = look(&repair)?;
    let mut outcome = Outcome::new(found, &plan, false);
    if !outcome.changes() {
        return Ok(outcome);
    }
    outcome.quarantine = Some(repair.quarantine()?.display().to_string());
    mend_files(&mut repair, &plan)?;
    if outcome.ledger {
        repair.keep_ledger()?;
    }
    repair.report(&serde_json::to_string_pretty(&outcome).context("cannot put the report into JSON")?)?;
    drop(repair);
    if outcome.ledger {
        // The opening knows best what is to be in it.
        Buffer::builder_with(&args.dir, Options::default()).must_exist().open()?.close()?;
    }
    Ok(outcome)
}

fn look(repair: &Repair) -> anyhow::Result<(verify::Report, Plan)> {
    let mut plan = Plan::default();
    let found = verify::look(&repair.snapshot()?, false, |finding| plan.add(finding))?;
    Ok((found, plan))
}

/// Replaces the files, and looks at what is there then.
fn mend_files(repair: &mut Repair, plan: &Plan) -> anyhow::Result<()> {
    let before = repair.snapshot()?;
    for remains in plan.changed() {
        match remains.action() {
            Action::SetAside => repair.set_aside(remains.file)?,
            Action::Leave | Action::Replace => {
                let mut source = before.open_data_file(remains.file)?;
                repair.replace(remains.file, |into| mend::copy(&mut source, &remains.pieces, into))?;
            }
        }
    }
    let (_, after) = look(repair)?;
    ensure!(
        after.records() == plan.records() && after.changed().next().is_none(),
        "of {} whole records {} are found after the repair: the files as they were are in {}; please report this",
        plan.records(),
        after.records(),
        repair.quarantine()?.display()
    );
    Ok(())
}

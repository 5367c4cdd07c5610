//! `forebay inspect`: what lies where in the data files, from outside.

mod files;
mod record;

use forebay::storage::native::Snapshot;

use self::{files::Contents, record::Found};
use crate::{
    args::{Format, InspectArgs},
    exit::Exit,
    print, verify,
};

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    match args.record {
        Some(id) => one_record(args, id),
        None => all_files(args),
    }
}

fn all_files(args: &InspectArgs) -> anyhow::Result<Exit> {
    let (report, mut contents) = verify::inspect(|| Snapshot::take(&args.dir), Contents::add)?;
    contents.compare(&Snapshot::take(&args.dir)?);
    match args.format {
        Format::Json => print::json(&contents)?,
        Format::Text => print::lines(&contents.text()?)?,
    }
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

fn one_record(args: &InspectArgs, id: u64) -> anyhow::Result<Exit> {
    let see = |found: &mut Found, finding: &_| found.add(finding, id);
    let (_, found) = verify::inspect(|| Snapshot::take(&args.dir), see)?;
    let Some(shown) = found.show(&Snapshot::take(&args.dir)?)? else {
        print::say(&format!("no data file in {} holds record {id} whole", args.dir.display()));
        return Ok(Exit::No);
    };
    match args.format {
        Format::Json => print::json(&shown)?,
        Format::Text => print::lines(&shown.text()?)?,
    }
    Ok(Exit::Done)
}

//! `forebay ack`: records acknowledged by their ids.

use crate::{access::Access, args::AckArgs, exit::Exit, open::Opening, print, signals::Signals};

pub(crate) fn run(args: &AckArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let opening = Opening::existing(&args.buffer)?;
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, || {});
    let acknowledged = access.acknowledge(&args.ids)?;
    let named = args
        .ids
        .iter()
        .fold(0_u64, |sum, (first, last)| sum.saturating_add(last.saturating_sub(*first)).saturating_add(1));
    signals.close()?;
    print::lines(&format!("{acknowledged}\n"))?;
    if acknowledged == named {
        return Ok(Exit::Done);
    }
    print::say(&format!(
        "{} acknowledged of {named} ids: the others are of no record that waits",
        print::count(acknowledged, "record")
    ));
    Ok(Exit::No)
}

//! `forebay ack`: records acknowledged by their ids.

use crate::{
    access::{Access, Acknowledged},
    args::AckArgs,
    exit::Exit,
    open::Opening,
    print,
    signals::Signals,
};

pub(crate) fn run(args: &AckArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let opening = Opening::existing(&args.buffer)?;
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, || {});
    let Acknowledged { records, noted, forgotten } = access.acknowledge_by_id(&args.ids)?;
    let named = args
        .ids
        .iter()
        .fold(0_u64, |sum, (first, last)| sum.saturating_add(last.saturating_sub(*first)).saturating_add(1));
    signals.close()?;
    print::lines(&format!("{records}\n"))?;
    if records == named {
        return Ok(Exit::Done);
    }
    let mut said = vec![format!("{} acknowledged of {named} ids", print::count(records, "record"))];
    if noted > 0 {
        said.push(format!(
            "{noted} noted: the process that has the buffer acknowledges them when their turn comes, and forgets them if it ends \
             before that"
        ));
    }
    if forgotten > 0 {
        said.push(format!(
            "{forgotten} not acknowledged, because records before them wait: name those as well, or run 'forebay serve' on the \
             directory, which remembers it"
        ));
    }
    let others = named.saturating_sub(records).saturating_sub(noted).saturating_sub(forgotten);
    if others > 0 {
        said.push(format!("{others} of no record that waits"));
    }
    print::say(&said.join("; "));
    Ok(if others == 0 && forgotten == 0 { Exit::Done } else { Exit::No })
}

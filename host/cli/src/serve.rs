//! `forebay serve`: a process that owns a buffer and does nothing but serve it.

use std::sync::mpsc::channel;

use crate::{access::Access, args::ServeArgs, exit::Exit, open::Opening, signals::Signals};

pub(crate) fn run(args: &ServeArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let opening = Opening::create(&args.buffer)?;
    let (stop, stopped) = channel();
    let wake = move || stop.send(()).unwrap_or_default();
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.own()?;
    // A sender that is gone means that the process ends.
    let _ = stopped.recv();
    signals.close()?;
    Ok(Exit::Done)
}

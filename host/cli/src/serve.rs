//! `forebay serve`: a process that owns a buffer and does nothing but serve it.

use std::sync::mpsc::channel;

use anyhow::Context as _;
use forebay_serve::{Network, Tokens};
use tracing::info;

use crate::{access::Access, args::ServeArgs, exit::Exit, open::Opening, signals::Signals};

pub(crate) fn run(args: &ServeArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let network = network(args)?;
    let opening = Opening::create(&args.buffer)?;
    let (stop, stopped) = channel();
    let wake = move || stop.send(()).unwrap_or_default();
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.own(network)?;
    // A sender that is gone means that the process ends.
    let _ = stopped.recv();
    signals.close()?;
    Ok(Exit::Done)
}

fn network(args: &ServeArgs) -> anyhow::Result<Option<Network>> {
    let (Some(address), Some(file)) = (args.listen, &args.token_file) else { return Ok(None) };
    let tokens = Tokens::from_file(file)?;
    let network =
        Network::bind(address, tokens, &args.host).with_context(|| format!("cannot listen on {address}"))?;
    info!(address = %network.address()?, "serving a network");
    Ok(Some(network))
}

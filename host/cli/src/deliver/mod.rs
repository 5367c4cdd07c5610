//! `forebay read` with a destination: batches go to a command or an endpoint, and no record is acknowledged before its batch is there.
//!
//! One loop ([`Shipping`]) owns waiting, splitting, dead letters, acknowledging and signals. A [`Destination`](destination::Destination)
//! only says what came of a batch.

mod backoff;
mod batches;
mod carrier;
mod destination;
mod endpoint;
mod exec;
mod failures;
mod headers;
mod piece;
mod retry_after;
mod shipping;
mod suspects;
mod trouble;
mod worker;

use std::sync::mpsc::channel;

use self::{
    endpoint::Endpoint,
    exec::Exec,
    shipping::Shipping,
    worker::{Event, Worker},
};
use crate::{
    access::{Access, Source},
    args::ReadArgs,
    delivery::{self, Ending},
    exit::Exit,
    open::Opening,
    signals::Signals,
};

/// Delivers records to the destination that was chosen.
pub(crate) fn run(args: &ReadArgs, signals: &Signals) -> anyhow::Result<Exit> {
    let (events, inbox) = channel();
    let wake = events.clone();
    // What is wrong with the destination is found before the buffer is touched.
    let worker = match (&args.delivery.exec, &args.delivery.to) {
        (Some(command), _) => Worker::start(Exec::new(command)?, events)?,
        (None, Some(url)) => Worker::start(Endpoint::new(url, &args.delivery, args.framing)?, events)?,
        (None, None) => anyhow::bail!("name a destination with --exec or --to"),
    };
    let opening = Opening::existing(&args.buffer)?;
    // A receiver that is gone needs no waking.
    let wake = move || drop(wake.send(Event::Stop));
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.enter()?;
    let mut shipping = Shipping::new(args, Source::new(&access), worker, inbox, signals);
    let result = shipping.run();
    let exit = shipping.exit(&args.dir);
    let acknowledged = shipping.acknowledged();
    // Its leases end with it.
    drop(shipping);
    let closed = delivery::finish(acknowledged, &args.dir, Ending::of(&access), signals);
    result?;
    Ok(closed?.and(exit))
}

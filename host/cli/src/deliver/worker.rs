//! The thread that a destination runs on. The command's own thread is free meanwhile: it hears of signals and makes leases longer.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use anyhow::Context as _;
use forebay::explain_missing_threads;

use super::destination::{Destination, Outcome, Parcel, Urgency};

/// What the command's own thread waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// A delivery has ended.
    Ended(Outcome),
    /// A signal has come.
    Stop,
}

/// A destination on a thread of its own.
pub(super) struct Worker {
    parcels: Sender<Parcel>,
    interrupt: Box<dyn Fn(Urgency) -> bool + Send>,
}

impl Worker {
    /// Starts the thread. Outcomes are sent to `events`.
    pub(super) fn start(mut destination: impl Destination, events: Sender<Event>) -> anyhow::Result<Self> {
        let (parcels, inbox): (_, Receiver<Parcel>) = channel();
        let interrupt = destination.interrupter();
        let run = move || {
            for parcel in inbox {
                let deliver = AssertUnwindSafe(|| destination.deliver(parcel));
                let panicked = "the delivery has panicked, which is a defect of Forebay";
                let outcome = panic::catch_unwind(deliver)
                    .unwrap_or_else(|_| Outcome::Hold { after: None, reason: panicked.to_owned() });
                if events.send(Event::Ended(outcome)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("forebay-delivery".to_owned())
            .spawn(run)
            .map_err(explain_missing_threads)
            .context("cannot start a thread for deliveries")?;
        Ok(Self { parcels, interrupt })
    }

    /// Begins a delivery. It ends with an event.
    pub(super) fn begin(&self, parcel: Parcel) -> anyhow::Result<()> {
        self.parcels.send(parcel).map_err(|_| anyhow::anyhow!("the thread for deliveries has died"))
    }

    /// Asks a delivery that is under way to end.
    /// Whether success from now on says nothing.
    pub(super) fn interrupt(&self, urgency: Urgency) -> bool {
        (self.interrupt)(urgency)
    }
}

//! Takes one piece to the destination, and waits: for what comes of it, for a pause to be over, or for a signal. Leases are made longer
//! meanwhile.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use signal_hook::consts::SIGINT;

use super::{
    batches::{Batches, EXTENSION},
    destination::{Outcome, Parcel, Urgency},
    piece::Piece,
    worker::{Event, Worker},
};
use crate::{access::Held, args::OutputFraming, framing, signals::Signals};

/// How often a delivery that is to end is asked to.
const INSISTENCE: Duration = Duration::from_millis(50);

/// What a signal leaves to do.
pub(super) enum Goes {
    On,
    /// The command is to end.
    Out,
}

pub(super) struct Carrier<'a> {
    pub(super) worker: Worker,
    pub(super) inbox: Receiver<Event>,
    pub(super) signals: &'a Signals,
    pub(super) framing: OutputFraming,
    pub(super) grace: Duration,
}

impl Carrier<'_> {
    /// Delivers a piece once. `None`: a signal has ended it, and it is not known to be delivered.
    /// The leases of `others` are needed, too.
    pub(super) fn deliver<'a, I: Iterator<Item = &'a Held>>(
        &self,
        piece: &'a Piece,
        others: impl Fn() -> I,
        batches: &mut Batches,
    ) -> anyhow::Result<Option<Outcome>> {
        let mut body = Vec::new();
        for record in &piece.records {
            framing::append(self.framing, &mut body, &record.shown())?;
        }
        let id = |record: Option<&Held>| record.map_or(0, |record| record.id);
        self.worker.begin(Parcel {
            body,
            records: piece.records.len(),
            first_id: id(piece.records.first()),
            last_id: id(piece.records.last()),
            attempt: piece.attempt(),
        })?;
        let (mut signalled, mut was_told_to_end) = (None, false);
        loop {
            let time = if signalled.is_some() { INSISTENCE } else { EXTENSION };
            match self.inbox.recv_timeout(time) {
                Ok(Event::Ended(outcome)) => {
                    // A command that is told to end may end with 0 and have delivered nothing.
                    let is_delivered = outcome == Outcome::Delivered && !was_told_to_end;
                    let is_known = self.signals.caught().is_none() || is_delivered;
                    return Ok(is_known.then_some(outcome));
                }
                Ok(Event::Stop) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("the thread for deliveries has died")
                }
            }
            if self.signals.caught().is_none() {
                batches.extend_leases(others().chain(&piece.records));
                continue;
            }
            let since = *signalled.get_or_insert_with(Instant::now);
            let Some(urgency) = self.urgency(since) else { continue };
            was_told_to_end |= self.worker.interrupt(urgency);
            if urgency == Urgency::Kill {
                return Ok(None);
            }
        }
    }

    /// How soon what is under way is to end, this long after a signal: it may end well for half of the time, unless a person waits for it.
    fn urgency(&self, since: Instant) -> Option<Urgency> {
        if self.signals.is_insisted() || since.elapsed() >= self.grace / 4 * 3 {
            Some(Urgency::Kill)
        } else if since.elapsed() >= self.grace / 2 {
            Some(Urgency::End)
        } else {
            (self.signals.caught() == Some(SIGINT)).then_some(Urgency::Interrupt)
        }
    }

    /// Waits, and keeps the leases of these records.
    pub(super) fn pause<'a, I: Iterator<Item = &'a Held>>(
        &self,
        time: Duration,
        waiting: impl Fn() -> I,
        batches: &mut Batches,
    ) -> Goes {
        let until = Instant::now() + time;
        while self.signals.caught().is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Goes::On;
            }
            // Only a signal sends an event now.
            let _ = self.inbox.recv_timeout(left.min(EXTENSION));
            batches.extend_leases(waiting());
        }
        Goes::Out
    }
}

//! The loop that delivers: it owns waiting, splitting, dead letters, acknowledging and signals.

use std::{
    collections::VecDeque,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use tracing::warn;

use super::{
    backoff::Backoff,
    batches::{Batches, EXTENSION, Gathered},
    destination::{Outcome, Parcel},
    piece::{Next, Piece, Policy},
    trouble::Trouble,
    worker::{Event, Worker},
};
use crate::{
    access::{Held, Source},
    args::{OutputFraming, ReadArgs},
    exit::Exit,
    framing, print,
    signals::Signals,
};

/// How often a delivery that is to end is asked to.
const INSISTENCE: Duration = Duration::from_millis(50);

/// Delivers batches until the end.
pub(super) struct Shipping<'a> {
    batches: Batches,
    worker: Worker,
    inbox: Receiver<Event>,
    signals: &'a Signals,
    framing: OutputFraming,
    policy: Policy,
    grace: Duration,
    backoff: Backoff,
    trouble: Trouble,
    delivered: u64,
    last_id: u64,
    dead: u64,
    requeued: u64,
}

/// What a signal leaves to do.
enum Goes {
    On,
    /// The command is to end.
    Out,
}

impl<'a> Shipping<'a> {
    pub(super) fn new(
        args: &ReadArgs,
        source: Source,
        worker: Worker,
        inbox: Receiver<Event>,
        signals: &'a Signals,
    ) -> Self {
        let delivery = &args.delivery;
        Self {
            batches: Batches::new(args, source),
            worker,
            inbox,
            signals,
            framing: args.framing,
            policy: Policy { on_failure: delivery.on_failure, max_deliveries: delivery.max_deliveries },
            grace: args.buffer.grace,
            backoff: Backoff::new(delivery.retry_wait, delivery.retry_wait_max),
            trouble: Trouble::default(),
            delivered: 0,
            last_id: 0,
            dead: 0,
            requeued: 0,
        }
    }

    /// Delivers until there is nothing more, or a signal comes.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        while self.signals.caught().is_none() {
            match self.batches.next()? {
                Gathered::Batch(records) => {
                    if let Goes::Out = self.ship(Piece { records, retries: 0 })? {
                        break;
                    }
                }
                Gathered::End => break,
                Gathered::Interrupted => {}
            }
        }
        Ok(())
    }

    /// The last record that was acknowledged, where none before it was left out.
    pub(super) fn acknowledged(&self) -> u64 {
        if self.dead == 0 && self.requeued == 0 { self.last_id } else { 0 }
    }

    /// How the command ends, which it says where records became dead letters.
    pub(super) fn exit(&self, directory: &Path) -> Exit {
        if self.dead == 0 {
            return Exit::Done;
        }
        print::say(&format!(
            "{} delivered, and {} moved to the dead letters: 'forebay dead-letters {} --framing json' shows why",
            print::count(self.delivered, "record"),
            self.dead,
            directory.display()
        ));
        Exit::No
    }

    /// Delivers a batch, in parts if need be.
    fn ship(&mut self, batch: Piece) -> anyhow::Result<Goes> {
        let mut pieces = VecDeque::from([batch]);
        while let Some(mut piece) = pieces.pop_front() {
            let Some(outcome) = self.attempt(&piece, &pieces)? else { return Ok(Goes::Out) };
            let (reason, after) = match &outcome {
                Outcome::Delivered => {
                    self.has_delivered(&piece.records)?;
                    continue;
                }
                Outcome::Retry { after, reason } => (reason.clone(), *after),
                Outcome::Split { reason } | Outcome::Hold { reason } => (reason.clone(), None),
            };
            let next = self.policy.next(&piece, &outcome);
            let goes = match next {
                Next::SetAside => {
                    self.set_aside(&piece.records, &reason);
                    Goes::On
                }
                Next::Halve => {
                    let half = piece.records.len().div_ceil(2);
                    piece.split(half).into_iter().rev().for_each(|part| pieces.push_front(part));
                    Goes::On
                }
                Next::Again | Next::OneByOne => {
                    let wait = self.backoff.next(after);
                    self.trouble.failed(&reason, wait);
                    let size = if next == Next::OneByOne { 1 } else { piece.records.len() };
                    if next == Next::Again && matches!(outcome, Outcome::Retry { .. }) {
                        piece.retries = piece.retries.saturating_add(1);
                    }
                    piece.split(size).into_iter().rev().for_each(|part| pieces.push_front(part));
                    self.pause(wait, &pieces)
                }
                Next::Requeue => {
                    let wait = self.backoff.next(after);
                    self.trouble.failed(&reason, wait);
                    self.batches.requeue(&piece.records, wait);
                    self.requeued = self.requeued.saturating_add(1);
                    // One bad batch holds up no other; a destination that fails again and again is given time.
                    let is_first = self.backoff.failures() <= 1 && after.is_none();
                    if is_first { Goes::On } else { self.pause(wait, &pieces) }
                }
            };
            if let Goes::Out = goes {
                return Ok(Goes::Out);
            }
        }
        Ok(Goes::On)
    }

    fn has_delivered(&mut self, records: &[Held]) -> anyhow::Result<()> {
        self.batches.source.delivered(records)?;
        self.delivered = self.delivered.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        self.last_id = records.last().map_or(self.last_id, |record| record.id);
        self.backoff.reset();
        self.trouble.ended();
        Ok(())
    }

    fn set_aside(&mut self, records: &[Held], reason: &str) {
        let count = self.batches.source.set_aside(records, reason);
        self.dead = self.dead.saturating_add(count);
        let id = records.first().map(|record| record.id);
        if count > 0 {
            warn!(id, "a record that fails alone becomes a dead letter: {reason}");
        }
    }

    /// Delivers a piece once. `None`: a signal has ended it, and it is not known to be delivered.
    fn attempt(&mut self, piece: &Piece, others: &VecDeque<Piece>) -> anyhow::Result<Option<Outcome>> {
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
                let pieces = others.iter().chain([piece]);
                self.batches.extend_leases(pieces.flat_map(|piece| &piece.records));
                continue;
            }
            // What is under way may end well for half of the time. Then it is told to end.
            let since = *signalled.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.grace / 2 {
                was_told_to_end = true;
                self.worker.interrupt();
            }
            if since.elapsed() >= self.grace / 4 * 3 {
                return Ok(None);
            }
        }
    }

    /// Waits, and keeps the leases of these pieces.
    fn pause(&mut self, time: Duration, pieces: &VecDeque<Piece>) -> Goes {
        let until = Instant::now() + time;
        while self.signals.caught().is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Goes::On;
            }
            // Only a signal sends an event now.
            let _ = self.inbox.recv_timeout(left.min(EXTENSION));
            self.batches.extend_leases(pieces.iter().flat_map(|piece| &piece.records));
        }
        Goes::Out
    }
}

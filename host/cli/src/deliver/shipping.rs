//! The loop that delivers: it owns waiting, splitting, dead letters, acknowledging and signals.

use std::{collections::VecDeque, path::Path, sync::mpsc::Receiver, time::Duration};

use tracing::warn;

use super::{
    backoff::Backoff,
    batches::{Batches, Gathered, More},
    carrier::{Carrier, Goes},
    destination::Outcome,
    failures::Failures,
    piece::{Next, Piece, Policy},
    suspects::Suspects,
    trouble::Trouble,
    worker::{Event, Worker},
};
use crate::{
    access::{Held, Source},
    args::ReadArgs,
    exit::Exit,
    print,
    signals::Signals,
};

/// Delivers batches until the end.
pub(super) struct Shipping<'a> {
    batches: Batches,
    carrier: Carrier<'a>,
    policy: Policy,
    failures: Failures,
    suspects: Suspects,
    backoff: Backoff,
    trouble: Trouble,
    delivered: u64,
    last_id: u64,
    dead: u64,
    requeued: u64,
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
            carrier: Carrier { worker, inbox, signals, framing: args.framing, grace: args.buffer.grace },
            policy: Policy { on_failure: delivery.on_failure, max_deliveries: delivery.max_deliveries },
            failures: Failures::default(),
            suspects: Suspects::default(),
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
        while self.carrier.signals.caught().is_none() {
            match self.batches.next()? {
                Gathered::Batch(records) => {
                    if let Goes::Out = self.ship(Piece::new(records))? {
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

    /// Delivers a batch, in parts if need be, and what comes with it.
    fn ship(&mut self, batch: Piece) -> anyhow::Result<Goes> {
        let mut pieces = VecDeque::from([batch]);
        loop {
            let goes = match pieces.pop_front() {
                Some(piece) => self.ship_piece(piece, &mut pieces)?,
                None if self.suspects.is_empty() => return Ok(Goes::On),
                // The destination or these records: others show which.
                None => match self.batches.more()? {
                    More::Batch(records) => {
                        pieces.push_back(Piece::new(records));
                        Goes::On
                    }
                    More::Never if self.failures.any_accepted() => self.give_up_suspects(&mut pieces),
                    More::NotYet | More::Never => self.hold_suspects(&mut pieces),
                },
            };
            if let Goes::Out = goes {
                return Ok(Goes::Out);
            }
        }
    }

    fn ship_piece(&mut self, mut piece: Piece, pieces: &mut VecDeque<Piece>) -> anyhow::Result<Goes> {
        let others = || of(pieces).chain(self.suspects.records());
        let Some(outcome) = self.carrier.deliver(&piece, others, &mut self.batches)? else {
            return Ok(Goes::Out);
        };
        piece.tries = piece.tries.saturating_add(1);
        let (reason, after) = match &outcome {
            Outcome::Delivered => {
                self.has_delivered(&piece.records)?;
                // Others were accepted: each of them fails once more, or was not to blame.
                self.try_suspects_again(pieces);
                return Ok(Goes::On);
            }
            Outcome::Failed { after, reason } => (reason.clone(), *after),
            Outcome::Unanswered { after, reason } | Outcome::Hold { after, reason } => {
                (reason.clone(), *after)
            }
            Outcome::Refused { reason } => {
                self.trouble.refused(reason);
                (reason.clone(), None)
            }
        };
        if matches!(outcome, Outcome::Failed { .. } | Outcome::Refused { .. }) {
            self.failures.add(&piece.records);
        }
        let next = self.policy.next(&piece, self.failures.most(&piece.records), &outcome);
        let is_refused = matches!(outcome, Outcome::Refused { .. });
        match next {
            Next::Halve => {
                let half = piece.records.len().div_ceil(2);
                split(piece, half, pieces);
                return Ok(Goes::On);
            }
            Next::SetAside => {
                if let Goes::Out = self.judge(piece, &reason, pieces) {
                    return Ok(Goes::Out);
                }
                if is_refused {
                    return Ok(Goes::On);
                }
            }
            Next::Again => split(piece, usize::MAX, pieces),
            Next::OneByOne => split(piece, 1, pieces),
            Next::Requeue => {
                let wait = self.wait_after_failure(&reason, after);
                self.batches.requeue(&piece.records, wait);
                self.requeued = self.requeued.saturating_add(1);
                // One bad batch holds up no other; a destination that fails again and again is given time.
                let is_first = self.backoff.failures() <= 1 && after.is_none();
                return Ok(if is_first { Goes::On } else { self.pause(wait, pieces) });
            }
        }
        let wait = self.wait_after_failure(&reason, after);
        Ok(self.pause(wait, pieces))
    }

    /// A record fails alone. It becomes a dead letter if others have passed since it failed first; else the destination may be to blame.
    fn judge(&mut self, piece: Piece, reason: &str, pieces: &mut VecDeque<Piece>) -> Goes {
        let Some(record) = piece.records.first() else { return Goes::On };
        if self.failures.others_passed(record) {
            return self.set_aside(piece, reason, pieces);
        }
        self.suspects.add(piece, reason);
        if self.suspects.are_enough() { self.hold_suspects(pieces) } else { Goes::On }
    }

    /// The destination accepts no record: it is given time, and then sent the same ones again.
    fn hold_suspects(&mut self, pieces: &mut VecDeque<Piece>) -> Goes {
        let wait = self.backoff.next(None);
        let reason = format!(
            "{}; the destination accepts no other record either, so all are held, and none becomes a dead letter: check the URL, the \
             headers and the framing, or the command",
            self.suspects.reason()
        );
        self.trouble.held(&reason, wait);
        self.try_suspects_again(pieces);
        self.pause(wait, pieces)
    }

    /// No other record will come that could show whether the destination or these are to blame. It has accepted others in this run.
    fn give_up_suspects(&mut self, pieces: &mut VecDeque<Piece>) -> Goes {
        let reason = self.suspects.reason().to_owned();
        for piece in self.suspects.take() {
            if let Goes::Out = self.set_aside(piece, &reason, pieces) {
                return Goes::Out;
            }
        }
        Goes::On
    }

    fn try_suspects_again(&mut self, pieces: &mut VecDeque<Piece>) {
        self.suspects.take().into_iter().rev().for_each(|piece| pieces.push_front(piece));
    }

    fn wait_after_failure(&mut self, reason: &str, after: Option<Duration>) -> Duration {
        let wait = self.backoff.next(after);
        self.trouble.failed(reason, wait);
        wait
    }

    fn pause(&mut self, wait: Duration, pieces: &VecDeque<Piece>) -> Goes {
        self.carrier.pause(wait, || of(pieces).chain(self.suspects.records()), &mut self.batches)
    }

    fn has_delivered(&mut self, records: &[Held]) -> anyhow::Result<()> {
        self.batches.source.delivered(records)?;
        self.failures.accepted(records);
        self.delivered = self.delivered.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        self.last_id = records.last().map_or(self.last_id, |record| record.id);
        self.backoff.reset();
        self.trouble.ended();
        Ok(())
    }

    /// A record becomes a dead letter. Where the buffer's owner cannot write it, it is tried again later.
    fn set_aside(&mut self, piece: Piece, reason: &str, pieces: &mut VecDeque<Piece>) -> Goes {
        let id = piece.records.first().map(|record| record.id);
        match self.batches.source.set_aside(&piece.records, reason) {
            Ok(count) => {
                self.failures.forget(&piece.records);
                self.dead = self.dead.saturating_add(count);
                if count > 0 {
                    warn!(id, "a record that fails alone becomes a dead letter: {reason}");
                }
                Goes::On
            }
            Err(failure) => {
                let wait = self.backoff.next(None);
                let reason =
                    format!("a record cannot become a dead letter: {failure}; it had failed: {reason}");
                self.trouble.held(&reason, wait);
                pieces.push_front(piece);
                self.pause(wait, pieces)
            }
        }
    }
}

fn of(pieces: &VecDeque<Piece>) -> impl Iterator<Item = &Held> {
    pieces.iter().flat_map(|piece| &piece.records)
}

/// Puts a piece in front of the others, in parts of so many records.
fn split(piece: Piece, records: usize, pieces: &mut VecDeque<Piece>) {
    piece.split(records).into_iter().rev().for_each(|part| pieces.push_front(part));
}

//! What consumers say of the records that they were given: done with, or to be delivered again.

use std::{error::Error, time::Duration};

use forebay_types::RecordId;
use tracing::warn;

use super::{Core, Writing, after};
use crate::{
    buffer::{
        dead_letters::{DeadLetter, Otherwise},
        inbox::{Ack, Work},
        redelivery::Nack,
        unable::Stop,
    },
    storage::StorageError,
};

/// The most acknowledgements of single records that the core gathers between reads.
const ACKS_HELD: usize = 64;

impl Core {
    /// Whether a caller may be waiting for an acknowledgement: for room, for delivery to go on, or for the end of a drain.
    fn needs_acks(&self) -> bool {
        let may_end_a_wait = self.is_delivery_paused() || self.writing != Writing::Open;
        !self.backlog.is_empty() || (may_end_a_wait && !self.waiting_for_change.is_empty())
    }

    /// Something was done: says whether acknowledgements are urgent from now on.
    pub(in crate::buffer) fn note_urgency(&self) {
        self.schedule.note_urgency(self.needs_acks());
    }

    /// Lets a few acknowledgements of single records wait for more, unless there is other work, or a caller waits for them.
    /// Otherwise gives the work with those that have waited.
    pub(super) fn hold_acks(&mut self, work: Work) -> Option<Work> {
        let waiting = self.acks.len() + work.acks.len();
        if waiting < ACKS_HELD && work.may_wait() && !self.needs_acks() {
            self.acks.extend(work.acks);
            return None;
        }
        let mut acks = std::mem::take(&mut self.acks);
        acks.extend(work.acks);
        Some(Work { acks, ..work })
    }

    pub(super) fn holds_acks(&self) -> bool {
        !self.acks.is_empty()
    }

    /// Takes the acknowledgements that have waited: whatever is done next is to know of them.
    pub(in crate::buffer) fn take_held_acks(&mut self) {
        if self.holds_acks() {
            self.serve_all(Work { look_again: true, ..Work::default() });
        }
    }

    /// Takes what consumers said, in the order in which they did.
    pub(super) fn take_acks(&mut self, acks: Vec<Ack>) {
        for ack in acks {
            match ack {
                Ack::One(delivery) => self.in_flight.acknowledge(delivery),
                Ack::Through(id) => self.in_flight.acknowledge_through(id),
                Ack::Nack(nack) => {
                    let is_current = self.in_flight.give_back(nack.delivery);
                    self.requeue(*nack, is_current);
                }
                Ack::SetAside(nack, asker) => {
                    let Nack { record, delivery, .. } = *nack;
                    if self.in_flight.begin_to_set_aside(delivery) {
                        self.dead_letters.add(DeadLetter { record, otherwise: Otherwise::Keep(asker) });
                    } else {
                        asker.done(record.id);
                    }
                }
                Ack::Dropped(nack) => {
                    let is_current = self.in_flight.drop_delivery(nack.delivery);
                    self.requeue(*nack, is_current);
                }
            }
        }
        self.pass_acknowledged();
    }

    /// Gives back the records that their consumers have had for too long.
    pub(super) fn end_leases(&mut self) {
        let now_ns = self.lives.now_ns();
        if self.lease_timer_ns.take_if(|timer| *timer <= now_ns).is_none() {
            return;
        }
        let expired = self.in_flight.expired(now_ns);
        if let Some((first, _)) = expired.first() {
            self.expired_leases += u64::try_from(expired.len()).unwrap_or(u64::MAX);
            if let Some(not_logged) = self.leases_said.may_log(now_ns) {
                let records = expired.len();
                warn!(
                    records,
                    first_id = first.id.0,
                    not_logged,
                    "records were not acknowledged within their lease: they are delivered again"
                );
            }
        }
        for (record, delivery) in expired {
            let is_current = self.in_flight.drop_delivery(delivery);
            self.requeue(Nack::new(&record, delivery, Duration::ZERO), is_current);
        }
        self.set_lease_timer();
    }

    /// Sees to it that leases are looked at when the next one ends, or shortly after.
    pub(super) fn set_lease_timer(&mut self) {
        let Some(lease) = self.options.lease else { return };
        if self.lease_timer_ns.is_none()
            && let Some(end_ns) = self.in_flight.next_lease_end_ns()
        {
            // Each look costs as much as there is in flight.
            let time_ns = end_ns.max(after(self.lives.now_ns(), lease / 16));
            self.lease_timer_ns = Some(time_ns);
            self.schedule.redeliver_at(time_ns);
        }
    }

    fn requeue(&mut self, nack: Nack, is_current: bool) {
        let Nack { record, delivery, delay, is_dead } = nack;
        if is_current {
            let now_ns = self.lives.now_ns();
            let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
            let due_ns = now_ns.saturating_add(delay_ns);
            let most = self.options.max_deliveries;
            if is_dead || most.is_some_and(|most| delivery.number >= most) {
                self.dead_letters.add(DeadLetter { record, otherwise: Otherwise::Redeliver { due_ns } });
            } else {
                self.redelivery.add(record, due_ns, now_ns);
            }
        }
    }

    /// Has the next dead letters written, unless some are being written.
    pub(super) fn bury(&mut self) {
        if matches!(self.stop, Some(Stop::Failed(_))) {
            // They could not be acknowledged, and would come again at the next opening.
            self.dead_letters.give_up();
            return;
        }
        if let Some(letters) = self.dead_letters.start() {
            let records = letters.iter().map(|letter| &letter.record);
            self.lives.guard().write_dead_letters(records, self.options.max_dead_letter_bytes);
        }
    }

    /// Dead letters that were being written are safe, and so done with; or they are delivered again.
    pub(super) fn dead_letters_ended(&mut self, result: &Result<(), StorageError>) {
        let (letters, is_news) = self.dead_letters.ended(result.is_ok());
        if let Err(error) = result
            && is_news
        {
            let error: &dyn Error = error;
            warn!(
                error,
                "records that no consumer could handle cannot be added to the dead-letter file: they stay in the buffer"
            );
        }
        if let (Ok(()), Some(first)) = (result, letters.first()) {
            let (first_id, records) = (first.record.id.0, letters.len());
            warn!(first_id, records, "records that no consumer could handle are in the dead-letter file");
        }
        let now_ns = self.lives.now_ns();
        let (mut safe, mut kept) = (Vec::new(), false);
        for DeadLetter { record, otherwise } in letters {
            match (result, otherwise) {
                (Ok(()), otherwise) => {
                    self.in_flight.set_aside(record.id);
                    if let Otherwise::Keep(asker) = otherwise {
                        safe.push((record.id, asker));
                    }
                }
                (Err(_), Otherwise::Redeliver { due_ns }) => self.redelivery.add(record, due_ns, now_ns),
                (Err(error), Otherwise::Keep(asker)) => {
                    self.in_flight.not_set_aside(record.id);
                    asker.failed(error);
                    kept = true;
                }
            }
        }
        self.pass_acknowledged();
        for (id, asker) in safe {
            asker.done(id);
        }
        if kept {
            self.set_lease_timer();
        }
    }

    /// Tells the logic up to where all is acknowledged.
    pub(super) fn pass_acknowledged(&mut self) {
        if let Some(through) = self.in_flight.advance() {
            self.done = through.after(1);
            self.tell_acknowledged(through);
        }
    }

    /// Where nothing that can be read waits any more, the ids that no file holds are passed.
    pub(super) fn pass_lost(&mut self) {
        let passed = self.guard().passed();
        if !self.options.peek && self.in_flight.records() == 0 && passed.after(1) < self.guard().next_id() {
            self.tell_acknowledged(passed);
        }
    }

    /// Tells the logic that everything up to this event is acknowledged, and lost ids behind it that nothing follows.
    fn tell_acknowledged(&mut self, through: RecordId) {
        let through = self.guard().acknowledge(through).unwrap_or_else(|error| {
            let error: &dyn Error = &error;
            warn!(error, "whether anything waits behind the last acknowledged record cannot be read yet");
            through
        });
        if through > self.guard().passed() {
            let told = self.lives.call(|logic| logic.acknowledge(through));
            let _ = self.note(told);
        }
    }
}

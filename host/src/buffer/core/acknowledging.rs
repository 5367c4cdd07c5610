//! What consumers say of the records that they were given: done with, or to be delivered again.

use std::sync::Arc;

use super::Core;
use crate::buffer::{in_flight::Ack, redelivery::Nack, shared::Shared};

impl Core {
    /// Takes what consumers said, in the order in which they did.
    pub(super) fn take_acks(&mut self, acks: Vec<Ack>, shared: &Arc<Shared>) {
        for ack in acks {
            match ack {
                Ack::One(delivery) => self.in_flight.acknowledge(delivery),
                Ack::Through(id) => self.in_flight.acknowledge_through(id),
                Ack::Nack(nack) => self.give_back(*nack, shared),
            }
        }
        self.pass_acknowledged();
    }

    fn give_back(&mut self, nack: Nack, shared: &Arc<Shared>) {
        let Nack { record, delivery, delay } = nack;
        if self.in_flight.give_back(delivery) {
            let now_ns = shared.runtime().now_ns();
            let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
            self.redelivery.add(record, now_ns.saturating_add(delay_ns), now_ns);
        }
    }

    /// Tells the logic up to where all is acknowledged.
    fn pass_acknowledged(&mut self) {
        if let Some(through) = self.in_flight.advance() {
            self.done = through.after(1);
            self.guard().acknowledged(through);
            let told = self.lives.call(|logic| logic.acknowledge(through));
            let _ = self.note(told);
        }
    }
}

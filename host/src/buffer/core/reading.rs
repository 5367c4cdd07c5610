//! The reading side of the core: what was read ahead, what was delivered, and who waits for more.

use std::num::NonZeroU32;

use tokio::sync::oneshot;
use tracing::warn;

use super::{Core, Writing, after, turns::Turn};
use crate::{
    buffer::{
        error::ReadError,
        redelivery::Delivery,
        unable::{Stop, Unable},
    },
    guard::ReadRecord,
};

/// What is read ahead for consumers that take single records.
const READ_RECORDS_MIN: usize = 256;
const READ_RECORDS_MAX: usize = 4096;
const READ_BYTES_MAX: u64 = 1 << 20;

/// What a consumer gets when it asks for records.
#[derive(Debug)]
pub(in crate::buffer) enum Taken {
    Records(Vec<(ReadRecord, Delivery)>),
    /// None for now; the receiver is told when to ask again.
    Wait(oneshot::Receiver<()>),
    /// None, and there will be none.
    End,
}

impl Core {
    /// Gives the next records, at most so many: first those that were given back. Those count as unacknowledged already,
    /// and are delivered again also while the delivery of others is paused.
    pub(in crate::buffer) fn take_records(&mut self, max_records: usize) -> Result<Taken, ReadError> {
        if let Some(stop @ Stop::Failed(_)) = &self.stop {
            return Err(Unable::from(stop.clone()).into());
        }
        if self.ready.is_empty() {
            self.take_held_acks();
        }
        let mut taken = Vec::new();
        self.take_given_back(max_records, &mut taken);
        let mut has_read = false;
        self.turn = Turn::begin(self.lives.now_ns());
        while taken.len() < max_records && self.may_deliver() {
            if self.ready.is_empty() {
                if !taken.is_empty() && self.turn.is_over(&mut self.lives) {
                    // What there is goes out before the logic is asked for more.
                    break;
                }
                match self.read_ahead(max_records - taken.len()) {
                    Err(unable) if taken.is_empty() => {
                        self.turn = Turn::default();
                        return Err(unable.into());
                    }
                    // The next call meets it again.
                    Err(_) => break,
                    Ok(()) => has_read |= !self.ready.is_empty(),
                }
            }
            let Some(record) = self.ready.pop_front() else {
                self.reached_end();
                break;
            };
            let delivery = self.deliver(&record);
            taken.push((record, delivery));
        }
        self.turn = Turn::default();
        self.lease(&taken);
        if has_read {
            // What was opened to read is closed some time after the last record.
            self.want_tick();
        }
        if taken.is_empty() && self.is_delivery_paused() {
            self.say_paused();
        }
        match (taken.is_empty(), self.withheld) {
            (false, _) => Ok(Taken::Records(taken)),
            // It is not for the logic to say that this is the end.
            (true, Some(next)) if self.has_delivered_all() => Err(ReadError::Withheld { next }),
            (true, None) if self.has_delivered_all() => Ok(Taken::End),
            (true, _) => Ok(Taken::Wait(self.wait_for_change())),
        }
    }

    /// Whether delivery is not paused. It does not pause for records whose acknowledgements wait here.
    fn may_deliver(&mut self) -> bool {
        if self.is_delivery_paused() && self.holds_acks() {
            self.take_held_acks();
            self.turn = Turn::begin(self.lives.now_ns());
        }
        !self.is_delivery_paused()
    }

    /// Consumers must acknowledge what they take within a time, where one was chosen.
    fn lease(&mut self, taken: &[(ReadRecord, Delivery)]) {
        if let Some(lease) = self.options.lease
            && !taken.is_empty()
        {
            let ends_ns = after(self.lives.now_ns(), lease);
            for (record, _) in taken {
                self.in_flight.lease(record, ends_ns);
            }
            self.set_lease_timer();
        }
    }

    fn say_paused(&mut self) {
        let now_ns = self.lives.now_ns();
        if let Some(not_logged) = self.pause_said.may_log(now_ns) {
            warn!(
                unacknowledged_records = self.in_flight.records(),
                unacknowledged_bytes = self.in_flight.bytes(),
                memory_bytes = self.in_flight.memory_bytes(),
                not_logged,
                "delivery pauses: too much is unacknowledged; acknowledge records, or give them back"
            );
        }
    }

    /// Records did not reach the reader who asked for them, and go to the next who asks.
    pub(in crate::buffer) fn take_back(&mut self, records: Vec<(ReadRecord, Delivery)>) {
        for (record, delivery) in records.into_iter().rev() {
            if self.options.peek {
                self.ready.push_front(record);
            } else if self.in_flight.take_back(delivery) {
                self.redelivery.add(record, 0, 0);
            }
        }
        self.wake();
    }

    /// The logic gave no record. Whether there is none is for the host to say.
    fn reached_end(&mut self) {
        match self.guard().reached_end() {
            Ok(withheld) => {
                self.withheld = withheld;
                if withheld.is_none() {
                    self.pass_lost();
                }
                let now_ns = self.lives.now_ns();
                if let Some(next) = withheld
                    && let Some(not_logged) = self.withheld_said.may_log(now_ns)
                {
                    warn!(
                        next = next.0,
                        not_logged, "the buffer's logic gives no record, although this one waits"
                    );
                }
            }
            Err(error) => warn!(%error, "could not look for what is lost at the end"),
        }
    }

    /// A receiver that is told when something has changed.
    pub(super) fn wait_for_change(&mut self) -> oneshot::Receiver<()> {
        let (wake, receiver) = oneshot::channel();
        // A consumer that asks again and again whether there is a record gives up each wait.
        if self.waiting_for_change.len().is_power_of_two() {
            self.waiting_for_change.retain(|wake| !wake.is_closed());
        }
        self.waiting_for_change.push(wake);
        receiver
    }

    fn take_given_back(&mut self, max_records: usize, taken: &mut Vec<(ReadRecord, Delivery)>) {
        while taken.len() < max_records
            && let Some(record) = self.redelivery.next()
        {
            if let Some(delivery) = self.in_flight.deliver_again(record.id) {
                taken.push((record, delivery));
            }
        }
    }

    fn read_ahead(&mut self, wanted: usize) -> Result<(), Unable> {
        let wanted = wanted.clamp(READ_RECORDS_MIN, READ_RECORDS_MAX);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        loop {
            let allowed = self.lives.call(|logic| logic.read(wanted, READ_BYTES_MAX));
            if let Some(allowed) = self.note(allowed)? {
                if allowed > 0 {
                    let records = self.guard().deliver(allowed, READ_BYTES_MAX)?;
                    self.ready.extend(records);
                }
                return Ok(());
            }
        }
    }

    fn deliver(&mut self, record: &ReadRecord) -> Delivery {
        self.withheld = None;
        self.guard().come_to(record.id);
        if !self.options.peek {
            self.in_flight.deliver(record);
        }
        Delivery { id: record.id, number: NonZeroU32::MIN }
    }

    /// Whether nothing more will come, unless a consumer gives back what it has. Only to be asked where nothing could be
    /// taken.
    fn has_delivered_all(&self) -> bool {
        let none_comes_again = self.redelivery.is_empty() && self.dead_letters.is_idle();
        self.writing == Writing::Ended && !self.is_delivery_paused() && none_comes_again
    }

    pub(super) fn is_delivery_paused(&self) -> bool {
        self.in_flight.records() >= self.options.max_unacknowledged_records
            || self.in_flight.bytes() >= self.options.max_unacknowledged_bytes
            || self.in_flight.memory_bytes() >= self.options.unacknowledged_memory_max()
    }
}

//! Records that this process holds under leases until a destination has them: it says of each what became of it.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use forebay_api::{AckRequest, Code, ExtendRequest, NackRequest, PullRequest, framing::Shown};

use super::{
    CallError,
    source::{Reading, Source, Taken, Turn, runs},
};

/// A record under a lease.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: u64,
    pub(crate) incarnation: u64,
    pub(crate) lease: u64,
    /// How often the owner has delivered it, this time included.
    pub(crate) deliveries: u32,
    pub(crate) events: NonZeroU32,
    pub(crate) metadata: u32,
    pub(crate) payload: Bytes,
}

impl Held {
    /// What is shown of it.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown { id: self.id, events: self.events, metadata: self.metadata, payload: &self.payload }
    }
}

/// What came of asking for records to hold.
pub(crate) enum Hold {
    Records(Vec<Held>),
    /// None in time.
    Empty,
    /// Writing has ended, and everything was taken.
    End,
    /// The wait was cut short.
    Interrupted,
}

impl Source {
    /// The next records under a lease of so long: at most so many, and so many bytes of payload unless the first is longer.
    pub(crate) fn hold(
        &mut self,
        max: u32,
        max_bytes: u64,
        lease: Duration,
        wait: Duration,
    ) -> anyhow::Result<Hold> {
        let (wait_ms, lease_ms) = (millis(wait), millis(lease));
        let request = PullRequest { max, max_bytes, wait_ms, lease_ms };
        Ok(match self.pull(&request, &request)? {
            Turn::Records(taken) => Hold::Records(held(taken)),
            Turn::Empty => Hold::Empty,
            Turn::End => Hold::End,
            Turn::Interrupted => Hold::Interrupted,
        })
    }

    /// A destination has these records. They are acknowledged to the owner, or to the next one if it goes before it has answered.
    pub(crate) fn delivered(&mut self, records: &[Held]) -> anyhow::Result<()> {
        for same in records.chunk_by(|one, other| one.incarnation == other.incarnation) {
            let Some(first) = same.first() else { continue };
            self.acknowledge_later(AckRequest {
                incarnation: first.incarnation,
                ranges: Some(runs(same.iter().map(Held::shown))),
                ..AckRequest::default()
            });
        }
        self.flush()
    }

    /// Makes these leases last so long from now on. One that has ended stays so: others may have its records, and what is delivered all
    /// the same is acknowledged by its ids.
    pub(crate) fn extend(&mut self, leases: &[u64], lease: Duration) {
        for number in leases {
            let request = ExtendRequest { lease_id: number.to_string(), lease_ms: millis(lease) };
            let extended = match &mut self.role {
                None => return,
                Some(Reading::Owner(owned, _)) => owned.service.extend(&request).map_err(CallError::Refused),
                Some(Reading::Client(client)) => client.extend(&request),
            };
            self.forget_owner_that_is_gone(&extended);
        }
    }

    /// Gives records back, to be delivered again after this time. Those whose lease has ended are delivered again in any case.
    pub(crate) fn give_back(&mut self, records: &[Held], delay: Duration) {
        self.release(records, &NackRequest { delay_ms: millis(delay), ..NackRequest::default() });
    }

    /// Adds records to the dead letters, and says how many. Those whose lease has ended are delivered again instead. Fails where the
    /// buffer's owner cannot write them.
    pub(crate) fn set_aside(&mut self, records: &[Held], reason: &str) -> Result<u64, String> {
        let reason = Some(reason.to_owned());
        let (count, failure) =
            self.release(records, &NackRequest { dead_letter: true, reason, ..NackRequest::default() });
        failure.map_or(Ok(count), Err)
    }

    /// How many were released, and why others were not although their owner has them.
    fn release(&mut self, records: &[Held], how: &NackRequest) -> (u64, Option<String>) {
        let (mut count, mut failure) = (0, None);
        for same in records.chunk_by(|one, other| one.lease == other.lease) {
            let Some(first) = same.first() else { continue };
            let ids = Some(same.iter().map(|record| record.id).collect());
            let request = NackRequest { lease_id: first.lease.to_string(), ids, ..how.clone() };
            let released = match &mut self.role {
                // Its leases ended with the connection.
                None => return (count, failure),
                Some(Reading::Owner(owned, _)) => {
                    owned.service.give_back(&request).map_err(CallError::Refused)
                }
                Some(Reading::Client(client)) => client.give_back(&request),
            };
            self.forget_owner_that_is_gone(&released);
            match released {
                Ok(answer) => count += answer.released,
                Err(CallError::Refused(refused)) if refused.code != Code::LeaseExpired => {
                    failure = Some(refused.message);
                }
                Err(_) => {}
            }
        }
        (count, failure)
    }

    /// The next call finds the next owner.
    fn forget_owner_that_is_gone<T>(&mut self, called: &Result<T, CallError>) {
        match called {
            Ok(_) => {}
            Err(error @ CallError::Refused(_)) if !error.is_passing() => {}
            Err(_) => self.role = None,
        }
    }
}

fn held(taken: Taken) -> Vec<Held> {
    match taken {
        Taken::Local(batch) => {
            let (incarnation, lease) = (batch.incarnation, batch.lease);
            let record = |record: &forebay::Record| Held {
                id: record.id().0,
                incarnation,
                lease,
                deliveries: record.deliveries().get(),
                events: record.events(),
                metadata: record.metadata(),
                payload: record.payload().clone(),
            };
            batch.records.iter().map(record).collect()
        }
        Taken::Remote(batch) => {
            let (incarnation, lease) = (batch.incarnation, batch.lease);
            let records = batch.records.into_iter();
            records
                .map(|record| Held {
                    id: record.id,
                    incarnation,
                    lease,
                    deliveries: record.deliveries,
                    events: record.events,
                    metadata: record.metadata,
                    payload: record.payload,
                })
                .collect()
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

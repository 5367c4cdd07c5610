//! Reads records out of a buffer, as its owner or through the process that is. What was printed is acknowledged to the owner, and to the next one if the
//! owner goes before it has answered.

use std::{sync::Arc, time::Duration};

use forebay_api::{AckRequest, Code, Failure, PullRequest, framing::Shown};
use forebay_serve::{Batch, Consumer};

use super::{
    Access, CallError, Owned, Pauses, Role,
    client::{Client, RemoteBatch},
};
use crate::framing;

/// The most payload of one batch.
const LOCAL_BYTES: u64 = 64 << 20;
const REMOTE_BYTES: u64 = 1 << 20;

/// How long a batch is leased. It ends with the connection in any case, and output may be slow.
const LEASE_MS: u64 = 24 * 60 * 60 * 1000;

/// Takes records out of a buffer.
pub(crate) struct Source {
    access: Arc<Access>,
    pub(super) role: Option<Reading>,
    /// Printed, and not known to be acknowledged.
    pending: Vec<AckRequest>,
}

pub(super) enum Reading {
    Owner(Arc<Owned>, Consumer),
    Client(Box<Client>),
}

/// What came of asking for records.
pub(crate) enum Turn {
    Records(Taken),
    /// None in time.
    Empty,
    /// Writing has ended, and everything was taken.
    End,
    /// The wait was cut short.
    Interrupted,
}

/// Records that this process has.
pub(crate) enum Taken {
    Local(Batch),
    Remote(RemoteBatch),
}

impl Taken {
    pub(crate) fn records(&self) -> Box<dyn Iterator<Item = Shown<'_>> + '_> {
        match self {
            Self::Local(batch) => Box::new(batch.records.iter().map(framing::shown)),
            Self::Remote(batch) => Box::new(batch.records.iter().map(|record| record.shown())),
        }
    }

    /// Leaves out records, by their ids.
    pub(crate) fn leave_out(&mut self, is_out: impl Fn(u64) -> bool) {
        match self {
            Self::Local(batch) => batch.records.retain(|record| !is_out(record.id().0)),
            Self::Remote(batch) => batch.records.retain(|record| !is_out(record.id)),
        }
    }

    /// The incarnation of all records.
    pub(crate) fn incarnation(&self) -> u64 {
        match self {
            Self::Local(batch) => batch.incarnation,
            Self::Remote(batch) => batch.incarnation,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Local(batch) => batch.records.len(),
            Self::Remote(batch) => batch.records.len(),
        }
    }
}

/// Where a command takes its records from.
pub(crate) trait Supply {
    /// The next records, at most so many, within this time.
    fn next(&mut self, wanted: usize, wait: Duration) -> anyhow::Result<Turn>;

    /// They are where they are to go.
    fn acknowledge(&mut self, taken: &Taken) -> anyhow::Result<()>;

    /// So many of them are, from the first on.
    fn acknowledge_first(&mut self, taken: &Taken, count: usize) -> anyhow::Result<()>;
}

impl Supply for Source {
    fn next(&mut self, wanted: usize, wait: Duration) -> anyhow::Result<Turn> {
        let max = u32::try_from(wanted).unwrap_or(u32::MAX);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let request = |max_bytes| PullRequest { max, max_bytes, wait_ms, lease_ms: LEASE_MS };
        self.pull(&request(LOCAL_BYTES), &request(REMOTE_BYTES))
    }

    fn acknowledge(&mut self, taken: &Taken) -> anyhow::Result<()> {
        match (taken, &self.role) {
            (Taken::Local(batch), Some(Reading::Owner(_, consumer))) => consumer.acknowledge_locally(batch),
            (Taken::Local(_), _) => {}
            (Taken::Remote(_), _) => self.acknowledge_first(taken, taken.len())?,
        }
        Ok(())
    }

    fn acknowledge_first(&mut self, taken: &Taken, count: usize) -> anyhow::Result<()> {
        self.acknowledge_later(AckRequest {
            incarnation: taken.incarnation(),
            ranges: Some(runs(taken.records().take(count))),
            ..AckRequest::default()
        });
        self.flush()
    }
}

impl Source {
    pub(crate) fn new(access: &Arc<Access>) -> Self {
        Self { access: Arc::clone(access), role: None, pending: Vec::new() }
    }

    /// The next records, by a request for the owner's own reader, or by one for its client.
    pub(super) fn pull(&mut self, local: &PullRequest, remote: &PullRequest) -> anyhow::Result<Turn> {
        self.flush()?;
        loop {
            let error = match self.role()? {
                Reading::Owner(_, consumer) => {
                    return match pollster::block_on(consumer.pull_locally(local)) {
                        Ok(Some(batch)) => Ok(Turn::Records(Taken::Local(batch))),
                        Ok(None) => Ok(Turn::Empty),
                        Err(Failure { code: Code::Closing, .. }) => Ok(Turn::End),
                        Err(failure) => Err(anyhow::Error::msg(failure.message)),
                    };
                }
                Reading::Client(client) => match client.pull(remote) {
                    Ok(Some(batch)) => return Ok(Turn::Records(Taken::Remote(batch))),
                    Ok(None) => return Ok(Turn::Empty),
                    Err(error) => error,
                },
            };
            // A call that was cut short leaves its connection of no use.
            self.role = None;
            match error {
                CallError::GivenUp => return Ok(Turn::Interrupted),
                error if error.is_passing() => Pauses::new().pause(),
                error => return Err(error.into()),
            }
            if self.access.signals.caught().is_some() {
                return Ok(Turn::Interrupted);
            }
        }
    }

    /// The next call acknowledges these records.
    pub(super) fn acknowledge_later(&mut self, request: AckRequest) {
        self.pending.push(request);
    }

    /// Sends what was not acknowledged yet.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        while let Some(request) = self.pending.first().cloned() {
            let called = match self.role()? {
                Reading::Owner(owned, _) => {
                    pollster::block_on(owned.service.acknowledge(request)).map_err(CallError::Refused)
                }
                Reading::Client(client) => client.acknowledge(&request),
            };
            match called {
                Ok(_) => drop(self.pending.remove(0)),
                Err(error) if error.is_passing() => {
                    self.role = None;
                    Pauses::new().pause();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn role(&mut self) -> anyhow::Result<&mut Reading> {
        let role = match self.role.take() {
            Some(role) => role,
            None => match self.access.role()? {
                Role::Owner(owned) => {
                    let consumer = owned.service.owners_consumer();
                    Reading::Owner(owned, consumer)
                }
                Role::Client(client) => Reading::Client(client),
            },
        };
        Ok(self.role.insert(role))
    }
}

/// The ids of records as ranges that hold no other record.
pub(super) fn runs<'a>(records: impl Iterator<Item = Shown<'a>>) -> Vec<[u64; 2]> {
    let (mut runs, mut next): (Vec<[u64; 2]>, u64) = (Vec::new(), 0);
    for record in records {
        match runs.last_mut() {
            Some([_, last]) if next == record.id => *last = record.id,
            _ => runs.push([record.id, record.id]),
        }
        next = record.id.saturating_add(record.events.get().into());
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// A range over a gap would acknowledge what another reader has.
    #[test]
    fn ranges_leave_out_the_records_of_others() {
        let ids = [(1, 1), (2, 3), (5, 1), (7, 1), (8, 1), (20, 1)];
        let records = ids.map(|(id, events)| Shown {
            id,
            events: NonZeroU32::new(events).unwrap_or(NonZeroU32::MIN),
            metadata: 0,
            payload: b"",
        });
        assert_eq!(runs(records.into_iter()), [[1, 5], [7, 8], [20, 20]]);
    }
}

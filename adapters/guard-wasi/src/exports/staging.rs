//! `forebay:staging/staging`, for the loop.

use forebay_core::{Guard, RecordId};

use super::Instance;
use crate::{
    held::{self, Failure},
    packing::{pack, unpack},
};
use forebay_adapter_bindings::guard::exports::forebay::staging::staging::{
    Error, Guest, Offered, Packed, Placement, Settings, Synced, Unpacked,
};

impl Guest for Instance {
    fn hold(directory: String, settings: Settings) -> Result<(), Error> {
        held::hold(&directory, settings).map_err(Failure::told)
    }

    fn opened() -> Result<u64, Error> {
        held::staged(|guard| {
            // Without a ledger the next opener would not know where delivery begins.
            if guard.ledger().is_none() {
                return Err(Failure::Breach);
            }
            guard.opened()?;
            // Ids that no file holds, and that nothing follows, are passed: there is nothing to wait for.
            Ok(guard.acknowledge(RecordId(0))?.0)
        })
    }

    fn offer(records: Packed) -> Result<Offered, Error> {
        let records = unpack(&records).ok_or(Error::State)?;
        held::staged(|guard| {
            guard.begin_call();
            let (batch, sizes) = guard.offer(records);
            Ok(Offered { batch: batch.0, sizes })
        })
    }

    fn take_offer() -> Placement {
        let placement = held::with(Guard::take_offer).unwrap_or_default();
        Placement {
            placed: u32::try_from(placement.placed).unwrap_or(u32::MAX),
            first_id: placement.first_id.map_or(0, |id| id.0),
        }
    }

    fn deliver(max_records: u32, max_bytes: u64) -> Result<Unpacked, Error> {
        held::staged(|guard| {
            let records = guard.deliver(max_records, max_bytes)?;
            if let Some(last) = records.last() {
                guard.come_to(last.id);
            }
            Ok(pack(&records))
        })
    }

    fn reached_end() -> Result<Option<u64>, Error> {
        held::staged(|guard| Ok(guard.reached_end()?.map(|id| id.0)))
    }

    fn acknowledge(through: u64) -> Result<u64, Error> {
        held::staged(|guard| {
            guard.begin_call();
            Ok(guard.acknowledge(RecordId(through))?.0)
        })
    }

    fn rewind() -> u64 {
        held::with(|guard| guard.rewind().0).unwrap_or(0)
    }

    fn run_syncs() -> Synced {
        held::run_syncs();
        let synced = held::with(|guard| {
            guard.begin_call();
            Synced {
                tickets: std::iter::from_fn(|| guard.next_durable()).map(|ticket| ticket.0).collect(),
                degraded: guard.is_degraded(),
                hopeless: guard.hopeless().is_some(),
            }
        });
        synced.unwrap_or(Synced { tickets: Vec::new(), degraded: false, hopeless: true })
    }

    fn retry_syncs() {
        held::with(Guard::retry_syncs);
    }

    fn tick(now_ns: u64, interval_ns: u64) -> Option<u64> {
        held::with(|guard| {
            guard.note_time();
            guard.sync_overdue(now_ns, interval_ns)
        })
        .flatten()
    }

    fn durable_below() -> u64 {
        held::with(durable_below).unwrap_or(0)
    }

    fn vanished(from_id: u64, to_id: u64) -> Option<(u64, u64)> {
        let gone = held::with(|guard| guard.vanished(&(RecordId(from_id)..RecordId(to_id)))).flatten()?;
        Some((gone.ids.start.0, gone.ids.end.0))
    }

    fn next_id() -> u64 {
        held::with(|guard| guard.next_id().0).unwrap_or(0)
    }

    fn rest() {
        held::with(Guard::rest);
    }

    fn figures() -> Vec<(u16, u64)> {
        let figures = held::with(|guard| {
            vec![
                (1, guard.bytes()),
                (2, u64::try_from(guard.file_count()).unwrap_or(u64::MAX)),
                (3, guard.next_id().since(guard.passed().after(1))),
                (4, guard.next_id().0),
                (5, guard.passed().after(1).0),
                (6, durable_below(guard)),
                (7, guard.loss_count().events),
                (8, guard.dropped_events()),
                (9, guard.truncated_bytes()),
                (10, guard.refused()),
                (11, guard.is_degraded().into()),
            ]
        });
        figures.unwrap_or_default()
    }

    fn begin_closing() {
        held::with(Guard::begin_closing);
    }

    fn let_go(closed: bool) -> bool {
        let in_order = held::with(|guard| {
            if closed {
                guard.close();
            }
            closed && guard.is_all_durable() && !guard.is_degraded()
        });
        held::let_go();
        in_order.unwrap_or(false)
    }
}

/// What is acknowledged needs no disk, and is never synced for its own sake.
fn durable_below(guard: &mut Guard) -> u64 {
    let passed = guard.passed().after(1);
    guard.durable_next().max(passed).0
}

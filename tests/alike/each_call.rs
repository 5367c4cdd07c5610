//! The power fails before each call of the storage in turn, and everything unsynced is gone: which syncs are needed, and which
//! are not, shows here.

use std::{collections::BTreeSet, time::Duration};

use forebay::{
    Buffer, Durability, NewRecord, RecordId, Simulation,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    storage::{options, read, records},
};

/// Enough for several data files of 4 KiB.
const WRITES: u64 = 80;

/// What callers were told before the power failed.
#[derive(Debug, Default)]
struct Told {
    synced: BTreeSet<u64>,
    acknowledged: u64,
    is_complete: bool,
}

/// Takes the answer to these records once they are synced; `None` if the power has failed meanwhile.
fn write_synced(simulation: &Simulation, buffer: &Buffer, records: Vec<NewRecord>) -> Option<RecordId> {
    let mut pending = buffer.writer().with_durability(Durability::Synced).submit(records).ok()?;
    // Most answers come at once. A sync that fails is tried again a second later.
    for _ in 0..3 {
        while simulation.run_sync(0) {}
        if let Some(answer) = pending.try_take() {
            return answer.ok()?.last_id;
        }
        simulation.advance(Duration::from_secs(2));
    }
    None
}

/// Writes a few records at a time, each batch until it is synced, beside a consumer that leaves no more than one behind.
fn work(simulation: &Simulation, buffer: &Buffer) -> Told {
    let mut told = Told::default();
    let reader = buffer.reader();
    for number in 0..WRITES {
        let first = told.synced.last().map_or(1, |last| last + 1);
        let ids = first..=first + number % 3;
        let Some(last_id) = write_synced(simulation, buffer, records(ids.clone())) else { return told };
        assert_eq!(last_id, RecordId(*ids.end()));
        told.synced.extend(ids);
        let Ok(records) = reader.try_next_batch(usize::try_from(number % 4).unwrap()) else { return told };
        for record in records {
            told.acknowledged = record.id().0;
            record.ack();
        }
    }
    told.is_complete = true;
    told
}

/// Gives whether the power failed before the work was done.
fn fail_after(calls: u64, runs: Runs) -> bool {
    let (disk, simulation) = (Disk::new(), Simulation::new());
    let open = || runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
    let buffer = open();
    disk.lose_power_after(Some(calls));
    let told = work(&simulation, &buffer);
    disk.lose_power_after(None);
    disk.power_loss();
    drop(buffer);
    let buffer = open();
    let delivered: BTreeSet<u64> = read(&buffer).into_iter().collect();
    let mut missing = told.synced.iter().filter(|id| **id > told.acknowledged && !delivered.contains(id));
    assert_eq!(missing.next(), None, "{runs:?}: the power failed after {calls} calls: {told:?}");
    !told.is_complete
}

#[test]
fn what_was_synced_survives_a_power_loss_before_any_call() {
    let failures = (0..5000).take_while(|calls| fail_after(*calls, Runs::Natively)).count();
    assert!((300..5000).contains(&failures), "the work takes some calls, and ends: {failures}");
    let some = (0..5000).step_by(23).take_while(|calls| fail_after(*calls, Runs::AsComponent)).count();
    assert!((300 / 23..5000 / 23).contains(&some), "{some}");
}

/// Recovery finds the ids in the data file that the ledger leads to.
#[test]
fn records_that_are_synced_one_by_one_cost_no_sync_of_the_ledger() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let write = || {
            let records = vec![NewRecord::new(b"one of many".to_vec())];
            buffer.writer().with_durability(Durability::Synced).write_batch(records).unwrap();
        };
        write();
        let before = disk.sync_count(SyncTarget::Ledger);
        (0..20).for_each(|_| write());
        assert_eq!(disk.sync_count(SyncTarget::Ledger), before, "{runs:?}");
    }
}

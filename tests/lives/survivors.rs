//! What an exchange of the logic leaves as it was: all that the host has promised, and all that it knows.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use forebay::{
    Buffer, Durability, RecordId, Simulation,
    guard::Guard,
    logic::{Logic, NotMade},
    storage::{SyncTarget, memory::Disk},
};
use forebay_types::SyncTarget as Requested;

use crate::support::{
    Runs,
    storage::{file, ids, options, read, records, write},
    unfaithful::Unfaithful,
};

/// How logic is made, where a test looks at the guard before each instance.
fn looking(
    runs: Runs,
    mut look: impl FnMut(&mut Guard) + Send + 'static,
) -> impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static {
    move |mut guard| {
        look(&mut guard);
        runs.make(guard)
    }
}

/// Logic that believes another length writes in the wrong place, and one that does not know what is durable has all of it
/// synced again.
#[test]
fn lengths_and_what_is_durable_of_them_survive_an_exchange() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        let mut pending =
            buffer.writer().with_durability(Durability::Synced).submit(records(1..=100)).unwrap();
        while simulation.run_sync(0) {}
        assert_eq!(pending.try_take().unwrap().unwrap().records, 100, "{runs:?}");
        write(&buffer, 101..=110);

        let durable_next = buffer.status().unwrap().durable_next;
        assert_eq!(durable_next, RecordId(101), "{runs:?}");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let look = move |guard: &mut Guard| *noted.lock().unwrap() = guard.segments(0, u32::MAX).unwrap();
        buffer.replace_logic_with(looking(runs, look)).unwrap();
        assert_eq!(buffer.status().unwrap().durable_next, durable_next, "{runs:?}");
        let mut files: Vec<_> =
            seen.lock().unwrap().iter().map(|segment| (segment.file, segment.bytes)).collect();
        // An empty one that was made ahead of need is none of those that were known.
        let on_disk = disk.data_files();
        files.retain(|file| on_disk.contains(file));
        assert!(files.len() > 1, "{runs:?}: {files:?}");
        let durable: u64 = seen.lock().unwrap().iter().map(|segment| segment.durable_bytes).sum();
        let frame = crate::support::storage::data_file(101..=110).len() as u64;
        assert_eq!(durable, files.iter().map(|(_, length)| length).sum::<u64>() - frame, "{runs:?}");

        // What waits for `synced` over the exchange is answered by what the host sees.
        let mut pending =
            buffer.writer().with_durability(Durability::Synced).submit(records(111..=120)).unwrap();
        buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
        assert!(pending.try_take().is_none(), "{runs:?}");
        buffer.status().unwrap();
        while simulation.run_sync(0) {}
        assert_eq!(pending.try_take().unwrap().unwrap().records, 10, "{runs:?}");
        disk.power_loss();
        drop(buffer);
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=120]), "{runs:?}");
    }
}

/// A number that comes twice names two things: payloads of another batch, or a sync that ended before it was asked for.
#[test]
fn numbers_of_batches_and_of_syncs_go_on_after_an_exchange() {
    let seen = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let make = || {
        let seen = Arc::clone(&seen);
        move |guard| {
            let seen = Arc::clone(&seen);
            let note = move |guard: &mut Guard, batch| {
                let mut seen = seen.lock().unwrap();
                seen.0.push(batch);
                seen.1.push(guard.request_sync(Requested::Directory).unwrap().0);
            };
            Runs::Natively.make(guard).map(|logic| Unfaithful::meddling(logic, note))
        }
    };
    let simulation = Simulation::new();
    let backend = Box::new(Disk::new().open().unwrap());
    let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make()).unwrap();
    for number in 1..=10 {
        write(&buffer, number..=number);
        if number % 3 == 0 {
            buffer.replace_logic_with(make()).unwrap();
        }
    }
    let (batches, tickets) = &*seen.lock().unwrap();
    assert_eq!(batches.len(), 10);
    assert!(batches.is_sorted_by(|one, next| one < next), "{batches:?}");
    assert!(tickets.is_sorted_by(|one, next| one < next), "{tickets:?}");
}

/// What was counted stays counted, once.
#[test]
fn usage_survives_an_exchange() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        buffer.reader().try_next_batch(40).unwrap().iter().for_each(forebay::Record::ack);
        let before = buffer.status().unwrap();
        buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
        let after = buffer.status().unwrap();
        assert_eq!(after.usage_since_open, before.usage_since_open, "{runs:?}");
        assert_eq!(after.usage_lifetime, before.usage_lifetime, "{runs:?}");
        assert_eq!(after.occupancy, before.occupancy, "{runs:?}");

        write(&buffer, 101..=110);
        buffer.reader().try_next_batch(20).unwrap().iter().for_each(forebay::Record::ack);
        let usage = buffer.status().unwrap().usage_lifetime;
        assert_eq!((usage.received.events, usage.sent.events, usage.lost.events), (110, 60, 0), "{runs:?}");
        buffer.close().unwrap();
        let usage = runs.open(disk.open().unwrap(), options()).status().unwrap().usage_lifetime;
        assert_eq!((usage.received.events, usage.sent.events, usage.lost.events), (110, 60, 0), "{runs:?}");
    }
}

/// The new logic has not seen the sync that failed. The host has: nothing counts as durable that was in it until it is mended.
#[test]
fn a_failed_sync_survives_an_exchange() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        while simulation.run_sync(0) {}
        let mut pending =
            buffer.writer().with_durability(Durability::Synced).submit(records(1..=10)).unwrap();
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let place = simulation.syncs().iter().position(|sync| *sync == SyncTarget::Data(file(0))).unwrap();
        simulation.run_sync(place);
        assert!(buffer.status().unwrap().sync_failed, "{runs:?}");

        buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
        assert!(buffer.status().unwrap().sync_failed, "{runs:?}");
        assert!(pending.try_take().is_none(), "{runs:?}");
        for _ in 0..4 {
            simulation.advance(Duration::from_secs(2_000_000));
            while simulation.run_sync(0) {}
        }
        assert!(!buffer.status().unwrap().sync_failed, "{runs:?}");
        assert_eq!(pending.try_take().unwrap().unwrap().records, 10, "{runs:?}");
        disk.power_loss();
        drop(buffer);
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=10]), "{runs:?}");
    }
}

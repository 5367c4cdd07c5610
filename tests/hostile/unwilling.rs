//! Logic that does no harm and no work either: what the host tells those who wait for it.

use std::time::Duration;

use forebay::{
    Buffer, CloseError, Durability, Limits, OpenError, ReadError, RecordId, Simulation, WhenFull,
    WriteErrorKind,
    storage::{FileId, SyncTarget, memory::Disk},
};

use super::attack::{Victim, guest};
use crate::support::{
    Runs,
    storage::{data_file, disk, ids, ledger, options, read, records, write, written_and_refused},
    unfaithful::Unfaithful,
};

/// You close a buffer and believe that what you wrote is on the disk. The host knows whether it is.
#[test]
fn a_buffer_whose_logic_has_nothing_synced_is_not_closed_well() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let make = move |guard| runs.make(guard).map(Unfaithful::without_syncs);
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap();
        write(&buffer, 1..=10);
        let mut pending =
            buffer.writer().with_durability(Durability::Synced).submit(records(11..=20)).unwrap();
        while simulation.run_sync(0) {}
        assert!(pending.try_take().is_none(), "{runs:?}: nothing is answered as synced");
        let error = buffer.close().unwrap_err();
        assert!(matches!(error, CloseError::NotSynced), "{runs:?}: {error}");
        // No sync has failed: what the kernel says would lead nowhere.
        let error = pending.try_take().expect("it was closed").unwrap_err();
        assert_eq!((&error.kind, error.records.len()), (&WriteErrorKind::NotSynced, 10), "{runs:?}");
        assert!(error.to_string().contains("logic") && !error.to_string().contains("kernel"), "{error}");

        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
        buffer.close().unwrap();
    }
}

/// The operator says how long a record may stay unsynced: two sync intervals. Logic that requests no sync must not leave all of
/// an hour to a power failure.
#[test]
fn records_that_the_logic_does_not_have_synced_are_synced_by_the_host() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let make = move |guard| runs.make(guard).map(Unfaithful::without_syncs);
        let mut options = options();
        options.sync_interval = Duration::from_secs(10);
        let buffer =
            Buffer::open_on(simulation.runtime(), Box::new(disk.open().unwrap()), options, make).unwrap();
        while simulation.run_sync(0) {}
        let (file, syncs) =
            (SyncTarget::Data(FileId::FIRST), disk.sync_count(SyncTarget::Data(FileId::FIRST)));
        write(&buffer, 1..=10);
        for _ in 0..19 {
            simulation.advance(Duration::from_secs(1));
            while simulation.run_sync(0) {}
        }
        assert_eq!(disk.sync_count(file), syncs, "{runs:?}: the logic has its time");
        simulation.advance(Duration::from_secs(1));
        while simulation.run_sync(0) {}
        assert_eq!(disk.sync_count(file), syncs + 1, "{runs:?}");
        for _ in 0..100 {
            simulation.advance(Duration::from_secs(1));
            while simulation.run_sync(0) {}
        }
        assert_eq!(disk.sync_count(file), syncs + 1, "{runs:?}: once is enough");
        disk.power_loss();
        drop(buffer);
        assert_eq!(read(&runs.open(disk.open().unwrap(), options)), ids([1..=10]), "{runs:?}");
    }
}

/// A ledger was lost, and the logic makes none. The host has made one from the frames: it knows where delivery begins, and
/// that records wait.
#[test]
fn logic_that_stores_no_ledger_where_none_is_hides_nothing() {
    let disk = disk(None, &[(0, data_file(1..=10))]);
    let always_full = guest("always_full.wasm");
    let make = move |guard| always_full.instantiate(guard, Limits::default());
    let buffer = Buffer::open_with(Box::new(disk.open().unwrap()), options(), make).unwrap();
    assert_eq!((buffer.open_report().first_unread, buffer.open_report().events), (RecordId(1), 10));
    assert!(buffer.reader().try_next_batch(100).unwrap().is_empty());
    assert_eq!(buffer.status().unwrap().withheld, Some(RecordId(1)));
    let _ = buffer.close();
    assert_eq!(disk.ledger(), Some(ledger(11, 0, 0, 0)), "the next owner finds it");
    assert_eq!(read(&Runs::AsComponent.open(disk.open().unwrap(), options())), ids([1..=10]));
}

/// Where there are no frames either, nothing tells which file comes next: then logic has to say it.
#[test]
fn logic_that_stores_no_ledger_where_nothing_is_does_not_open_the_buffer() {
    let disk = disk(None, &[(0, Vec::new())]);
    let always_full = guest("always_full.wasm");
    let make = move |guard| always_full.instantiate(guard, Limits::default());
    let refused = Buffer::open_with(Box::new(disk.open().unwrap()), options(), make);
    assert!(
        matches!(&refused, Err(OpenError::Logic(error)) if error.to_string().contains("stored no ledger")),
        "{refused:?}"
    );
    write(&Runs::AsComponent.open(disk.open().unwrap(), options()), 1..=10);
}

/// A consumer that hears of the end may remove the directory.
#[test]
fn logic_that_withholds_records_brings_no_reader_to_the_end() {
    let victim = Victim::new();
    let buffer = victim.open(guest("hostile.wasm"), options(), Limits::default()).unwrap();
    let reader = buffer.reader();
    assert_eq!(buffer.status().unwrap().withheld, None, "it was not asked yet");
    assert!(reader.try_next_batch(100).unwrap().is_empty());
    assert_eq!(buffer.status().unwrap().withheld, Some(RecordId(1)));
    buffer.end_writing();
    let end = reader.next_batch(100);
    assert!(matches!(end, Err(ReadError::Withheld { next: RecordId(1) })), "{end:?}");

    // With other logic the same reader goes on.
    buffer.replace_logic(forebay::Component::embedded().unwrap()).unwrap();
    assert_eq!(reader.next_batch(100).unwrap().unwrap().len(), 10);
    assert!(reader.next_batch(100).unwrap().is_none());
    assert_eq!(buffer.status().unwrap().withheld, None);
}

/// Acknowledged or not: the operator's limit holds, and nothing is lost but time.
#[test]
fn logic_that_never_acknowledges_fills_its_buffer_and_no_more() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut small = options();
        (small.max_bytes, small.when_full) = (4 * 4096, WhenFull::Reject);
        let make = move |guard| runs.make(guard).map(Unfaithful::without_acknowledgements);
        let buffer = Buffer::open_with(Box::new(disk.open().unwrap()), small, make).unwrap();
        let mut written = 0;
        loop {
            let answer = buffer.writer().write_batch(records(written + 1..=written + 10));
            let (receipt, refused) = written_and_refused(answer);
            written += receipt.records as u64;
            let records = buffer.reader().try_next_batch(100).unwrap();
            records.iter().for_each(forebay::Record::ack);
            if !refused.is_empty() {
                break;
            }
        }
        let status = buffer.status().unwrap();
        assert_eq!((status.acknowledged, status.unacknowledged_records), (RecordId(0), 0), "{runs:?}");
        assert!(status.bytes <= small.max_bytes && written > 10, "{runs:?}: {written}");
        buffer.close().unwrap();
        assert_eq!(read(&runs.open(disk.open().unwrap(), small)), ids([1..=written]), "{runs:?}");
    }
}

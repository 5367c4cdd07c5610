//! Records that no consumer can handle: after so many deliveries they are set aside, and hold nothing up any more.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use forebay::{
    Buffer, Durability, NewRecord, Options, Record, RecordId, Simulation, WhenFull,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    storage::{data_file, ids, letters, options, read, records, write},
};

fn limited(deliveries: u32) -> Options {
    let mut options = options();
    options.max_deliveries = NonZeroU32::new(deliveries);
    options
}

fn open(runs: Runs, simulation: &Simulation, disk: &Disk, options: Options) -> Buffer {
    runs.open_in(simulation, disk.open().unwrap(), options).unwrap()
}

fn take(buffer: &Buffer) -> Vec<Record> {
    buffer.reader().try_next_batch(1000).unwrap()
}

/// Has all syncs end that were asked for, and those that follow.
fn end_syncs(simulation: &Simulation) {
    while simulation.run_sync(0) {}
}

/// (the last acknowledged id, records that are not acknowledged, dead letters)
fn figures(buffer: &Buffer) -> (u64, usize, u64) {
    let status = buffer.status().unwrap();
    (status.acknowledged.0, status.unacknowledged_records, status.dead_letters)
}

/// One record that no consumer can handle must not stop the ledger for ever; a person has to be able to look at it later,
/// as it was.
#[test]
fn a_record_that_is_given_back_too_often_is_set_aside_as_it_was() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk, limited(3));
        let bad = NewRecord::new("poison").with_metadata(7).with_events(NonZeroU32::new(5).unwrap());
        buffer.writer().write_batch(vec!["good".into(), bad, "fine".into()]).unwrap();
        let first = take(&buffer);
        first[0].ack();
        first[2].ack();
        first[1].nack();
        let second = take(&buffer);
        second[0].nack();
        end_syncs(&simulation);
        assert_eq!(disk.dead_letters(), b"", "{runs:?}: it may be delivered three times");

        take(&buffer)[0].nack();
        end_syncs(&simulation);
        let bytes = disk.dead_letters();
        let frame = forebay_frame::decode(&bytes).unwrap();
        let parts = (frame.id, frame.events.get(), frame.metadata, frame.payload, frame.bytes);
        assert_eq!(parts, (RecordId(2), 5, 7, &b"poison"[..], bytes.len() as u64), "{runs:?}");
        assert_eq!(figures(&buffer), (7, 0, 1), "{runs:?}");
        assert!(take(&buffer).is_empty(), "{runs:?}");
        buffer.close().unwrap();
        let buffer = open(runs, &simulation, &disk, limited(3));
        assert!(take(&buffer).is_empty(), "{runs:?}");
    }
}

/// Between file and ledger the power may fail at any moment: the record must be in one of them, or in both.
#[test]
fn a_power_loss_leaves_a_record_in_the_file_or_has_it_delivered_again() {
    for runs in Runs::ALL {
        let mut outcomes = Vec::new();
        for ended in 0.. {
            let (disk, simulation) = (Disk::new(), Simulation::new());
            let buffer = open(runs, &simulation, &disk, limited(1));
            buffer.writer().with_durability(Durability::Synced).write_batch(records(1..=3)).unwrap();
            end_syncs(&simulation);
            let delivered = take(&buffer);
            delivered[0].nack();
            assert_eq!(figures(&buffer), (0, 3, 0), "{runs:?}: nothing is durable yet");
            assert_eq!(simulation.syncs(), [SyncTarget::DeadLetters], "{runs:?}");
            let has_ended_all = !(0..ended).all(|_| simulation.run_sync(0));
            if has_ended_all {
                // The last that happens: the ledger is made durable.
                buffer.close().unwrap();
            }
            disk.power_loss();
            let in_file = letters(&disk.dead_letters()) == [1];
            let again = read(&open(runs, &simulation, &disk, limited(1)));
            assert!(again == ids([1..=3]) || again == ids([2..=3]), "{runs:?}: {again:?}");
            outcomes.push((in_file, again[0] == 1));
            if has_ended_all {
                break;
            }
        }
        let (first, last) = (outcomes[0], outcomes[outcomes.len() - 1]);
        assert_eq!((first, last), ((false, true), (true, false)), "{runs:?}: {outcomes:?}");
        assert!(outcomes.iter().all(|(in_file, again)| *in_file || *again), "{runs:?}: {outcomes:?}");
    }
}

/// A whole topic may be poisoned. Each record is tried as often as it should be, in whatever order they come back, and
/// none is missing from the file.
#[test]
fn a_flood_of_dead_letters_is_written_whole() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk, limited(4));
        write(&buffer, 1..=600);
        let mut deliveries = HashMap::new();
        loop {
            let mut records = take(&buffer);
            if records.is_empty() {
                break;
            }
            // From the last to the first: ids go back in the file.
            records.reverse();
            for record in records {
                *deliveries.entry(record.id().0).or_insert(0) += 1;
                record.nack();
            }
        }
        assert!(
            deliveries.len() == 600 && deliveries.values().all(|&times| times == 4),
            "{runs:?}: {deliveries:?}"
        );
        end_syncs(&simulation);
        let written = disk.sync_count(SyncTarget::DeadLetters);
        assert!(written < 10, "{runs:?}: {written} syncs: many share one");
        let mut found = letters(&disk.dead_letters());
        assert_eq!(found[0], 600, "{runs:?}");
        found.sort_unstable();
        assert_eq!(found, ids([1..=600]), "{runs:?}");
        assert_eq!(figures(&buffer), (600, 0, 600), "{runs:?}");
    }
}

/// What is dropped to make room is counted as that, and not as a dead letter too: those that wait for their turn are not
/// written any more, and those that are being written do not count.
#[test]
fn dropped_records_are_no_dead_letters() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = limited(1);
        options.max_bytes = 2 * 4096 + Options::LEDGER_SHARE_BYTES;
        options.when_full = WhenFull::DropOldest;
        let buffer = open(runs, &simulation, &disk, options);
        write(&buffer, 1..=5);
        take(&buffer).iter().for_each(Record::nack);
        // The first is being written, the others wait.
        while buffer.status().unwrap().usage_since_open.dropped.events == 0 {
            let next = buffer.status().unwrap().next_id.0;
            let mut pending = buffer.writer().submit(records(next..=next)).unwrap();
            while pending.try_take().is_none() {
                let other = |target: &SyncTarget| *target != SyncTarget::DeadLetters;
                assert!(simulation.run_sync(simulation.syncs().iter().position(other).unwrap()), "{runs:?}");
            }
        }
        let dropped = buffer.status().unwrap().usage_since_open.dropped.events;
        assert!(dropped >= 5, "{runs:?}: {dropped}");
        end_syncs(&simulation);
        assert_eq!(letters(&disk.dead_letters()), [1], "{runs:?}");
        assert_eq!(figures(&buffer), (dropped, 0, 0), "{runs:?}");
        let usage = buffer.status().unwrap().usage_lifetime;
        assert_eq!((usage.dropped.events, usage.sent.events), (dropped, 0), "{runs:?}");
    }
}

/// Records that no consumer can handle must not fill the disk, and nothing is to be lost for it: the record goes on being
/// delivered, and is set aside when the operator has moved the file away.
#[test]
fn a_full_file_has_records_delivered_again() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let mut options = limited(1);
        // Of 64, 72 and 88 bytes, the first two fit.
        options.max_dead_letter_bytes = 150;
        let buffer = open(runs, &simulation, &disk, options);
        write(&buffer, 1..=3);
        let mut rounds = Vec::new();
        for _ in 0..4 {
            take(&buffer).iter().for_each(Record::nack);
            end_syncs(&simulation);
            rounds.push((letters(&disk.dead_letters()), figures(&buffer)));
        }
        // The first was alone; the others came while it was written, and do not fit together. Then one by one.
        assert_eq!(rounds[0], (vec![1], (1, 2, 1)), "{runs:?}");
        assert_eq!(rounds[3], (vec![1, 2], (2, 1, 2)), "{runs:?}");
        let again = take(&buffer);
        assert_eq!((again.len(), again[0].deliveries().get()), (1, 5), "{runs:?}");
        disk.put_dead_letters(Vec::new());
        again[0].nack();
        end_syncs(&simulation);
        assert_eq!((letters(&disk.dead_letters()), figures(&buffer)), (vec![3], (3, 0, 3)), "{runs:?}");
    }
}

/// A sync that fails has written nothing. It is about dead letters only: the buffer itself is in order, and goes on.
#[test]
fn after_a_failed_sync_the_record_is_delivered_again_and_the_buffer_goes_on() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk, limited(1));
        write(&buffer, 1..=2);
        let delivered = take(&buffer);
        delivered[1].nack();
        end_syncs(&simulation);
        disk.fail_sync(SyncTarget::DeadLetters, 1);
        delivered[0].nack_after(Duration::from_secs(10));
        end_syncs(&simulation);
        assert_eq!((letters(&disk.dead_letters()), figures(&buffer)), (vec![2], (0, 1, 1)), "{runs:?}");
        assert!(!buffer.status().unwrap().sync_failed, "{runs:?}");
        let writer = buffer.writer().with_durability(Durability::Synced);
        writer.write_batch(records(3..=3)).unwrap();
        assert_eq!(take(&buffer)[0].id(), RecordId(3), "{runs:?}: the delay is kept");

        simulation.advance(Duration::from_secs(10));
        let again = take(&buffer);
        assert_eq!((again[0].id(), again[0].deliveries().get()), (RecordId(1), 2), "{runs:?}");
        again[0].nack();
        end_syncs(&simulation);
        disk.power_loss();
        assert_eq!(letters(&disk.dead_letters()), [2, 1], "{runs:?}");
    }
}

/// A crash tears what was being written. The next dead letter must not lie behind something that no tool can read over,
/// and must not take the place of one that is whole.
#[test]
fn what_a_crash_has_torn_is_cut_before_the_next_is_added() {
    for runs in Runs::ALL {
        let whole = data_file([9, 4]);
        let torn = data_file([7]);
        for cut in [0, 1, 8, 40, torn.len() - 1] {
            let (disk, simulation) = (Disk::new(), Simulation::new());
            disk.put_dead_letters([&whole, &torn[..cut]].concat());
            let buffer = open(runs, &simulation, &disk, limited(1));
            write(&buffer, 1..=1);
            take(&buffer)[0].nack();
            end_syncs(&simulation);
            assert_eq!(letters(&disk.dead_letters()), [9, 4, 1], "{runs:?}: {cut}");
        }
    }
}

/// Closing, or reading to the end, must not leave a record behind that is on its way into the file.
#[test]
fn the_end_and_closing_wait_for_dead_letters() {
    for runs in Runs::ALL {
        let (disk, simulation) = (Disk::new(), Simulation::new());
        let buffer = open(runs, &simulation, &disk, limited(1));
        write(&buffer, 1..=3);
        buffer.end_writing();
        end_syncs(&simulation);
        let reader = buffer.reader();
        let delivered = reader.next_batch(9).unwrap().unwrap();
        delivered[0].nack();
        assert!(reader.next().unwrap().is_none(), "{runs:?}");
        assert_eq!(letters(&disk.dead_letters()), [1], "{runs:?}");
        disk.fail_sync(SyncTarget::DeadLetters, 1);
        delivered[1].nack();
        assert_eq!(reader.next().unwrap().unwrap().id(), RecordId(2), "{runs:?}: it came back");
        delivered[2].nack();
        buffer.close().unwrap();
        assert_eq!(letters(&disk.dead_letters()), [1, 3], "{runs:?}");
        assert_eq!(
            read(&open(runs, &simulation, &disk, limited(1))),
            [2, 3],
            "{runs:?}: the second holds up the ledger"
        );
    }
}

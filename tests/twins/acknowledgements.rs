//! Acknowledgements: what they do to the ledger, once, and that none can be made to count for another record.

use std::collections::BTreeSet;

use forebay::{
    Buffer, Options, Record, RecordId,
    storage::{Ledger, memory::Disk},
};
use proptest::prelude::*;

use super::record;
use crate::support::{
    Runs,
    storage::{ids, ledger, options, read, write},
};

/// The ledger, once all is served that was asked for: a thread that has just brought something may have found another thread at
/// work, and left it to that one.
fn settled(disk: &Disk, buffer: &Buffer) -> Option<Ledger> {
    buffer.status().unwrap();
    disk.ledger()
}

/// What the consumer is done with must be on record at once: the process may die the next moment.
#[test]
fn an_acknowledgement_is_in_the_ledger_once() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=20);
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
        assert_eq!(disk.ledger(), Some(ledger(21, 0, 0, 0)), "{runs:?}: reading alone is not enough");
        for _ in 0..2 {
            buffer.reader().ack_through(RecordId(7));
            assert_eq!(settled(&disk, &buffer), Some(ledger(21, 0, 0, 7)), "{runs:?}");
        }
        buffer.reader().ack_through(RecordId(20));
        assert_eq!(settled(&disk, &buffer), Some(ledger(21, 0, 0, 20)), "{runs:?}");
    }
}

/// Ten written, eight read, three done with: what counts as waiting is what is not acknowledged, read or not.
#[test]
fn what_was_read_and_not_acknowledged_waits() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=10);
        let read = buffer.reader().next_batch(8).unwrap().unwrap();
        read[..3].iter().for_each(Record::ack);
        let status = buffer.status().unwrap();
        assert_eq!((status.occupancy.events, status.unacknowledged_records), (7, 5), "{runs:?}");
        disk.kill();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().events, 7, "{runs:?}");
    }
}

/// A program that mixes up its numbers must not be able to release what it was never given, whatever the number is.
#[test]
fn an_acknowledgement_beyond_all_ids_releases_what_was_delivered_and_no_more() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        buffer.reader().ack_through(RecordId(u64::MAX));
        write(&buffer, 1..=10);
        buffer.reader().ack_through(RecordId(u64::MAX));
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(0), "{runs:?}");
        buffer.reader().next_batch(4).unwrap().unwrap();
        buffer.reader().ack_through(RecordId(u64::MAX));
        buffer.reader().ack_through(RecordId(0));
        assert_eq!(settled(&disk, &buffer), Some(ledger(11, 0, 0, 4)), "{runs:?}");
    }
}

/// Records that are given again after opening were not acknowledged: handles to what was given before must not release
/// them, and the first acknowledgement of one releases that one.
#[test]
fn defect_d1_replayed_records_are_not_acknowledged_by_being_replayed() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        let before = buffer.reader().next_batch(100).unwrap().unwrap();
        before[..40].iter().for_each(Record::ack);
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(40), "{runs:?}");
        disk.kill();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        let again = buffer.reader().next_batch(100).unwrap().unwrap();
        assert_eq!(again[0].id(), RecordId(41), "{runs:?}");
        before.iter().for_each(Record::ack);
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(40), "{runs:?}");
        again[0].ack();
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(41), "{runs:?}");
    }
}

/// One step of a consumer, and of the producer beside it.
#[derive(Clone, Debug)]
enum Step {
    /// Writes a record of so many events.
    Write(u32),
    /// Takes so many records.
    Read(usize),
    /// Acknowledges one of those that were taken, perhaps not for the first time.
    Ack(prop::sample::Index),
    /// Acknowledges all up to one of those that were taken.
    AckThrough(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..9_u32).prop_map(Step::Write),
        2 => (1..6_usize).prop_map(Step::Read),
        4 => any::<prop::sample::Index>().prop_map(Step::Ack),
        1 => any::<prop::sample::Index>().prop_map(Step::AckThrough),
    ]
}

/// What the ledger must say: the last event below which every record is in the set of those that are done with.
fn reference(records: &[(u64, u64)], done: &BTreeSet<u64>) -> u64 {
    records.iter().take_while(|(id, _)| done.contains(id)).last().map_or(0, |(id, events)| id + events - 1)
}

fn agrees_with_reference(runs: Runs, options: Options, steps: &[Step]) {
    let disk = Disk::new();
    let buffer = runs.open(disk.open().unwrap(), options);
    let (mut taken, mut records, mut done) = (Vec::<Record>::new(), Vec::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Write(events) => {
                let id = buffer.writer().write(record(*events, 48)).unwrap().first_id.unwrap();
                records.push((id.0, u64::from(*events)));
            }
            Step::Read(count) => taken.extend(buffer.reader().try_next_batch(*count).unwrap()),
            Step::Ack(_) | Step::AckThrough(_) if taken.is_empty() => {}
            Step::Ack(which) => {
                let record = which.get(&taken);
                record.ack();
                done.insert(record.id().0);
            }
            Step::AckThrough(which) => {
                let id = which.get(&taken).id();
                buffer.reader().ack_through(id);
                done.extend(taken.iter().map(|record| record.id().0).filter(|taken| *taken <= id.0));
            }
        }
        let last = settled(&disk, &buffer).unwrap().reader_last_record.0;
        assert_eq!(last, reference(&records, &done), "{runs:?}");
        let open = taken.iter().filter(|record| !done.contains(&record.id().0)).count();
        assert_eq!(buffer.status().unwrap().unacknowledged_records, open, "{runs:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any order, twice, one by one or many at once: the same as a set of ids would say.
    #[test]
    fn acknowledgements_agree_with_a_set_of_ids(steps in prop::collection::vec(step(), 1..60)) {
        agrees_with_reference(Runs::Natively, options(), &steps);
    }
}

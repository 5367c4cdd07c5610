//! Sectors that the device cannot read: the records in them are lost, with file and offset, and all others are not.

use forebay::{Buffer, Place};

use crate::support::{
    Runs,
    storage::{data_file, disk, file, ids, ledger, options, read, start, write},
};

/// What a device reads or fails to read as a whole.
const PAGE_BYTES: usize = 4096;

fn place_of(offset: usize) -> u64 {
    u64::try_from(offset).unwrap()
}

/// The ids from the first to the last record of a file of which a byte lies in a range of offsets.
fn touched(first: u64, last: u64, from: usize, to: usize) -> (u64, u64) {
    let is_touched = |id: &u64| start(first, *id) < to && start(first, *id + 1) > from;
    let touched: Vec<u64> = (first..=last).filter(is_touched).collect();
    (*touched.first().unwrap(), *touched.last().unwrap())
}

fn places(buffer: &Buffer) -> Vec<Place> {
    buffer.take_losses().into_iter().flat_map(|loss| loss.places.clone()).collect()
}

#[test]
fn a_page_that_cannot_be_read_costs_the_records_in_it() {
    let (from, to) = (PAGE_BYTES, 2 * PAGE_BYTES);
    let (first_lost, last_lost) = touched(301, 600, from, to);
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=300)), (1, data_file(301..=600)), (2, data_file(601..=700))];
        let disk = disk(Some(ledger(701, 2, 0, 0)), &files);
        disk.make_unreadable(file(1), place_of(from)..place_of(to));
        let buffer = runs.open(disk.open().unwrap(), options());
        let found = read(&buffer);
        assert_eq!(found, ids([1..=first_lost - 1, last_lost + 1..=700]), "{runs:?}");
        let places = places(&buffer);
        assert!(places.iter().all(|place| place.file == file(1)), "{runs:?}: {places:?}");
        let offset = places.iter().map(|place| place.offset).min();
        assert_eq!(offset, Some(place_of(start(301, first_lost))), "{runs:?}");
    }
}

/// What the newest file may hide has ids, too. What is written then comes behind them, into another file, and under another
/// incarnation, so that no consumer takes the new record for the hidden one.
#[test]
fn behind_a_newest_file_that_ends_unreadable_a_buffer_goes_on_in_another_file_and_incarnation() {
    for runs in Runs::ALL {
        let newest = data_file(301..=600);
        let (from, to) = (newest.len() - newest.len() % PAGE_BYTES - PAGE_BYTES, newest.len());
        let disk = disk(Some(ledger(601, 1, 0, 0)), &[(0, data_file(1..=300)), (1, newest)]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let before = buffer.reader().next().unwrap().unwrap().incarnation();
        drop(buffer);
        disk.kill();

        disk.make_unreadable(file(1), place_of(from)..place_of(to));
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 601..=610);
        assert_eq!(disk.data_file(file(1)).unwrap().len(), to, "{runs:?}: another time it may be read");
        assert!(disk.data_file(file(2)).is_some_and(|bytes| !bytes.is_empty()), "{runs:?}");
        buffer.end_writing();
        let (first_lost, last_lost) = touched(301, 600, from, to);
        assert_eq!(last_lost, 600);
        let mut found = Vec::new();
        while let Some(record) = buffer.reader().next().unwrap() {
            let is_new = record.incarnation() != before;
            assert_eq!(is_new, record.id().0 > 600, "{runs:?}: {:?}", record.id());
            found.push(record.id().0);
            record.ack();
        }
        assert_eq!(found, ids([1..=first_lost - 1, 601..=610]), "{runs:?}");
    }
}

//! Data files that are not where they should be: left by an earlier opening, or by another program.

use std::fs;

use forebay::{Amount, Buffer, Durability, Options, RecordId, Simulation, WhenFull, storage::memory::Disk};
use tempfile::TempDir;

use crate::support::{
    Runs,
    storage::{data_file, disk, file, ids, ledger, options, read, records, write},
};

/// What a writer would wait for comes back instead.
fn never_waiting() -> Options {
    let mut options = options();
    options.when_full = WhenFull::Reject;
    options
}

fn numbers(disk: &Disk) -> Vec<u16> {
    disk.data_files().iter().map(|(file, _)| file.get()).collect()
}

/// Files of which everything is acknowledged stand where the next ones are to be made. Vector's writer waits for ever for
/// a reader who will never come to them.
#[test]
fn orphans_of_acknowledged_records_go() {
    for runs in Runs::ALL {
        let mut files = vec![(10, data_file(501..=510))];
        files.extend([(11, data_file(1..=40)), (12, data_file(41..=80)), (9, data_file(450..=460))]);
        let disk = disk(Some(ledger(511, 10, 10, 500)), &files);
        let buffer = runs.open(disk.open().unwrap(), never_waiting());
        let receipt = buffer.writer().write_batch(records(511..=800)).unwrap();
        assert_eq!((receipt.records, receipt.first_id), (290, Some(RecordId(511))), "{runs:?}");
        assert_eq!(read(&buffer), ids([501..=800]), "{runs:?}");
        buffer.close().unwrap();
        assert!(numbers(&disk).iter().all(|number| *number >= 10), "{runs:?}: {:?}", numbers(&disk));
        let kept: u64 = disk.data_files().iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(kept, data_file(501..=800).len() as u64, "{runs:?}: only what waits takes up room");
    }
}

/// Files that repeat ids which are still unread cannot be used, and what they are worth is not known: they stay until all
/// these ids are acknowledged, and the writer goes past them, one or several.
#[test]
fn files_that_repeat_unread_ids_are_passed_by() {
    for runs in Runs::ALL {
        let strange = [(1, data_file(2..=5)), (2, data_file(3..=9)), (4, data_file(1..=1))];
        let files = [&[(0, data_file(1..=10))], &strange[..]].concat();
        let disk = disk(Some(ledger(11, 0, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), never_waiting());
        let receipt = buffer.writer().write_batch(records(11..=200)).unwrap();
        assert_eq!(receipt.records, 190, "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=200]), "{runs:?}");
        for (number, bytes) in strange {
            assert_eq!(disk.data_file(file(number)), Some(bytes), "{runs:?}, {number}");
        }
        buffer.reader().ack_through(RecordId(150));
        buffer.close().unwrap();
        assert!([1, 2, 4].iter().all(|number| disk.data_file(file(*number)).is_none()), "{runs:?}");
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([151..=200]), "{runs:?}");
    }
}

/// A file that repeats the last of what is there ends where the newest does. Whichever is written to, nothing is delivered
/// twice or lost, and no caller waits.
#[test]
fn a_file_that_ends_as_the_newest_does_holds_nothing_up() {
    for runs in Runs::ALL {
        for strange in [(1, data_file(6..=10)), (7, data_file(10..=10)), (65_534, data_file(6..=10))] {
            let at = format!("{runs:?}, {}", strange.0);
            let disk = disk(Some(ledger(11, 0, 0, 0)), &[(0, data_file(1..=10)), strange]);
            let buffer = runs.open(disk.open().unwrap(), never_waiting());
            let writer = buffer.writer().with_durability(Durability::Synced);
            assert_eq!(writer.write_batch(records(11..=200)).unwrap().records, 190, "{at}");
            assert_eq!(read(&buffer), ids([1..=200]), "{at}");
            buffer.reader().ack_through(RecordId(150));
            buffer.close().unwrap();
            assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([151..=200]), "{at}");
        }
    }
}

/// Another program cuts the newest file while it is being written to. What was cut is lost, and no reader stops there: what is
/// written later is read, although zeros stand before it.
#[test]
fn a_newest_file_that_is_cut_under_an_open_buffer_goes_on() {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    // What is written last is read from memory: two batches, and a third behind the cut.
    write(&buffer, 1..=20);
    write(&buffer, 21..=30);
    let newest = fs::OpenOptions::new().write(true).open(directory.path().join("buffer-data-0.dat")).unwrap();
    newest.set_len(data_file(1..=5).len() as u64 + 30).unwrap();
    write(&buffer, 31..=40);
    assert_eq!(read(&buffer), ids([1..=5, 31..=40]));
    assert_eq!(buffer.status().unwrap().lost_events, 25);
    buffer.reader().ack_through(RecordId(40));
    buffer.close().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    assert_eq!(buffer.open_report().events, 0);
}

/// Another program removes a file while the buffer is open. What was in it is lost, once, with all its bytes; reading goes
/// on with the next file, and when all is acknowledged nothing seems to wait.
#[test]
fn a_file_that_vanishes_under_an_open_buffer_is_lost_and_no_more() {
    for runs in Runs::ALL {
        // The reader's, one in the middle, and the last before the writer's.
        for vanishing in [0, 2, 3] {
            let at = format!("{runs:?}, file {vanishing}");
            let disk = Disk::new();
            let buffer = runs.open(disk.open().unwrap(), never_waiting());
            write(&buffer, 1..=200);
            let bytes = disk.data_file(file(vanishing)).unwrap();
            assert!(disk.take_data_file(file(vanishing)), "{at}");
            let found = read(&buffer);
            let lost: Vec<_> = (1..=200).filter(|id| !found.contains(id)).collect();
            assert_eq!(data_file(lost.iter().copied()), bytes, "{at}");
            assert_eq!(buffer.status().unwrap().lost_events, lost.len() as u64, "{at}");
            buffer.reader().ack_through(RecordId(200));
            let status = buffer.status().unwrap();
            let (usage, expected) =
                (status.usage_lifetime, Amount::new(lost.len() as u64, bytes.len() as u64));
            assert_eq!((usage.lost, status.occupancy), (expected, Amount::default()), "{at}");
            write(&buffer, 201..=400);
            assert_eq!(read(&buffer), ids([201..=400]), "{at}");
            assert_eq!(buffer.status().unwrap().restarts, 0, "{at}");
            buffer.close().unwrap();
            let buffer = runs.open(disk.open().unwrap(), never_waiting());
            assert_eq!(read(&buffer), ids([201..=400]), "{at}");
        }
    }
}

/// An empty file where the next one is to be made was made ahead of need by a life before. It is used, or goes.
#[test]
fn an_empty_file_in_the_way_is_no_obstacle() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=10)), (1, Vec::new()), (2, Vec::new()), (700, Vec::new())];
        let disk = disk(Some(ledger(11, 0, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 11..=200);
        assert_eq!(read(&buffer), ids([1..=200]), "{runs:?}");
        buffer.close().unwrap();
        assert!(!numbers(&disk).contains(&700), "{runs:?}");
        assert!(disk.data_files().iter().all(|(_, bytes)| *bytes > 0), "{runs:?}");
    }
}

/// Files that come back from a copy hold ids that others have, too. Whichever do, and whatever the ledger says of them: the
/// buffer opens, and delivers in the order of the ids.
#[test]
fn files_that_repeat_ids_do_not_keep_a_buffer_from_opening() {
    let contents = [None, Some(1..=4), Some(2..=3), Some(5..=8), Some(6..=7), Some(3..=6), Some(9..=10)];
    let mut ledgers = vec![None];
    for (next, last) in [(1, 0), (9, 0), (9, 4), (11, 4)] {
        // Each is a file ahead of the other, too, as Vector's reader may be of its writer.
        let numbers = [0, 1, 2, 3, 4, 65_534];
        let places = numbers.into_iter().flat_map(|writer| numbers.map(|reader| (writer, reader)));
        ledgers.extend(places.map(|(writer, reader)| Some(ledger(next, writer, reader, last))));
    }
    for which in 0..contents.len().pow(4) {
        let content =
            |number: u16| contents[which / contents.len().pow(number.into()) % contents.len()].clone();
        let files: Vec<_> = (0..4).filter_map(|number| Some((number, data_file(content(number)?)))).collect();
        // Each with some of the ledgers.
        for ledger in ledgers.iter().skip(which % 17).step_by(17).chain([&None]) {
            let at = format!("{:?}, {ledger:?}", [0, 1, 2, 3].map(content));
            let disk = disk(*ledger, &files);
            let buffer = Runs::Natively.open_in(&Simulation::new(), disk.open().unwrap(), never_waiting());
            let buffer = buffer.unwrap_or_else(|error| panic!("{at}: {error}"));
            let read = buffer.reader().try_next_batch(100).unwrap();
            let ids: Vec<_> = read.iter().map(|record| record.id().0).collect();
            assert!(ids.is_sorted_by(|one, next| one < next), "{at}: {ids:?}");
        }
    }
}

/// Vector deletes each second what lies outside the ledger's files. Whenever this process ends after it has answered `synced`, the
/// records lie inside. (A file that is not durable yet is not named, so a killed process may leave what it had only written.)
#[test]
fn records_that_are_synced_lie_in_the_ledgers_files() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let writer = buffer.writer().with_durability(Durability::Synced);
        let assert_inside = |after: &str, id: u64| {
            let ledger = disk.ledger().unwrap();
            let inside = ledger.reader_data_file.get()..=ledger.writer_data_file.get();
            let with_records = disk.data_files().into_iter().filter(|(_, bytes)| *bytes > 0);
            let outside: Vec<_> = with_records.filter(|(file, _)| !inside.contains(&file.get())).collect();
            assert!(outside.is_empty(), "{runs:?}, {after} {id}: {outside:?} of {inside:?}");
        };
        for id in 1..=300 {
            writer.write_batch(records(id..=id)).unwrap();
            assert_inside("writing", id);
        }
        assert_eq!(read(&buffer), ids([1..=300]), "{runs:?}");
        buffer.reader().ack_through(RecordId(290));
        write(&buffer, 301..=400);
        buffer.close().unwrap();
        assert!(disk.data_files().len() > 1, "{runs:?}");
        assert_inside("closing", 400);
    }
}

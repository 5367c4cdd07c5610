//! What is lost is reported: each loss once, with its ids and the place where they should be.

use forebay::{Buffer, Loss, Place, RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{DAMAGED_BYTES, data_file, disk, figure, file, ids, ledger, options, read, start, write},
};

/// A loss in figures: the first and the last id that are missing, and the places as file, offset and length.
type Told = ((u64, u64), Vec<(u16, u64, u64)>);

fn told(buffer: &Buffer) -> Vec<Told> {
    let place = |place: &Place| (place.file.get(), place.offset, place.bytes);
    let tell = |loss: Loss| {
        assert_eq!(loss.bytes, loss.places.iter().map(|place| place.bytes).sum::<u64>());
        ((loss.ids.start.0, loss.ids.end.0 - 1), loss.places.iter().map(place).collect())
    };
    buffer.take_losses().into_iter().map(tell).collect()
}

/// Ids may be missing right in front of a frame whose length is damaged: its trailer says where it starts and ends, and nothing
/// of it is lost.
#[test]
fn a_damaged_length_behind_missing_ids_costs_nothing() {
    for runs in Runs::ALL {
        let mut bytes = data_file([1, 2, 5, 6, 7]);
        let at = data_file([1, 2]).len();
        bytes[at..at + 8].fill(0);
        let disk = Disk::new();
        disk.put_data_file(file(0), bytes);
        disk.put_ledger(Some(ledger(8, 0, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [1, 2, 5, 6, 7], "{runs:?}");
        assert_eq!(buffer.status().unwrap().restarts, 0, "{runs:?}");
    }
}

/// The same where its length leads beyond the end of the file: it may have been cut, and hold the record behind it. Host and
/// logic take it for the same thing wherever reading begins.
#[test]
fn a_length_beyond_the_end_behind_missing_ids_does_not_end_reading() {
    for (runs, last) in Runs::ALL.into_iter().flat_map(|runs| [0, 1, 2, 3].map(|last| (runs, last))) {
        let mut bytes = data_file([1, 2, 5]);
        let at = data_file([1, 2]).len();
        bytes[at + 5] = 1;
        let disk = disk(Some(ledger(8, 1, 0, last)), &[(0, bytes), (1, data_file(6..=7))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let found = read(&buffer);
        assert!(found.ends_with(&[6, 7]), "{runs:?}, {last}: {found:?}");
        assert_eq!(buffer.status().unwrap().restarts, 0, "{runs:?}, {last}");
    }
}

/// A person who has to explain what is missing needs the ids; one who mends disks needs the place.
#[test]
fn a_damaged_record_is_told_with_its_id_and_its_place() {
    for runs in Runs::ALL {
        let mut bytes = data_file(1..=20);
        for id in [5, 6, 11] {
            bytes[start(1, id) + 8] ^= 1;
        }
        let disk = Disk::new();
        disk.put_data_file(file(0), bytes);
        disk.put_ledger(Some(ledger(21, 0, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(told(&buffer), [], "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=4, 7..=10, 12..=20]), "{runs:?}");
        let stretch = |id: u64, next: u64| (0, start(1, id) as u64, (start(1, next) - start(1, id)) as u64);
        let expected = [((5, 6), vec![stretch(5, 7)]), ((11, 11), vec![stretch(11, 12)])];
        assert_eq!(told(&buffer), expected, "{runs:?}");
        assert_eq!(told(&buffer), [], "{runs:?}: once");
        let status = buffer.status().unwrap();
        let bytes: u64 = expected.iter().map(|(_, places)| places[0].2).sum();
        assert_eq!((status.losses, status.lost_events, status.damaged_bytes), (2, 3, bytes), "{runs:?}");
    }
}

/// A file that another program has removed is a loss like any other, and is named; in front, in the middle and at the end.
#[test]
fn a_missing_file_is_told_with_the_ids_that_it_held() {
    let files = [(7, 1..=10), (8, 11..=20), (9, 21..=30)];
    for runs in Runs::ALL {
        for missing in 7..=9_u16 {
            let disk = Disk::new();
            for (number, ids) in files.clone().into_iter().filter(|(number, _)| *number != missing) {
                disk.put_data_file(file(number), data_file(ids));
            }
            disk.put_ledger(Some(ledger(31, 9, 7, 0)));
            let buffer = runs.open(disk.open().unwrap(), options());
            let (_, lost) = &files[usize::from(missing - 7)];
            let rest: Vec<u64> = (1..=30).filter(|id| !lost.contains(id)).collect();
            assert_eq!(read(&buffer), rest, "{runs:?}, file {missing}");
            // Behind the last file there is no telling how many there were.
            let places = if missing == 9 { vec![] } else { vec![(missing, 0, 0)] };
            assert_eq!(told(&buffer), [((*lost.start(), *lost.end()), places)], "{runs:?}, file {missing}");
        }
    }
}

/// All that waits is lost: there is no record to be delivered behind it, and it is told all the same, on opening.
#[test]
fn a_loss_of_all_is_told_when_the_buffer_is_opened() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), vec![0; 4000]);
        disk.put_ledger(Some(ledger(31, 0, 0, 10)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().lost_events, 20, "{runs:?}");
        let told = told(&buffer);
        assert_eq!((told.len(), told[0].0), (1, (11, 30)), "{runs:?}");
        assert_eq!(read(&buffer), ids([]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 20, "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!((read(&buffer), buffer.status().unwrap().losses), (vec![], 0), "{runs:?}: passed");
    }
}

/// The logic's figures and the host's show the same damage, also where no reader ever meets it.
#[test]
fn damage_that_is_passed_on_opening_is_in_both_accounts() {
    for runs in Runs::ALL {
        let mut first = data_file(1..=15);
        let mut second = data_file(16..=20);
        for id in 11..=15 {
            first[start(1, id) + 8] ^= 1;
        }
        for id in 16..=20 {
            second[start(16, id) + 8] ^= 1;
        }
        let bytes = data_file(11..=20).len() as u64;
        let disk = disk(Some(ledger(21, 1, 0, 10)), &[(0, first), (1, second)]);
        for damaged in [bytes, 0] {
            let buffer = runs.open(disk.open().unwrap(), options());
            let both =
                |buffer: &Buffer| (figure(buffer, DAMAGED_BYTES), buffer.status().unwrap().damaged_bytes);
            assert_eq!(both(&buffer), (damaged, damaged), "{runs:?}");
            assert_eq!(read(&buffer), ids([]), "{runs:?}");
            assert_eq!(both(&buffer), (damaged, damaged), "{runs:?}: once");
            buffer.close().unwrap();
        }
    }
}

/// A gap that the ledger has passed is never told again, and one that it has not, always: a consumer that reads what
/// follows for the first time must know.
#[test]
fn a_loss_is_told_again_until_what_follows_is_acknowledged() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), data_file((1..=10).chain(15..=20)));
        disk.put_ledger(Some(ledger(25, 0, 0, 0)));
        for waiting in [ids([1..=10, 15..=20]), ids([15..=20])] {
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), waiting, "{runs:?}");
            assert_eq!(told(&buffer), [((11, 14), vec![]), ((21, 24), vec![])], "{runs:?}");
            buffer.reader().ack_through(RecordId(10));
        }
        let buffer = runs.open(disk.open().unwrap(), options());
        let one = buffer.reader().next_batch(1).unwrap().unwrap();
        assert_eq!((one[0].id().0, told(&buffer)), (15, vec![((11, 14), vec![])]), "{runs:?}");
        one[0].ack();
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([16..=20]), "{runs:?}");
        assert_eq!(told(&buffer), [((21, 24), vec![])], "{runs:?}");
        buffer.reader().ack_through(RecordId(20));
        drop(buffer);
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 25..=26);
        assert_eq!((read(&buffer), told(&buffer)), (vec![25, 26], vec![]), "{runs:?}");
    }
}

/// Records that were read ahead and not delivered are read again, and so is the gap between them.
#[test]
fn a_loss_is_told_with_the_record_behind_it_and_not_before() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), data_file((1..=5).chain(8..=9)));
        disk.put_ledger(Some(ledger(10, 0, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        let batch = buffer.reader().next_batch(5).unwrap().unwrap();
        assert_eq!((batch.len(), told(&buffer)), (5, vec![]), "{runs:?}");
        let batch = buffer.reader().next_batch(5).unwrap().unwrap();
        assert_eq!((batch.len(), told(&buffer)), (2, vec![((6, 7), vec![])]), "{runs:?}");
    }
}

/// Ids that come again, in the same file or in another, are no records: delivered twice, they would be done twice. They are
/// refused, and told as bytes.
#[test]
fn pain_26316_ids_that_go_back_are_refused_and_told() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let again = data_file(4..=6);
        disk.put_data_file(file(0), [data_file(1..=10), again.clone(), data_file(11..=12)].concat());
        disk.put_data_file(file(1), [data_file(9..=11), data_file(13..=14)].concat());
        disk.put_ledger(Some(ledger(15, 1, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=14]), "{runs:?}");
        let places = [(0, start(1, 11) as u64, again.len() as u64), (1, 0, data_file(9..=11).len() as u64)];
        let losses = buffer.take_losses();
        assert!(losses.iter().all(|loss| loss.events() == 0), "{runs:?}: {losses:?}");
        let told: Vec<_> = losses.iter().flat_map(|loss| &loss.places).collect();
        let told: Vec<_> = told.iter().map(|place| (place.file.get(), place.offset, place.bytes)).collect();
        assert_eq!(told, places, "{runs:?}");
        let status = buffer.status().unwrap();
        assert_eq!((status.losses, status.lost_events), (2, 0), "{runs:?}");
    }
}

/// What was lost before its file was dropped is lost, and the rest of the file is dropped: neither counts as the other.
#[test]
fn what_was_lost_in_a_dropped_file_is_lost_and_not_dropped() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut options = options();
        options.max_bytes = 2 * 4096 + 32;
        options.when_full = forebay::WhenFull::DropOldest;
        disk.put_data_file(file(0), data_file((1..=10).chain(15..=40)));
        disk.put_ledger(Some(ledger(41, 0, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options);
        let mut next = 41;
        while buffer.status().unwrap().usage_since_open.dropped.events == 0 {
            write(&buffer, next..=next);
            next += 1;
        }
        let status = buffer.status().unwrap();
        let dropped = status.acknowledged.0;
        assert!(dropped >= 40, "{runs:?}: {dropped}");
        assert_eq!(
            (status.usage_since_open.dropped.events, status.lost_events),
            (dropped - 4, 4),
            "{runs:?}"
        );
        assert_eq!(told(&buffer), [((11, 14), vec![])], "{runs:?}");
        assert_eq!(read(&buffer), ids([dropped + 1..=next - 1]), "{runs:?}");
        assert_eq!(told(&buffer), [], "{runs:?}");
    }
}

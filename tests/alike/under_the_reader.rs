//! Data files that another program damages while a buffer is open, and damage that stands where nothing else does.

use forebay::{RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    dice::Dice,
    storage::{data_file, disk, file, ids, ledger, options, read, start, write},
};

/// A file in front of which nothing is left has nothing to acknowledge: it goes once delivery has passed it.
#[test]
fn a_front_file_of_damage_alone_goes_with_the_first_acknowledgement_behind_it() {
    for runs in Runs::ALL {
        let files = [(0, vec![0x55; 2000]), (1, data_file(31..=60)), (2, data_file(61..=90))];
        let disk = disk(Some(ledger(91, 2, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([31..=90]), "{runs:?}");
        buffer.reader().ack_through(RecordId(31));
        buffer.close().unwrap();
        let numbers: Vec<u16> = disk.data_files().iter().map(|(file, _)| file.get()).collect();
        assert_eq!(numbers, [1, 2], "{runs:?}");
    }
}

/// Files that are not read yet are overwritten with noise: the reader passes them, and what follows comes.
#[test]
fn unread_files_that_are_overwritten_under_an_open_buffer_are_lost_and_hold_nothing_up() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=300);
        let files = disk.data_files();
        let (first_lost, last_lost) = (id_at_the_start_of(&disk, 2), id_at_the_start_of(&disk, 4) - 1);
        for (file, bytes) in &files[2..4] {
            disk.put_data_file(*file, vec![0xa5; usize::try_from(*bytes).unwrap()]);
        }
        assert_eq!(read(&buffer), ids([1..=first_lost - 1, last_lost + 1..=300]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, last_lost - first_lost + 1, "{runs:?}");
        write(&buffer, 301..=310);
        assert_eq!(read(&buffer), ids([301..=310]), "{runs:?}");
    }
}

/// The id of the first record in the file of this place.
fn id_at_the_start_of(disk: &Disk, place: usize) -> u64 {
    let bytes = disk.data_file(disk.data_files()[place].0).unwrap();
    forebay_frame::decode(&bytes).unwrap().id.0
}

/// A reader is in the middle of a file that is not the newest, and the file gets shorter.
#[test]
fn an_earlier_file_that_is_cut_under_its_reader_loses_what_was_cut_and_no_more() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=40)), (1, data_file(41..=80)), (2, data_file(81..=90))];
        let disk = disk(Some(ledger(91, 2, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        let records = buffer.reader().try_next_batch(50).unwrap();
        assert_eq!(records.last().map(forebay::Record::id), Some(RecordId(50)), "{runs:?}");
        let mut bytes = data_file(41..=80);
        bytes.truncate(start(41, 60) + 10);
        disk.put_data_file(file(1), bytes);
        let found = read(&buffer);
        assert_eq!(found.last(), Some(&90), "{runs:?}");
        assert!(found.ends_with(&ids([81..=90])), "{runs:?}: {found:?}");
        // What was read before the cut may come still; what lies before the cut must.
        assert!(found.starts_with(&ids([51..=59])), "{runs:?}: {found:?}");
        let lost = 40 - u64::try_from(found.len()).unwrap();
        assert_eq!(buffer.status().unwrap().lost_events, lost, "{runs:?}");
    }
}

/// A reader that has read all is asked again and again: a service that polls costs no reads.
#[test]
fn a_look_at_the_end_reads_nothing() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=100);
        assert_eq!(read(&buffer), ids([1..=100]), "{runs:?}");
        let before = disk.bytes_read();
        for _ in 0..100 {
            assert!(buffer.reader().try_next_batch(10).unwrap().is_empty(), "{runs:?}");
        }
        assert_eq!(disk.bytes_read(), before, "{runs:?}");
    }
}

/// What is remembered is a matter of time alone: with `buffer.forebay` and without, the same is found in any directory.
#[test]
fn with_what_is_remembered_and_without_the_same_is_found() {
    let mut dice = Dice::new();
    for history in 0..40 {
        for runs in Runs::ALL {
            let disk = Disk::new();
            let buffer = runs.open(disk.open().unwrap(), options());
            let last = 50 + dice.below(250);
            write(&buffer, 1..=last);
            read(&buffer);
            buffer.reader().ack_through(RecordId(dice.below(last)));
            if dice.below(2) == 0 {
                buffer.close().unwrap();
            } else {
                disk.kill();
                drop(buffer);
            }
            let looked_at = |own_file: Option<Vec<u8>>| {
                disk.put_own_file(own_file);
                let buffer = runs.open(disk.open().unwrap(), options());
                let found = read(&buffer);
                disk.kill();
                found
            };
            let own_file = disk.own_file();
            let without = looked_at(None);
            assert_eq!(looked_at(own_file), without, "{runs:?}, history {history}");
        }
    }
}

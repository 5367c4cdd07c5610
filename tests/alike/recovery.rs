//! Opening and reading what a crash, or a person, has left.

use std::time::Duration;

use forebay::{
    NewRecord, RecordId, Simulation,
    storage::{SyncTarget, memory::Luck},
};

use crate::support::{
    Runs,
    fixtures::payload,
    storage::{LOST_EVENTS, data_file, disk, figure, file, ids, ledger, options, read, start, write},
};

/// The rest of a write that did not end would hide what is written behind it.
#[test]
fn a_torn_tail_is_cut_once() {
    let mut bytes = data_file(1..=6);
    bytes.truncate(bytes.len() - 30);
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        let torn = (bytes.len() - data_file(1..=5).len()) as u64;
        assert_eq!((report.cut_bytes, report.lost_events, report.events), (torn, 0, 5), "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(read(&buffer), ids([1..=8]), "{runs:?}");
        assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=8), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(runs.open(disk.open().unwrap(), options()).open_report().cut_bytes, 0, "{runs:?}");
    }
}

/// What is written where a torn end was cut may be half on the disk when the power goes again. With what was there before it
/// must not make up the record that was torn, under the id of another.
#[test]
fn what_was_cut_does_not_come_back_in_the_place_of_another_record() {
    // What is missing of record 6 is zeros, and so is what a file has where nothing was written.
    let mut bytes = data_file(1..=6);
    bytes.truncate(bytes.len() - 5);
    for runs in Runs::ALL {
        for seed in 1..200 {
            let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
            let simulation = Simulation::new();
            let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
            let other = vec![0xa5; payload(6).len()];
            let receipt = buffer.writer().write(NewRecord::new(other.clone())).unwrap();
            assert_eq!(receipt.first_id, Some(RecordId(6)), "{runs:?}");
            disk.power_loss_with(Luck { lengths: seed, sectors: seed, ..Luck::NONE });
            drop(buffer);
            let buffer = runs.open(disk.open().unwrap(), options());
            let records = buffer.reader().try_next_batch(100).unwrap();
            let last = records.iter().find(|record| record.id() == RecordId(6));
            assert!(last.is_none_or(|record| record.payload()[..] == other), "{runs:?}, seed {seed}");
        }
    }
}

/// Behind a damaged frame a torn end may be damage as well: the file stays as it is, and records go on in another.
#[test]
fn a_torn_end_behind_a_damaged_frame_is_not_truncated() {
    let mut bytes = data_file(1..=6);
    bytes.truncate(bytes.len() - 30);
    bytes[start(1, 5) + 40] ^= 1;
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 6..=8);
        assert_eq!(read(&buffer), ids([1..=4, 6..=8]), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.data_file(file(0)).as_ref(), Some(&bytes), "{runs:?}");
    }
}

/// A disk that does not take the cut may bring back what was cut: nothing is written there.
#[test]
fn where_a_cut_cannot_be_made_durable_records_come_in_another_file() {
    let mut bytes = data_file(1..=6);
    bytes.truncate(bytes.len() - 30);
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        let mut options = options();
        options.sync_interval = Duration::from_millis(1);
        let buffer = runs.open(disk.open().unwrap(), options);
        write(&buffer, 6..=8);
        assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=5), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=8]), "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options);
        assert_eq!((buffer.open_report().lost_events, read(&buffer)), (0, ids([1..=8])), "{runs:?}");
    }
}

/// The process died between the bytes and the ledger: the records were answered, so they count.
#[test]
fn a_ledger_behind_the_data_is_moved_forward() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(3, 0, 0, 1)), &[(0, data_file(1..=9))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = *buffer.open_report();
        assert_eq!((report.first_unread, report.next_id), (RecordId(2), RecordId(10)), "{runs:?}");
        assert_eq!((report.events, report.lost_events), (8, 0), "{runs:?}");
        assert_eq!(disk.ledger(), Some(ledger(10, 0, 0, 1)), "{runs:?}");
        write(&buffer, 10..=12);
        assert_eq!(read(&buffer), ids([2..=12]), "{runs:?}");
    }
}

/// The same, and the power loss has damaged two of the records. Those between the two are found at once: were they found only
/// when the ledger has caught up, new records would have their ids by then.
#[test]
fn a_ledger_behind_the_data_hides_nothing_between_two_damages() {
    let mut bytes = data_file(1..=9);
    bytes[start(1, 4)..start(1, 5)].fill(0);
    bytes[start(1, 8) + 8..start(1, 9)].fill(0);
    bytes.truncate(bytes.len() - 3);
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(5, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().next_id, RecordId(8), "{runs:?}");
        write(&buffer, 8..=12);
        assert_eq!(read(&buffer), ids([1..=3, 5..=12]), "{runs:?}");
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=3, 5..=12]), "{runs:?}: again");
    }
}

/// The same where nothing tells how long a record is but its own end: it is there, or it is not, whatever the ledger says.
#[test]
fn a_ledger_behind_the_data_does_not_give_the_id_of_a_damaged_length_again() {
    let mut bytes = data_file(1..=1);
    bytes[..8].fill(0);
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(1, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().next_id, RecordId(2), "{runs:?}");
        write(&buffer, 2..=3);
        assert_eq!(read(&buffer), ids([1..=3]), "{runs:?}");
    }
}

/// What comes behind a damage might not be found, should another one follow. The next opener, after a clean
/// close, must not begin behind the damage and go on there.
#[test]
fn nothing_comes_behind_damage_however_often_the_buffer_is_opened() {
    let mut bytes = data_file(1..=6);
    bytes[data_file(1..=3).len() + 10] ^= 1;
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(7, 0, 0, 0)), &[(0, bytes.clone())]);
        for _ in 0..3 {
            runs.open(disk.open().unwrap(), options()).close().unwrap();
        }
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 7..=9);
        assert_eq!(buffer.status().unwrap().refused_calls, 0, "{runs:?}");
        drop(buffer);
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
        assert_eq!(disk.data_file(file(1)).unwrap(), data_file(7..=9), "{runs:?}");
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=3, 5..=9]), "{runs:?}");
    }
}

/// The machine died before the ledger that names the new file was on the disk; what is in that file was answered.
#[test]
fn defect_d10_a_file_that_the_ledger_does_not_name_is_found() {
    for runs in Runs::ALL {
        let files = [(65_534, data_file(1..=5)), (0, data_file(6..=9)), (1, data_file(10..=12))];
        let disk = disk(Some(ledger(6, 65_534, 65_534, 2)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().next_id, RecordId(13), "{runs:?}");
        write(&buffer, 13..=15);
        assert_eq!(read(&buffer), ids([3..=15]), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(16, 1, 65_534, 2)), "{runs:?}");
    }
}

/// Records that the ledger counts and no file holds are lost. That is said, once, and their ids are not given again.
#[test]
fn a_ledger_ahead_of_the_data_is_a_gap_that_is_counted_once() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(16, 0, 0, 0)), &[(0, data_file(1..=10))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events, report.next_id), (15, 5, RecordId(16)), "{runs:?}");
        write(&buffer, 16..=17);
        assert_eq!(read(&buffer), ids([1..=10, 16..=17]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 5, "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 5, "{runs:?}");

        buffer.reader().ack_through(RecordId(17));
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events), (0, 0), "{runs:?}: what is passed is passed");
    }
}

/// With nothing behind it, no consumer acknowledges a gap; waiting for it would be waiting for ever.
#[test]
fn a_gap_at_the_end_does_not_keep_the_buffer_from_getting_empty() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(16, 0, 0, 0)), &[(0, data_file(1..=10))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}");
        buffer.reader().ack_through(RecordId(10));
        assert_eq!(buffer.status().unwrap().acknowledged, RecordId(15), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(16, 0, 0, 15)), "{runs:?}");
    }
}

/// Another program has removed a file from the middle: what was in it is missing, and nothing else.
#[test]
fn a_gap_in_the_middle_is_reported() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=10)), (2, data_file(21..=30))];
        let disk = disk(Some(ledger(31, 2, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=10, 21..=30]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 10, "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 10, "{runs:?}");
    }
}

/// A ledger that is gone is rebuilt from the frames.
#[test]
fn without_a_ledger_the_frames_say_what_is_there() {
    for runs in Runs::ALL {
        let disk = disk(None, &[(3, data_file(145..=192)), (4, data_file(193..=240))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([145..=240]), "{runs:?}");
        write(&buffer, 241..=242);
        buffer.close().unwrap();
        // The two do not fit behind what is in data file 4.
        assert_eq!(disk.ledger(), Some(ledger(243, 5, 3, 144)), "{runs:?}");
    }
}

/// Numbers are missing between the files, and the ledger knows nothing behind them: a process had rolled past a file in its
/// way and died.
#[test]
fn files_behind_missing_numbers_are_found_although_the_ledger_does_not_count_them() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=20)), (3, data_file(21..=40)), (7, data_file(41..=60))];
        let disk = disk(Some(ledger(21, 0, 0, 0)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!((buffer.open_report().lost_events, read(&buffer)), (0, ids([1..=60])), "{runs:?}");
        write(&buffer, 61..=62);
        assert_eq!(read(&buffer), ids([61..=62]), "{runs:?}");
    }
}

/// Believed, such an id would leave none for what is written: every writer would wait for ever, and the reader would report
/// more losses than were ever written. What is acknowledged counts all the same.
#[test]
fn a_ledger_whose_next_id_no_buffer_can_have_come_to_is_not_believed() {
    for (runs, next) in Runs::ALL.into_iter().flat_map(|runs| [(runs, u64::MAX), (runs, 0x5a << 56)]) {
        for reader_last in [0, 7, u64::MAX - 5] {
            let at = format!("{runs:?}, {next}, {reader_last}");
            let disk = disk(Some(ledger(next, 0, 0, reader_last)), &[(0, data_file(1..=20))]);
            let buffer = runs.open(disk.open().unwrap(), options());
            write(&buffer, 21..=25);
            let first = if reader_last == 7 { 8 } else { 1 };
            assert_eq!(read(&buffer), ids([first..=25]), "{at}");
            assert_eq!(buffer.status().unwrap().lost_events, 0, "{at}");
        }
    }
}

/// Damage in several places of several files: all that is whole is delivered.
#[test]
fn damaged_frames_cost_only_themselves() {
    let mut first = data_file(1..=30);
    // A payload, two payloads side by side, a length, a whole frame.
    for (at, bytes) in [
        (start(1, 3) + 8, 1),
        (start(1, 7) + 10, 1),
        (start(1, 8) + 20, 1),
        (start(1, 12), 8),
        (start(1, 20), 40),
    ] {
        first[at..at + bytes].iter_mut().for_each(|byte| *byte ^= 0x55);
    }
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(51, 1, 0, 0)), &[(0, first.clone()), (1, data_file(31..=50))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        // A record whose length alone is damaged is found by its own end.
        assert_eq!(read(&buffer), ids([1..=2, 4..=6, 9..=19, 21..=50]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 4, "{runs:?}");
        buffer.reader().ack_through(RecordId(50));
        buffer.close().unwrap();
        assert_eq!(disk.ledger().unwrap().reader_last_record, RecordId(50), "{runs:?}");
    }
}

/// Wherever a bit flips, it costs one record at the most, and invents none.
#[test]
fn a_flipped_bit_costs_one_record_at_the_most() {
    let whole = data_file(1..=20);
    // The last record is another matter: a damaged end may be an unfinished write.
    let range = 0..data_file(1..=19).len();
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 61)] {
        for at in range.clone().step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let disk = disk(Some(ledger(21, 0, 0, 0)), &[(0, bytes)]);
            let buffer = runs.open(disk.open().unwrap(), options());
            let delivered = read(&buffer);
            let rising = delivered.is_sorted_by(|one, next| one < next);
            assert!(delivered.len() >= 19 && rising, "{runs:?}, byte {at}: {delivered:?}");
            assert_eq!(
                buffer.status().unwrap().lost_events,
                20 - delivered.len() as u64,
                "{runs:?}, byte {at}"
            );
        }
    }
}

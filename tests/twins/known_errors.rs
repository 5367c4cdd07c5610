//! Damage that Vector's tests know, and what it costs here: the damaged record, if anything at all.

use forebay::RecordId;

use crate::support::{
    Runs,
    storage::{
        DAMAGED_BYTES, LOST_EVENTS, data_file, disk, figure, file, ids, ledger, options, read, start, write,
    },
};

/// A data file of these records, with so many bytes at the end of the frames of some of them overwritten.
fn scrambled(range: std::ops::RangeInclusive<u64>, ids: &[u64], bytes: usize) -> Vec<u8> {
    let mut whole = data_file(range.clone());
    for id in ids {
        let end = start(*range.start(), id + 1);
        whole[end - bytes..end].fill(0xde);
    }
    whole
}

/// The same with a payload that is not the one that the checksum was made of.
fn changed(range: std::ops::RangeInclusive<u64>, ids: &[u64]) -> Vec<u8> {
    let mut whole = data_file(range.clone());
    for id in ids {
        whole[start(*range.start(), *id) + 10] ^= 0x55;
    }
    whole
}

/// A length of zero stops Vector's reader, and leads nowhere. The end of the frame says how long it is, too.
#[test]
fn defect_d16_a_length_of_zero_costs_nothing() {
    for runs in Runs::ALL {
        for damaged in [1, 3, 5] {
            let mut bytes = data_file(1..=5);
            let at = start(1, damaged);
            bytes[at..at + 8].fill(0);
            let disk = disk(Some(ledger(11, 1, 0, 0)), &[(0, bytes), (1, data_file(6..=10))]);
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}, {damaged}");
            assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}, {damaged}");
        }
    }
}

/// Eight zeros behind the last record are what is left of a write of which the length alone was to reach the disk.
#[test]
fn zeros_where_the_next_length_would_be_are_cut() {
    for runs in Runs::ALL {
        let bytes = [data_file(1..=5), vec![0; 8]].concat();
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes)]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.cut_bytes, report.lost_events), (8, 0), "{runs:?}");
        write(&buffer, 6..=7);
        assert_eq!(read(&buffer), ids([1..=7]), "{runs:?}");
    }
}

/// A finished file that ends in half a record: the files behind it have nothing to do with that.
#[test]
fn a_finished_file_that_ends_in_half_a_record_costs_that_record() {
    for runs in Runs::ALL {
        for missing in [1, 8, 31, 32, 80] {
            let mut bytes = data_file(1..=10);
            bytes.truncate(bytes.len() - missing);
            let left = bytes.len() - start(1, 10);
            let disk = disk(Some(ledger(21, 1, 0, 0)), &[(0, bytes), (1, data_file(11..=20))]);
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), ids([1..=9, 11..=20]), "{runs:?}, {missing}");
            assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}, {missing}");
            assert_eq!(figure(&buffer, DAMAGED_BYTES), left as u64, "{runs:?}, {missing}");
            buffer.reader().ack_through(RecordId(20));
            buffer.close().unwrap();
            assert_eq!(disk.ledger(), Some(ledger(21, 1, 1, 20)), "{runs:?}, {missing}");
        }
    }
}

/// The end of a frame, overwritten. Its last eight bytes say nothing that is not said elsewhere in it.
#[test]
fn a_scrambled_end_of_a_frame_costs_its_record_at_the_most() {
    for runs in Runs::ALL {
        for (bytes, lost) in [(8, 0), (16, 1), (32, 1)] {
            let files = [(0, scrambled(1..=8, &[4], bytes)), (1, data_file(9..=12))];
            let disk = disk(Some(ledger(13, 1, 0, 0)), &files);
            let buffer = runs.open(disk.open().unwrap(), options());
            let expected = if lost == 0 { ids([1..=12]) } else { ids([1..=3, 5..=12]) };
            assert_eq!(read(&buffer), expected, "{runs:?}, {bytes}");
            assert_eq!(figure(&buffer, LOST_EVENTS), lost, "{runs:?}, {bytes}");
        }
    }
}

/// One wrong checksum in the file that is being written to: the rest of the file is as good as before, and what is
/// written to it later too.
#[test]
fn a_wrong_checksum_costs_one_record_and_later_ones_are_read() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, changed(1..=5, &[2]))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [1, 3, 4, 5], "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(read(&buffer), [6, 7, 8], "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}");
        assert_eq!(disk.data_files()[0].0, file(0), "{runs:?}: it goes on in the same file");
    }
}

/// Opening again must not take what follows damage for something to be cut, however often it is done.
#[test]
fn whole_records_behind_damage_are_there_at_each_opening() {
    for runs in Runs::ALL {
        let bytes = changed(1..=6, &[3]);
        let disk = disk(Some(ledger(7, 0, 0, 0)), &[(0, bytes.clone())]);
        for life in 0..3 {
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(buffer.open_report().cut_bytes, 0, "{runs:?}, {life}");
            assert_eq!(read(&buffer), ids([1..=2, 4..=6]), "{runs:?}, {life}");
            disk.kill();
        }
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
    }
}

/// A damaged record that was acknowledged is no loss, and the first unread one right behind it is found.
#[test]
fn an_acknowledged_record_that_is_damaged_hides_nothing() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(7, 0, 0, 3)), &[(0, changed(1..=6, &[3]))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().events, 3, "{runs:?}");
        assert_eq!(read(&buffer), [4, 5, 6], "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}");
        assert_eq!(figure(&buffer, DAMAGED_BYTES), 0, "{runs:?}");
    }
}

/// Of two damaged records, one was acknowledged: only the other is counted.
#[test]
fn acknowledged_damage_is_not_counted_with_what_follows() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(7, 0, 0, 3)), &[(0, changed(1..=6, &[2, 4]))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [5, 6], "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}");
        let bytes = data_file([4]).len() as u64;
        assert_eq!(figure(&buffer, DAMAGED_BYTES), bytes, "{runs:?}");
    }
}

/// Damage lies beyond what the ledger knows, and a whole record behind it: that record moves the ledger forward, and the
/// damaged one is a loss like any other.
#[test]
fn damage_that_the_ledger_does_not_know_of_is_kept_with_what_follows() {
    for runs in Runs::ALL {
        let bytes = changed(1..=5, &[4]);
        let disk = disk(Some(ledger(3, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().next_id, RecordId(6), "{runs:?}");
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
        assert_eq!(read(&buffer), [1, 2, 3, 5], "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}");
    }
}

/// The reader's file was all acknowledged, and its last record damaged since, when the ledger was still to leave it.
#[test]
fn a_finished_file_that_ends_in_acknowledged_damage_is_left() {
    for runs in Runs::ALL {
        let files = [(0, changed(1..=10, &[10])), (1, data_file(11..=15))];
        let disk = disk(Some(ledger(16, 1, 0, 10)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events), (5, 0), "{runs:?}");
        assert_eq!(read(&buffer), ids([11..=15]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(16, 1, 1, 10)), "{runs:?}");
        assert_eq!(disk.data_files().len(), 1, "{runs:?}");
    }
}

/// The first record that is unread is the damaged one: it is the loss that is counted, not what comes before it.
#[test]
fn an_unread_record_that_is_damaged_at_the_start_of_its_file_is_counted() {
    for runs in Runs::ALL {
        let files = [(0, data_file(1..=10)), (1, changed(11..=15, &[11]))];
        let disk = disk(Some(ledger(16, 1, 1, 10)), &files);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().events, 5, "{runs:?}");
        assert_eq!(read(&buffer), ids([12..=15]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}");
        let bytes = start(11, 12) as u64;
        assert_eq!(figure(&buffer, DAMAGED_BYTES), bytes, "{runs:?}");
    }
}

/// The last record is acknowledged and damaged: it is not counted as waiting, and the file goes on behind it.
#[test]
fn an_acknowledged_last_record_that_is_scrambled_is_written_behind() {
    for runs in Runs::ALL {
        let bytes = scrambled(1..=5, &[5], 32);
        let disk = disk(Some(ledger(6, 0, 0, 5)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events), (0, 0), "{runs:?}");
        assert_eq!(read(&buffer), ids([]), "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(read(&buffer), [6, 7, 8], "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}");
    }
}

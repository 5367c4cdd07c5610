//! Which files are in use on opening, and what waits in them, when ledger and files reached the disk apart.

use std::num::NonZeroU32;

use forebay::RecordId;

use crate::support::{
    Runs,
    storage::{LOST_EVENTS, data_file, disk, figure, file, ids, ledger, options, read, write},
};

/// The ids of five files, round the end of the ring.
const FILES: [u16; 5] = [65_533, 65_534, 0, 1, 2];

/// Ten records each.
fn contents(number: usize) -> Vec<u8> {
    let first = number as u64 * 10 + 1;
    data_file(first..=first + 9)
}

/// Whichever files are missing, at either end or in the middle, one or several: what was in them is lost, is counted, and
/// takes nothing else with it.
#[test]
fn missing_files_cost_what_was_in_them() {
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 3)] {
        for missing in (0..1_u32 << FILES.len()).step_by(step) {
            let is_there = |number: &usize| missing & (1 << number) == 0;
            let there: Vec<usize> = (0..FILES.len()).filter(is_there).collect();
            let files: Vec<_> = there.iter().map(|&number| (FILES[number], contents(number))).collect();
            let disk = disk(Some(ledger(51, 2, 65_533, 0)), &files);
            let buffer = runs.open(disk.open().unwrap(), options());
            let expected: Vec<u64> = there
                .iter()
                .flat_map(|&number| (number as u64 * 10 + 1)..=(number as u64 * 10 + 10))
                .collect();
            assert_eq!(read(&buffer), expected, "{runs:?}, {missing:05b}");
            let lost = u64::from(missing.count_ones()) * 10;
            assert_eq!(figure(&buffer, LOST_EVENTS), lost, "{runs:?}, {missing:05b}");
            write(&buffer, 51..=52);
            assert_eq!(read(&buffer), [51, 52], "{runs:?}, {missing:05b}");
            buffer.reader().ack_through(RecordId(52));
            buffer.close().unwrap();
            let ledger = disk.ledger().unwrap();
            assert_eq!((ledger.reader_last_record.0, ledger.writer_next_record.0), (52, 53), "{runs:?}");
            assert_eq!(ledger.reader_data_file, ledger.writer_data_file, "{runs:?}, {missing:05b}");
            assert_eq!(disk.data_files().len(), 1, "{runs:?}, {missing:05b}: all that is read goes");
        }
    }
}

/// One file is the reader's and the writer's: what is acknowledged at its start and torn at its end does not wait.
#[test]
fn one_file_may_be_the_readers_and_the_writers() {
    for runs in Runs::ALL {
        let bytes = [data_file(1..=9), vec![0; 21]].concat();
        let disk = disk(Some(ledger(10, 0, 0, 4)), &[(0, bytes)]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.cut_bytes), (5, 21), "{runs:?}");
        assert_eq!(report.bytes, data_file(1..=9).len() as u64, "{runs:?}");
        assert_eq!(read(&buffer), ids([5..=9]), "{runs:?}");
    }
}

/// The ledger ends inside a record of several events. Whole frames are never cut: all of its events count.
#[test]
fn a_record_that_crosses_the_ledgers_end_counts_whole() {
    for runs in Runs::ALL {
        let mut bytes = data_file(1..=3);
        forebay_frame::encode(&mut bytes, RecordId(4), 0, NonZeroU32::new(5).unwrap(), b"4 to 8");
        let disk = disk(Some(ledger(6, 0, 0, 2)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.next_id.0, report.events, report.cut_bytes), (9, 6, 0), "{runs:?}");
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
        let records = buffer.reader().next_batch(9).unwrap().unwrap();
        assert_eq!((records[1].id().0, records[1].events().get()), (4, 5), "{runs:?}");
    }
}

/// The ledger's reader file lags behind what is acknowledged, by several files, torn ones among them: they are passed, and
/// go.
#[test]
fn defect_d15_acknowledged_files_are_passed_whole_or_torn() {
    for runs in Runs::ALL {
        for through in 40..=44 {
            let mut files: Vec<_> =
                (0..FILES.len()).map(|number| (FILES[number], contents(number))).collect();
            files[1].1.truncate(300);
            files[2].1.clear();
            let disk = disk(Some(ledger(51, 2, 65_533, through)), &files);
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            assert_eq!((report.events, report.lost_events), (50 - through, 0), "{runs:?}, {through}");
            assert_eq!(read(&buffer), (through + 1..=50).collect::<Vec<_>>(), "{runs:?}, {through}");
            assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}, {through}");
            buffer.close().unwrap();
            let left: Vec<u16> = disk.data_files().iter().map(|(file, _)| file.get()).collect();
            assert_eq!(left, [2], "{runs:?}, {through}");
            assert_eq!(disk.ledger(), Some(ledger(51, 2, 2, through)), "{runs:?}, {through}");
        }
    }
}

/// A restart goes on behind what is acknowledged, never where reading had come to.
#[test]
fn a_restart_goes_on_at_what_is_acknowledged() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(1, 65_533, 65_533, 0)), &[(65_533, Vec::new())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=300);
        assert_eq!(read(&buffer).len(), 300, "{runs:?}");
        buffer.reader().ack_through(RecordId(60));
        buffer.close().unwrap();
        let stored = disk.ledger().unwrap();
        assert_eq!((stored.reader_data_file, stored.reader_last_record.0), (file(65_534), 60), "{runs:?}");
        assert_ne!(stored.writer_data_file, stored.reader_data_file, "{runs:?}");
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([61..=300]), "{runs:?}");
    }
}

//! The end of the newest file, in each state in which a crash or damage may have left it: V1 to V10 in the table of
//! `docs/ledger-operations.md`, which also names the tests of those cases that are elsewhere.

use std::num::NonZeroU32;

use forebay::RecordId;

use crate::support::{
    Runs,
    storage::{LOST_EVENTS, data_file, disk, figure, file, ids, ledger, options, read, write},
};

/// The newest file is empty, or was to be made and is not there: nothing in it can contradict the ledger.
#[test]
fn v1_an_empty_newest_file_is_ready() {
    for runs in Runs::ALL {
        for files in [vec![(0, data_file(1..=7)), (1, Vec::new())], vec![(0, data_file(1..=7))]] {
            let disk = disk(Some(ledger(8, 1, 0, 2)), &files);
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            assert_eq!((report.events, report.lost_events, report.cut_bytes), (5, 0, 0), "{runs:?}");
            write(&buffer, 8..=9);
            assert_eq!(read(&buffer), ids([3..=9]), "{runs:?}");
        }
    }
}

/// The usual case: what was written last is what the ledger says.
#[test]
fn v2_a_last_record_that_agrees_is_appended_to() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 2)), &[(0, data_file(1..=5))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.events, report.lost_events, report.cut_bytes), (3, 0, 0), "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=8), "{runs:?}");
        assert_eq!(read(&buffer), ids([3..=8]), "{runs:?}");
    }
}

/// Records that never reached the disk, counted by a ledger that did: the same file goes on behind the gap, and the gap is
/// a loss of so many events.
#[test]
fn v3_a_ledger_ahead_of_the_last_record_leaves_a_gap_in_the_same_file() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(9, 0, 0, 0)), &[(0, data_file(1..=5))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().lost_events, 3, "{runs:?}");
        write(&buffer, 9..=10);
        let expected = [data_file(1..=5), data_file(9..=10)].concat();
        assert_eq!(disk.data_file(file(0)).unwrap(), expected, "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=5, 9..=10]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 3, "{runs:?}");
    }
}

/// Records behind the ledger's end were answered. They count, with all their events.
#[test]
fn v4_a_last_record_ahead_of_the_ledger_moves_it_forward() {
    for runs in Runs::ALL {
        let mut bytes = data_file(1..=2);
        forebay_frame::encode(&mut bytes, RecordId(3), 0, NonZeroU32::new(5).unwrap(), b"five events");
        let disk = disk(Some(ledger(2, 0, 0, 0)), &[(0, bytes)]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().next_id, RecordId(8), "{runs:?}");
        assert_eq!(disk.ledger(), Some(ledger(8, 0, 0, 0)), "{runs:?}");
        let records = buffer.reader().next_batch(9).unwrap().unwrap();
        let seen: Vec<_> = records.iter().map(|record| (record.id().0, record.events().get())).collect();
        assert_eq!(seen, [(1, 1), (2, 1), (3, 5)], "{runs:?}");
    }
}

/// What a payload means is its reader's business. None keeps a buffer from opening, nor does a number beside it.
#[test]
fn v5_no_payload_and_no_metadata_keep_a_buffer_from_opening() {
    for runs in Runs::ALL {
        for (metadata, payload) in [(0, &b"\xff\xff\xff"[..]), (1, b"\xff not protobuf"), (u32::MAX, b"")] {
            let mut bytes = data_file(1..=3);
            forebay_frame::encode(&mut bytes, RecordId(4), metadata, NonZeroU32::MIN, payload);
            let disk = disk(Some(ledger(5, 0, 0, 3)), &[(0, bytes)]);
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(buffer.open_report().events, 1, "{runs:?}, {metadata}");
            let record = buffer.reader().next().unwrap().unwrap();
            assert_eq!((record.metadata(), &record.payload()[..]), (metadata, payload), "{runs:?}");
            write(&buffer, 5..=5);
        }
    }
}

/// A last record whose checksum does not agree is as long as it says: it is no torn end. It stays, and records go on in
/// another file: what comes behind a damage might not be found, should another one follow.
#[test]
fn v6_a_last_record_with_a_wrong_checksum_is_kept() {
    let mut bytes = data_file(1..=5);
    bytes[data_file(1..=4).len() + 10] ^= 1;
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.cut_bytes, report.lost_events, report.next_id.0), (0, 1, 6), "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
        assert_eq!(disk.data_file(file(1)).unwrap(), data_file(6..=8), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=4, 6..=8]), "{runs:?}");
        assert_eq!(figure(&buffer, LOST_EVENTS), 1, "{runs:?}");
    }
}

/// The same where the end of the frame is scrambled, and only its length says where it ends.
#[test]
fn v7_a_last_record_with_a_scrambled_end_is_kept() {
    let mut bytes = data_file(1..=5);
    let end = bytes.len();
    bytes[end - 32..].fill(0xde);
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.open_report().lost_events, 1, "{runs:?}");
        assert_eq!(disk.data_file(file(0)).unwrap(), bytes, "{runs:?}");
        write(&buffer, 6..=8);
        assert_eq!(read(&buffer), ids([1..=4, 6..=8]), "{runs:?}");
    }
}

/// Ends that no write leaves whole: cut short by any number of bytes, or followed by zeros or by less than a length. Each
/// is cut, in the same file, and no whole record with it.
#[test]
fn v7_an_unfinished_end_is_cut() {
    let (before, whole) = (data_file(1..=4), data_file(1..=5));
    let mut ends: Vec<Vec<u8>> =
        (before.len() + 1..whole.len()).map(|length| whole[..length].to_vec()).collect();
    ends.extend([1, 7, 8, 39, 40, 4096].map(|zeros| [before.clone(), vec![0; zeros]].concat()));
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 7)] {
        for bytes in ends.iter().step_by(step) {
            let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, bytes.clone())]);
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            let cut = (bytes.len() - before.len()) as u64;
            assert_eq!((report.cut_bytes, report.lost_events), (cut, 1), "{runs:?}, {}", bytes.len());
            assert_eq!(disk.data_file(file(0)).unwrap(), before, "{runs:?}, {}", bytes.len());
            write(&buffer, 6..=7);
            assert_eq!(read(&buffer), ids([1..=4, 6..=7]), "{runs:?}, {}", bytes.len());
        }
    }
}

/// The ledger lags behind, and the end is torn: what is whole comes first, and only the rest is cut.
#[test]
fn v8_what_is_whole_moves_the_ledger_before_the_torn_end_is_cut() {
    for runs in Runs::ALL {
        for known in [1, 3, 6] {
            let bytes = &data_file(1..=6)[..data_file(1..=6).len() - 20];
            let disk = disk(Some(ledger(known, 0, 0, 0)), &[(0, bytes.to_vec())]);
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            assert_eq!((report.next_id, report.lost_events), (RecordId(6), 0), "{runs:?}, {known}");
            assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=5), "{runs:?}, {known}");
            write(&buffer, 6..=7);
            assert_eq!(read(&buffer), ids([1..=7]), "{runs:?}, {known}");
        }
    }
}

/// Damage as long as a frame, right where the ledger ends: no writer was told that it was written. It is passed over without
/// being counted, and its id is given to the next record.
#[test]
fn v8_damage_behind_the_ledgers_end_is_no_loss() {
    for runs in Runs::ALL {
        for known in 0..=4 {
            let mut bytes = data_file(1..=known + 1);
            let at = data_file(1..=known).len();
            bytes[at + 10] ^= 1;
            let disk = disk(Some(ledger(known + 1, 0, 0, 0)), &[(0, bytes)]);
            let buffer = runs.open(disk.open().unwrap(), options());
            let report = buffer.open_report();
            assert_eq!((report.next_id.0, report.lost_events), (known + 1, 0), "{runs:?}, {known}");
            write(&buffer, known + 1..=known + 3);
            assert_eq!(read(&buffer), (1..=known + 3).collect::<Vec<_>>(), "{runs:?}, {known}");
            assert_eq!(figure(&buffer, LOST_EVENTS), 0, "{runs:?}, {known}");
        }
    }
}

/// The ledger has not heard of the last roll: the file behind the one that it names holds the ids that come next.
#[test]
fn v10_a_file_behind_the_one_that_the_ledger_names_is_the_newest() {
    for runs in Runs::ALL {
        let torn = &data_file(6..=9)[..data_file(6..=8).len() + 60];
        let disk = disk(Some(ledger(6, 0, 0, 0)), &[(0, data_file(1..=5)), (1, torn.to_vec())]);
        let buffer = runs.open(disk.open().unwrap(), options());
        let report = buffer.open_report();
        assert_eq!((report.next_id.0, report.cut_bytes, report.lost_events), (9, 60, 0), "{runs:?}");
        write(&buffer, 9..=10);
        assert_eq!(disk.data_file(file(1)).unwrap(), data_file(6..=10), "{runs:?}");
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(disk.ledger(), Some(ledger(11, 1, 0, 0)), "{runs:?}");
    }
}

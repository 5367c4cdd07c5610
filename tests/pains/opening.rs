//! Opening what is large, or what others have left lying about.

use std::num::NonZeroU32;

use forebay::{RecordId, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{data_file, file, ids, ledger, options, read, write},
};

/// When its pod is killed, old files of Vector's stay, and its writer waits for ever for a name that one of them has. Here
/// no writer waits for files outside the window, wherever they lie on the ring, and those that hold nothing that is
/// unread are removed.
#[test]
fn pain_19155_files_outside_the_window_are_never_waited_for() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(5), data_file(101..=110));
        // Left by an earlier life, ahead of the writer and behind the reader.
        for (number, ids) in [(4, 91..=100), (6, 1..=10), (7, 11..=20), (9, 21..=30), (65_534, 31..=40)] {
            disk.put_data_file(file(number), data_file(ids));
        }
        disk.put_ledger(Some(ledger(111, 5, 5, 100)));
        let simulation = Simulation::new();
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 111..=500);
        while simulation.run_sync(0) {}
        assert_eq!(read(&buffer), ids([101..=500]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}");
        buffer.reader().ack_through(RecordId(500));
        while simulation.run_sync(0) {}
        buffer.close().unwrap();
        assert_eq!(disk.data_files().len(), 1, "{runs:?}: {:?}", disk.data_files());
    }
}

/// One payload that cannot be decoded, and Vector does not start at all. Here payloads are not looked into: records whose
/// metadata says that they are events, and whose bytes say nothing, are delivered as they are, wherever they lie.
#[test]
fn pain_18130_a_payload_that_cannot_be_decoded_stops_nothing() {
    // What begins as a message of Vector's and is cut, what is no message at all, and nothing.
    let payloads = [&b"\x0a\x0c\x0a\x02hi"[..], b"\xff\xff\xff\xff not protobuf", b""];
    for runs in Runs::ALL {
        for acknowledged in 0..=5 {
            let mut bytes = [Vec::new(), Vec::new()];
            let mut records = Vec::new();
            for id in 1..=6 {
                let payload = payloads[usize::try_from(id % 3).unwrap()];
                let into = &mut bytes[usize::from(id > 3)];
                forebay_frame::encode(into, RecordId(id), 1, NonZeroU32::MIN, payload);
                records.push((id, payload.to_vec()));
            }
            let disk = Disk::new();
            let [first, second] = bytes;
            disk.put_data_file(file(0), first);
            disk.put_data_file(file(1), second);
            disk.put_ledger(Some(ledger(7, 1, 0, acknowledged)));
            let buffer = runs.open(disk.open().unwrap(), options());
            let read = buffer.reader().try_next_batch(10).unwrap();
            let read: Vec<_> = read.iter().map(|record| (record.id().0, record.payload().to_vec())).collect();
            let at = usize::try_from(acknowledged).unwrap();
            assert_eq!(read, records[at..], "{runs:?}, {acknowledged}");
            assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}, {acknowledged}");
            write(&buffer, 7..=9);
        }
    }
}

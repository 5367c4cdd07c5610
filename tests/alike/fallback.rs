//! A ledger that cannot be right, after the machine has been down: each field that neither `buffer.forebay` nor the data files
//! agree with is taken from `buffer.forebay`.

use forebay::{
    RecordId, Simulation,
    storage::{Ledger, memory::Disk},
};

use crate::support::{
    Runs,
    storage::{data_file, file, ids, ledger, options, read, write},
};

/// Records 1 to 300 in many files, of which the first 100 are acknowledged and gone.
fn make(runs: Runs) -> Disk {
    let disk = Disk::new();
    let buffer = runs.open(disk.open().unwrap(), options());
    write(&buffer, 1..=300);
    assert_eq!(read(&buffer), ids([1..=300]));
    buffer.reader().ack_through(RecordId(100));
    buffer.close().unwrap();
    disk
}

/// The fields that a ledger is damaged in, and what it says then. Between the reader's file and the writer's there are others.
fn damaged(right: Ledger) -> [(&'static str, Ledger); 7] {
    let (reader, writer) = (right.reader_data_file.get(), right.writer_data_file.get());
    assert!(reader + 2 < writer, "{right:?}");
    [
        ("next", Ledger { writer_next_record: RecordId(1001), ..right }),
        ("last and next", ledger(1001, writer, reader, 1000)),
        ("reader's file, which is nowhere", Ledger { reader_data_file: file(60_000), ..right }),
        ("reader's file, which is too far", Ledger { reader_data_file: file(reader + 2), ..right }),
        ("writer's file, which is nowhere", Ledger { writer_data_file: file(60_000), ..right }),
        ("reader's and writer's files", ledger(301, 60_000, 59_000, 100)),
        ("all", ledger(5000, 60_000, 59_000, 4000)),
    ]
}

/// After a power failure parts of the ledger may be noise. What is noted is better where the frames do not say otherwise:
/// nothing is lost or taken for lost, no ids are left out, and no reader has to look through the files.
#[test]
fn a_field_that_neither_note_nor_frames_agree_with_is_taken_from_the_note() {
    for runs in Runs::ALL {
        for (what, wrong) in damaged(make(runs).ledger().unwrap()) {
            let disk = make(runs);
            let right = disk.ledger().unwrap();
            disk.power_loss();
            disk.put_ledger(Some(wrong));
            let simulation = Simulation::new();
            let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
            assert_eq!(disk.ledger(), Some(right), "{runs:?}, {what}");
            assert_eq!(read(&buffer), ids([101..=300]), "{runs:?}, {what}");
            assert_eq!(buffer.take_losses(), [], "{runs:?}, {what}");
            assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}, {what}");
            write(&buffer, 301..=310);
            buffer.close().unwrap();
        }
    }
}

/// A power loss can leave a ledger from before the last rolls, and a data file that has lost its end. Once all is acknowledged no
/// id says any more which file comes last, but the highest ones still do.
#[test]
fn writing_goes_on_behind_the_highest_ids_though_all_are_acknowledged() {
    for runs in Runs::ALL {
        let disk = make(runs);
        let right = disk.ledger().unwrap();
        let front = right.reader_data_file;
        let mut bytes = disk.data_file(front.successor()).unwrap();
        bytes.truncate(bytes.len() - 20);
        disk.put_data_file(front.successor(), bytes);
        disk.put_ledger(Some(Ledger { writer_data_file: front, reader_last_record: RecordId(300), ..right }));
        let before = disk.data_file(front).unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 301..=301);
        // It may have left by now, because all of it is acknowledged.
        let is_untouched = disk.data_file(front).is_none_or(|bytes| bytes == before);
        assert!(is_untouched, "{runs:?}: a record was written behind older ones");
        assert_eq!(read(&buffer), ids([301..=301]), "{runs:?}");
        buffer.close().unwrap();
    }
}

/// As long as the machine is up nothing on the disk is older than it seems: then the ledger is right, and where the frames
/// have less, that is lost.
#[test]
fn during_the_same_boot_the_ledger_stands() {
    for runs in Runs::ALL {
        let disk = make(runs);
        let right = disk.ledger().unwrap();
        disk.put_ledger(Some(Ledger { writer_next_record: RecordId(1001), ..right }));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([101..=300]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 700, "{runs:?}");
        write(&buffer, 1001..=1010);
    }
}

/// The operator went on with Vector, and then the machine was restarted: `buffer.forebay` is older than the ledger, and the
/// frames say that the ledger is right. What was acknowledged there does not come again.
#[test]
fn a_ledger_that_the_frames_agree_with_stands_though_the_note_is_older() {
    for runs in Runs::ALL {
        let disk = make(runs);
        let right = disk.ledger().unwrap();
        let writer = right.writer_data_file.get() + 2;
        disk.put_data_file(file(writer - 1), data_file(301..=340));
        disk.put_data_file(file(writer), data_file(341..=350));
        disk.put_ledger(Some(ledger(351, writer, writer - 1, 320)));
        disk.power_loss();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([321..=350]), "{runs:?}");
        assert_eq!(buffer.status().unwrap().lost_events, 0, "{runs:?}");
        write(&buffer, 351..=360);
    }
}

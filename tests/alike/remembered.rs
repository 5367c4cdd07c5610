//! `buffer.forebay`: whatever became of it, and whatever became of the ledger meanwhile, nothing whole and unacknowledged is
//! lost. What is remembered makes opening cheap.

use forebay::{
    Buffer, RecordId,
    storage::{Ledger, memory::Disk},
};

use crate::support::{
    Runs,
    storage::{HeldSyncs, data_file, disk, file, ids, ledger, options, read, start, write},
};

/// What has become of the file.
#[derive(Clone, Copy, Debug)]
enum File {
    AsItWas,
    Missing,
    /// From before the last records and acknowledgements.
    Old,
    FirstSlotTorn,
    SecondSlotTorn,
    AllTorn,
    /// The first half, as if the disk had been full.
    Cut,
    ForeignBytes,
    /// Of a buffer that is further on.
    OfAnotherBuffer,
}

const FILES: [File; 9] = [
    File::AsItWas,
    File::Missing,
    File::Old,
    File::FirstSlotTorn,
    File::SecondSlotTorn,
    File::AllTorn,
    File::Cut,
    File::ForeignBytes,
    File::OfAnotherBuffer,
];

/// How the buffer was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Closed,
    ClosedBeforeAReboot,
    Killed,
    PowerLost,
}

const LEFT: [Left; 4] = [Left::Closed, Left::ClosedBeforeAReboot, Left::Killed, Left::PowerLost];

/// What has become of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    AsItWas,
    /// From before the last records and acknowledgements.
    Behind,
    /// All is acknowledged, it says, and more than was ever written.
    Ahead,
    /// More than was ever written, it says.
    NextAhead,
    /// It names files that are not there.
    FilesNowhere,
    /// It names the reader's file as the writer's, and the other way round.
    FilesSwapped,
    Missing,
}

const FOUND: [Found; 7] = [
    Found::AsItWas,
    Found::Behind,
    Found::Ahead,
    Found::NextAhead,
    Found::FilesNowhere,
    Found::FilesSwapped,
    Found::Missing,
];

/// Both from before the last records and acknowledgements.
struct Before {
    own_file: Option<Vec<u8>>,
    ledger: Option<Ledger>,
}

/// A buffer of 300 records in several files, of which 210 are acknowledged.
fn make(runs: Runs, left: Left) -> (Disk, Before) {
    let disk = Disk::new();
    let buffer = runs.open(disk.open().unwrap(), options());
    write(&buffer, 1..=200);
    assert_eq!(read(&buffer), ids([1..=200]));
    buffer.reader().ack_through(RecordId(100));
    buffer.close().unwrap();
    let before = Before { own_file: disk.own_file(), ledger: disk.ledger() };

    let buffer = runs.open(disk.open().unwrap(), options());
    write(&buffer, 201..=300);
    assert_eq!(read(&buffer), ids([101..=300]));
    buffer.reader().ack_through(RecordId(210));
    match left {
        Left::Closed | Left::ClosedBeforeAReboot => buffer.close().unwrap(),
        Left::Killed => disk.kill(),
        Left::PowerLost => {
            buffer.writer().write_batch(vec![]).unwrap();
            buffer.end_writing();
            drop(buffer);
            let buffer = runs.open(disk.open().unwrap(), options());
            let _held = HeldSyncs::of(&disk);
            write(&buffer, 301..=305);
            disk.power_loss();
        }
    }
    if left == Left::ClosedBeforeAReboot {
        disk.power_loss();
    }
    (disk, before)
}

fn damage(disk: &Disk, file: File, before: &Before) {
    let mut bytes = disk.own_file().unwrap();
    let mut tear = |from: usize| {
        let end = (from + 4096).min(bytes.len());
        if let Some(block) = bytes.get_mut(from + 100..end) {
            block.fill(0xa5);
        }
    };
    match file {
        File::AsItWas => {}
        File::Missing => return disk.put_own_file(None),
        File::Old => return disk.put_own_file(before.own_file.clone()),
        File::FirstSlotTorn => tear(0),
        File::SecondSlotTorn => tear(4096),
        File::AllTorn => [0, 4096, 8192].into_iter().for_each(tear),
        File::Cut => bytes.truncate(6000),
        File::ForeignBytes => bytes.fill(b'x'),
        File::OfAnotherBuffer => {
            let other = Disk::new();
            let buffer = Runs::Natively.open(other.open().unwrap(), options());
            write(&buffer, 1..=900);
            assert_eq!(read(&buffer).len(), 900);
            buffer.reader().ack_through(RecordId(899));
            buffer.close().unwrap();
            bytes = other.own_file().unwrap();
        }
    }
    disk.put_own_file(Some(bytes));
}

/// Opens, and gives what is delivered. A second opening finds the same.
fn delivered(runs: Runs, disk: &Disk, what: &str) -> Vec<u64> {
    let buffer = runs.open(disk.open().unwrap(), options());
    let delivered = read(&buffer);
    let waiting = buffer.status().unwrap();
    assert_eq!(waiting.usage_lifetime.waiting(), waiting.occupancy, "{what}");
    buffer.close().unwrap();
    let buffer = runs.open(disk.open().unwrap(), options());
    assert_eq!(read(&buffer), delivered, "{what}: the second time");
    buffer.close().unwrap();
    delivered
}

/// The file may be in any state, and so may the ledger: whatever is whole and was not acknowledged is delivered.
#[test]
fn no_state_of_the_file_costs_a_record() {
    for left in LEFT {
        for file in FILES {
            for found in FOUND {
                let runs = Runs::Natively;
                let (disk, before) = make(runs, left);
                damage(&disk, file, &before);
                match found {
                    Found::AsItWas => {}
                    Found::Behind => disk.put_ledger(before.ledger),
                    Found::Ahead => {
                        let live = disk.ledger().unwrap();
                        let writer = live.writer_data_file.get();
                        disk.put_ledger(Some(ledger(1001, writer, live.reader_data_file.get(), 1000)));
                    }
                    Found::NextAhead | Found::FilesNowhere | Found::FilesSwapped => {
                        let live = disk.ledger().unwrap();
                        let (reader, writer) = (live.reader_data_file.get(), live.writer_data_file.get());
                        let (next, last) = (live.writer_next_record.0, live.reader_last_record.0);
                        disk.put_ledger(Some(match found {
                            Found::NextAhead => ledger(1001, writer, reader, last),
                            Found::FilesNowhere => ledger(next, 60_000, 59_000, last),
                            _ => ledger(next, reader, writer, last),
                        }));
                    }
                    Found::Missing => disk.put_ledger(None),
                }
                let what = format!("{left:?}, file {file:?}, ledger {found:?}");
                let delivered = delivered(runs, &disk, &what);
                let rest = delivered.iter().copied().filter(|id| *id > 210).collect::<Vec<_>>();
                let same_boot = matches!(left, Left::Closed | Left::Killed);
                let is_known = matches!(
                    file,
                    File::AsItWas | File::Old | File::FirstSlotTorn | File::SecondSlotTorn | File::Cut
                );
                // A ledger that is there counts, unless what is remembered shows that it cannot be right.
                if found != Found::Ahead || (!same_boot && is_known) {
                    assert_eq!(rest, ids([211..=300]), "{what}");
                } else {
                    assert_eq!(delivered, ids([]), "{what}");
                }
            }
        }
    }
}

/// With a ledger that cannot be read, what is remembered says what was acknowledged: nothing comes a second time.
#[test]
fn a_lost_ledger_is_taken_from_what_is_remembered() {
    for runs in Runs::ALL {
        for left in LEFT {
            let (disk, _) = make(runs, left);
            disk.put_ledger(None);
            let what = format!("{runs:?}, {left:?}");
            assert_eq!(delivered(runs, &disk, &what), ids([211..=300]), "{what}");
        }
    }
}

/// How many bytes of data files are read until the first record comes.
fn cost(runs: Runs, disk: &Disk) -> u64 {
    let before = disk.bytes_read();
    let buffer = runs.open(disk.open().unwrap(), large());
    let report = *buffer.open_report();
    assert_eq!((report.first_unread, report.events), (RecordId(11), 10_000 - 10), "{runs:?}");
    buffer.close().unwrap();
    disk.bytes_read() - before
}

fn large() -> forebay::Options {
    let mut options = options();
    (options.file_bytes, options.max_bytes) = (16 << 20, 64 << 20);
    options
}

fn fill(buffer: &Buffer) {
    for _ in 0..10 {
        buffer.writer().write_batch(vec![vec![7; 1000].into(); 1000]).unwrap();
    }
    let records = buffer.reader().next_batch(10).unwrap().unwrap();
    buffer.reader().ack_through(records[9].id());
}

/// A service with a long backlog must be up as soon as one without, after a close, a crash, and a power failure.
#[test]
fn opening_does_not_read_the_backlog() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), large());
        fill(&buffer);
        disk.kill();
        let after_a_kill = cost(runs, &disk);
        let after_a_close = cost(runs, &disk);
        disk.power_loss();
        let after_a_power_loss = cost(runs, &disk);
        // Of ten megabytes: what was written since it was last noted how far the file is known, and a few blocks.
        assert!(after_a_kill < 3 << 20, "{runs:?}: {after_a_kill} bytes");
        for cost in [after_a_close, after_a_power_loss] {
            assert!(cost < 1 << 20, "{runs:?}: {cost} bytes");
        }
        disk.put_own_file(None);
        assert!(cost(runs, &disk) > 10_000_000, "{runs:?}: this test sees what is read");
    }
}

/// Of many files an opening reads the last and the one where reading goes on, however many lie between.
#[test]
fn opening_reads_no_more_of_many_files_than_of_few() {
    for runs in Runs::ALL {
        let read_by_opening = |last: u64| {
            let disk = Disk::new();
            let mut options = options();
            options.max_unacknowledged_records = 1 << 20;
            let buffer = runs.open(disk.open().unwrap(), options);
            write(&buffer, 1..=last);
            buffer.close().unwrap();
            let before = disk.bytes_read();
            let buffer = runs.open(disk.open().unwrap(), options);
            assert_eq!(buffer.open_report().events, last, "{runs:?}");
            (disk.data_files().len(), disk.bytes_read() - before)
        };
        let (few, bytes_of_few) = read_by_opening(300);
        let (many, bytes_of_many) = read_by_opening(9_000);
        assert!(many > 20 * few, "{runs:?}: {few} and {many} files");
        assert!(
            bytes_of_many <= bytes_of_few + 2 * 4096,
            "{runs:?}: {bytes_of_few} and {bytes_of_many} bytes"
        );
    }
}

/// The first record after opening comes from where the last one was acknowledged, not from the start of the file.
#[test]
fn reading_starts_where_it_was_left() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), large());
        fill(&buffer);
        let mut last = 10;
        while last < 9_000 {
            last = buffer.reader().next_batch(1000).unwrap().unwrap().last().unwrap().id().0;
            buffer.reader().ack_through(RecordId(last));
        }
        buffer.close().unwrap();
        let before = disk.bytes_read();
        let buffer = runs.open(disk.open().unwrap(), large());
        let first = buffer.reader().next().unwrap().unwrap();
        assert_eq!(first.id(), RecordId(last + 1), "{runs:?}");
        let read = disk.bytes_read() - before;
        assert!(read < 4 << 20, "{runs:?}: {read} bytes");
    }
}

/// A file that was replaced by another under the same name: what is remembered of the old one must not be taken for the
/// new one's, least of all when the new one is longer.
#[test]
fn a_replaced_data_file_is_read_from_its_start() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=30);
        buffer.close().unwrap();
        let (number, _) = disk.data_files()[0];
        disk.put_data_file(number, crate::support::storage::data_file((1..=60).map(|id| id + 100)));
        disk.put_ledger(Some(ledger(161, number.get(), number.get(), 110)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([111..=160]), "{runs:?}");
    }
}

/// A process dies in the middle of a write, and had not noted how far the consumer was. The next opener truncates the
/// partial write, and reads on from what is remembered of the same file: that still stands.
#[test]
fn a_torn_end_that_is_cut_leaves_the_readers_place() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        write(&buffer, 1..=20);
        assert_eq!(read(&buffer), ids([1..=20]));
        buffer.reader().ack_through(RecordId(5));
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([6..=20]));
        buffer.reader().ack_through(RecordId(10));
        disk.kill();
        let (number, _) = disk.data_files()[0];
        let mut torn = disk.data_file(number).unwrap();
        let next = crate::support::storage::data_file(21..=21);
        torn.extend_from_slice(&next[..next.len() / 2]);
        disk.put_data_file(number, torn);

        let buffer = runs.open(disk.open().unwrap(), options());
        assert!(buffer.open_report().cut_bytes > 0, "{runs:?}");
        write(&buffer, 21..=30);
        assert_eq!(read(&buffer), ids([11..=30]), "{runs:?}");
    }
}

/// A person, or a second power loss, has damaged a file in front of what is remembered of it and at its end: a walk from its
/// start finds nothing behind the first damage, while what is remembered says that records are there.
#[test]
fn what_is_remembered_behind_a_damage_does_not_keep_the_buffer_from_opening() {
    for runs in Runs::ALL {
        let disk = disk(Some(ledger(21, 0, 0, 0)), &[(0, data_file(1..=20))]);
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
        buffer.close().unwrap();
        let mut bytes = data_file(1..=20);
        bytes[start(1, 7)..start(1, 8)].fill(0);
        bytes.extend([0xff; 45]);
        disk.put_data_file(file(0), bytes);
        disk.put_data_file(file(1), data_file(30..=34));
        disk.put_ledger(Some(ledger(35, 1, 1, 6)));
        let buffer = runs.open(disk.open().unwrap(), options());
        let read = read(&buffer);
        assert!(read.ends_with(&ids([30..=34])), "{runs:?}: {read:?}");
    }
}

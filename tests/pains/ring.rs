//! The ring of file numbers, at its real size.

use forebay::{Buffer, Options, RecordId, Simulation, WhenFull, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{data_file, file, ledger, options},
};

/// The number of file numbers.
const MODULUS: u16 = 65_535;

/// One record of this length fills a file of 4 KiB so far that no other fits.
const RECORD_BYTES: usize = 2100;

fn record(number: u64) -> Vec<u8> {
    let mut payload = vec![0; RECORD_BYTES];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// A buffer whose first file is to be this one, and the world that it lives in.
struct Ring {
    disk: Disk,
    simulation: Simulation,
    runs: Runs,
    options: Options,
    next: u64,
    wraps: u32,
}

impl Ring {
    fn new(runs: Runs, first_file: u16) -> Self {
        let disk = Disk::new();
        disk.put_ledger(Some(ledger(1, first_file, first_file, 0)));
        let mut options = options();
        options.max_bytes = 16 * 4096;
        Self { disk, simulation: Simulation::new(), runs, options, next: 1, wraps: 0 }
    }

    fn open(&self) -> Buffer {
        self.runs.open_in(&self.simulation, self.disk.open().unwrap(), self.options).unwrap()
    }

    /// Writes records, each into a file of its own, with a reader three records behind, and opens the buffer again on the way.
    fn roll(&mut self, records: u64, reopen_every: u64) {
        let mut buffer = self.open();
        let mut delivered = self.next;
        for number in self.next..self.next + records {
            let before = self.disk.ledger().unwrap().writer_data_file;
            let receipt = buffer.writer().write_batch(vec![record(number).into()]).unwrap();
            assert_eq!(receipt.first_id, Some(RecordId(number)));
            if number % reopen_every == 0 {
                buffer.close().unwrap();
                buffer = self.open();
                delivered = self.disk.ledger().unwrap().reader_last_record.0 + 1;
            }
            for read in buffer.reader().try_next_batch(10).unwrap() {
                assert_eq!(read.id(), RecordId(delivered));
                assert_eq!(read.payload()[..8], delivered.to_le_bytes());
                delivered += 1;
            }
            assert_eq!(delivered, number + 1);
            buffer.reader().ack_through(RecordId(number.saturating_sub(3)));
            while self.simulation.run_sync(0) {}
            let after = self.disk.ledger().unwrap().writer_data_file;
            self.wraps += u32::from(after < before);
        }
        self.next += records;
        let status = buffer.status().unwrap();
        assert_eq!((status.lost_events, status.refused_calls), (0, 0));
        assert!(status.files <= 5, "{} files for 3 records", status.files);
        buffer.close().unwrap();
    }
}

/// Vector's writer and reader disagree about the number that follows the last one, and everything stops there, until
/// the operator deletes the buffer. Here they go round, more than once, and are opened again on the way.
#[test]
fn pain_19759_ring_wraps_at_the_real_modulus() {
    let mut ring = Ring::new(Runs::Natively, 0);
    ring.roll(2 * u64::from(MODULUS) + 50, 10_007);
    assert_eq!(ring.wraps, 2);
    for (runs, reopen_every) in [(Runs::Natively, 1), (Runs::AsComponent, 7)] {
        let mut ring = Ring::new(runs, MODULUS - 20);
        ring.roll(40, reopen_every);
        assert_eq!(ring.wraps, 1, "{runs:?}");
    }
}

/// With all numbers but one in use the buffer is full, however much room it has. It is not taken for one whose reader is a
/// file ahead of its writer, neither while it is open nor when it is opened again, and it goes on when one file goes.
#[test]
fn pain_19759_a_full_ring_is_full_and_not_empty() {
    let (front, files) = (1000, u64::from(MODULUS) - 1);
    let number = |at: u64| u16::try_from((front + at) % u64::from(MODULUS)).unwrap();
    let disk = Disk::new();
    disk.put_data_files((0..files).map(|at| (file(number(at)), data_file([at + 1]))));
    let newest = number(files - 1);
    assert_eq!(number(files + 1), number(0), "one number is free");
    disk.put_ledger(Some(ledger(files + 1, newest, number(0), 0)));
    let mut options = options();
    options.max_bytes = Options::FILES_MAX * options.file_bytes;
    options.when_full = WhenFull::Reject;

    let simulation = Simulation::new();
    let mut next = files + 1;
    for _ in 0..2 {
        let buffer = Runs::Natively.open_in(&simulation, disk.open().unwrap(), options).unwrap();
        let status = buffer.status().unwrap();
        assert_eq!((status.files as u64, status.occupancy.events), (files, next - 1));
        // What fits into the newest file is taken, and nothing more.
        loop {
            match buffer.writer().write(record(next)) {
                Ok(_) => next += 1,
                Err(error) => break assert!(error.is_full(), "{error}"),
            }
        }
        assert!(next <= files + 2 && buffer.status().unwrap().files as u64 == files);
        buffer.close().unwrap();
    }

    // A writer that does not want it back waits, until the oldest file is acknowledged and has gone, and no longer.
    options.when_full = WhenFull::Block;
    let buffer = Runs::Natively.open_in(&simulation, disk.open().unwrap(), options).unwrap();
    let mut pending = buffer.writer().submit(vec![record(next).into()]).unwrap();
    while simulation.run_sync(0) {}
    assert!(pending.try_take().is_none(), "no number is free");
    let records = buffer.reader().try_next_batch(2).unwrap();
    assert_eq!(records.iter().map(|record| record.id().0).collect::<Vec<_>>(), [1, 2]);
    while simulation.run_sync(0) {}
    assert!(pending.try_take().is_none(), "reading alone frees none");
    records.iter().for_each(forebay::Record::ack);
    simulation.run_jobs();
    while simulation.run_sync(0) {}
    let receipt = pending.try_take().expect("there is room again").unwrap();
    assert_eq!(receipt.first_id, Some(RecordId(next)));
    assert_eq!(buffer.status().unwrap().lost_events, 0);
    buffer.close().unwrap();

    // Where the oldest are to go, they go for want of a number as well as for want of bytes.
    options.when_full = WhenFull::DropOldest;
    let buffer = Runs::Natively.open_in(&simulation, disk.open().unwrap(), options).unwrap();
    for number in next + 1..next + 9 {
        let mut pending = buffer.writer().submit(vec![record(number).into()]).unwrap();
        while pending.try_take().is_none() {
            assert!(simulation.run_sync(0), "a writer waits for ever");
        }
    }
    let status = buffer.status().unwrap();
    // One that leaves may still be there.
    assert!(status.usage_since_open.dropped.events >= 4 && status.files as u64 <= files + 1, "{status:?}");
}

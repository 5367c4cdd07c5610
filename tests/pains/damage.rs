//! A directory that is damaged at any byte: it opens, all that is whole is delivered, and what is lost is said.

use std::{collections::BTreeMap, num::NonZeroU32};

use forebay::{Buffer, RecordId, storage::memory::Disk};

use crate::support::{
    Runs,
    storage::{data_file, file, ledger, options},
};

/// A record in a data file: its id, its payload and where its frame lies.
struct Lying {
    id: u64,
    payload: Vec<u8>,
    start: usize,
    end: usize,
}

/// Data files with numbers from 0 on, and their records.
struct Files {
    bytes: Vec<Vec<u8>>,
    records: Vec<Vec<Lying>>,
    next: u64,
}

impl Files {
    fn new(payloads: Vec<Vec<Vec<u8>>>) -> Self {
        let mut files = Self { bytes: Vec::new(), records: Vec::new(), next: 1 };
        for payloads in payloads {
            let (mut bytes, mut records) = (Vec::new(), Vec::new());
            for payload in payloads {
                let (id, start) = (files.next, bytes.len());
                forebay_frame::encode(&mut bytes, RecordId(id), 0, NonZeroU32::MIN, &payload);
                records.push(Lying { id, payload, start, end: bytes.len() });
                files.next += 1;
            }
            files.bytes.push(bytes);
            files.records.push(records);
        }
        files
    }

    /// Three files with a few short records in each.
    fn short() -> Self {
        let payload = |length: usize| (0..length).map(|at| u8::try_from(at).unwrap() ^ 0xa5).collect();
        Self::new([[0, 5, 40, 9], [24, 7, 16, 1], [3, 30, 8, 12]].map(|file| file.map(payload).into()).into())
    }

    /// The disk with these files, one of which has other bytes, or none.
    fn disk(&self, other: usize, bytes: Option<&[u8]>) -> Disk {
        let disk = Disk::new();
        for (number, whole) in self.bytes.iter().enumerate() {
            let bytes = if number == other { bytes } else { Some(&whole[..]) };
            if let Some(bytes) = bytes {
                disk.put_data_file(file(u16::try_from(number).unwrap()), bytes.to_vec());
            }
        }
        let last = u16::try_from(self.bytes.len() - 1).unwrap();
        disk.put_ledger(Some(ledger(self.next, last, 0, 0)));
        disk
    }

    /// Opens a damaged directory, which must deliver all records but those that may be lost, invent none, and account for
    /// each that is missing, once. What is lost must be lost for good, and the buffer go on.
    fn check(&self, runs: Runs, disk: &Disk, at: &str, may_be_lost: impl Fn(usize, &Lying) -> bool) {
        let at = format!("{runs:?}, {at}");
        let buffer = runs.open(disk.open().unwrap(), options());
        let delivered = read(&buffer);
        assert!(delivered.is_sorted_by(|(one, _), (next, _)| one < next), "{at}: out of order");
        let mut missing = 0;
        let mut delivered: BTreeMap<u64, Vec<u8>> = delivered.into_iter().collect();
        for (number, record) in self
            .records
            .iter()
            .enumerate()
            .flat_map(|(number, records)| records.iter().map(move |r| (number, r)))
        {
            if let Some(payload) = delivered.remove(&record.id) {
                assert!(payload == record.payload, "{at}: record {} is another", record.id);
            } else {
                assert!(may_be_lost(number, record), "{at}: record {} is whole, and lost", record.id);
                missing += 1;
            }
        }
        assert!(delivered.is_empty(), "{at}: invented {delivered:?}");
        let status = buffer.status().unwrap();
        let told: u64 = buffer.take_losses().iter().map(forebay::Loss::events).sum();
        assert_eq!((status.lost_events, told), (missing, missing), "{at}: what is lost is said");
        assert_eq!((status.next_id.0, status.refused_calls), (self.next, 0), "{at}");

        buffer.reader().ack_through(RecordId(self.next - 1));
        buffer.writer().write("behind it").unwrap();
        buffer.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), [(self.next, b"behind it".to_vec())], "{at}: opened again");
        assert_eq!(buffer.status().unwrap().lost_events, 0, "{at}: said again");
    }
}

fn read(buffer: &Buffer) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let records = buffer.reader().try_next_batch(100).unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records.iter().map(|record| (record.id().0, record.payload().to_vec())));
    }
}

impl Files {
    /// Flips one bit of every byte, or of every so many: it may cost the record that it is in, and no other.
    fn flip_a_bit_of_every(&self, step: usize, runs: Runs) {
        for (number, whole) in self.bytes.iter().enumerate() {
            for at in (0..whole.len()).step_by(step) {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                let disk = self.disk(number, Some(&bytes));
                self.check(runs, &disk, &format!("file {number}, byte {at}"), |file, record| {
                    file == number && (record.start..record.end).contains(&at)
                });
            }
        }
    }
}

/// Each as often as it can be afforded.
const RUNS: [(Runs, usize); 2] = [(Runs::Natively, 1), (Runs::AsComponent, 83)];

/// Any bit, anywhere: the record that it is in may be lost, and no other.
#[test]
fn pain_18336_a_flipped_bit_anywhere_costs_its_record_at_the_most() {
    let files = Files::short();
    for (runs, step) in RUNS {
        files.flip_a_bit_of_every(step, runs);
    }
}

/// After a power cut or when the process was killed for its memory, Vector's start ends in an endless loop, and only SIGKILL
/// and deleting the buffer help. Here each file is cut at each length.
#[test]
fn pain_17644_a_file_that_is_cut_anywhere_costs_what_is_behind_the_cut() {
    let files = Files::short();
    for (runs, step) in RUNS {
        for (number, whole) in files.bytes.iter().enumerate() {
            for length in (0..whole.len()).step_by(step) {
                let disk = files.disk(number, Some(&whole[..length]));
                files.check(runs, &disk, &format!("file {number}, length {length}"), |file, record| {
                    file == number && record.end > length
                });
            }
        }
    }
}

/// A file that is not there makes Vector's process panic. It is a loss of what was in it.
#[test]
fn pain_23740_a_missing_file_costs_what_was_in_it() {
    let files = Files::short();
    for runs in Runs::ALL {
        for number in 0..files.bytes.len() {
            let disk = files.disk(number, None);
            files.check(runs, &disk, &format!("without file {number}"), |file, _| file == number);
        }
    }
}

/// Some disks and file systems leave zeros where a sector was lost: at the end, in the middle, over several records.
#[test]
fn zeroed_stretches_cost_the_records_that_they_touch() {
    let files = Files::short();
    for (runs, step) in [(Runs::Natively, 8), (Runs::AsComponent, 104)] {
        for (number, whole) in files.bytes.iter().enumerate() {
            for length in [8, 64, 128] {
                for from in (0..whole.len()).step_by(step) {
                    let to = (from + length).min(whole.len());
                    let mut bytes = whole.clone();
                    bytes[from..to].fill(0);
                    let disk = files.disk(number, Some(&bytes));
                    files.check(
                        runs,
                        &disk,
                        &format!("file {number}, zeros {from}..{to}"),
                        |file, record| file == number && record.start < to && record.end > from,
                    );
                }
            }
        }
    }
}

/// A user who ships data files through a buffer has frames in its payloads, with ids like its own. Whatever is damaged, none
/// of them is taken for a record, and the records beside them are found.
#[test]
fn payloads_that_are_data_files_invent_nothing_when_damaged() {
    let files = Files::new(vec![
        vec![b"one".to_vec(), data_file(1..=3), data_file(2..=9), b"four".to_vec()],
        vec![data_file(5..=6), data_file([6, 7, 4]), b"seven".to_vec()],
    ]);
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 173)] {
        files.flip_a_bit_of_every(step, runs);
    }
}

//! Buffers on a simulated disk. Record n has the payload that record n of the fixtures has.

use std::{collections::BTreeSet, num::NonZeroU32, ops::RangeInclusive, time::Duration};

use forebay::{
    Buffer, NewRecord, Options, Receipt, RecordId, WriteError, WriteErrorKind,
    storage::{FileId, Ledger, memory::Disk},
};

use super::{fixtures::payload, ids::ids_once};

/// Small files, and no ticks while a test lasts: what happens is what the test does.
pub fn options() -> Options {
    let mut options = Options::default();
    options.file_bytes = 4096;
    options.max_bytes = 1 << 20;
    options.sync_interval = Duration::from_secs(1_000_000);
    options
}

/// Holds back the syncs of a disk until it is dropped: before the buffer, whose closing waits for them.
pub struct HeldSyncs<'a>(&'a Disk);

impl<'a> HeldSyncs<'a> {
    pub fn of(disk: &'a Disk) -> Self {
        disk.hold_syncs();
        Self(disk)
    }
}

impl Drop for HeldSyncs<'_> {
    fn drop(&mut self) {
        self.0.let_syncs_go_on();
    }
}

pub fn file(number: u16) -> FileId {
    FileId::new(number).unwrap()
}

pub fn ledger(
    writer_next_record: u64,
    writer_data_file: u16,
    reader_data_file: u16,
    reader_last_record: u64,
) -> Ledger {
    Ledger {
        writer_next_record: RecordId(writer_next_record),
        writer_data_file: file(writer_data_file),
        reader_data_file: file(reader_data_file),
        reader_last_record: RecordId(reader_last_record),
    }
}

/// A data file that holds these records.
pub fn data_file(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in ids {
        forebay_frame::encode(&mut bytes, RecordId(id), 0, NonZeroU32::MIN, &payload(id));
    }
    bytes
}

/// Where the frame of a record starts in a data file that starts with record `first`.
pub fn start(first: u64, id: u64) -> usize {
    data_file(first..id).len()
}

/// The ids in all data files of a disk, which are whole, none of them twice.
#[track_caller]
pub fn ids_on(disk: &Disk, at: &str) -> BTreeSet<u64> {
    ids_once(disk.data_files().into_iter().map(|(file, _)| disk.data_file(file).unwrap()), at)
}

/// The ids in a dead-letter file, which must be whole frames and nothing else.
#[track_caller]
pub fn letters(mut bytes: &[u8]) -> Vec<u64> {
    let mut ids = Vec::new();
    while !bytes.is_empty() {
        let frame = forebay_frame::decode(bytes).unwrap();
        ids.push(frame.id.0);
        bytes = &bytes[usize::try_from(frame.bytes).unwrap()..];
    }
    ids
}

/// A disk with this ledger and these data files, as another program would leave it.
pub fn disk(ledger: Option<Ledger>, files: &[(u16, Vec<u8>)]) -> Disk {
    let disk = Disk::new();
    for (number, bytes) in files {
        disk.put_data_file(file(*number), bytes.clone());
    }
    disk.put_ledger(ledger);
    disk
}

/// The number of the figure that counts lost events: see `wit/README.md`.
pub const LOST_EVENTS: u16 = 3;

/// The number of the figure that counts the bytes in all data files.
pub const BYTES: u16 = 1;

/// The number of the figure that counts bytes of damage.
pub const DAMAGED_BYTES: u16 = 4;

/// A figure of the host: what is lost, damaged or truncated.
#[track_caller]
pub fn figure(buffer: &Buffer, number: u16) -> u64 {
    let status = buffer.status().unwrap();
    match number {
        LOST_EVENTS => status.lost_events,
        DAMAGED_BYTES => status.damaged_bytes,
        _ => status.figures.iter().find_map(|&(which, value)| (which == number).then_some(value)).unwrap(),
    }
}

pub fn records(numbers: RangeInclusive<u64>) -> Vec<NewRecord> {
    numbers.map(|number| NewRecord::new(payload(number))).collect()
}

/// What a writer was told that has no room, or none in time: what was written, and what came back.
#[track_caller]
pub fn written_and_refused(answer: Result<Receipt, WriteError>) -> (Receipt, Vec<NewRecord>) {
    match answer {
        Ok(receipt) => (receipt, Vec::new()),
        Err(error) if matches!(error.kind, WriteErrorKind::Full | WriteErrorKind::Closed) => {
            (error.written, error.records)
        }
        Err(error) => panic!("{error}"),
    }
}

/// Writes these records, which must get these ids.
#[track_caller]
pub fn write(buffer: &Buffer, ids: RangeInclusive<u64>) {
    let receipt = buffer.writer().write_batch(records(ids.clone())).unwrap();
    assert_eq!(
        (receipt.first_id, receipt.last_id),
        (Some(RecordId(*ids.start())), Some(RecordId(*ids.end())))
    );
}

/// Reads all that is there now, and acknowledges nothing. Gives the ids; each must have its payload.
#[track_caller]
pub fn read(buffer: &Buffer) -> Vec<u64> {
    let reader = buffer.reader();
    let mut ids = Vec::new();
    loop {
        let records = reader.try_next_batch(100).unwrap();
        if records.is_empty() {
            return ids;
        }
        for record in records {
            assert!(record.payload()[..] == payload(record.id().0), "record {} is another", record.id().0);
            ids.push(record.id().0);
        }
    }
}

/// These ids.
pub fn ids(ranges: impl IntoIterator<Item = RangeInclusive<u64>>) -> Vec<u64> {
    ranges.into_iter().flatten().collect()
}

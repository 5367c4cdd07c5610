//! A ledger that is damaged at any bit. It has no checksum; the data files say what is possible.

use forebay::{
    RecordId,
    storage::{FileId, Ledger, memory::Disk},
};
use forebay_frame::{LEDGER_BYTES, LedgerFields};

use crate::support::{
    Runs,
    storage::{data_file, file, ids, ledger, options, read, write},
};

/// The first record that is in a file, the last that was acknowledged, and the last that was written.
const FIRST: u64 = 21;
const LAST: u64 = 23;
const NEWEST: u64 = 60;

/// What was written by another program, which noted nothing beside it, or by us.
fn disk(runs: Runs, is_noted: bool) -> Disk {
    let disk = Disk::new();
    for (number, ids) in [(1, FIRST..=40), (2, 41..=50), (3, 51..=NEWEST)] {
        disk.put_data_file(file(number), data_file(ids));
    }
    disk.put_ledger(Some(ledger(NEWEST + 1, 3, 1, LAST)));
    if is_noted {
        runs.open(disk.open().unwrap(), options()).close().unwrap();
    }
    disk
}

/// A next id beyond this one is not believed.
const LAST_POSSIBLE: u64 = 1 << 62;

/// A ledger with one bit flipped; `None` if that is a number which no ledger has, and which is told by itself.
fn flipped(right: Ledger, bit: usize) -> Option<Ledger> {
    let mut bytes: [u8; LEDGER_BYTES] = LedgerFields {
        writer_next_record: right.writer_next_record.0,
        writer_data_file: right.writer_data_file.get(),
        reader_data_file: right.reader_data_file.get(),
        reader_last_record: right.reader_last_record.0,
    }
    .encode();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let fields = LedgerFields::decode(bytes);
    Some(Ledger {
        writer_next_record: RecordId(fields.writer_next_record),
        writer_data_file: FileId::new(fields.writer_data_file)?,
        reader_data_file: FileId::new(fields.reader_data_file)?,
        reader_last_record: RecordId(fields.reader_last_record),
    })
}

/// All that waits is delivered, and nothing is told to be lost that is there. One number may be another possible one: a
/// consumer that acknowledged a few records more would leave the same ledger. But none may pass what no consumer can have
/// acknowledged.
#[test]
fn defect_d4_a_flipped_bit_of_the_ledger_costs_no_record_that_waits() {
    for (runs, step) in [(Runs::Natively, 1), (Runs::AsComponent, 7)] {
        for (is_noted, bit) in
            [false, true].into_iter().flat_map(|noted| (0..192).step_by(step).map(move |bit| (noted, bit)))
        {
            let at = format!("{runs:?}, noted: {is_noted}, bit {bit}");
            let disk = disk(runs, is_noted);
            let Some(wrong) = flipped(disk.ledger().unwrap(), bit) else { continue };
            disk.put_ledger(Some(wrong));
            let buffer = runs.open(disk.open().unwrap(), options());
            let delivered = read(&buffer);
            let possible = LAST.max(wrong.reader_last_record.0);
            let last = if possible <= NEWEST { possible } else { LAST };
            assert!(delivered.ends_with(&ids([last + 1..=NEWEST])), "{at}: {delivered:?}");
            assert!(delivered.is_sorted_by(|one, next| one < next), "{at}: {delivered:?}");
            // What was noted beside the ledger says which of them were acknowledged.
            assert!(!is_noted || wrong.reader_last_record.0 <= NEWEST || delivered[0] == LAST + 1, "{at}");
            // What it counts, and no file holds: behind the last record, and in front of the first.
            let stated = wrong.writer_next_record.0;
            let next = if stated > LAST_POSSIBLE { NEWEST + 1 } else { stated.max(NEWEST + 1) };
            let nowhere = next - (NEWEST + 1) + (FIRST - 1).saturating_sub(wrong.reader_last_record.0);
            assert_eq!(buffer.status().unwrap().lost_events, nowhere, "{at}");

            buffer.reader().ack_through(RecordId(next - 1));
            write(&buffer, next..=next + 2);
            buffer.close().unwrap();
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), ids([next..=next + 2]), "{at}: opened again");
        }
    }
}

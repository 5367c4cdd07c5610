//! The ledger as it lies in `buffer.db`, and which bytes can be one.

pub use forebay_frame::LEDGER_BYTES;
use forebay_frame::{LedgerFields, RecordId};

use super::{FileId, Ledger};

/// The ledger's file.
pub const LEDGER_NAME: &str = "buffer.db";

/// How long the ledger is, as the length of a file in bytes.
pub const LEDGER_LENGTH: u64 = 24;

/// The ledger as it was found on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerOnDisk {
    /// There is no file, or an empty one.
    None,
    /// There is a file that cannot be a ledger.
    Unreadable {
        /// Its length in bytes.
        length_bytes: u64,
    },
    /// There is one.
    Readable(Ledger),
}

impl LedgerOnDisk {
    /// The ledger in a file of this length that ends with these bytes. The length is that of a ledger's file: see
    /// [`ledger_offset`].
    pub fn of(length_bytes: u64, bytes: [u8; LEDGER_BYTES]) -> Self {
        from_fields(LedgerFields::decode(bytes)).map_or(Self::Unreadable { length_bytes }, Self::Readable)
    }

    /// The ledger in a file whose length cannot be a ledger's.
    pub fn of_length(length_bytes: u64) -> Self {
        if length_bytes == 0 { Self::None } else { Self::Unreadable { length_bytes } }
    }
}

/// Where the ledger stands in a file of this length; `None` if that cannot be a ledger's.
pub fn ledger_offset(length: u64) -> Option<u64> {
    if length.is_multiple_of(8) { length.checked_sub(LEDGER_LENGTH) } else { None }
}

/// A ledger of these fields, unless one of them has a value that no writer gives it.
pub fn from_fields(fields: LedgerFields) -> Option<Ledger> {
    Some(Ledger {
        writer_next_record: (fields.writer_next_record != 0)
            .then_some(RecordId(fields.writer_next_record))?,
        writer_data_file: FileId::new(fields.writer_data_file)?,
        reader_data_file: FileId::new(fields.reader_data_file)?,
        reader_last_record: RecordId(fields.reader_last_record),
    })
}

/// The bytes of a ledger.
pub fn encode(ledger: Ledger) -> [u8; LEDGER_BYTES] {
    let fields = LedgerFields {
        writer_next_record: ledger.writer_next_record.0,
        writer_data_file: ledger.writer_data_file.get(),
        reader_data_file: ledger.reader_data_file.get(),
        reader_last_record: ledger.reader_last_record.0,
    };
    fields.encode()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: [u8; LEDGER_BYTES]) -> Option<Ledger> {
        match LedgerOnDisk::of(LEDGER_LENGTH, bytes) {
            LedgerOnDisk::Readable(ledger) => Some(ledger),
            _ => None,
        }
    }

    /// Vector reads these bytes: a new buffer's ledger is fixed to the last bit.
    #[test]
    fn a_new_ledger_is_a_one_and_zeros() {
        let mut expected = [0; LEDGER_BYTES];
        *expected.first_mut().unwrap() = 1;
        assert_eq!(encode(Ledger::EMPTY), expected);
    }

    /// Zeros are what a crash leaves of a page that was never written: taking them for a ledger would hand out ids again.
    #[test]
    fn zeros_are_no_ledger() {
        assert_eq!(decode([0; LEDGER_BYTES]), None);
    }

    proptest! {
        /// What is written is what is read, and no other bytes are taken for a ledger.
        #[test]
        fn bytes_are_a_ledger_exactly_if_their_fields_are_in_range(bytes: [u8; LEDGER_BYTES], odd: u8) {
            let mut bytes = bytes;
            // File ids out of range would else come up once in 30,000 cases.
            if odd < 32 {
                bytes.get_mut(8..10).unwrap().fill(0xff);
            } else if odd < 64 {
                bytes.get_mut(10..12).unwrap().fill(0xff);
            }
            let in_range = bytes.get(8..10).unwrap() != [0xff; 2]
                && bytes.get(10..12).unwrap() != [0xff; 2]
                && bytes.get(..8).unwrap() != [0; 8];
            let ledger = decode(bytes);
            prop_assert_eq!(ledger.is_some(), in_range);
            if let Some(ledger) = ledger {
                bytes.get_mut(12..16).unwrap().fill(0);
                prop_assert_eq!(encode(ledger), bytes);
            }
        }
    }
}

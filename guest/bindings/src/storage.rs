//! The logic's storage, answered by the component's imports.

use forebay_logic::{
    BatchId, FileId, Ledger, OTHER_BREACH, Placed, RecordId, Released, Segment, SegmentEnd, SegmentPlace,
    Storage, StorageError, SyncTarget, Ticket,
};

use crate::wit::forebay::buffer::storage as imports;

/// The host that runs this component.
pub(crate) struct Host;

impl Storage for Host {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        let ledger = imports::load_ledger()?;
        Ok(Ledger {
            writer_next_record: RecordId(ledger.writer_next_record),
            writer_data_file: file_id(ledger.writer_data_file)?,
            reader_data_file: file_id(ledger.reader_data_file)?,
            reader_last_record: RecordId(ledger.reader_last_record),
        })
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        Ok(imports::store_ledger(imports::Ledger {
            writer_next_record: ledger.writer_next_record.0,
            writer_data_file: ledger.writer_data_file.get(),
            reader_data_file: ledger.reader_data_file.get(),
            reader_last_record: ledger.reader_last_record.0,
        })?)
    }

    // Both kinds of element have one size, so that the list is converted where it lies.
    fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Segment>, StorageError> {
        imports::segments(from, max)?.into_iter().map(segment).collect()
    }

    fn next_id(&mut self) -> RecordId {
        RecordId(imports::next_id())
    }

    fn append(&mut self, batch: BatchId, count: u32) -> Result<Placed, StorageError> {
        let placed = imports::append(batch.0, count)?;
        Ok(Placed {
            records: placed.records,
            first_id: RecordId(placed.first_id),
            next_id: RecordId(placed.next_id),
            bytes: placed.bytes,
        })
    }

    fn prepare(&mut self) -> Result<FileId, StorageError> {
        file_id(imports::prepare()?)
    }

    fn roll(&mut self) -> Result<FileId, StorageError> {
        file_id(imports::roll()?)
    }

    fn truncate(&mut self) -> Result<u64, StorageError> {
        Ok(imports::truncate()?)
    }

    fn release(&mut self, through: FileId) -> Result<Released, StorageError> {
        let released = imports::release(through.get())?;
        Ok(Released { files: released.files, bytes: released.bytes })
    }

    fn discard(&mut self, file: FileId) -> Result<u64, StorageError> {
        Ok(imports::discard(file.get())?)
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        let target = match target {
            SyncTarget::Data(file) => imports::SyncTarget::Data(file.get()),
            SyncTarget::Directory => imports::SyncTarget::Directory,
            SyncTarget::Ledger => imports::SyncTarget::Ledger,
        };
        Ok(Ticket(imports::request_sync(target)?))
    }
}

/// The file with this number. Only a host that breaks the contract names the one that is none.
fn file_id(number: u16) -> Result<FileId, StorageError> {
    FileId::new(number).ok_or(StorageError::Other(OTHER_BREACH))
}

fn segment(segment: imports::Segment) -> Result<Segment, StorageError> {
    Ok(Segment {
        file: file_id(segment.file)?,
        first_id: RecordId(segment.first_id),
        next_id: RecordId(segment.next_id),
        bytes: segment.bytes,
        durable_bytes: segment.durable_bytes,
        end: match segment.end {
            imports::SegmentEnd::Whole => SegmentEnd::Whole,
            imports::SegmentEnd::Unfinished => SegmentEnd::Unfinished,
            imports::SegmentEnd::Damaged => SegmentEnd::Damaged,
        },
        suspect: segment.suspect,
        place: match segment.place {
            imports::SegmentPlace::InOrder => SegmentPlace::InOrder,
            imports::SegmentPlace::Spare => SegmentPlace::Spare,
            imports::SegmentPlace::Outside => SegmentPlace::Outside,
        },
    })
}

impl From<imports::Error> for StorageError {
    fn from(error: imports::Error) -> Self {
        match error {
            imports::Error::NotFound => Self::NotFound,
            imports::Error::NoSpace => Self::NoSpace,
            imports::Error::Fenced => Self::Fenced,
            imports::Error::Refused(rule) => Self::Refused(rule),
            imports::Error::Io(errno) => Self::Io(errno),
            imports::Error::Other(number) => Self::Other(number),
        }
    }
}

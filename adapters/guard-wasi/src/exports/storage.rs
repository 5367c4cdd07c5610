//! `forebay:buffer/storage`, for the logic. Numbers become ids here, or are refused here.

use forebay_core::{BatchId, FileId, Guard, GuardError, Ledger, RecordId};
use forebay_types::{SegmentEnd, SegmentPlace, StorageError as Code, SyncTarget};

use super::Instance;
use crate::held;
use forebay_adapter_bindings::guard::exports::forebay::buffer::storage::{self as contract, Error, Guest};

impl Guest for Instance {
    fn load_ledger() -> Result<contract::Ledger, Error> {
        answer(|guard| {
            let ledger = guard.load_ledger()?;
            Ok(contract::Ledger {
                writer_next_record: ledger.writer_next_record.0,
                writer_data_file: ledger.writer_data_file.get(),
                reader_data_file: ledger.reader_data_file.get(),
                reader_last_record: ledger.reader_last_record.0,
            })
        })
    }

    fn store_ledger(ledger: contract::Ledger) -> Result<(), Error> {
        answer(|guard| {
            let writer_data_file = file(guard, ledger.writer_data_file)?;
            let reader_data_file = file(guard, ledger.reader_data_file)?;
            guard.store_ledger(Ledger {
                writer_next_record: RecordId(ledger.writer_next_record),
                writer_data_file,
                reader_data_file,
                reader_last_record: RecordId(ledger.reader_last_record),
            })
        })
    }

    fn segments(from: u32, max: u32) -> Result<Vec<contract::Segment>, Error> {
        answer(|guard| {
            let segments = guard.segments(from, max)?.into_iter().map(|segment| contract::Segment {
                file: segment.file.get(),
                first_id: segment.first_id.0,
                next_id: segment.next_id.0,
                bytes: segment.bytes,
                durable_bytes: segment.durable_bytes,
                end: match segment.end {
                    SegmentEnd::Whole => contract::SegmentEnd::Whole,
                    SegmentEnd::Unfinished => contract::SegmentEnd::Unfinished,
                    SegmentEnd::Damaged => contract::SegmentEnd::Damaged,
                },
                suspect: segment.suspect,
                place: match segment.place {
                    SegmentPlace::InOrder => contract::SegmentPlace::InOrder,
                    SegmentPlace::Spare => contract::SegmentPlace::Spare,
                    SegmentPlace::Outside => contract::SegmentPlace::Outside,
                },
            });
            Ok(segments.collect())
        })
    }

    fn next_id() -> u64 {
        held::with(|guard| guard.next_id().0).unwrap_or(0)
    }

    fn append(batch: u64, count: u32) -> Result<contract::Placed, Error> {
        answer(|guard| {
            let placed = guard.append(BatchId(batch), count)?;
            Ok(contract::Placed {
                records: placed.records,
                first_id: placed.first_id.0,
                next_id: placed.next_id.0,
                bytes: placed.bytes,
            })
        })
    }

    fn prepare() -> Result<u16, Error> {
        answer(|guard| Ok(guard.prepare()?.get()))
    }

    fn roll() -> Result<u16, Error> {
        answer(|guard| Ok(guard.roll()?.get()))
    }

    fn truncate() -> Result<u64, Error> {
        answer(Guard::truncate)
    }

    fn release(through: u16) -> Result<contract::Released, Error> {
        answer(|guard| {
            let through = file(guard, through)?;
            let released = guard.release(through)?;
            Ok(contract::Released { files: released.files, bytes: released.bytes })
        })
    }

    fn discard(number: u16) -> Result<u64, Error> {
        answer(|guard| {
            let file = file(guard, number)?;
            guard.discard(file)
        })
    }

    fn request_sync(target: contract::SyncTarget) -> Result<u64, Error> {
        answer(|guard| {
            let target = match target {
                contract::SyncTarget::Data(number) => SyncTarget::Data(file(guard, number)?),
                contract::SyncTarget::Directory => SyncTarget::Directory,
                contract::SyncTarget::Ledger => SyncTarget::Ledger,
            };
            Ok(guard.request_sync(target)?.0)
        })
    }
}

/// The guard decides what the logic is told of an error. Without a directory nothing will succeed.
fn answer<T>(function: impl FnOnce(&mut Guard) -> Result<T, GuardError>) -> Result<T, Error> {
    let answer = held::with(|guard| function(guard).map_err(|error| guard.tell(error)));
    answer.unwrap_or(Err(Code::Fenced)).map_err(error)
}

fn file(guard: &mut Guard, number: u16) -> Result<FileId, GuardError> {
    FileId::new(number).ok_or_else(|| guard.no_such_file())
}

fn error(code: Code) -> Error {
    match code {
        Code::NotFound => Error::NotFound,
        Code::NoSpace => Error::NoSpace,
        Code::Fenced => Error::Fenced,
        Code::Refused(rule) => Error::Refused(rule),
        Code::Io(errno) => Error::Io(errno),
        Code::Other(number) => Error::Other(number),
    }
}

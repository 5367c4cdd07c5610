//! The functions that a component may import, each handed on to the guard. Numbers from the guest become ids here, or
//! are refused here.

use forebay_types::{
    BatchId, FileId, Ledger, RecordId, SegmentEnd, SegmentPlace, StorageError as Code, SyncTarget,
};

use super::{
    bindings::forebay::buffer::{
        storage::{self, Error},
        types,
    },
    instance::GuestState,
};
use forebay_core::GuardError;

use crate::guard::Guard;

type StorageAnswer<T> = wasmtime::Result<Result<T, Error>>;

impl types::Host for GuestState {}

impl storage::Host for GuestState {
    fn load_ledger(&mut self) -> StorageAnswer<types::Ledger> {
        self.answer(|guard| {
            let ledger = guard.load_ledger()?;
            Ok(types::Ledger {
                writer_next_record: ledger.writer_next_record.0,
                writer_data_file: ledger.writer_data_file.get(),
                reader_data_file: ledger.reader_data_file.get(),
                reader_last_record: ledger.reader_last_record.0,
            })
        })
    }

    fn store_ledger(&mut self, ledger: types::Ledger) -> StorageAnswer<()> {
        self.answer(|guard| {
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

    fn segments(&mut self, from: u32, max: u32) -> StorageAnswer<Vec<storage::Segment>> {
        self.answer(|guard| {
            let segments = guard.segments(from, max)?.into_iter().map(|segment| storage::Segment {
                file: segment.file.get(),
                first_id: segment.first_id.0,
                next_id: segment.next_id.0,
                bytes: segment.bytes,
                durable_bytes: segment.durable_bytes,
                end: match segment.end {
                    SegmentEnd::Whole => storage::SegmentEnd::Whole,
                    SegmentEnd::Unfinished => storage::SegmentEnd::Unfinished,
                    SegmentEnd::Damaged => storage::SegmentEnd::Damaged,
                },
                suspect: segment.suspect,
                place: match segment.place {
                    SegmentPlace::InOrder => storage::SegmentPlace::InOrder,
                    SegmentPlace::Spare => storage::SegmentPlace::Spare,
                    SegmentPlace::Outside => storage::SegmentPlace::Outside,
                },
            });
            Ok(segments.collect())
        })
    }

    fn next_id(&mut self) -> wasmtime::Result<u64> {
        self.host_call(|guard| guard.next_id().0)
    }

    fn append(&mut self, batch: u64, count: u32) -> StorageAnswer<storage::Placed> {
        self.answer(|guard| {
            let placed = guard.append(BatchId(batch), count)?;
            Ok(storage::Placed {
                records: placed.records,
                first_id: placed.first_id.0,
                next_id: placed.next_id.0,
                bytes: placed.bytes,
            })
        })
    }

    fn prepare(&mut self) -> StorageAnswer<u16> {
        self.answer(|guard| Ok(guard.prepare()?.get()))
    }

    fn roll(&mut self) -> StorageAnswer<u16> {
        self.answer(|guard| Ok(guard.roll()?.get()))
    }

    fn truncate(&mut self) -> StorageAnswer<u64> {
        self.answer(Guard::truncate)
    }

    fn release(&mut self, through: u16) -> StorageAnswer<storage::Released> {
        self.answer(|guard| {
            let through = file(guard, through)?;
            let released = guard.release(through)?;
            Ok(storage::Released { files: released.files, bytes: released.bytes })
        })
    }

    fn discard(&mut self, number: u16) -> StorageAnswer<u64> {
        self.answer(|guard| {
            let file = file(guard, number)?;
            guard.discard(file)
        })
    }

    fn request_sync(&mut self, target: storage::SyncTarget) -> StorageAnswer<u64> {
        self.answer(|guard| {
            let target = match target {
                storage::SyncTarget::Data(number) => SyncTarget::Data(file(guard, number)?),
                storage::SyncTarget::Directory => SyncTarget::Directory,
                storage::SyncTarget::Ledger => SyncTarget::Ledger,
            };
            Ok(guard.request_sync(target)?.0)
        })
    }
}

impl GuestState {
    /// As `host_call`. The guard decides what the guest is told of an error.
    fn answer<T>(&mut self, function: impl FnOnce(&mut Guard) -> Result<T, GuardError>) -> StorageAnswer<T> {
        self.host_call(|guard| function(guard).map_err(|error| guard.tell(error).into()))
    }
}

fn file(guard: &mut Guard, number: u16) -> Result<FileId, GuardError> {
    FileId::new(number).ok_or_else(|| guard.no_such_file())
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        match code {
            Code::NotFound => Self::NotFound,
            Code::NoSpace => Self::NoSpace,
            Code::Fenced => Self::Fenced,
            Code::Refused(rule) => Self::Refused(rule),
            Code::Io(errno) => Self::Io(errno),
            Code::Other(number) => Self::Other(number),
        }
    }
}

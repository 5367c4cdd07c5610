//! Storage that answers at random, against every rule of the contract. The logic may give errors. It must not panic, and each
//! call must end soon.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use disk::bed::{OPTIONS, records};
use disk::random::Random;
use forebay_logic::{
    BatchId, Buffer, FileId, Ledger, Logic as _, Options, Placed, RecordId, Released, Segment, SegmentEnd,
    SegmentPlace, Storage, StorageError, SyncTarget, Ticket, WhenFull,
};

/// So many storage calls are enough for any call of these tests. The host allows a million.
const CALLS_MAX: usize = 20_000;

struct Hostile {
    random: Random,
    calls: usize,
    /// Once in so many calls fails.
    fails_one_in: u64,
    /// Its list of segments does not end.
    is_endless: bool,
    /// It knows one file only.
    has_one_file: bool,
}

impl Hostile {
    fn number(&mut self) -> u64 {
        match self.random.below(6) {
            0 => u64::MAX - self.random.below(3),
            1 => self.random.below(3),
            _ => self.random.below(200),
        }
    }

    fn file(&mut self) -> FileId {
        if self.has_one_file {
            return FileId::FIRST;
        }
        let number = if self.random.chance(9) { 65_534 } else { self.random.below(5) };
        FileId::new(u16::try_from(number).unwrap()).unwrap()
    }

    fn answer<T>(&mut self, answer: impl FnOnce(&mut Self) -> T) -> Result<T, StorageError> {
        self.calls += 1;
        assert!(self.calls < CALLS_MAX, "a call does not end");
        if !self.random.chance(self.fails_one_in) {
            return Ok(answer(self));
        }
        let number = u32::try_from(self.random.below(30)).unwrap();
        Err(match self.random.below(6) {
            0 => StorageError::NotFound,
            1 => StorageError::NoSpace,
            2 => StorageError::Fenced,
            3 => StorageError::Io(number),
            4 => StorageError::Other(number),
            _ => StorageError::Refused(number),
        })
    }

    fn segment(&mut self) -> Segment {
        Segment {
            file: self.file(),
            first_id: RecordId(self.number()),
            next_id: RecordId(self.number()),
            bytes: self.number(),
            durable_bytes: self.number(),
            end: [SegmentEnd::Whole, SegmentEnd::Unfinished, SegmentEnd::Damaged][self.random.index(3)],
            suspect: self.random.chance(4),
            place: [SegmentPlace::InOrder, SegmentPlace::Spare, SegmentPlace::Outside][self.random.index(3)],
        }
    }
}

impl Storage for Hostile {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.answer(|host| Ledger {
            writer_next_record: RecordId(host.number()),
            writer_data_file: host.file(),
            reader_data_file: host.file(),
            reader_last_record: RecordId(host.number()),
        })
    }
    fn store_ledger(&mut self, _: Ledger) -> Result<(), StorageError> {
        self.answer(|_| ())
    }
    fn segments(&mut self, _: u32, max: u32) -> Result<Vec<Segment>, StorageError> {
        self.answer(|host| {
            let is_full = host.is_endless || host.random.chance(20);
            let count = if is_full { u64::from(max) } else { host.random.below(8) };
            (0..count).map(|_| host.segment()).collect()
        })
    }
    fn next_id(&mut self) -> RecordId {
        RecordId(self.number())
    }
    fn append(&mut self, _: BatchId, count: u32) -> Result<Placed, StorageError> {
        self.answer(|host| Placed {
            records: if host.random.chance(3) { u32::try_from(host.random.below(9)).unwrap() } else { count },
            first_id: RecordId(host.number()),
            next_id: RecordId(host.number()),
            bytes: host.number(),
        })
    }
    fn prepare(&mut self) -> Result<FileId, StorageError> {
        self.answer(Self::file)
    }
    fn roll(&mut self) -> Result<FileId, StorageError> {
        self.answer(Self::file)
    }
    fn truncate(&mut self) -> Result<u64, StorageError> {
        self.answer(Self::number)
    }
    fn release(&mut self, _: FileId) -> Result<Released, StorageError> {
        self.answer(|host| Released {
            files: if host.random.chance(9) {
                u32::MAX
            } else {
                u32::try_from(host.random.below(5)).unwrap()
            },
            bytes: host.number(),
        })
    }
    fn discard(&mut self, _: FileId) -> Result<u64, StorageError> {
        self.answer(Self::number)
    }
    fn request_sync(&mut self, _: SyncTarget) -> Result<Ticket, StorageError> {
        self.answer(|host| Ticket(host.number()))
    }
}

/// A component that traps takes its buffer down with it, and one that does not end is interrupted.
#[test]
fn no_answer_of_storage_makes_the_logic_panic_or_spin() {
    for seed in 0..3_000 {
        let fails_one_in = [2, 5, 30, u64::MAX][usize::try_from(seed % 4).unwrap()];
        let has_one_file = seed % 3 == 0;
        let mut storage = Hostile {
            random: Random::new(seed),
            calls: 0,
            fails_one_in,
            is_endless: seed % 500 == 3,
            has_one_file,
        };
        let options = Options {
            max_bytes: storage.number(),
            file_bytes: storage.number(),
            max_events: storage.number(),
            when_full: [WhenFull::Block, WhenFull::DropOldest][storage.random.index(2)],
            takes_over: storage.random.chance(2),
            sync_interval_ms: u32::try_from(storage.random.below(3)).unwrap() * (u32::MAX / 2),
            now_ns: storage.number(),
            ..OPTIONS
        };
        let Ok(mut buffer) = Buffer::open(&mut storage, &options) else { continue };
        for _ in 0..60 {
            storage.calls = 0;
            let number = storage.number();
            match storage.random.below(9) {
                0..=2 => drop(buffer.write(&mut storage, BatchId(1), &records(6, 30))),
                3 => drop(buffer.acknowledge(&mut storage, RecordId(number))),
                4 => drop(buffer.tick(&mut storage, number)),
                5 => drop(buffer.synced(&mut storage, Ticket(number))),
                6 => drop(buffer.flush(&mut storage)),
                7 => drop(buffer.drop_oldest(&mut storage)),
                _ => drop(buffer.events_behind_oldest(&mut storage)),
            }
            buffer.status();
        }
    }
}

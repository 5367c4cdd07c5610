//! What the logic needs of its host, one to one with the `storage` interface in `wit/storage.wit`, where each item's
//! guarantees are written down. The component answers it with the generated imports, tests with the host's own code.

use crate::ring::FileId;

/// Names an event; the first is 1. A record of n events takes n ids and is named by its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl RecordId {
    /// The id of a buffer's first event.
    pub const FIRST: Self = Self(1);

    /// The id `events` further on. Ids never wrap: at a thousand million events a second they last 584 years.
    #[must_use]
    pub fn after(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }
}

/// Names payloads that the host holds while one `write` lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId(pub u64);

/// Names one request for a sync; they rise in the order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The durable state: what the ledger remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The id that the next event gets; at least 1.
    pub writer_next_record: RecordId,
    /// The file that is being appended to.
    pub writer_data_file: FileId,
    /// The oldest file that holds an event which is not acknowledged.
    pub reader_data_file: FileId,
    /// The last event below which all is acknowledged or lost; 0 if there is none.
    pub reader_last_record: RecordId,
}

/// A data file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its number.
    pub id: FileId,
    /// Its length in bytes.
    pub length: u64,
    /// How many of them the host has seen synced under this lock.
    pub durable_length: u64,
    /// A sync of it has failed: what lies beyond `durable_length` may not be on the disk, whatever later syncs say.
    pub suspect: bool,
}

/// A place in a data file where a frame ends, which the host has checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The file.
    pub file: FileId,
    /// Where the frame ends, in bytes.
    pub offset: u64,
    /// The id after its last event.
    pub next_id: RecordId,
}

/// What a stretch of a data file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanState {
    /// Whole frames.
    Whole,
    /// Damaged bytes that something follows, or that are as long as a frame.
    Corrupt,
    /// An unfinished frame at the end of the file.
    Torn,
}

/// A stretch of a data file. The last three numbers are 0 unless it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The first record's id.
    pub first_id: RecordId,
    /// The id after the last record's last event.
    pub next_id: RecordId,
    /// How many records it holds.
    pub records: u32,
    /// What it is.
    pub state: SpanState,
}

/// Where a scan may stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// After this many spans.
    pub max_spans: u32,
    /// After this many whole records.
    pub max_records: u32,
    /// Before the whole records are longer than this in bytes; the first is given however long it is.
    pub max_bytes: u64,
}

/// What a scan found, in the order of the file and without a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The spans.
    pub spans: Vec<Span>,
    /// Where the next scan goes on; the file's length at its end.
    pub next_offset: u64,
}

/// What an append has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// How many of the records are in the file.
    pub records: u32,
    /// The file's length now, in bytes.
    pub length: u64,
}

/// What is to reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncTarget {
    /// The bytes of a data file.
    Data(FileId),
    /// The names of the files.
    Directory,
    /// The ledger as last stored.
    Ledger,
}

/// Why the host did not carry out a call. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// No such file, or no ledger that can be trusted.
    NotFound,
    /// A file with bytes in it is there already.
    AlreadyExists,
    /// No room now.
    NoSpace,
    /// The host has another length or next id.
    Conflict,
    /// The directory has another owner.
    Fenced,
    /// A rule was broken; its number.
    Refused(u32),
    /// The system call failed; its errno.
    Io(u32),
    /// Anything else.
    Other(u32),
}

impl StorageError {
    /// Whether nothing is wrong but that there is no room now, on the disk or for another open file.
    #[must_use]
    pub fn passes_with_time(self) -> bool {
        matches!(self, Self::NoSpace | Self::Io(ENFILE | EMFILE))
    }
}

const ENFILE: u32 = 23;
const EMFILE: u32 = 24;

/// A buffer directory as the logic sees it. Every method is documented in `wit/storage.wit`.
pub trait Storage {
    /// The ledger as last stored; `NotFound` if none can be trusted.
    fn load_ledger(&mut self) -> Result<Ledger, StorageError>;
    /// Replaces the ledger.
    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError>;
    /// Places in data files that the host remembers from before.
    fn marks(&mut self) -> Result<Vec<Mark>, StorageError>;
    /// All data files, by rising number.
    fn list_files(&mut self) -> Result<Vec<FileEntry>, StorageError>;
    /// Makes an empty data file.
    fn create_file(&mut self, file: FileId) -> Result<(), StorageError>;
    /// Removes a data file in which all is acknowledged.
    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError>;
    /// Cuts what is not whole from the end of a data file.
    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError>;
    /// Writes `count` records of the batch on offer, from number `first` on, to the end of a file.
    fn append(
        &mut self,
        batch: BatchId,
        first: u32,
        count: u32,
        file: FileId,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, StorageError>;
    /// Reads and checks frames from an offset on.
    fn scan(&mut self, file: FileId, offset: u64, limits: ScanLimits) -> Result<Scanned, StorageError>;
    /// Asks for a sync of all that was done to the target until now.
    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError>;
}

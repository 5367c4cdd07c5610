//! What a data file holds, found by reading it from its start to its end.

use std::collections::BTreeMap;

use crate::ring::FileId;
use crate::storage::{Mark, RecordId, ScanLimits, SpanState, Storage, StorageError};

/// Scans with these stop only where the host stops them.
pub const NO_LIMIT: ScanLimits =
    ScanLimits { max_spans: u32::MAX, max_records: u32::MAX, max_bytes: u64::MAX };

/// Scans with these stop at the first whole record.
pub const ONE_RECORD: ScanLimits = ScanLimits { max_records: 1, ..NO_LIMIT };

/// The ids in a data file, and where it is torn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The lowest id of its whole records, and the highest that follows one of them.
    pub ids: Option<(RecordId, RecordId)>,
    /// Whether anything in it is damaged, but for an unfinished frame at its end.
    pub is_damaged: bool,
    /// Where the unfinished frame at its end starts, if there is one.
    pub torn_at: Option<u64>,
    /// Damaged bytes behind its last whole record, the unfinished frame among them.
    pub damaged_behind: u64,
}

impl Contents {
    /// Whether it holds a whole record that is not below `id`.
    #[must_use]
    pub fn reaches(&self, id: RecordId) -> bool {
        self.ids.is_some_and(|(_, next_id)| next_id > id)
    }
}

/// The data files that were read so far: none is read twice.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    known: BTreeMap<u16, Contents>,
    marks: Vec<Mark>,
}

impl Survey {
    /// A survey that starts in each file at the last mark in it.
    #[must_use]
    pub fn from_marks(marks: Vec<Mark>) -> Self {
        Self { known: BTreeMap::new(), marks }
    }

    /// What a file holds. Nothing, if it has vanished.
    pub fn contents(&mut self, storage: &mut impl Storage, file: FileId) -> Result<Contents, StorageError> {
        if let Some(contents) = self.known.get(&file.get()) {
            return Ok(*contents);
        }
        let contents = match self.read_from_mark(storage, file)? {
            Some(contents) => contents,
            None => read(storage, file, NO_LIMIT, Start::OF_FILE, |_| false)?,
        };
        self.known.insert(file.get(), contents);
        Ok(contents)
    }

    /// The id of a file's first whole record.
    pub fn first_id(
        &mut self,
        storage: &mut impl Storage,
        file: FileId,
    ) -> Result<Option<RecordId>, StorageError> {
        if let Some(contents) = self.known.get(&file.get()) {
            return Ok(contents.ids.map(|(first_id, _)| first_id));
        }
        let contents = read(storage, file, ONE_RECORD, Start::OF_FILE, |contents| contents.ids.is_some())?;
        Ok(contents.ids.map(|(first_id, _)| first_id))
    }

    /// Reads a file's first record, and then what lies behind the last mark in it. `None` if there is no mark of use.
    fn read_from_mark(
        &mut self,
        storage: &mut impl Storage,
        file: FileId,
    ) -> Result<Option<Contents>, StorageError> {
        let marks = self.marks.iter().filter(|mark| mark.file == file && mark.offset > 0);
        let Some(mark) = marks.max_by_key(|mark| mark.offset).copied() else { return Ok(None) };
        let Some(first_id) = self.first_id(storage, file)?.filter(|first_id| *first_id < mark.next_id) else {
            return Ok(None);
        };
        let start = Start { offset: mark.offset, ids: Some((first_id, mark.next_id)) };
        match read(storage, file, NO_LIMIT, start, |_| false) {
            // The file has been cut under us.
            Err(StorageError::Refused(_)) => Ok(None),
            read => read.map(Some),
        }
    }
}

/// Where the reading of a file starts, and what is known of the ids before.
struct Start {
    offset: u64,
    ids: Option<(RecordId, RecordId)>,
}

impl Start {
    const OF_FILE: Self = Self { offset: 0, ids: None };
}

/// Reads a file from a place on until it ends or is read far enough.
fn read(
    storage: &mut impl Storage,
    file: FileId,
    limits: ScanLimits,
    Start { mut offset, ids }: Start,
    far_enough: impl Fn(&Contents) -> bool,
) -> Result<Contents, StorageError> {
    let mut contents = Contents { ids, ..Contents::default() };
    while !far_enough(&contents) {
        let scanned = match storage.scan(file, offset, limits) {
            Ok(scanned) => scanned,
            Err(StorageError::NotFound) => break,
            Err(error) => return Err(error),
        };
        if scanned.next_offset <= offset {
            break;
        }
        for span in &scanned.spans {
            contents.is_damaged |= span.state == SpanState::Corrupt;
            contents.torn_at = (span.state == SpanState::Torn).then_some(span.offset);
            if span.state == SpanState::Whole {
                let (first_id, next_id) = contents.ids.unwrap_or((span.first_id, span.next_id));
                contents.ids = Some((first_id.min(span.first_id), next_id.max(span.next_id)));
                contents.damaged_behind = 0;
            } else {
                contents.damaged_behind = contents.damaged_behind.saturating_add(span.bytes);
            }
        }
        offset = scanned.next_offset;
    }
    Ok(contents)
}

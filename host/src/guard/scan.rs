//! Reading frames back: from a data file into blocks, checked where they lie, and told to the logic as spans.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use bytes::Bytes;
use forebay_frame::{
    Damage, Frame, FrameError, RecordId, Source, Surroundings, assess, decode, decode_undelimited,
};

use super::blocks::{BLOCK_BYTES, BlockPool};
use crate::storage::{Backend, FileId, StorageError};

/// What no scan exceeds, whatever limits it is given: each bounds the time or the memory of one call of the logic.
const SPANS_MAX: usize = 4096;
const BYTES_MAX: u64 = 8 * 1024 * 1024;
const TIME_MAX: Duration = Duration::from_millis(10);

/// What a stretch of a data file is: `storage.span-state` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanState {
    /// Whole frames.
    Whole,
    /// Damaged bytes that something follows, or that are as long as a frame.
    Corrupt,
    /// An unfinished frame at the end of the file.
    Torn,
}

/// A stretch of a data file: `storage.span` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The first record's id; 0 unless it is whole.
    pub first_id: RecordId,
    /// The id after the last record's last event; 0 unless it is whole.
    pub next_id: RecordId,
    /// How many records it holds; 0 unless it is whole.
    pub records: u32,
    /// What it is.
    pub state: SpanState,
}

/// Where a scan may stop: `storage.scan-limits` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// After this many spans.
    pub max_spans: u32,
    /// After this many whole records.
    pub max_records: u32,
    /// Before the whole records are longer than this in bytes; the first is given however long it is.
    pub max_bytes: u64,
}

/// What a scan found: `storage.scanned` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The spans, in the order of the file and without a hole.
    pub spans: Vec<Span>,
    /// Where the next scan goes on.
    pub next_offset: u64,
}

/// A record that was read and whose checksum agrees.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) file: FileId,
    pub(super) offset: u64,
    pub(super) frame_bytes: u64,
    pub(super) id: RecordId,
    pub(super) events: NonZeroU32,
    pub(super) metadata: u32,
    pub(super) payload: Bytes,
}

/// A stretch of a data file in memory.
#[derive(Clone, Debug)]
struct Window {
    file: FileId,
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// What it holds from an offset on, if it holds that byte.
    fn from(&self, file: FileId, offset: u64) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (file == self.file && skip < self.bytes.len()).then(|| self.bytes.slice(skip..))
    }
}

/// What is kept from one scan to the next.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    pool: BlockPool,
    /// The block that was read last.
    read: Option<Window>,
    /// What was appended last: a reader that keeps up takes it from here.
    appended: Option<Window>,
    /// For each file, the offset where the last scan ended, and the id that is expected there.
    expected: HashMap<FileId, (u64, RecordId)>,
    /// The records of the scans since the last call of `collect`, if they are wanted.
    verified: Option<Vec<Verified>>,
}

/// The file that a scan works on.
pub(super) struct Subject<'a> {
    pub(super) backend: &'a mut dyn Backend,
    pub(super) file: FileId,
    pub(super) length: u64,
    /// Ids from this one on are not taken for records when frames are looked for after a damage.
    pub(super) ceiling: RecordId,
}

impl Source for Subject<'_> {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        into.get_mut(..wanted).map_or(Ok(0), |into| self.backend.read_at(self.file, offset, into))
    }
}

/// One whole frame, or one damage.
enum Step {
    Whole(Verified),
    Damaged { bytes: u64, state: SpanState },
}

impl Scanner {
    /// From now on the records of scans are kept, for [`take_verified`](Self::take_verified).
    pub(super) fn collect(&mut self) {
        self.verified = Some(Vec::new());
    }

    /// The records of the scans since [`collect`](Self::collect), in the order in which they were read.
    ///
    /// Logic that looks for a place may scan a stretch more than once; each record is here once.
    pub(super) fn take_verified(&mut self) -> Vec<Verified> {
        let mut verified = self.verified.take().unwrap_or_default();
        let follows = |one: &Verified, next: &Verified| one.file != next.file || one.offset < next.offset;
        if !verified.is_sorted_by(follows) {
            verified.sort_by_key(|record| (record.file, record.offset));
            verified.dedup_by_key(|record| (record.file, record.offset));
        }
        verified
    }

    /// Frames were appended at an offset.
    pub(super) fn note_append(&mut self, file: FileId, start: u64, bytes: Bytes) {
        self.appended = Some(Window { file, start, bytes });
    }

    /// A file was cut or removed: nothing that was read of it counts any more.
    pub(super) fn forget(&mut self, file: FileId) {
        self.read.take_if(|window| window.file == file);
        self.appended.take_if(|window| window.file == file);
        self.expected.remove(&file);
    }

    /// Reads frames from an offset on until a limit is reached.
    pub(super) fn scan(
        &mut self,
        subject: &mut Subject<'_>,
        offset: u64,
        limits: ScanLimits,
    ) -> Result<Scanned, StorageError> {
        let started = Instant::now();
        let mut around = self.surroundings(subject, offset);
        let mut spans: Vec<Span> = Vec::new();
        let (mut at, mut records, mut whole_bytes) = (offset, 0_u32, 0_u64);
        let spans_max = usize::try_from(limits.max_spans).unwrap_or(SPANS_MAX).clamp(1, SPANS_MAX);
        let records_max = limits.max_records.max(1);
        let bytes_max = limits.max_bytes.min(BYTES_MAX);
        while at < subject.length && records < records_max {
            let out_of_time = at > offset && started.elapsed() > TIME_MAX;
            if out_of_time || at - offset > BYTES_MAX {
                break;
            }
            let block = self.block(subject, at)?;
            let (end, done) = self.walk_block(
                subject,
                at,
                &block,
                &mut Progress {
                    around: &mut around,
                    spans: &mut spans,
                    records: &mut records,
                    whole_bytes: &mut whole_bytes,
                },
                (spans_max, records_max, bytes_max),
            )?;
            at = end;
            if done {
                break;
            }
        }
        self.expected.insert(subject.file, (at, around.floor));
        Ok(Scanned { spans, next_offset: at })
    }

    /// Walks the frames of one block. Gives where it stopped and whether a limit was the reason.
    fn walk_block(
        &mut self,
        subject: &mut Subject<'_>,
        start: u64,
        block: &Bytes,
        progress: &mut Progress<'_>,
        (spans_max, records_max, bytes_max): (usize, u32, u64),
    ) -> Result<(u64, bool), StorageError> {
        let mut at = start;
        loop {
            let Some(rest) = usize::try_from(at - start).ok().and_then(|skip| block.get(skip..)) else {
                return Ok((at, false));
            };
            if rest.is_empty() {
                return Ok((at, false));
            }
            let step = match decode(rest) {
                Ok(frame) if frame.id >= progress.around.floor => {
                    Step::Whole(verified(subject.file, at, &frame, block))
                }
                Ok(frame) => Step::Damaged { bytes: frame.bytes, state: SpanState::Corrupt },
                // The frame goes on behind the block: the next block starts with it.
                Err(FrameError::Incomplete { needed })
                    if at > start && at.saturating_add(needed) <= subject.length =>
                {
                    return Ok((at, false));
                }
                Err(_) => damaged(subject, at, progress.around)?,
            };
            match step {
                Step::Whole(record) => {
                    let bytes = *progress.whole_bytes + record.frame_bytes;
                    if *progress.records >= records_max || (*progress.records > 0 && bytes > bytes_max) {
                        return Ok((at, true));
                    }
                    if !progress.whole(&record, spans_max) {
                        return Ok((at, true));
                    }
                    at += record.frame_bytes;
                    if let Some(kept) = &mut self.verified {
                        kept.push(record);
                    }
                }
                Step::Damaged { bytes, state } => {
                    if progress.spans.len() >= spans_max {
                        return Ok((at, true));
                    }
                    progress.damage(at, bytes, state);
                    at = at.saturating_add(bytes);
                }
            }
        }
    }

    /// The block that starts at an offset, long enough for the frame there if the file is.
    fn block(&mut self, subject: &mut Subject<'_>, at: u64) -> Result<Bytes, StorageError> {
        let mut wanted = to_u64(BLOCK_BYTES);
        for window in [&self.appended, &self.read].into_iter().flatten() {
            let Some(bytes) = window.from(subject.file, at) else { continue };
            match decode(&bytes) {
                Err(FrameError::Incomplete { needed }) if at.saturating_add(needed) <= subject.length => {
                    wanted = wanted.max(needed);
                }
                _ => return Ok(bytes),
            }
        }
        let mut bytes = self.read_block(subject, at, wanted)?;
        if let Err(FrameError::Incomplete { needed }) = decode(&bytes)
            && needed > to_u64(bytes.len())
            && at.saturating_add(needed) <= subject.length
        {
            bytes = self.read_block(subject, at, needed)?;
        }
        self.read = Some(Window { file: subject.file, start: at, bytes: bytes.clone() });
        Ok(bytes)
    }

    fn read_block(&self, subject: &mut Subject<'_>, at: u64, wanted: u64) -> Result<Bytes, StorageError> {
        let wanted = usize::try_from(wanted.min(subject.length - at)).unwrap_or(usize::MAX);
        let mut block = self.pool.filled(wanted);
        let read = subject.read_at(at, &mut block)?;
        if read < wanted {
            return Err(StorageError::Io {
                operation: "read",
                what: format!("data file {} at offset {at}: it is shorter than it was", subject.file),
                source: std::io::ErrorKind::UnexpectedEof.into(),
            });
        }
        Ok(self.pool.share(block, read))
    }

    fn surroundings(&self, subject: &Subject<'_>, offset: u64) -> Surroundings {
        match self.expected.get(&subject.file) {
            Some(&(at, id)) if at == offset => {
                Surroundings { floor: id, exact: true, ceiling: subject.ceiling }
            }
            _ => Surroundings { floor: RecordId(1), exact: false, ceiling: subject.ceiling },
        }
    }
}

/// What a scan has found so far.
struct Progress<'a> {
    around: &'a mut Surroundings,
    spans: &'a mut Vec<Span>,
    records: &'a mut u32,
    whole_bytes: &'a mut u64,
}

impl Progress<'_> {
    /// Adds a record to the last span, or starts another; false if there may be no more spans.
    fn whole(&mut self, record: &Verified, spans_max: usize) -> bool {
        let next_id = record.id.after(record.events.get().into());
        let is_last_span = self.spans.len() >= spans_max;
        match self.spans.last_mut() {
            Some(span) if span.state == SpanState::Whole && span.next_id == record.id => {
                span.bytes += record.frame_bytes;
                span.next_id = next_id;
                span.records += 1;
            }
            _ if is_last_span => return false,
            _ => self.spans.push(Span {
                offset: record.offset,
                bytes: record.frame_bytes,
                first_id: record.id,
                next_id,
                records: 1,
                state: SpanState::Whole,
            }),
        }
        *self.records += 1;
        *self.whole_bytes += record.frame_bytes;
        self.around.floor = next_id;
        self.around.exact = true;
        true
    }

    fn damage(&mut self, offset: u64, bytes: u64, state: SpanState) {
        let none = RecordId(0);
        self.spans.push(Span { offset, bytes, first_id: none, next_id: none, records: 0, state });
        // How many ids the damaged bytes held is not known.
        self.around.exact = false;
    }
}

/// What lies at an offset where no frame could be decoded.
fn damaged(subject: &mut Subject<'_>, at: u64, around: &Surroundings) -> Result<Step, StorageError> {
    Ok(match assess(subject, at, *around)? {
        Damage::Length { frame_bytes } => match whole_without_length(subject, at, frame_bytes)? {
            Some(record) => Step::Whole(record),
            None => Step::Damaged { bytes: frame_bytes, state: SpanState::Corrupt },
        },
        Damage::Corrupt { bytes } => Step::Damaged { bytes, state: SpanState::Corrupt },
        Damage::Torn { bytes } => Step::Damaged { bytes, state: SpanState::Torn },
    })
}

/// A record of which only the length in front is damaged.
fn whole_without_length(
    subject: &mut Subject<'_>,
    at: u64,
    frame_bytes: u64,
) -> Result<Option<Verified>, StorageError> {
    let mut bytes = vec![0; usize::try_from(frame_bytes).unwrap_or(usize::MAX)];
    let read = subject.read_at(at, &mut bytes)?;
    bytes.truncate(read);
    let bytes = Bytes::from(bytes);
    Ok(decode_undelimited(&bytes).ok().map(|frame| verified(subject.file, at, &frame, &bytes)))
}

fn verified(file: FileId, offset: u64, frame: &Frame<'_>, block: &Bytes) -> Verified {
    Verified {
        file,
        offset,
        frame_bytes: frame.bytes,
        id: frame.id,
        events: frame.events,
        metadata: frame.metadata,
        payload: block.slice_ref(frame.payload),
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

//! A memo as a block of 4 KiB.
//!
//! In all versions a block begins with the magic and the version and ends with the CRC-32 of what is before it, so that a
//! block of a later version can be told from damage.

use forebay_frame::RecordId;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::{
    Amount, Checkpoint, FileId, Incarnations, Ledger, Memo, Usage,
    incarnation::REMEMBERED_MAX,
    memo::{BOUNDS_MAX, CHECKPOINTS_MAX, FileBounds},
};

pub(super) const BLOCK_BYTES: usize = 4096;

const MAGIC: [u8; 8] = *b"FOREBAY\0";

/// The version before this one had another magic, and was never released.
const VERSION: u32 = 2;

const NO_MIN: RecordId = RecordId(u64::MAX);

const RESERVED: usize = 2213;

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Start {
    first_id: U64,
    incarnation: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct LedgerCopy {
    writer_next_record: U64,
    reader_last_record: U64,
    writer_data_file: U16,
    reader_data_file: U16,
    padding: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct AmountCopy {
    events: U64,
    bytes: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct MarkCopy {
    offset: U64,
    next_id: U64,
    file: U16,
    padding: [u8; 6],
}

/// An `end` that is not known is 0, a `min` that is not known [`NO_MIN`]: a `min` of 0 says that the first frame of the file
/// counts no more than any other.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BoundsCopy {
    bytes: U64,
    min: U64,
    end: U64,
    file: U16,
    padding: [u8; 6],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Body {
    magic: [u8; 8],
    version: U32,
    /// 1 if the buffer was closed with everything durable.
    clean: U32,
    sequence: U64,
    boot: [u8; 16],
    owner: U64,
    starts_count: U32,
    marks_count: U32,
    starts: [Start; REMEMBERED_MAX],
    ledger: LedgerCopy,
    received: AmountCopy,
    sent: AmountCopy,
    dropped: AmountCopy,
    lost: AmountCopy,
    rejected: AmountCopy,
    /// The file is 65535 if it is not known.
    place: MarkCopy,
    marks: [MarkCopy; CHECKPOINTS_MAX],
    /// 1 if a sync had failed, and was not made up for.
    degraded: u8,
    /// When the ledger was last changed, if the buffer was closed; 0 if that is not known.
    ledger_changed_ns: U64,
    bounds_count: U32,
    bounds: [BoundsCopy; BOUNDS_MAX],
    sent_or_dropped: AmountCopy,
    /// 1 if the operator let records go that wait.
    may_drop: u8,
    /// 1 if an earlier block of this boot, of an open buffer, was on the disk by then.
    open_is_durable: u8,
    /// Zeros.
    reserved: [u8; RESERVED],
}

/// What a block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The higher of two blocks is the newer.
    pub(super) sequence: u64,
    /// The boot of the machine during which it was written.
    pub(super) boot: [u8; 16],
    /// Names the buffer that it is of.
    pub(super) owner: u64,
    /// The buffer was closed, and everything in it was durable.
    pub(super) clean: bool,
    /// An earlier block of this boot, of an open buffer, was on the disk before this one was written.
    pub(super) open_is_durable: bool,
    /// When the ledger file was last changed before the close, in nanoseconds since 1970; 0 if that is not known.
    pub(super) ledger_changed_ns: u64,
    pub(super) incarnations: Incarnations,
    pub(super) memo: Memo,
}

/// What is found where a block should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FoundBlock {
    Block(Box<Block>),
    /// A whole block of a version that this program does not know.
    Later(u32),
    /// Nothing, or nothing that is whole.
    Nothing,
}

pub(super) fn encode(block: &Block) -> Vec<u8> {
    let Memo { ledger, usage, place, checkpoints: marks, bounds, is_degraded, may_drop } = &block.memo;
    let starts = block.incarnations.starts();
    let marks = marks.get(..CHECKPOINTS_MAX).unwrap_or(marks);
    let bounds = bounds.get(..BOUNDS_MAX).unwrap_or(bounds);
    let mut body: Body = zerocopy::FromZeros::new_zeroed();
    body.magic = MAGIC;
    body.version = VERSION.into();
    body.clean = u32::from(block.clean).into();
    body.sequence = block.sequence.into();
    body.boot = block.boot;
    body.owner = block.owner.into();
    body.starts_count = u32::try_from(starts.len()).unwrap_or(0).into();
    body.marks_count = u32::try_from(marks.len()).unwrap_or(0).into();
    for (copy, &(first_id, incarnation)) in body.starts.iter_mut().zip(starts) {
        *copy = Start { first_id: first_id.0.into(), incarnation: incarnation.into() };
    }
    body.ledger = LedgerCopy {
        writer_next_record: ledger.writer_next_record.0.into(),
        reader_last_record: ledger.reader_last_record.0.into(),
        writer_data_file: ledger.writer_data_file.get().into(),
        reader_data_file: ledger.reader_data_file.get().into(),
        padding: 0.into(),
    };
    body.received = amount_copy(usage.received);
    body.sent = amount_copy(usage.sent);
    body.dropped = amount_copy(usage.dropped);
    body.sent_or_dropped = amount_copy(usage.sent_or_dropped);
    body.lost = amount_copy(usage.lost);
    body.rejected = amount_copy(usage.rejected);
    body.place = MarkCopy {
        offset: place.map_or(0, |(_, offset)| offset).into(),
        next_id: 0.into(),
        file: place.map_or(u16::MAX, |(file, _)| file.get()).into(),
        padding: [0; 6],
    };
    for (copy, mark) in body.marks.iter_mut().zip(marks) {
        *copy = MarkCopy {
            offset: mark.offset.into(),
            next_id: mark.next_id.0.into(),
            file: mark.file.get().into(),
            padding: [0; 6],
        };
    }
    body.bounds_count = u32::try_from(bounds.len()).unwrap_or(0).into();
    for (copy, bounds) in body.bounds.iter_mut().zip(bounds) {
        *copy = BoundsCopy {
            bytes: bounds.bytes.into(),
            min: bounds.min.unwrap_or(NO_MIN).0.into(),
            end: bounds.end.map_or(0, |id| id.0).into(),
            file: bounds.file.get().into(),
            padding: [0; 6],
        };
    }
    body.may_drop = u8::from(*may_drop);
    body.open_is_durable = u8::from(block.open_is_durable);
    body.degraded = u8::from(*is_degraded);
    body.ledger_changed_ns = block.ledger_changed_ns.into();
    let mut bytes = body.as_bytes().to_vec();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> FoundBlock {
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else { return FoundBlock::Nothing };
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return FoundBlock::Nothing;
    }
    let Ok(body) = Body::ref_from_bytes(body) else { return FoundBlock::Nothing };
    match (body.magic == MAGIC, body.version.get()) {
        (true, VERSION) => {
            decode_body(body).map_or(FoundBlock::Nothing, |block| FoundBlock::Block(Box::new(block)))
        }
        (true, version) if version > VERSION => FoundBlock::Later(version),
        _ => FoundBlock::Nothing,
    }
}

fn decode_body(body: &Body) -> Option<Block> {
    let starts = body.starts.get(..usize::try_from(body.starts_count.get()).ok()?)?.iter();
    let starts = starts.map(|start| (RecordId(start.first_id.get()), start.incarnation.get()));
    let marks = body.marks.get(..usize::try_from(body.marks_count.get()).ok()?)?.iter();
    let marks = marks.map(|mark| {
        let file = FileId::new(mark.file.get())?;
        Some(Checkpoint { file, offset: mark.offset.get(), next_id: RecordId(mark.next_id.get()) })
    });
    let bounds = body.bounds.get(..usize::try_from(body.bounds_count.get()).ok()?)?.iter();
    let known = |id: U64, unknown| Some(RecordId(id.get())).filter(|id| *id != unknown);
    let bounds = bounds.map(|copy| {
        let file = FileId::new(copy.file.get())?;
        let (min, end) = (known(copy.min, NO_MIN), known(copy.end, RecordId(0)));
        Some(FileBounds { file, bytes: copy.bytes.get(), min, end })
    });
    Some(Block {
        sequence: body.sequence.get(),
        boot: body.boot,
        owner: body.owner.get(),
        clean: body.clean.get() == 1,
        open_is_durable: body.open_is_durable == 1,
        ledger_changed_ns: body.ledger_changed_ns.get(),
        incarnations: Incarnations::remembered(starts.collect())?,
        memo: Memo {
            ledger: Ledger {
                writer_next_record: RecordId(body.ledger.writer_next_record.get()),
                writer_data_file: FileId::new(body.ledger.writer_data_file.get())?,
                reader_data_file: FileId::new(body.ledger.reader_data_file.get())?,
                reader_last_record: RecordId(body.ledger.reader_last_record.get()),
            },
            usage: Usage {
                received: amount(&body.received),
                sent: amount(&body.sent),
                dropped: amount(&body.dropped),
                sent_or_dropped: amount(&body.sent_or_dropped),
                lost: amount(&body.lost),
                rejected: amount(&body.rejected),
            },
            place: FileId::new(body.place.file.get()).map(|file| (file, body.place.offset.get())),
            checkpoints: marks.collect::<Option<_>>()?,
            bounds: bounds.collect::<Option<_>>()?,
            is_degraded: body.degraded == 1,
            may_drop: body.may_drop == 1,
        },
    })
}

fn amount_copy(amount: Amount) -> AmountCopy {
    AmountCopy { events: amount.events.into(), bytes: amount.bytes.into() }
}

fn amount(copy: &AmountCopy) -> Amount {
    Amount::new(copy.events.get(), copy.bytes.get())
}

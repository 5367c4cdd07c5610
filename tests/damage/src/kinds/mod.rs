//! The kinds of damage. Each changes a [`Bed`] and says where, or finds nothing that it could change.

mod bits;
mod bytes;
mod file_length;
mod frames;
mod lengths;
mod sectors;

use crate::{
    bed::{Bed, Damage, Place},
    random::Random,
};

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One bit is flipped, in four of ten cases in a length prefix.
    Bit,
    /// One of the three statements of a frame's length is another.
    Length,
    /// A sector reads as zeros.
    ZeroedSector,
    /// A sector holds noise.
    NoiseSector,
    /// A sector holds what another file, or an earlier version, has at that place.
    StaleSector,
    /// Two sectors have changed places.
    SwappedSectors,
    /// A sector was written to another place too.
    MisplacedSector,
    /// One to three whole frames read as zeros.
    FrameHole,
    /// One to three whole frames are not there, and what follows them has moved up.
    FrameRemoved,
    /// A frame is there twice.
    FrameDuplicated,
    /// Two frames have changed places.
    FramesSwapped,
    /// The end of a file is not there.
    FileTruncated,
    /// Something follows the end of a file.
    FileGrown,
    /// Some bytes were put in, and what follows them has moved.
    BytesInserted,
    /// Some bytes were taken out, and what follows them has moved.
    BytesRemoved,
}

/// Kinds that are limited alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Bytes have other values: bits, lengths, zeroed and noise sectors.
    Values,
    /// Bytes are in places of others: stale, swapped and misplaced sectors.
    Places,
    /// Whole frames, or the end of a file.
    Frames,
    /// Inserted and removed bytes.
    Shifts,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Bit,
        Self::Length,
        Self::ZeroedSector,
        Self::NoiseSector,
        Self::StaleSector,
        Self::SwappedSectors,
        Self::MisplacedSector,
        Self::FrameHole,
        Self::FrameRemoved,
        Self::FrameDuplicated,
        Self::FramesSwapped,
        Self::FileTruncated,
        Self::FileGrown,
        Self::BytesInserted,
        Self::BytesRemoved,
    ];

    /// Its group.
    pub fn group(self) -> Group {
        match self {
            Self::Bit | Self::Length | Self::ZeroedSector | Self::NoiseSector => Group::Values,
            Self::StaleSector | Self::SwappedSectors | Self::MisplacedSector => Group::Places,
            Self::FrameHole
            | Self::FrameRemoved
            | Self::FrameDuplicated
            | Self::FramesSwapped
            | Self::FileTruncated
            | Self::FileGrown => Group::Frames,
            Self::BytesInserted | Self::BytesRemoved => Group::Shifts,
        }
    }

    /// Whether all bytes stay in their places and no file gets longer or shorter.
    pub fn moves_nothing(self) -> bool {
        let moves = [Self::FrameRemoved, Self::FrameDuplicated, Self::FileTruncated, Self::FileGrown];
        self.group() != Group::Shifts && !moves.contains(&self)
    }

    /// Does one damage of this kind. `None` if nothing was found that it would change.
    pub fn apply(self, bed: &mut Bed<'_>, random: &mut Random) -> Option<Damage> {
        let (places, text) = match self {
            Self::Bit => bits::flip(bed, random),
            Self::Length => lengths::falsify(bed, random),
            Self::ZeroedSector => sectors::zero(bed, random),
            Self::NoiseSector => sectors::noise(bed, random),
            Self::StaleSector => sectors::stale(bed, random),
            Self::SwappedSectors => sectors::swap(bed, random),
            Self::MisplacedSector => sectors::misplace(bed, random),
            Self::FrameHole => frames::zero(bed, random),
            Self::FrameRemoved => frames::remove(bed, random),
            Self::FrameDuplicated => frames::duplicate(bed, random),
            Self::FramesSwapped => frames::swap(bed, random),
            Self::FileTruncated => file_length::truncate(bed, random),
            Self::FileGrown => file_length::grow(bed, random),
            Self::BytesInserted => bytes::insert(bed, random),
            Self::BytesRemoved => bytes::remove(bed, random),
        }?;
        Some(Damage { kind: self, places, text })
    }
}

/// What was changed, and what is said of it.
type Done = Option<(Vec<Place>, String)>;

/// A data file with at least one byte: longer ones come more often.
fn file_with_bytes(bed: &Bed<'_>, random: &mut Random) -> Option<u16> {
    let total: usize = bed.files().values().map(Vec::len).sum();
    let mut at = random.below(total);
    for (&file, bytes) in bed.files() {
        if at < bytes.len() {
            return Some(file);
        }
        at -= bytes.len();
    }
    None
}

/// Any data file, empty ones too.
fn any_file(bed: &Bed<'_>, random: &mut Random) -> Option<u16> {
    let files: Vec<u16> = bed.files().keys().copied().collect();
    (!files.is_empty()).then(|| *random.pick(&files))
}

/// A frame that lies within its file, whole or not.
fn frame(bed: &Bed<'_>, random: &mut Random) -> Option<crate::bed::Spot> {
    if bed.spots().is_empty() {
        return None;
    }
    let spot = *random.pick(bed.spots());
    (bed.range(spot).end <= bed.file(spot.file).len()).then_some(spot)
}

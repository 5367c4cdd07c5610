//! What a damaged data file holds: a pure function of its bytes and of what the neighbouring files say of its ids.

mod anchored;
mod backward;
mod choice;
mod cover;
mod crossed;
mod evidence;
mod fences;
mod frames;
mod gap;
mod gaps;
mod moved;
mod parts;
mod piece;
mod prefix;
mod rivals;
mod scan;
mod selection;
mod splitting;
mod stretch;
mod unordered;

use crate::{id::RecordId, source::Source};
use cover::Cover;
use frames::Frames;

pub use anchored::Anchor;
pub use fences::{Fences, first_frame_id};
pub use frames::is_whole;
pub use stretch::Stretch;
pub use unordered::{UnorderedStep, UnorderedWalk};

/// The stretches of a data file, in file order. They cover the file and leave no holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMap {
    stretches: Vec<Stretch>,
    worth: i128,
    records: u64,
    first_id: Option<RecordId>,
    next_id: Option<RecordId>,
}

impl FileMap {
    /// Classifies a whole file. Reads a number of bytes in proportion to the file's length, whatever the file holds.
    ///
    /// The committed prefix always counts: whole frames from the start on, that [`decode`](crate::decode) reads, with ids
    /// without a gap. The first id is `fences.min`, if that is known; no record's ids reach `fences.end`. A reader can
    /// deliver those records before it asks for the map.
    pub fn of<S: Source>(source: &mut S, fences: Fences) -> Result<Self, S::Error> {
        let mut frames = Frames::new(source);
        let mut read = |has_back| {
            let parts = gap::parts(&mut frames, fences, has_back)?;
            let chosen = selection::choose(&mut frames, &parts, fences)?;
            Ok((parts, chosen))
        };
        let (mut parts, mut chosen) = read(true)?;
        if parts.contradict() {
            // What leads back from the end of the file may be misplaced.
            let without_back = read(false)?;
            if without_back.1.worth > chosen.worth {
                (parts, chosen) = without_back;
            }
        }
        let selection::Chosen { pieces: mut chosen, certain_worth: worth, .. } = chosen;
        let mut follower = fences.end;
        for piece in chosen.iter_mut().rev() {
            // Events that were counted in a payload give way to the ids that follow.
            piece.next_id = follower.map_or(piece.next_id, |follower| piece.next_id.min(follower));
            follower = Some(piece.first_id);
        }
        Ok(Self {
            worth,
            records: chosen.iter().map(|piece| u64::from(piece.records)).sum(),
            first_id: chosen.first().map(|piece| piece.first_id),
            next_id: chosen.last().map(|piece| piece.next_id),
            stretches: Cover::of(&parts, frames.file.len).stretches(&chosen),
        })
    }

    /// The stretches in file order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The stretch that holds this offset, and its position among the stretches.
    pub fn at(&self, offset: u64) -> Option<(usize, &Stretch)> {
        let position = self.stretches.partition_point(|stretch| stretch.end() <= offset);
        self.stretches.get(position).map(|stretch| (position, stretch))
    }

    /// How much speaks for this map: the records that it lets a reader have, less what speaks against the gaps between them. A
    /// run to which no chain leads counts as one record where it may be the payload of one.
    ///
    /// A number that is compared with that of the same file's map between other fences. The gap at the end of the file does not
    /// count: it is the gap at the start of the file that follows.
    pub fn worth(&self) -> i128 {
        self.worth
    }

    /// How many records the file holds that can be read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The id of the first record that can be read.
    pub fn first_id(&self) -> Option<RecordId> {
        self.first_id
    }

    /// The id after the last record that can be read.
    pub fn next_id(&self) -> Option<RecordId> {
        self.next_id
    }
}

//! A directory while it is being damaged: the bytes of its data files, and where each frame has moved.
//!
//! Positions are kept only as *spots*, places where a frame may be. The reference compares the bytes at each spot at the end. A wrong
//! spot therefore does no harm.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    base::{Base, Placed},
    image::data_file,
    kinds::Kind,
};

/// A place where a frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The frame's number in [`Base::placed`].
    pub frame: usize,
    /// The data file's number.
    pub file: u16,
    /// Where in the file, in bytes.
    pub at: usize,
}

/// Bytes of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The data file's number.
    pub file: u16,
    /// Where in the file, in bytes.
    pub bytes: Range<usize>,
}

/// One damage that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its kind.
    pub kind: Kind,
    /// The bytes that were overwritten, inserted or removed.
    pub places: Vec<Place>,
    /// A description for people.
    pub text: String,
}

/// The data files of a directory that is being damaged.
#[derive(Clone, Debug)]
pub struct Bed<'a> {
    /// The directory before the damage.
    pub base: &'a Base,
    files: BTreeMap<u16, Vec<u8>>,
    spots: Vec<Spot>,
}

impl<'a> Bed<'a> {
    /// The undamaged files of a base directory.
    pub fn new(base: &'a Base) -> Self {
        let files =
            base.image().data_files().into_iter().map(|(file, bytes)| (file, bytes.to_vec())).collect();
        let spots = base.placed.iter().enumerate();
        let spots = spots.map(|(frame, placed)| Spot { frame, file: placed.file, at: placed.at }).collect();
        Self { base, files, spots }
    }

    /// The data files by number.
    pub fn files(&self) -> &BTreeMap<u16, Vec<u8>> {
        &self.files
    }

    /// The bytes of a data file; none if there is no such file.
    pub fn file(&self, file: u16) -> &[u8] {
        self.files.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Where frames may be.
    pub fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// The frame that a spot is of, as it was placed.
    pub fn placed(&self, spot: Spot) -> &'a Placed {
        &self.base.placed[spot.frame]
    }

    /// The bytes that a spot's frame would have.
    pub fn range(&self, spot: Spot) -> Range<usize> {
        spot.at..spot.at + self.placed(spot).bytes
    }

    /// Whether the frame is at this spot, whole and unchanged.
    pub fn holds(&self, spot: Spot) -> bool {
        let placed = self.placed(spot);
        self.file(spot.file).get(self.range(spot)) == Some(self.base.frame(placed))
    }

    /// Overwrites bytes, as far as the file reaches. `None` if that changes nothing.
    pub fn overwrite(&mut self, file: u16, at: usize, bytes: &[u8]) -> Option<Place> {
        let target = self.files.get_mut(&file)?;
        let end = (at + bytes.len()).min(target.len());
        let old = target.get_mut(at..end)?;
        let new = &bytes[..old.len()];
        if old == new {
            return None;
        }
        old.copy_from_slice(new);
        Some(Place { file, bytes: at..end })
    }

    /// Inserts bytes and moves those behind them.
    pub fn insert(&mut self, file: u16, at: usize, bytes: &[u8]) -> Option<Place> {
        let target = self.files.get_mut(&file)?;
        if at > target.len() || bytes.is_empty() {
            return None;
        }
        target.splice(at..at, bytes.iter().copied());
        for spot in self.spots.iter_mut().filter(|spot| spot.file == file && spot.at >= at) {
            spot.at += bytes.len();
        }
        Some(Place { file, bytes: at..at + bytes.len() })
    }

    /// Removes bytes and moves those behind them.
    pub fn remove(&mut self, file: u16, bytes: Range<usize>) -> Option<Place> {
        let target = self.files.get_mut(&file)?;
        if bytes.is_empty() || bytes.end > target.len() {
            return None;
        }
        target.drain(bytes.clone());
        self.spots.retain(|spot| spot.file != file || !bytes.contains(&spot.at));
        for spot in self.spots.iter_mut().filter(|spot| spot.file == file && spot.at >= bytes.end) {
            spot.at -= bytes.len();
        }
        Some(Place { file, bytes })
    }

    /// Notes that a frame may also be in this place.
    pub fn add_spot(&mut self, spot: Spot) {
        self.spots.push(spot);
    }

    /// The data files by name.
    pub fn named_files(&self) -> impl Iterator<Item = (String, &Vec<u8>)> {
        self.files.iter().map(|(&file, bytes)| (data_file(file), bytes))
    }
}

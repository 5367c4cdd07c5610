//! Sectors of 512 bytes and of 4 KiB: zeroed, noise, stale, swapped, misplaced.

use super::{Done, file_with_bytes};
use crate::{
    bed::{Bed, Place},
    random::Random,
};

/// A sector of a file; the last one of a file may be shorter.
struct Sector {
    file: u16,
    at: usize,
    size: usize,
}

impl Sector {
    fn random(bed: &Bed<'_>, size: usize, random: &mut Random) -> Option<Self> {
        let file = file_with_bytes(bed, random)?;
        let sectors = bed.file(file).len().div_ceil(size);
        Some(Self { file, at: random.below(sectors) * size, size })
    }

    fn bytes<'a>(&self, bed: &'a Bed<'_>) -> &'a [u8] {
        let file = bed.file(self.file);
        &file[self.at.min(file.len())..(self.at + self.size).min(file.len())]
    }

    fn text(&self) -> String {
        format!("sector of {} bytes at {} of file {}", self.size, self.at, self.file)
    }
}

fn size(random: &mut Random) -> usize {
    *random.pick(&[512, 512, 512, 4096, 4096])
}

pub(super) fn zero(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let size = size(random);
    let sector = Sector::random(bed, size, random)?;
    overwrite(bed, &sector, &vec![0; size], "zeroed")
}

pub(super) fn noise(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let size = size(random);
    let sector = Sector::random(bed, size, random)?;
    // What was erased on flash reads as ones.
    let noise = if random.percent(20) { vec![0xff; size] } else { random.bytes(size) };
    overwrite(bed, &sector, &noise, "noise in")
}

pub(super) fn stale(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let size = size(random);
    let sector = Sector::random(bed, size, random)?;
    let here = sector.bytes(bed).len();
    let version = random.pick(&bed.base.versions);
    let files = version.data_files();
    // A sector that was never written reads as zeros: a stale one was.
    let files: Vec<_> = files.into_iter().filter(|(_, bytes)| bytes.len() >= sector.at + here).collect();
    if files.is_empty() {
        return None;
    }
    let (from, bytes) = *random.pick(&files);
    let stale = bytes[sector.at..sector.at + here].to_vec();
    overwrite(bed, &sector, &stale, &format!("what was once in file {from}, in a"))
}

pub(super) fn misplace(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let size = size(random);
    let (from, to) = (Sector::random(bed, size, random)?, Sector::random(bed, size, random)?);
    let bytes = from.bytes(bed).to_vec();
    overwrite(bed, &to, &bytes, &format!("what is at {} of file {}, in a", from.at, from.file))
}

pub(super) fn swap(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let size = size(random);
    let (one, two) = (Sector::random(bed, size, random)?, Sector::random(bed, size, random)?);
    let (first, second) = (one.bytes(bed).to_vec(), two.bytes(bed).to_vec());
    let places: Vec<Place> =
        [bed.overwrite(one.file, one.at, &second), bed.overwrite(two.file, two.at, &first)]
            .into_iter()
            .flatten()
            .collect();
    (!places.is_empty())
        .then(|| (places, format!("{} and the one at {} of file {} swapped", one.text(), two.at, two.file)))
}

fn overwrite(bed: &mut Bed<'_>, sector: &Sector, bytes: &[u8], how: &str) -> Done {
    let place = bed.overwrite(sector.file, sector.at, bytes)?;
    Some((vec![place], format!("{how} {}", sector.text())))
}

//! Whole frames: zeroed, removed, there twice, swapped.

use super::{Done, any_file, frame};
use crate::{
    bed::{Bed, Spot},
    random::Random,
};

/// One to three neighbouring frames: the first, and where the last one ends.
fn neighbours(bed: &Bed<'_>, random: &mut Random) -> Option<(Spot, usize)> {
    let first = frame(bed, random)?;
    let mut end = bed.range(first).end;
    for _ in 0..random.below(3) {
        if let Some(next) = next(bed, first.file, end) {
            end = bed.range(next).end;
        }
    }
    Some((first, end))
}

/// The frame that starts in this place.
fn next(bed: &Bed<'_>, file: u16, at: usize) -> Option<Spot> {
    let next = bed.spots().iter().find(|spot| spot.file == file && spot.at == at);
    next.copied().filter(|&next| bed.range(next).end <= bed.file(file).len())
}

fn text(bed: &Bed<'_>, first: Spot, end: usize) -> String {
    format!(
        "{} bytes of frames from record {} at {} of file {}",
        end - first.at,
        bed.placed(first).id,
        first.at,
        first.file
    )
}

pub(super) fn zero(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let (first, end) = neighbours(bed, random)?;
    let text = text(bed, first, end);
    let place = bed.overwrite(first.file, first.at, &vec![0; end - first.at])?;
    Some((vec![place], format!("{text} zeroed")))
}

pub(super) fn remove(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let (first, end) = neighbours(bed, random)?;
    let text = text(bed, first, end);
    let place = bed.remove(first.file, first.at..end)?;
    Some((vec![place], format!("{text} removed")))
}

pub(super) fn duplicate(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let original = frame(bed, random)?;
    let range = bed.range(original);
    let bytes = bed.file(original.file).get(range.clone())?.to_vec();
    let length = bytes.len();
    let (place, how) = match random.below(5) {
        0 | 1 => (bed.insert(original.file, range.end, &bytes), "again behind itself"),
        2 => {
            let same = |spot: &&Spot| bed.placed(**spot).bytes == length && **spot != original;
            let same: Vec<Spot> = bed.spots().iter().filter(same).copied().collect();
            let over = if same.is_empty() { return None } else { *random.pick(&same) };
            (bed.overwrite(over.file, over.at, &bytes), "in the place of another one")
        }
        3 => {
            let file = any_file(bed, random)?;
            (bed.insert(file, bed.file(file).len(), &bytes), "also at the end of a file")
        }
        _ => {
            let newest = *bed.files().iter().rfind(|(_, bytes)| !bytes.is_empty())?.0;
            (bed.insert(newest, 0, &bytes), "also at the start of the newest file")
        }
    };
    let place = place?;
    bed.add_spot(Spot { frame: original.frame, file: place.file, at: place.bytes.start });
    let text =
        format!("record {} {how}, at {} of file {}", bed.placed(original).id, place.bytes.start, place.file);
    Some((vec![place], text))
}

pub(super) fn swap(bed: &mut Bed<'_>, random: &mut Random) -> Done {
    let one = frame(bed, random)?;
    let first = bed.range(one);
    if random.percent(70) {
        let two = next(bed, one.file, first.end)?;
        let second = bed.range(two);
        let file = bed.file(one.file);
        let swapped = [file.get(second.clone())?, file.get(first.clone())?].concat();
        let place = bed.overwrite(one.file, first.start, &swapped)?;
        bed.add_spot(Spot { at: first.start, ..two });
        bed.add_spot(Spot { at: first.start + second.len(), ..one });
        let text = format!("records {} and {} swapped", bed.placed(one).id, bed.placed(two).id);
        return Some((vec![place], text));
    }
    let same = |spot: &&Spot| {
        let far = spot.file != one.file || spot.at >= first.end || bed.range(**spot).end <= first.start;
        bed.placed(**spot).bytes == first.len() && far && bed.range(**spot).end <= bed.file(spot.file).len()
    };
    let same: Vec<Spot> = bed.spots().iter().filter(same).copied().collect();
    let two = if same.is_empty() { return None } else { *random.pick(&same) };
    let second = bed.range(two);
    let (here, there) =
        (bed.file(one.file).get(first.clone())?.to_vec(), bed.file(two.file).get(second)?.to_vec());
    let places = [bed.overwrite(one.file, one.at, &there)?, bed.overwrite(two.file, two.at, &here)?];
    bed.add_spot(Spot { frame: one.frame, ..two });
    bed.add_spot(Spot { frame: two.frame, ..one });
    let text =
        format!("records {} and {}, of the same length, swapped", bed.placed(one).id, bed.placed(two).id);
    Some((places.to_vec(), text))
}

//! Chooses the damages of one directory. All of it is a function of the seed and the directory's number.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use crate::{
    base::{Base, BaseKey, FileSize},
    bed::{Bed, Damage},
    image::Image,
    kinds::{Group, Kind},
    ledger::{Ledger, State, States},
    random::Random,
};

/// One in so many directories has files of 16 MiB.
const LARGE_ONE_IN: u64 = 20;
/// How many damaged directories are made from one base directory with files of 16 KiB.
const SMALL_PER_BASE: u64 = 25;
/// The same for files of 16 MiB.
const LARGE_PER_BASE: u64 = 5;
/// How often another damage is tried where one finds nothing to change.
const ATTEMPTS: usize = 50;
/// The most damages that a directory gets.
const DAMAGES_MAX: usize = 20;

/// A class of directories. Each has its own limit for lost records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// One or two damages by bits, lengths, zeroed or noise sectors, not both in one frame.
    FewValues,
    /// One or two such damages or stale, swapped or misplaced sectors, at least one of these; not both in one frame.
    FewPlaces,
    /// Any other one or two damages but inserted and removed bytes: whole frames, the length of a file, two in one frame.
    FewOthers,
    /// Three to 20 damages of all kinds but inserted and removed bytes.
    Many,
    /// Inserted or removed bytes, and up to 19 damages of all kinds.
    Shifted,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::FewValues, Self::FewPlaces, Self::FewOthers, Self::Many, Self::Shifted];

    /// The class of a directory with these damages, which are at least one.
    pub fn of(base: &Base, damages: &[Damage]) -> Self {
        let worst = damages.iter().map(|damage| damage.kind.group()).max();
        match worst {
            Some(Group::Shifts) => Self::Shifted,
            _ if damages.len() > 2 => Self::Many,
            Some(Group::Values) if !share_a_frame(base, damages) => Self::FewValues,
            Some(Group::Places) if !share_a_frame(base, damages) => Self::FewPlaces,
            _ => Self::FewOthers,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FewValues => {
                "1 or 2 damages by bits, lengths, zeroed or noise sectors, not both in one frame"
            }
            Self::FewPlaces => "the same, with stale, swapped or misplaced sectors",
            Self::FewOthers => "other 1 or 2 damages: frames, lengths of files, two in one frame",
            Self::Many => "3 to 20 damages of all kinds but inserted or removed bytes",
            Self::Shifted => "inserted or removed bytes",
        })
    }
}

/// Whether two damages have changed one frame. They are of kinds that move nothing.
fn share_a_frame(base: &Base, damages: &[Damage]) -> bool {
    let mut seen = BTreeSet::new();
    damages.iter().any(|damage| {
        let touched: BTreeSet<usize> = touched(base, damage).collect();
        let shares = touched.iter().any(|frame| seen.contains(frame));
        seen.extend(touched);
        shares
    })
}

/// The frames, by their number in [`Base::placed`], that a damage has changed. It is of a kind that moves nothing.
fn touched<'a>(base: &'a Base, damage: &'a Damage) -> impl Iterator<Item = usize> + 'a {
    damage.places.iter().flat_map(|place| {
        let first = base.placed.partition_point(|placed| {
            (placed.file, placed.at + placed.bytes) <= (place.file, place.bytes.start)
        });
        let frames = base.placed.iter().enumerate().skip(first);
        let frames =
            frames.take_while(|(_, placed)| (placed.file, placed.at) < (place.file, place.bytes.end));
        frames.map(|(frame, _)| frame)
    })
}

/// Which undamaged directory a case is made of.
pub fn base_of(number: u64) -> BaseKey {
    let (round, place) = (number / LARGE_ONE_IN, number % LARGE_ONE_IN);
    if place == LARGE_ONE_IN - 1 {
        BaseKey { size: FileSize::Large, number: round / LARGE_PER_BASE }
    } else {
        let small = round * (LARGE_ONE_IN - 1) + place;
        BaseKey { size: FileSize::Small, number: small / SMALL_PER_BASE }
    }
}

/// A damaged directory.
#[derive(Debug)]
pub struct Case<'a> {
    /// Its number.
    pub number: u64,
    /// Its data files, and where their frames have moved.
    pub bed: Bed<'a>,
    /// All its files.
    pub image: Image,
    /// What became of the ledger and the sidecar.
    pub states: States,
    /// What was done to the data files, in this order.
    pub damages: Vec<Damage>,
    /// Which limit it has.
    pub class: Class,
}

impl<'a> Case<'a> {
    /// The directory with this number.
    pub fn generate(base: &'a Base, seed: u64, number: u64) -> Self {
        let mut random = Random::new(&[seed, 0xca5e, number]);
        let mut bed = Bed::new(base);
        let mut damages = Vec::new();
        for kinds in plan(&mut random) {
            let mut attempts = (0..ATTEMPTS).map(|_| *random.pick(kinds)).collect::<Vec<_>>().into_iter();
            damages.extend(attempts.find_map(|kind| kind.apply(&mut bed, &mut random)));
        }
        let mut image = base.image().clone();
        for (name, bytes) in bed.named_files() {
            if image.bytes(&name) != Some(bytes) {
                image.set(&name, bytes.clone());
            }
        }
        let earlier = &base.versions[..base.versions.len() - 1];
        let states = States::damage(&mut image, earlier, &mut random);
        let class = Class::of(base, &damages);
        Self { number, bed, image, states, damages, class }
    }

    /// What was done to it, for people.
    pub fn description(&self) -> String {
        let base = self.bed.base;
        let mut text = format!(
            "case {}: {:?} files, {:?} payloads, {} frames, {} acknowledged; ledger {}, sidecar {}; {}\n",
            self.number,
            base.key.size,
            base.mix,
            base.placed.len(),
            base.acknowledged,
            self.states.ledger,
            self.states.sidecar,
            self.class,
        );
        if self.states.ledger != State::Intact {
            let _ = writeln!(text, "    {:?} became {:?}", base.ledger, Ledger::of(&self.image));
        }
        for damage in &self.damages {
            let _ = writeln!(text, "    {}", damage.text);
        }
        text
    }
}

/// Chooses the kinds that each damage may be of.
fn plan(random: &mut Random) -> Vec<&'static [Kind]> {
    const VALUES: &[Kind] =
        &[Kind::Bit, Kind::Bit, Kind::Length, Kind::Length, Kind::ZeroedSector, Kind::NoiseSector];
    const PLACES: &[Kind] = &[Kind::StaleSector, Kind::SwappedSectors, Kind::MisplacedSector];
    const FRAMES: &[Kind] = &[
        Kind::FrameHole,
        Kind::FrameRemoved,
        Kind::FrameDuplicated,
        Kind::FramesSwapped,
        Kind::FileTruncated,
        Kind::FileGrown,
    ];
    const SHIFTS: &[Kind] = &[Kind::BytesInserted, Kind::BytesRemoved];
    let few = 1 + random.below(2);
    let theme = random.below(100);
    match theme {
        0..30 => vec![VALUES; few],
        30..50 => [vec![PLACES], vec![if random.percent(50) { VALUES } else { PLACES }; few - 1]].concat(),
        50..65 => [vec![FRAMES], vec![*random.pick(&[VALUES, PLACES, FRAMES]); few - 1]].concat(),
        _ => {
            let (count, first) = if theme < 88 {
                (random.within(3..DAMAGES_MAX + 1), None)
            } else {
                (random.within(1..DAMAGES_MAX + 1), Some(SHIFTS))
            };
            // A third of them has kinds of one group only, so that no kind hides behind others that lose more.
            let of_one = random.percent(33).then(|| *random.pick(&[VALUES, PLACES, FRAMES]));
            let others = count - first.iter().len();
            let others =
                (0..others).map(|_| of_one.unwrap_or_else(|| *random.pick(&[VALUES, PLACES, FRAMES])));
            first.into_iter().chain(others.collect::<Vec<_>>()).collect()
        }
    }
}

//! The ledger and the sidecar of a damaged directory: intact, old, damaged, or missing.

use std::fmt;

use crate::{
    image::{Image, LEDGER, SIDECAR},
    random::Random,
};

/// The fields of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The id that the next record gets.
    pub writer_next_record: u64,
    /// The data file that records are appended to.
    pub writer_data_file: u16,
    /// The data file that is read.
    pub reader_data_file: u16,
    /// The last record that is acknowledged.
    pub reader_last_record: u64,
}

const LEDGER_BYTES: usize = 24;

impl Ledger {
    /// The ledger in an image. `None` if there is none, or it is too short to be one. Of a longer one the last bytes count.
    pub fn of(image: &Image) -> Option<Self> {
        let bytes = image.bytes(LEDGER)?.last_chunk::<LEDGER_BYTES>()?;
        let number = |from: usize| u64::from_le_bytes(std::array::from_fn(|at| bytes[from + at]));
        Some(Self {
            writer_next_record: number(0),
            writer_data_file: u16::from_le_bytes([bytes[8], bytes[9]]),
            reader_data_file: u16::from_le_bytes([bytes[10], bytes[11]]),
            reader_last_record: number(16),
        })
    }
}

/// What became of the ledger, or of the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// As it was.
    Intact,
    /// As it was at an earlier time.
    Old,
    /// Some or all of its bits are others, or its length is.
    Damaged,
    /// Removed.
    Missing,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Intact, Self::Old, Self::Damaged, Self::Missing];

    fn random(random: &mut Random) -> Self {
        match random.below(100) {
            0..55 => Self::Intact,
            55..70 => Self::Old,
            70..85 => Self::Damaged,
            _ => Self::Missing,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intact => "intact",
            Self::Old => "old",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
        })
    }
}

/// The states of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// `buffer.db`.
    pub ledger: State,
    /// `buffer.forebay`.
    pub sidecar: State,
}

impl States {
    /// Both are as they were.
    pub const INTACT: Self = Self { ledger: State::Intact, sidecar: State::Intact };

    /// Chooses a state for each, and brings it about.
    pub fn damage(image: &mut Image, earlier: &[Image], random: &mut Random) -> Self {
        let mut damage = |name| {
            let state = State::random(random);
            apply(state, name, image, earlier, random)
        };
        Self { ledger: damage(LEDGER), sidecar: damage(SIDECAR) }
    }
}

/// Brings a state about, and returns it. A file of which no other version exists stays intact instead of old.
fn apply(state: State, name: &str, image: &mut Image, earlier: &[Image], random: &mut Random) -> State {
    let Some(bytes) = image.bytes(name).map(<[u8]>::to_vec) else { return State::Missing };
    match state {
        State::Intact => {}
        State::Old => {
            let differs = |old: &&Image| old.bytes(name).is_some_and(|old| *old != *bytes);
            let old: Vec<&Image> = earlier.iter().filter(differs).collect();
            if old.is_empty() {
                return State::Intact;
            }
            image.take(name, random.pick::<&Image>(&old));
        }
        State::Damaged => image.set(name, damaged(&bytes, random)),
        State::Missing => image.remove(name),
    }
    state
}

/// Damages these bytes.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    while damaged == bytes {
        match random.below(8) {
            0 => damaged.truncate(random.below(bytes.len())),
            1 => {
                let more = random.within(1..64);
                damaged.extend(random.bytes(more));
            }
            2 => damaged.fill(0),
            3 => damaged = random.bytes(bytes.len()),
            flips => {
                for _ in 4..=flips {
                    let bit = random.below(bytes.len() * 8);
                    damaged[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
    }
    damaged
}

//! Vector's own directories, with what only the command line's tests ask of them.

#[path = "../../support/fixtures.rs"]
mod shared;

pub use shared::*;

/// The names of all of them.
pub const ALL: [&str; 7] = [
    "empty",
    "w100_r0",
    "w100_r40",
    "w100_r100",
    "multifile_w600_r150_4k",
    "w100_r0_torn_tail",
    "w100_r0_bitflip",
];

/// The payloads of these records as `forebay read` prints them.
pub fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| [payload(number), b"\n".to_vec()].concat()).collect()
}

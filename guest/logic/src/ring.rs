//! The ring of data file ids: 0 to 65534, and 0 again.

use std::fmt;

/// Names a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(u16);

impl FileId {
    /// How many ids there are. 65535 itself never names a file.
    pub const MODULUS: u16 = 65_535;

    /// The first file of a buffer that nothing was ever written to.
    pub const FIRST: Self = Self(0);

    /// The id with this number, or `None` for 65535.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::MODULUS { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The id that follows it on the ring.
    #[must_use]
    pub fn successor(self) -> Self {
        Self::new(self.0.saturating_add(1)).unwrap_or(Self::FIRST)
    }

    /// How many steps forward lead from this id to `other`: 0 to 65534.
    #[must_use]
    pub fn steps_to(self, other: Self) -> u32 {
        // Wider than the ids: Vector adds them in 16 bits and is off by one beyond the ring's end.
        let modulus = u32::from(Self::MODULUS);
        (u32::from(other.0) + modulus - u32::from(self.0)) % modulus
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn id(number: u16) -> FileId {
        FileId::new(number).unwrap()
    }

    // A file called 65535 would be invisible to Vector.
    #[test]
    fn the_last_id_is_65534() {
        assert_eq!(FileId::new(65_535), None);
        assert_eq!(id(65_534).successor(), FileId::FIRST);
        assert_eq!(id(7).successor(), id(8));
    }

    // Order in the window is order on the ring; an error of one loses a file.
    #[test]
    fn defect_d2_steps_are_counted_round_the_end() {
        assert_eq!(id(65_534).steps_to(id(1)), 2);
        assert_eq!(id(1).steps_to(id(0)), 65_534);
        assert_eq!(id(9).steps_to(id(9)), 0);
    }
}

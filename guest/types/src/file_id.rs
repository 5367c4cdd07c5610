//! The ring of data file numbers: 0 to 65534, and 0 again.

use std::fmt;

/// Names a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u16);

impl FileId {
    /// How many numbers there are. 65535 itself never names a file.
    pub const MODULUS: u32 = 65_535;

    /// The first file of a buffer that was never written to.
    pub const FIRST: Self = Self(0);

    /// The file with this number, or `None` for 65535.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number == u16::MAX { None } else { Some(Self(number)) }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The file that follows it on the ring.
    #[must_use]
    pub fn successor(self) -> Self {
        Self::new(self.0.saturating_add(1)).unwrap_or(Self::FIRST)
    }

    /// How many steps lead forward from this file to `other`: 0 to 65534.
    #[must_use]
    pub fn steps_to(self, other: Self) -> u32 {
        // Wider than the numbers: Vector adds them in 16 bits and is off by one beyond the ring's end.
        (u32::from(other.0) + Self::MODULUS - u32::from(self.0)) % Self::MODULUS
    }

    /// The file so many steps forward on the ring.
    #[must_use]
    pub fn ahead(self, steps: u32) -> Self {
        let number = (u64::from(self.0) + u64::from(steps)) % u64::from(Self::MODULUS);
        u16::try_from(number).ok().and_then(Self::new).unwrap_or(self)
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

    /// A file called 65535 would be invisible to Vector.
    #[test]
    fn the_last_file_is_65534() {
        assert_eq!(FileId::new(65_535), None);
        assert_eq!(id(65_534).successor(), FileId::FIRST);
        assert_eq!(id(7).successor(), id(8));
    }

    /// Reading order is order on the ring; an error of one loses a file.
    #[test]
    fn defect_d2_steps_are_counted_round_the_end() {
        assert_eq!(id(65_534).steps_to(id(1)), 2);
        assert_eq!(id(1).steps_to(id(0)), 65_534);
        assert_eq!(id(9).steps_to(id(9)), 0);
        assert_eq!(id(65_534).ahead(2), id(1));
        assert_eq!(id(1).ahead(65_534), id(0));
    }
}
